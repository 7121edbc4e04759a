internal import CSys
import ClusterModel
import Concurrency
import Glibc

/// Steps on real time. The thread sleeps while there is nothing to do; the first command after that wakes it, and nothing else does.
@LoopActor
final class StepThread<Work: StepWork>: Steps<Work>, InboxReceiver, EndOfTurn {
    private let loop: Loop
    private weak var reader: (any StepReader<Work>)?
    private let shared: Lock<StepState<Work>>
    private let signal: StepSignal
    private let ended: StepSignal
    private let thread: UInt
    private var commands: [Work.Command] = []
    private var arrived: [StepBox<Work>] = []
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
        let shared = Lock(StepState<Work>(boxes: Self.boxes)), signal = StepSignal(), ended = StepSignal()
        self.shared = shared
        self.signal = signal
        self.ended = ended
        let door = Door(), inbox = loop.inbox
        let body = StepThreadEntry {
            apus_name_thread(name)
            StepThreadBody<Work>(shared: shared, signal: signal) { _ = inbox.put(InboxItem(door, event: 0)) }.run(make)
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
        let mustWake = shared.with { shared in
            if shared.commands.isEmpty { swap(&shared.commands, &commands) } else { shared.commands.append(contentsOf: commands) }
            return shared.unpark()
        }
        commands.removeAll(keepingCapacity: true)
        if mustWake { signal.give() }
    }

    override var isIdle: Bool { isOver || (submitted == taken && !hasMore) }

    func receive(_ item: InboxItem) {
        guard !isOver else { return }
        let (profile, failure) = shared.with { shared in
            swap(&shared.done, &arrived)
            defer { shared.profile = nil }
            return (shared.profile, shared.failure)
        }
        if let profile { reader?.steps(began: profile) }
        for box in arrived where !isOver {
            taken = box.taken
            hasMore = box.hasMore
            reader?.steps(finished: box.span, &box.output)
        }
        giveBack()
        guard let failure, !isOver else { return }
        isOver = true
        reader?.steps(failed: failure)
    }

    private func giveBack() {
        guard !arrived.isEmpty else { return }
        let mustWake = shared.with { shared in
            shared.free.append(contentsOf: arrived)
            // One that has nothing to do need not hear of it.
            return shared.wantsBox && shared.unpark()
        }
        arrived.removeAll(keepingCapacity: true)
        if mustWake { signal.give() }
    }

    @discardableResult
    override func close(within limit: Duration) -> Bool {
        isOver = true
        let wasClosed = shared.with { shared in
            defer { shared.isClosed = true }
            return shared.isClosed
        }
        guard !wasClosed else { return true }
        signal.give()
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

/// An output on its way round between thread and loop.
private final class StepBox<Work: StepWork>: @unchecked Sendable {
    // Safety: one side at a time has it; the lock orders the two.
    var output = Work.makeOutput()
    var span = StepSpan(number: 0, began: .zero, ended: .zero)
    var hasMore = false
    /// Commands taken by all steps up to this one.
    var taken: UInt64 = 0
}

/// What thread and loop share.
private struct StepState<Work: StepWork>: Sendable {
    var commands: [Work.Command] = []
    var done: [StepBox<Work>] = []
    var free: [StepBox<Work>]
    var profile: Work.Profile?
    var failure: StepFailure?
    var isClosed = false
    /// The thread waits for the signal: whoever brings something gives it, once.
    var isParked = false
    /// It has something to do, and no output to do it in.
    var wantsBox = false

    init(boxes: Int) { free = (0..<boxes).map { _ in StepBox() } }

    mutating func unpark() -> Bool {
        defer { isParked = false }
        return isParked
    }
}

/// The thread's side.
private struct StepThreadBody<Work: StepWork>: Sendable {
    let shared: Lock<StepState<Work>>
    let signal: StepSignal
    let tell: @Sendable () -> Void

    private enum Next {
        case step(StepBox<Work>)
        case park
        case end
    }

    func run(_ make: () throws -> Work) {
        let work: Work
        do { work = try make() } catch { return fail(StepFailure(error)) }
        let profile = work.profile
        shared.with { $0.profile = profile }
        tell()
        var commands: [Work.Command] = [], hasMore = false, number: UInt64 = 0, taken: UInt64 = 0
        while true {
            switch next(&commands, hasMore: hasMore) {
            case .end: return
            case .park: signal.wait()
            case .step(let box):
                number += 1
                taken += UInt64(commands.count)
                let began = now
                Work.empty(&box.output)
                do {
                    let result = try work.step(&commands, at: began, into: &box.output)
                    commands.removeAll(keepingCapacity: true)
                    hasMore = result.hasMore
                    guard pace(until: began + result.duration) else { return }
                } catch {
                    return fail(StepFailure(error))
                }
                box.span = StepSpan(number: number, began: began, ended: now)
                box.hasMore = hasMore
                box.taken = taken
                hand(box)
            }
        }
    }

    private func next(_ commands: inout [Work.Command], hasMore: Bool) -> Next {
        shared.with { shared in
            if shared.isClosed { return .end }
            let hasWork = hasMore || !shared.commands.isEmpty
            guard hasWork, let box = shared.free.popLast() else {
                shared.isParked = true
                shared.wantsBox = hasWork
                return .park
            }
            swap(&commands, &shared.commands)
            return .step(box)
        }
    }

    /// False if it was closed meanwhile. Commands do not cut it short: they are the next step's.
    private func pace(until end: Instant) -> Bool {
        while now < end {
            if shared.with({ $0.isClosed }) { return false }
            _ = signal.wait(until: end)
        }
        return true
    }

    private func hand(_ box: StepBox<Work>) {
        let isFirst = shared.with { shared in
            shared.done.append(box)
            return shared.done.count == 1
        }
        // Behind an item that the loop has not taken yet another one would say nothing more.
        if isFirst { tell() }
    }

    private func fail(_ failure: StepFailure) {
        shared.with { $0.failure = failure }
        tell()
    }

    private var now: Instant { Instant(nanoseconds: apus_monotonic_nanoseconds()) }
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

/// A signal that is given and taken once, with waits on the monotonic clock.
private final class StepSignal: @unchecked Sendable {
    // Safety: `isGiven` is touched only while `mutex` is held.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var isGiven = false

    init() {
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    func give() {
        pthread_mutex_lock(mutex)
        isGiven = true
        pthread_mutex_unlock(mutex)
        // Behind the mutex: whoever wakes would only wait for it.
        pthread_cond_signal(condition)
    }

    func wait() {
        pthread_mutex_lock(mutex)
        while !isGiven { pthread_cond_wait(condition, mutex) }
        isGiven = false
        pthread_mutex_unlock(mutex)
    }

    /// False if it was not given by then.
    func wait(until deadline: Instant) -> Bool {
        var time = timespec(tv_sec: Int(deadline.nanoseconds / 1_000_000_000), tv_nsec: Int(deadline.nanoseconds % 1_000_000_000))
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while !isGiven {
            if pthread_cond_timedwait(condition, mutex, &time) == ETIMEDOUT { break }
        }
        defer { isGiven = false }
        return isGiven
    }
}
