import ClusterModel

/// A request of a live load, and what its sender has to know besides.
package struct LoadItem: Sendable {
    package var request: PlannedRequest
    /// Tells its prompt from every other where `PlannedRequest.blocks` does not.
    package var salt: UInt64
    /// Which one of its session, from 0.
    package var turn: UInt32 = 0

    package init(_ request: PlannedRequest, salt: UInt64) {
        self.request = request
        self.salt = salt
    }
}

/// Where the requests of a live load come from: one at a time, so that a load of a day needs no more memory than one of a second.
package protocol LoadSource: Sendable {
    /// The next request that waits for no other, in order of `due`; nil: there are no more.
    mutating func next() -> LoadItem?
    /// The next turn of the same session, and how long its user thinks before it; nil: that was the last one.
    mutating func next(after item: LoadItem) -> (item: LoadItem, think: Duration)?
    /// For reports.
    var name: String { get }
}

/// The requests of a workload as they are: each when it is due, those of one session as well, since its moments come from reality.
package struct WorkloadSource: LoadSource {
    private let workload: Workload
    private let seed: UInt64
    private var place = 0

    package init(_ workload: Workload, seed: UInt64) {
        self.workload = workload
        self.seed = seed
    }

    package var name: String { workload.source }

    package mutating func next() -> LoadItem? {
        guard place < workload.requests.count else { return nil }
        defer { place += 1 }
        return LoadItem(workload.requests[place], salt: PromptSalt.mix(seed, UInt64(place)))
    }

    package mutating func next(after item: LoadItem) -> (item: LoadItem, think: Duration)? { nil }
}
