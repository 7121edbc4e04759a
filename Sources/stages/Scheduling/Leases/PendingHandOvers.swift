package import ClusterModel

/// Whose state the decode legs will need that are not placed yet: of requests that are handed over in sequence.
///
/// By the time a frontend asks for the decode leg the prefill leg has ended, and its lease with it. A router that does not know a request, since
/// another one placed its prefill, places its decode anywhere; a worker that cannot read the state then says so.
package struct PendingHandOvers<State: Sendable>: Sendable {
    private struct Entry: Sendable {
        let attempt: UInt8
        let state: State
        let since: Instant
    }

    private let lasting: Duration
    private let most: Int
    private var entries: [RequestID: Entry] = [:]
    private var order = Fifo<(request: RequestID, since: Instant)>()

    package init(lasting: Duration = LeaseLimits.handOver, most: Int = LeaseLimits.handOvers) {
        self.lasting = lasting
        self.most = most
    }

    package var count: Int { entries.count }

    /// The prefill leg of that attempt is placed where such state will be.
    package mutating func note(_ request: RequestID, attempt: UInt8, _ state: State, at now: Instant) {
        entries[request] = Entry(attempt: attempt, state: state, since: now)
        order.append((request, now))
        while let oldest = order.first, entries.count > most || oldest.since.duration(to: now) >= lasting || isOver(oldest) {
            order.removeFirst()
            if !isOver(oldest) { entries[oldest.request] = nil }
        }
        // What was cancelled leaves its mark behind.
        if order.count > 2 * max(entries.count, 64) {
            let entries = entries
            order.removeAll { entries[$0.request]?.since != $0.since }
        }
    }

    /// Nobody will ask for it.
    package mutating func forget(_ request: RequestID, through attempt: UInt8) {
        if let entry = entries[request], entry.attempt <= attempt { entries[request] = nil }
    }

    /// What the decode leg of that attempt needs; nil if that is not known.
    package subscript(request: RequestID, attempt: UInt8) -> State? {
        guard let entry = entries[request], entry.attempt == attempt else { return nil }
        return entry.state
    }

    private func isOver(_ mark: (request: RequestID, since: Instant)) -> Bool { entries[mark.request]?.since != mark.since }
}
