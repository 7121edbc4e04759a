internal import CSys
package import ClusterModel

/// Virtual time for several loops on one thread: the order of everything that happens follows from a seed.
///
/// Each loop stands for one process. Loops that are ready at the same instant run in random order, a turn each; between turns the network
/// delivers what is due. A frozen loop does not run, like a stopped process; a killed one never runs again.
package final class VirtualWorld: @unchecked Sendable {
    // Safety: a world and all of its loops belong to the one thread that runs it.

    private enum Event {
        case act(() -> Void)
        case wake(VirtualLoop)
    }

    private struct Entry {
        let time: Int64
        /// Random, so that things due at the same instant happen in any order, but the same for one seed.
        let order: UInt64
        let event: Event
    }

    package private(set) var now = Instant.zero
    /// How far an operator, or whoever sets clocks, has set the wall clock of all loops forward. Time itself goes on as before.
    package var wallClockOffset = Duration.zero
    package var random: SeededRandom
    private var heap: [Entry] = []
    private var ready: [VirtualLoop] = []
    private var loopCount: UInt64 = 0
    package private(set) var turns = 0
    /// A digest of every turn: which loop, when. Equal for equal seeds, in any process.
    package private(set) var traceHash: UInt64 = 0xCBF2_9CE4_8422_2325

    package init(seed: UInt64) { random = SeededRandom(seed: seed) }

    package func makeLoop(_ name: String, marks: InboxMarks = .standard) -> VirtualLoop {
        loopCount += 1
        return VirtualLoop(name: name, number: loopCount, world: self, seed: random.next(), marks: marks)
    }

    /// Something outside all processes: a delivery, a fault. It may put items into inboxes.
    package func schedule(at time: Instant, _ action: @escaping () -> Void) {
        push(Entry(time: max(time, now).nanoseconds, order: random.next(), event: .act(action)))
    }

    package func schedule(after span: Duration, _ action: @escaping () -> Void) { schedule(at: now + span, action) }

    /// Mixes something that a test cares about into the trace.
    package func trace(_ value: UInt64) { traceHash = (traceHash ^ value) &* 0x0000_0100_0000_01B3 }

    /// Runs until nothing is ready or due any more before `limit`, or the condition holds; true if it came to hold.
    @discardableResult
    package func run(for span: Duration, until condition: () -> Bool = { false }) -> Bool {
        let limit = now + span
        while !condition() {
            if let loop = takeReady() {
                turns += 1
                trace(UInt64(bitPattern: now.nanoseconds) ^ loop.number << 48)
                loop.turn(at: now)
                if let deadline = loop.nextDeadline { wake(loop, at: deadline) }
                continue
            }
            guard let next = heap.first, next.time <= limit.nanoseconds else {
                now = limit
                return condition()
            }
            _ = pop()
            now = Instant(nanoseconds: max(now.nanoseconds, next.time))
            switch next.event {
            case .act(let action): action()
            case .wake(let loop):
                // One that an earlier wake-up has overtaken is over: waking for it would set another, and so on for ever.
                guard loop.wakeAt?.nanoseconds == next.time else { continue }
                loop.wakeAt = nil
                markReady(loop)
            }
        }
        return true
    }

    // MARK: Loops

    func markReady(_ loop: VirtualLoop) {
        guard !loop.isReady else { return }
        loop.isReady = true
        ready.append(loop)
    }

    private func takeReady() -> VirtualLoop? {
        // Frozen and dead ones leave the list; a thaw puts them back.
        while !ready.isEmpty {
            let index = Int(random.next() % UInt64(ready.count))
            let loop = ready[index]
            ready[index] = ready[ready.count - 1]
            ready.removeLast()
            loop.isReady = false
            if loop.state == .running { return loop }
        }
        return nil
    }

    func wake(_ loop: VirtualLoop, at deadline: Instant) {
        if let already = loop.wakeAt, already <= deadline { return }
        loop.wakeAt = deadline
        push(Entry(time: deadline.nanoseconds, order: random.next(), event: .wake(loop)))
    }

    // MARK: Heap

    private static func precedes(_ left: Entry, _ right: Entry) -> Bool { (left.time, left.order) < (right.time, right.order) }

    private func push(_ entry: Entry) {
        heap.append(entry)
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard Self.precedes(heap[child], heap[parent]) else { break }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    private func pop() -> Entry {
        heap.swapAt(0, heap.count - 1)
        let entry = heap.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && Self.precedes(heap[child], heap[least]) {
                least = child
            }
            guard least != parent else { return entry }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
