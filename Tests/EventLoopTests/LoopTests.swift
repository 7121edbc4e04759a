import ClusterModel
import Concurrency
import EventLoop
import Glibc
import TestSupport
import Testing

@Suite("Loop on real time")
struct LoopTests {
    @Test("a task stays on the loop's thread over waits, nested calls and child tasks' results")
    func oneThread() async throws {
        let thread = try LoopThread()
        defer { thread.stop() }
        let wrong = await thread.run { loop in
            let home = pthread_self()
            var wrong = 0
            let mailbox = Mailbox<Int>(on: loop)
            loop.spawn {
                for value in 0..<100 { mailbox.put(value); await loop.sleep(for: .milliseconds(1)) }; mailbox.close()
            }
            var batch: [Int] = [], seen: [Int] = []
            while await mailbox.next(&batch, until: loop.now + .seconds(10)) == .items {
                if pthread_equal(pthread_self(), home) == 0 { wrong += 1 }
                if await elsewhere(home) { wrong += 1 }
                seen.append(contentsOf: batch)
            }
            return wrong + (seen == Array(0..<100) ? 0 : 1)
        }
        #expect(wrong == 0)
    }

    private nonisolated static func isElsewhere(_ home: pthread_t) async -> Bool { pthread_equal(pthread_self(), home) == 0 }
    private func elsewhere(_ home: pthread_t) async -> Bool { await Self.isElsewhere(home) }

    @Test("two loops in one process each keep their tasks to themselves")
    func twoLoops() async throws {
        let first = try LoopThread("one"), second = try LoopThread("two")
        defer {
            first.stop()
            second.stop()
        }
        let body: @LoopActor @Sendable (EpollLoop) async -> Int = { loop in
            var wrong = 0
            for _ in 0..<200 {
                let promise = Promise<Int>(on: loop)
                loop.spawn { promise.fulfil(7) }
                if await promise.wait(until: loop.now + .seconds(10)) != 7 { wrong += 1 }
                if Loop.current !== loop { wrong += 1 }
            }
            return wrong
        }
        async let one = first.run(body), two = second.run(body)
        let (left, right) = await (one, two)
        #expect(left == 0 && right == 0)
    }

    @Test("a turn ends in stages: what an earlier one hands to a later one is done with the same turn, what comes too late with the next")
    func stages() async throws {
        let thread = try LoopThread()
        defer { thread.stop() }
        let order = await thread.run { loop in
            let log = StageLog(on: loop)
            for stage in [EndOfTurnStage.told, .written, .gathered] {
                let others: [EndOfTurnStage] = [.gathered, .written, .told]
                log.add("\(stage)", stage) { for other in others { log.add("\(stage)-\(other)", other) } }
            }
            // On a busy machine the first turn alone may outlast a sleep.
            for _ in 0..<100 where log.turns.count < 2 { await loop.sleep(for: .milliseconds(5)) }
            return log.turns
        }
        #expect(
            order == [
                ["gathered", "written", "gathered-written", "told", "gathered-told", "written-told"],
                ["gathered-gathered", "written-gathered", "told-gathered", "written-written", "told-written", "told-told"],
            ])
    }

    /// What was flushed in which turn. The time of a loop is that of its turn.
    @LoopActor
    private final class StageLog {
        private let loop: Loop
        private var lastTurn = Instant.zero
        private(set) var turns: [[String]] = []

        init(on loop: Loop) { self.loop = loop }

        func add(_ name: String, _ stage: EndOfTurnStage, then next: @escaping @LoopActor () -> Void = {}) {
            loop.atEndOfTurn(
                Entry(stage) { [self] in
                    if turns.isEmpty || lastTurn != loop.now { turns.append([]) }
                    lastTurn = loop.now
                    turns[turns.count - 1].append(name)
                    next()
                })
        }

        private final class Entry: EndOfTurn {
            let endOfTurn: EndOfTurnStage
            private let action: @LoopActor () -> Void

            init(_ stage: EndOfTurnStage, _ action: @escaping @LoopActor () -> Void) {
                endOfTurn = stage
                self.action = action
            }

            func flush() { action() }
        }
    }

    @Test("a wait on a mailbox or a promise ends at its deadline")
    func deadlines() async throws {
        let thread = try LoopThread()
        defer { thread.stop() }
        let outcome = await thread.run { loop in
            let mailbox = Mailbox<Int>(on: loop), promise = Promise<Int>(on: loop)
            var batch: [Int] = []
            let mailboxOutcome = await mailbox.next(&batch, until: loop.now + .milliseconds(20))
            let value = await promise.wait(until: loop.now + .milliseconds(20))
            return (mailboxOutcome, value, loop.timersWaiting)
        }
        #expect(outcome.0 == .timedOut)
        #expect(outcome.1 == nil)
        #expect(outcome.2 == 0)
    }

    @Test("a cancelled task is resumed through its mailbox and ends, leaving no timer")
    func cancel() async throws {
        let thread = try LoopThread()
        defer { thread.stop() }
        let ended = await thread.run { loop in
            let mailbox = Mailbox<Int>(on: loop), done = Promise<Bool>(on: loop)
            let task = loop.spawn {
                await withTaskCancellationHandler {
                    var batch: [Int] = []
                    let outcome = await mailbox.next(&batch, until: loop.now + .seconds(60))
                    done.fulfil(outcome == .closed && Task.isCancelled)
                } onCancel: {
                    LoopActor.assumeOnLoop { mailbox.close() }
                }
            }
            await loop.sleep(for: .milliseconds(5))
            task.cancel()
            let result = await done.wait(until: loop.now + .seconds(10))
            return result == true && loop.timersWaiting == 0
        }
        #expect(ended)
    }

    @Test("a descriptor tells when it is readable, writable and hung up, and nothing after it is unwatched")
    func files() async throws {
        let thread = try LoopThread()
        defer { thread.stop() }
        try await thread.run { loop in
            var pair: [Int32] = [0, 0]
            #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0)
            let seen = Seen(on: loop)
            try loop.watch(pair[0], for: .readable, seen)
            _ = write(pair[1], "x", 1)
            #expect(await seen.next().contains(.readable))
            var byte: UInt8 = 0
            _ = read(pair[0], &byte, 1)
            loop.change(pair[0], to: .writable)
            #expect(await seen.next().contains(.writable))
            loop.change(pair[0], to: [])
            close(pair[1])
            #expect(await seen.next().contains(.hangup))
            loop.unwatch(pair[0])
            close(pair[0])
            let before = seen.count
            await loop.sleep(for: .milliseconds(20))
            #expect(seen.count == before)
        }
    }

    @LoopActor
    private final class Seen: FileEventHandler {
        private let loop: Loop
        private var promise: Promise<FileEvents>
        private(set) var count = 0

        init(on loop: Loop) {
            self.loop = loop
            promise = Promise(on: loop)
        }

        func ready(_ events: FileEvents) {
            count += 1
            promise.fulfil(events)
        }

        /// The first event after this call.
        func next() async -> FileEvents {
            promise = Promise(on: loop)
            return await promise.wait(until: loop.now + .seconds(10)) ?? []
        }
    }

    @Test("work in the pool comes back to the loop; a full pool refuses; closing it runs what was queued")
    func pool() async throws {
        let thread = try LoopThread(), pool = WorkPool(threads: 1, queueLimit: 2)
        defer { thread.stop() }
        let sum = try await thread.run { loop in try await loop.offload(to: pool, virtualCost: .zero) { (1...100).reduce(0, +) } }
        #expect(sum == 5050)
        let gate = Lock(false), ran = Lock(0)
        let wait: @Sendable () -> Void = { while !gate.with({ $0 }) { usleep(200) } }
        try pool.submit(wait)
        // The thread takes the first; then two wait, and the next is refused.
        var accepted = 0, refused = 0
        for _ in 0..<2_000 {
            do throws(WorkPool.Full) {
                try pool.submit { ran.with { $0 += 1 } }
                accepted += 1
            } catch { refused += 1 }
            if refused > 0 { break }
            usleep(100)
        }
        #expect(refused == 1)
        gate.with { $0 = true }
        pool.close()
        #expect(accepted >= 1)
        #expect(ran.with { $0 } == accepted)
        #expect(throws: WorkPool.Full.self) { try pool.submit {} }
    }

    @Test("a thread that is stuck in its work holds up nobody's end")
    func stuck() throws {
        let pool = WorkPool(threads: 2), gate = Lock(false)
        try pool.submit { while !gate.with({ $0 }) { usleep(200) } }
        #expect(!pool.close(within: .milliseconds(20)))
        gate.with { $0 = true }
        #expect(WorkPool(threads: 2).close())
    }

    @Test("at its high mark the inbox tells the source to stop, and at its low mark to go on")
    func marks() async throws {
        let thread = try LoopThread(marks: InboxMarks(highBytes: 1_000_000, lowBytes: 1_000, highItems: 10, lowItems: 2))
        defer { thread.stop() }
        let source = Source(thread.loop.inbox)
        // Holds the loop, so that the inbox fills.
        thread.onLoop { usleep(50_000) }
        var put = 0
        while source.put() == .open, put < 100 { put += 1 }
        #expect(put < 10, "ten items is the mark")
        for _ in 0..<1_000 where source.toldToGoOn.with({ $0 }) == 0 { usleep(1_000) }
        #expect(source.toldToGoOn.with { $0 } == 1)
        #expect(source.received.with { $0 } == put + 1)
        #expect(source.put() == .open)
    }

    private final class Source: InboxReceiver {
        private let inbox: Inbox
        let received = Lock(0), toldToGoOn = Lock(0)
        init(_ inbox: Inbox) { self.inbox = inbox }
        func put() -> Inbox.Level { inbox.put(InboxItem(self, event: 0, bytes: 10)) }
        @LoopActor func receive(_ item: InboxItem) { received.with { $0 += 1 } }
        @LoopActor func inboxHasRoom() { toldToGoOn.with { $0 += 1 } }
    }

    @Test("a process that did not run for over half a second is told before its timers fire; idleness is not a pause")
    func pauses() async throws {
        let thread = try LoopThread()
        defer { thread.stop() }
        let events = await thread.run { loop in
            let watcher = PauseWatcher()
            loop.observePauses(watcher) { gap in watcher.events.append(gap >= .milliseconds(600) ? "pause" : "short pause") }
            await loop.sleep(for: .milliseconds(700))  // idle
            let idle = watcher.events
            loop.schedule(after: .milliseconds(300)) { watcher.events.append("timer") }
            // Stands for SIGSTOP: the thread does not get back to the loop.
            usleep(1_200_000)
            await loop.sleep(for: .milliseconds(10))
            return idle + watcher.events
        }
        #expect(events == ["pause", "timer"])
    }

    @LoopActor private final class PauseWatcher { var events: [String] = [] }

    @Test("many threads hand in a hundred thousand items, and each arrives once and in its thread's order")
    func inboxOrder() async throws {
        let thread = try LoopThread()
        defer { thread.stop() }
        let counter = Counter(), perThread = 25_000
        await withTaskGroup { group in
            for source in 0..<4 {
                group.addTask {
                    for number in 0..<perThread {
                        _ = thread.loop.inbox.put(InboxItem(counter, event: Int32(source), status: Int32(number)))
                    }
                }
            }
        }
        for _ in 0..<10_000 where counter.total.with({ $0 }) < 4 * perThread { usleep(1_000) }
        #expect(counter.total.with { $0 } == 4 * perThread)
        #expect(counter.outOfOrder.with { $0 } == 0)
    }

    private final class Counter: InboxReceiver {
        let total = Lock(0), outOfOrder = Lock(0), last = Lock([Int32](repeating: -1, count: 4))
        @LoopActor func receive(_ item: InboxItem) {
            total.with { $0 += 1 }
            let inOrder = last.with { last in
                defer { last[Int(item.event)] = item.status }
                return last[Int(item.event)] == item.status - 1
            }
            if !inOrder { outOfOrder.with { $0 += 1 } }
        }
    }

    @Test("a stuck pair of tasks that wake each other does not starve timers")
    func fairness() async throws {
        let thread = try LoopThread()
        defer { thread.stop() }
        let fired = await thread.run { loop in
            let left = Mailbox<Int>(on: loop), right = Mailbox<Int>(on: loop), fired = Promise<Bool>(on: loop)
            loop.schedule(after: .milliseconds(20)) { fired.fulfil(true) }
            for (here, there) in [(left, right), (right, left)] {
                loop.spawn {
                    var batch: [Int] = []
                    while !fired.isFulfilled {
                        there.put(1)
                        _ = await here.next(&batch, until: loop.now + .seconds(1))
                    }
                    there.close()
                }
            }
            return await fired.wait(until: loop.now + .seconds(10)) ?? false
        }
        #expect(fired)
    }
}
