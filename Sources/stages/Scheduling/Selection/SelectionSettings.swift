/// The policy and its knobs. One value for the router, which a request may override in part.
package struct SelectionSettings: Hashable, Sendable {
    package var policy = SelectionPolicy.kv
    /// Multiplies the prefill term.
    package var prefillLoadScale = 1.0
    /// What a block that requests hold costs, in blocks that are computed: a decoding step that reads it takes far less time than its prefill did.
    /// Not used where the two are multiplied, nor where both are milliseconds.
    package var heldBlockWeight = 1.0 / 32
    /// Multiplies the decode term of `latency`, in measured milliseconds: measured steps are longer for the prefill beside them, which other terms count.
    package var decodeLoadScale = 0.1
    /// Of a block on the device, in blocks that need not be computed.
    package var overlapCredit = 1.0
    /// Shrinks that credit where more prefill waits than at the least loaded: at 1, one more request of this size halves it.
    package var overlapCreditDecay = 0.0
    /// Of a block that has to be fetched first.
    package var hostWeight = 0.75
    package var diskWeight = 0.25
    package var externalWeight = 0.5
    /// What a running request costs beside its blocks.
    package var activeRequestWeight = 0.0
    /// 0: the cheapest. At 1, a placement that costs one prompt's blocks more is chosen 1/e times as often.
    package var temperature = 0.0
    /// A request shares the blocks that others hold already.
    package var assumeReuse = true
    /// The request's own prompt counts as prefill to do.
    package var trackPrefill = true
    /// Held blocks count at all.
    package var trackActiveBlocks = true
    /// What moving a block to another worker costs, as a share of what computing it does.
    package var transferWeight = 0.1
    /// What a block that is computed costs each request that decodes beside it, as a share of itself: they wait while it is computed.
    package var interferenceWeight = 0.02
    /// What a block that is computed costs where the whole cache was written anew once more than at the least written, in blocks: it pushes out one
    /// that may be asked for again. 0: whoever has a common beginning cached gets all that begins with it.
    package var evictionWeight = 2.0
    /// Decode workers serve nothing whole while nobody is there who could prefill for them.
    package var enforcesSplit = false
    package var thresholds = BusyThresholds()

    package init() {}

    /// With what the request asks for instead.
    package func overridden(by query: borrowing RouteQuery) throws(PlacementFailure) -> SelectionSettings {
        var settings = self
        if !query.policy.isEmpty {
            guard let policy = SelectionPolicy(rawValue: query.policy) else { throw .badOverride(.policy) }
            settings.policy = policy
        }
        if let weight = query.overlapWeight {
            guard weight.isFinite, weight >= 0 else { throw .badOverride(.overlapWeight) }
            settings.weigh(overlap: Double(weight))
        }
        if let temperature = query.temperature {
            guard temperature.isFinite, temperature >= 0 else { throw .badOverride(.temperature) }
            settings.temperature = Double(temperature)
        }
        if let assumeReuse = query.assumeReuse { settings.assumeReuse = assumeReuse }
        if let trackPrefill = query.trackPrefill { settings.trackPrefill = trackPrefill }
        return settings
    }

    /// The one weight of old: it scales the prefill term, and at 0 nothing that is cached counts. What is held keeps its own weight, so that 1 leaves
    /// these settings as they are, and not as Dynamo's are.
    package mutating func weigh(overlap weight: Double) {
        prefillLoadScale = weight
        if weight == 0 {
            overlapCredit = 0
            hostWeight = 0
            diskWeight = 0
            externalWeight = 0
        }
    }

    /// For the decode leg of a split request: its prefill is done elsewhere, and nothing is known to be there. What the client says for itself
    /// still counts.
    func decoding(_ query: borrowing RouteQuery) -> SelectionSettings {
        var settings = self
        if query.overlapWeight == nil { settings.weigh(overlap: 0) }
        if query.assumeReuse == nil { settings.assumeReuse = false }
        if query.trackPrefill == nil { settings.trackPrefill = false }
        return settings
    }

    /// Whether a cost tells how much prefill waits: then what is behind need not be shut out.
    var weighsWaiting: Bool { policy.weighsCosts && prefillLoadScale > 0 }

    /// Whether a cost depends on how much each cache was written.
    var weighsEvictions: Bool { weighsWaiting && trackPrefill && evictionWeight > 0 }

    /// Whether a cost depends on how much prefill waits at the least loaded.
    var decaysCredit: Bool { policy.weighsCosts && overlapCreditDecay > 0 }

    /// Whether anything of a lookup can change a cost.
    var readsCache: Bool {
        guard policy.weighsCosts else { return false }
        let credits = overlapCredit > 0 || hostWeight > 0 || diskWeight > 0 || externalWeight > 0
        return prefillLoadScale > 0 && trackPrefill && credits || assumeReuse && trackActiveBlocks
    }
}

/// What of a request's own settings cannot be followed.
package enum SettingOverride: UInt8, Sendable {
    case policy
    case overlapWeight
    case temperature
}
