/// What a client says about where and when its request should run. Headers may override parts of it.
package struct RoutingHints: Hashable, Sendable {
    /// For whole requests; the decode leg of a split one follows it unless `decodeWorker` is set.
    package var backendInstance: WorkerID?
    package var prefillWorker: WorkerID?
    package var decodeWorker: WorkerID?
    /// Of `backendInstance` and of the decode leg.
    package var rank: Rank?
    package var prefillRank: Rank?

    /// Moves the request forward in its queue by so many seconds; negative ones are kept and mean 0.
    package var priority: Int32?
    /// A class of its own above every `priority`.
    package var strictPriority: UInt32?
    /// The older form of `priority`, used where that is absent.
    package var latencySensitivity: Double?
    package var expectedOutputTokens: UInt32?
    package var speculativePrefill: Bool?

    package var session: SessionHint?
    package var overrides = RouterOverrides()

    /// What the response should tell beside the standard members, in the client's words; unknown ones are ignored by whoever answers.
    package var extraFields: [String] = []
    package var annotations: [String] = []
    /// The client's clock when it sent the request.
    package var requestTimestampMilliseconds: Double?

    package init() {}

    /// Begins the annotation that asks for placement only. What follows it is an instance the client wishes, or nothing.
    package static let queryAnnotation = "query_instance_id:"

    /// Answer where it would run, and run nothing.
    package var isQueryOnly: Bool { annotations.contains { $0.hasPrefix(Self.queryAnnotation) } }

    /// In seconds, not below 0.
    package var effectivePriority: Float {
        let asked = priority.map { Float($0) } ?? Float(latencySensitivity ?? 0)
        return asked.isFinite ? max(0, asked) : 0
    }

    package func wants(_ extraField: String) -> Bool { extraFields.contains(extraField) }
}

package struct SessionHint: Hashable, Sendable {
    package enum Action: Hashable, Sendable {
        /// Follow the binding if there is one.
        case use
        /// Bind to the chosen placement before generation.
        case open
        /// Follow the binding, and end it after generation.
        case close
        /// Bind without telling the worker.
        case bind
    }

    package var id: String
    package var action: Action
    /// None: the cluster's default.
    package var timeoutSeconds: UInt32?

    package init(id: String, action: Action = .use, timeoutSeconds: UInt32? = nil) {
        self.id = id
        self.action = action
        self.timeoutSeconds = timeoutSeconds
    }
}

/// Router settings for one request; nil: the router's own.
package struct RouterOverrides: Hashable, Sendable {
    /// ≥ 0.
    package var overlapWeight: Float?
    /// ≥ 0.
    package var temperature: Float?
    package var assumesReuse: Bool?
    package var tracksPrefill: Bool?

    package init() {}
}
