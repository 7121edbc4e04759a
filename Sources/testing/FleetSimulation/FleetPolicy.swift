package import Scheduling

/// A way of choosing workers, with a name for tables.
package struct FleetPolicy: Sendable {
    package var name: String
    package var settings: SelectionSettings
    /// Prefills nothing on a decode worker, where there are others for it.
    package var alwaysSplits = false
    /// Looks at nothing but what is cached: the classic mistake, for comparison.
    package var ignoresLoad = false

    package init(name: String, settings: SelectionSettings, alwaysSplits: Bool = false, ignoresLoad: Bool = false) {
        self.name = name
        self.settings = settings
        self.alwaysSplits = alwaysSplits
        self.ignoresLoad = ignoresLoad
    }

    /// As Dynamo 1.1 chooses and queues: prefill still to be done and blocks held, each with weight 1; busy above four full steps of waiting prefill;
    /// a split fleet splits every request.
    package static var dynamo: FleetPolicy {
        var settings = SelectionSettings()
        settings.policy = .kv
        settings.overlapCredit = 1
        settings.overlapCreditDecay = 0
        settings.prefillLoadScale = 1
        settings.activeRequestWeight = 0
        settings.heldBlockWeight = 1
        settings.interferenceWeight = 0
        settings.evictionWeight = 0
        settings.thresholds = BusyThresholds(waitingBatches: 4, activeBlocks: .infinity)
        return FleetPolicy(name: "dynamo", settings: settings, alwaysSplits: true)
    }

    package static var kv: FleetPolicy { FleetPolicy(name: "kv", settings: SelectionSettings()) }

    package static var overlapOnly: FleetPolicy {
        var settings = SelectionSettings()
        settings.heldBlockWeight = 0
        settings.interferenceWeight = 0
        settings.evictionWeight = 0
        settings.thresholds = .off
        return FleetPolicy(name: "overlap-only", settings: settings, ignoresLoad: true)
    }

    private static func plain(_ policy: SelectionPolicy) -> FleetPolicy {
        var settings = SelectionSettings()
        settings.policy = policy
        return FleetPolicy(name: policy.rawValue, settings: settings)
    }

    /// By name: those above, and every policy of the router that chooses by itself.
    package static func named(_ name: String) -> FleetPolicy? {
        switch name {
        case "dynamo": dynamo
        case "kv": kv
        case "overlap-only": overlapOnly
        default: SelectionPolicy(rawValue: name).flatMap { $0 == .direct ? nil : plain($0) }
        }
    }

    package static let names =
        ["dynamo", "overlap-only"] + SelectionPolicy.allCases.filter { $0 != .direct }.map(\.rawValue)
}
