internal import CSys
import ClusterModel
import Concurrency
import Glibc

/// Steps on real time. The thread sleeps while there is nothing to do; the first command after that wakes it, and nothing else does.
@LoopActor
final class StepThread<Work: StepWork>: Steps<Work>, InboxReceiver, EndOfTurn {
    private let loop: Loop
    private weak var reader: (any StepReader<Work>)?
    private let orders = StepOrders<Work>()
    private let queue: StepQueue
    private let ended: StepSignal
    private let thread: UInt
    private var commands: [Work.Command] = []
    private var arrived: [StepBox] = []
    private var hasBegun = false
    private var wantsFlush = false
    private var isOver = false
    private var submitted: UInt64 = 0
    private var taken: UInt64 = 0
    private var hasMore = false

    /// Outputs in all: one is filled while others travel. A loop that falls behind by more holds the engine up, and no queue grows.
    private nonisolated static var boxes: Int { 4 }

    init(_ name: String, on loop: Loop, _ reader: any StepReader<Work>, _ make: @escaping @Sendable () throws -> Work) {
        self.loop = loop
        self.reader = reader
        let queue = StepQueue((0..<Self.boxes).map { _ in StepOutputBox<Work>() }), ended = StepSignal()
        self.queue = queue
        self.ended = ended
        let door = Door(), inbox = loop.inbox, orders = orders
        let body = StepThreadEntry {
            apus_name_thread(name)
            StepThreadBody<Work>(orders: orders, queue: queue) { _ = inbox.put(InboxItem(door, event: 0)) }.run(make)
            ended.give()
        }
        var thread = pthread_t()
        let status = pthread_create(&thread, nil, stepThread, Unmanaged.passRetained(body).toOpaque())
        precondition(status == 0, "the process may not start threads: \(status)")
        self.thread = UInt(thread)
        super.init()
        door.owner = self
    }

    override func submit(_ command: consuming Work.Command) {
        guard !isOver else { return }
        commands.append(command)
        submitted += 1
        guard !wantsFlush else { return }
        wantsFlush = true
        loop.atEndOfTurn(self)
    }

    /// One lock for all commands of a turn.
    func flush() {
        wantsFlush = false
        guard !commands.isEmpty, !isOver else { return }
        orders.add(&commands)
        queue.hasCommands()
    }

    override var isIdle: Bool { isOver || (submitted == taken && !hasMore) }

    func receive(_ item: InboxItem) {
        guard !isOver else { return }
        let failure = queue.take(&arrived)
        if !hasBegun, let profile = orders.takeProfile() {
            hasBegun = true
            reader?.steps(began: profile)
        }
        for box in arrived where !isOver {
            taken = box.taken
            hasMore = box.hasMore
            reader?.steps(finished: box.span, &Work.box(box).output)
        }
        queue.giveBack(&arrived)
        guard let failure, !isOver else { return }
        isOver = true
        reader?.steps(failed: failure)
    }

    @discardableResult
    override func close(within limit: Duration) -> Bool {
        isOver = true
        guard queue.close() else { return true }
        guard ended.wait(until: Instant(nanoseconds: apus_monotonic_nanoseconds()) + limit) else {
            pthread_detach(pthread_t(thread))
            return false
        }
        pthread_join(pthread_t(thread), nil)
        return true
    }

    /// What inbox items name: neither does it keep the steps alive, nor the thread their owner.
    private final class Door: InboxReceiver, @unchecked Sendable {
        // Safety: `owner` is set before the loop takes the first item, and touched on the loop only.
        weak var owner: StepThread?
        @LoopActor func receive(_ item: InboxItem) { owner?.receive(item) }
    }
}

/// The thread's side.
private struct StepThreadBody<Work: StepWork>: Sendable {
    let orders: StepOrders<Work>
    let queue: StepQueue
    let tell: @Sendable () -> Void

    func run(_ make: () throws -> Work) {
        let work: Work
        do { work = try make() } catch { return fail(StepFailure(error)) }
        orders.began(work.profile)
        tell()
        var commands: [Work.Command] = [], hasMore = false, number: UInt64 = 0, taken: UInt64 = 0
        while true {
            switch queue.next(hasMore: hasMore) {
            case .end: return
            case .park: queue.signal.wait()
            case .step(let box, let hasCommands):
                if hasCommands { orders.take(&commands) }
                // What was marked may have been taken with what came right before it.
                guard hasMore || !commands.isEmpty else {
                    queue.putBack(box)
                    continue
                }
                taken += UInt64(commands.count)
                number += 1
                let began = now, output = Work.box(box)
                Work.empty(&output.output)
                do {
                    let result = try work.step(&commands, at: began, into: &output.output)
                    if !commands.isEmpty { commands.removeAll(keepingCapacity: true) }
                    hasMore = result.hasMore
                    guard pace(until: began + result.duration) else { return }
                } catch {
                    return fail(StepFailure(error))
                }
                box.span = StepSpan(number: number, began: began, ended: now)
                box.hasMore = hasMore
                box.taken = taken
                // Behind an item that the loop has not taken yet another one would say nothing more.
                if queue.hand(box) { tell() }
            }
        }
    }

    /// False if it was closed meanwhile. Commands do not cut it short: they are the next step's.
    private func pace(until end: Instant) -> Bool {
        while now < end {
            if queue.isClosed { return false }
            _ = queue.signal.wait(until: end)
        }
        return true
    }

    private func fail(_ failure: StepFailure) {
        queue.fail(failure)
        tell()
    }

    private var now: Instant { Instant(nanoseconds: apus_monotonic_nanoseconds()) }
}

extension StepWork {
    /// Queues know boxes of no particular work; theirs are all of this one.
    fileprivate static func box(_ box: StepBox) -> StepOutputBox<Self> {
        guard let box = box as? StepOutputBox<Self> else { preconditionFailure("a thread's queue has its own boxes") }
        return box
    }
}

/// What is brought to the thread, and what it says of itself before its first step.
private struct StepOrders<Work: StepWork>: Sendable {
    private struct State {
        var commands: [Work.Command] = []
        var profile: Work.Profile?
    }

    private let state = Lock(State())

    func add(_ more: inout [Work.Command]) {
        state.with { state in
            if state.commands.isEmpty { swap(&state.commands, &more) } else { state.commands.append(contentsOf: more) }
        }
        more.removeAll(keepingCapacity: true)
    }

    func take(_ commands: inout [Work.Command]) { state.with { swap(&$0.commands, &commands) } }
    func began(_ profile: Work.Profile) { state.with { $0.profile = profile } }

    /// Once.
    func takeProfile() -> Work.Profile? {
        state.with { state in
            defer { state.profile = nil }
            return state.profile
        }
    }
}

/// The body of a thread, without its types.
private final class StepThreadEntry: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

/// A free function: a closure literal would inherit an isolation that this thread does not have.
private func stepThread(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    if let argument { Unmanaged<StepThreadEntry>.fromOpaque(argument).takeRetainedValue().run() }
    return nil
}
