import Concurrency

/// Whoever takes what other threads put into a loop's inbox.
package protocol InboxReceiver: AnyObject, Sendable {
    @LoopActor func receive(_ item: InboxItem)
    /// The inbox has fallen to its low mark after this receiver was told that it is full: it may ask its source for more.
    @LoopActor func inboxHasRoom()
}

extension InboxReceiver {
    @LoopActor package func inboxHasRoom() {}
}

/// One message to the loop: plain words, so that putting it allocates nothing.
package struct InboxItem: @unchecked Sendable {
    // Safety: `pointer` is handed over with the item; the putting thread does not touch what it points to afterwards.
    package let receiver: any InboxReceiver
    package let event: Int32
    package let status: Int32
    package let pointer: OpaquePointer?
    package let bytes: Int

    package init(_ receiver: any InboxReceiver, event: Int32, status: Int32 = 0, pointer: OpaquePointer? = nil, bytes: Int = 0) {
        self.receiver = receiver
        self.event = event
        self.status = status
        self.pointer = pointer
        self.bytes = bytes
    }
}

/// When a source must stop bringing more. Without marks a slow loop would grow its inbox without end and back-pressure would be void.
package struct InboxMarks: Sendable {
    package var highBytes: Int
    package var lowBytes: Int
    package var highItems: Int
    package var lowItems: Int

    /// 64 MiB: sixteen of the largest messages, far below what a host has; 64 Ki items: a turn's work stays in the tens of milliseconds.
    package static let standard = InboxMarks(highBytes: 64 << 20, lowBytes: 16 << 20, highItems: 64 << 10, lowItems: 16 << 10)

    package init(highBytes: Int, lowBytes: Int, highItems: Int, lowItems: Int) {
        self.highBytes = highBytes
        self.lowBytes = lowBytes
        self.highItems = highItems
        self.lowItems = lowItems
    }
}

/// What other threads hand to a loop. Putting costs a lock of 4 ns, and a wake-up only when the inbox was empty.
package final class Inbox: Sendable {
    /// What a source is told when it put an item.
    package enum Level { case open, full }

    private struct State: Sendable {
        var items: [InboxItem] = []
        /// Of the items in `items` and of those that the loop is handling in this turn.
        var bytes = 0
        var count = 0
        var stalled: [any InboxReceiver] = []
        var jobs: [UnownedJob] = []
        var isWoken = false
    }

    private let state = Lock(State())
    private let marks: InboxMarks
    private let wake: @Sendable () -> Void

    init(marks: InboxMarks, wake: @escaping @Sendable () -> Void) {
        self.marks = marks
        self.wake = wake
    }

    /// From any thread. At `full` the source must not bring more until `inboxHasRoom()` is called on the receiver.
    package func put(_ item: InboxItem) -> Level {
        let (level, mustWake) = state.with { state in
            state.items.append(item)
            state.bytes += item.bytes
            state.count += 1
            let full = state.bytes >= marks.highBytes || state.count >= marks.highItems
            if full { state.stalled.append(item.receiver) }
            defer { state.isWoken = true }
            return (full ? Level.full : Level.open, !state.isWoken)
        }
        if mustWake { wake() }
        return level
    }

    func put(_ job: UnownedJob) {
        let mustWake = state.with { state in
            state.jobs.append(job)
            defer { state.isWoken = true }
            return !state.isWoken
        }
        if mustWake { wake() }
    }

    /// The loop takes everything; its arrays and the inbox's change places, so that neither is allocated anew.
    func take(items: inout [InboxItem], jobs: inout [UnownedJob]) {
        state.with { state in
            swap(&state.items, &items)
            if !state.jobs.isEmpty {
                jobs.append(contentsOf: state.jobs)
                state.jobs.removeAll(keepingCapacity: true)
            }
            state.isWoken = false
        }
    }

    /// The items taken last were handled; gives the receivers that may go on.
    func handled(bytes: Int, count: Int) -> [any InboxReceiver] {
        state.with { state in
            state.bytes -= bytes
            state.count -= count
            guard !state.stalled.isEmpty, state.bytes <= marks.lowBytes, state.count <= marks.lowItems else { return [] }
            defer { state.stalled = [] }
            return state.stalled
        }
    }

    package var isEmpty: Bool { state.with { $0.items.isEmpty && $0.jobs.isEmpty } }
    /// Items put and not yet handled, for a gauge.
    package var depth: (items: Int, bytes: Int) { state.with { ($0.count, $0.bytes) } }
}
