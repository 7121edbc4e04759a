package import WireProtocol

/// A batch that was gone over once: it decodes whole, and its events are the next ones. It lies where it was received.
package struct StreamBatch: ~Escapable {
    /// Of a WorkerEvents, RouterState or FrontendState.
    package let body: RawSpan
    /// The number of its first event.
    package let first: UInt64
    /// All of its events.
    package let count: Int
    /// So many at its beginning were applied before.
    package let skip: Int

    @_lifetime(copy body)
    init(_ body: RawSpan, first: UInt64, count: Int, skip: Int) {
        self.body = body
        self.first = first
        self.count = count
        self.skip = skip
    }

    /// The events that are new, as values; whoever has many to read goes over `body` with a `WorkerEventCursor` and copies nothing.
    package var workerEvents: NumberedEvents {
        @_lifetime(copy self) get { NumberedEvents(body, first: first, skip: skip) }
    }
}

/// The new events of a worker's batch, one by one, each with its number.
package struct NumberedEvents: ~Escapable {
    private var cursor: WorkerEventCursor
    private var number: UInt64
    private var skip: Int

    @_lifetime(copy body)
    init(_ body: RawSpan, first: UInt64, skip: Int) {
        do throws(WireError) { cursor = try WorkerEventCursor(body) } catch { preconditionFailure("the batch was checked: \(error)") }
        number = first
        self.skip = skip
    }

    @_lifetime(self: copy self)
    package mutating func next() -> (WorkerEvent, number: UInt64)? {
        do throws(WireError) {
            while let view = try cursor.next() {
                let own = number
                number += 1
                if skip == 0 { return (WorkerEvent(view), own) }
                skip -= 1
            }
            return nil
        } catch { preconditionFailure("the batch was checked: \(error)") }
    }
}

extension WorkerEvent {
    /// A copy that outlives the batch.
    package init(_ view: borrowing WorkerEventView) {
        switch view {
        case .stored(let rank, let tier, let parent, let hashes):
            self = .blocksStored(BlocksStored(rank: rank, tier: tier, parent: parent, hashes: Array(hashes)))
        case .removed(let rank, let tier, let hashes):
            self = .blocksRemoved(BlocksRemoved(rank: rank, tier: tier, hashes: Array(hashes)))
        case .other(let event): self = event
        }
    }
}

extension [UInt64] {
    fileprivate init(_ hashes: borrowing HashList) {
        self.init()
        reserveCapacity(hashes.count)
        for index in 0..<hashes.count { append(hashes[index]) }
    }
}
