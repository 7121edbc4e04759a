internal import CSys
package import ClusterModel

/// One thread that owns its state: it runs tasks, timers, file events and what other threads put into its inbox, a turn at a time.
///
/// `EpollLoop` runs on real time, `VirtualLoop` in a simulation; what runs on a loop cannot tell which. Services read the time, set timers,
/// draw random numbers and start tasks only here.
package class Loop: TaskExecutor, @unchecked Sendable {
    // Safety: every stored property below is touched only by the thread that owns the loop (checked by `isCurrent`), but for the inbox,
    // which locks itself.

    package let name: String
    package let inbox: Inbox
    @exclusivity(unchecked) private var runQueue: [UnownedJob] = []
    @exclusivity(unchecked) private var running: [UnownedJob] = []
    @exclusivity(unchecked) private var arrived: [InboxItem] = []
    @exclusivity(unchecked) private var wheel: TimerWheel
    @exclusivity(unchecked) private var due: [TimerWheel.Action] = []
    private let gathered = EndOfTurnList()
    private let written = EndOfTurnList()
    private let told = EndOfTurnList()
    private var pauseObservers: [PauseObserver] = []
    private var generator: SeededRandom
    #if FAULT_POINTS
        final weak var faultPoints: (any FaultPointWatch)?
    #endif
    private(set) var isStopped = false
    /// Set by the subclass at the start of each turn and read many times in it.
    final var currentInstant: Instant

    private struct PauseObserver: Sendable {
        weak var object: (any AnyObject & Sendable)?
        let tell: @LoopActor @Sendable (Duration) -> Void
    }

    /// Rounds of tasks in one turn; more wait for the next, so that tasks that wake each other cannot starve files and timers.
    private static let roundsPerTurn = 64
    /// Not having run for longer than this is a pause, and nobody is judged by what was missed in it.
    package static let pauseThreshold = Duration.milliseconds(500)
    /// While anybody wants to know of pauses the loop turns at least this often, so that idleness is not taken for one.
    package static let pulse = Duration.milliseconds(250)

    init(name: String, start: Instant, seed: UInt64, marks: InboxMarks, wake: @escaping @Sendable () -> Void) {
        self.name = name
        inbox = Inbox(marks: marks, wake: wake)
        wheel = TimerWheel(now: start)
        currentInstant = start
        generator = SeededRandom(seed: seed)
    }

    /// The loop that owns the calling thread.
    package static var current: Loop? {
        apus_current_loop().map { Unmanaged<Loop>.fromOpaque($0).takeUnretainedValue() }
    }

    final var isCurrent: Bool { apus_current_loop() == Unmanaged.passUnretained(self).toOpaque() }

    // MARK: For services

    /// The time at the start of this turn.
    @LoopActor package final var now: Instant {
        assert(isCurrent, "an object lives and dies on the loop that made it")
        return currentInstant
    }

    /// The present time, read anew: for measuring inside a turn.
    @LoopActor package var preciseNow: Instant { currentInstant }

    /// The same for work that was handed to a pool. In a simulation that work runs inline, and no time passes in it.
    package var clockReading: Instant { currentInstant }

    /// Wall clock since 1970 UTC, for stamps, logs and certificates and nothing else.
    package var wallClockNanoseconds: Int64 { 0 }
    package final var wallClockMilliseconds: Int64 { wallClockNanoseconds / 1_000_000 }

    /// Random numbers for decisions: seeded, so that a simulation repeats itself.
    @LoopActor package final var random: SeededRandom {
        get { generator }
        set { generator = newValue }
    }

    /// Bytes that nobody can guess, for nonces and generations.
    @LoopActor package func secureRandomBytes(_ count: Int) -> [UInt8] { preconditionFailure("a subclass provides random bytes") }

    @LoopActor package final func secureRandomUInt64() -> UInt64 {
        secureRandomBytes(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Starts a task that runs on this loop and nowhere else. The one place where tasks are started.
    @discardableResult
    package final func spawn(_ body: @escaping @LoopActor @Sendable () async -> Void) -> Task<Void, Never> {
        Task(executorPreference: self) { @LoopActor @Sendable in await body() }
    }

    @LoopActor @discardableResult
    package final func schedule(at deadline: Instant, _ action: @escaping @LoopActor () -> Void) -> TimerHandle {
        assert(isCurrent, "an object lives and dies on the loop that made it")
        return wheel.set(at: deadline, action)
    }

    @LoopActor @discardableResult
    package final func schedule(after delay: Duration, _ action: @escaping @LoopActor () -> Void) -> TimerHandle {
        schedule(at: currentInstant + delay, action)
    }

    /// For what recurs: at the next multiple of `interval`, so that all of a process's beats share one waking, and those of processes that
    /// share a clock as well.
    @LoopActor @discardableResult
    package final func schedule(each interval: Duration, _ action: @escaping @LoopActor () -> Void) -> TimerHandle {
        schedule(at: next(each: interval), action)
    }

    /// The moment that `schedule(each:)` means.
    @LoopActor
    package final func next(each interval: Duration) -> Instant {
        let step = max(1, interval.inNanoseconds)
        return Instant(nanoseconds: (currentInstant.nanoseconds / step + 1) * step)
    }

    @LoopActor @discardableResult
    package final func cancel(_ timer: TimerHandle?) -> Bool {
        guard let timer else { return false }
        assert(isCurrent, "an object lives and dies on the loop that made it")
        return wheel.cancel(timer)
    }

    /// A timer of its own, exact where the loop can; see `Alarm`.
    @LoopActor package func makeAlarm(_ action: @escaping @LoopActor () -> Void) throws(SystemError) -> Alarm { Alarm(on: self, action) }

    @LoopActor package final var timersWaiting: Int { wheel.count }

    /// Ends this turn with `flush()` on the object, once however often it is asked: what became ready in one turn leaves in one write.
    /// During its own stage, or a later one, that is the end of the next turn.
    @LoopActor package final func atEndOfTurn(_ object: any EndOfTurn) {
        switch object.endOfTurn {
        case .gathered: gathered.add(object)
        case .written: written.add(object)
        case .told: told.add(object)
        }
    }

    /// Tells the object when this process did not run for longer than `pauseThreshold`, before any timer that was missed fires.
    @LoopActor package final func observePauses(
        _ object: any AnyObject & Sendable, _ tell: @escaping @LoopActor @Sendable (Duration) -> Void
    ) {
        pauseObservers.removeAll { $0.object == nil }
        pauseObservers.append(PauseObserver(object: object, tell: tell))
    }

    @LoopActor package final func stopObservingPauses(_ object: any AnyObject) {
        pauseObservers.removeAll { $0.object == nil || $0.object === object }
    }

    /// Ends `run()` after this turn.
    @LoopActor package final func stop() { isStopped = true }

    /// Runs `work` off the loop, bounded, and comes back with its result; see `WorkPool`. In a simulation it runs inline and its answer
    /// arrives after `virtualCost`.
    @LoopActor package func offload<Result: Sendable>(
        to pool: WorkPool, virtualCost: Duration, _ work: @escaping @Sendable () -> Result
    ) async throws(WorkPool.Full) -> Result { preconditionFailure("a subclass runs work") }

    // MARK: Executor

    package final func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if isCurrent { enqueueHere(job) } else { inbox.put(job) }
    }

    final func enqueueHere(_ job: UnownedJob) { runQueue.append(job) }

    package final func asUnownedTaskExecutor() -> UnownedTaskExecutor { UnownedTaskExecutor(ordinary: self) }

    // MARK: The turn, run by the subclasses

    final var hasWork: Bool { !runQueue.isEmpty || !inbox.isEmpty || !gathered.isEmpty || !written.isEmpty || !told.isEmpty }
    final var wantsPulse: Bool { !pauseObservers.isEmpty }
    final var nextDeadline: Instant? { wheel.nextDeadline }

    /// Files were read by the subclass; now the inbox, then timers, then tasks, then what waits for the end of the turn.
    final func finishTurn(shuffle: Bool = false) {
        drainInbox()
        runTasks(shuffle: shuffle)
        wheel.collectDue(at: currentInstant, into: &due)
        if !due.isEmpty {
            var actions: [TimerWheel.Action] = []
            swap(&actions, &due)
            if shuffle { actions.shuffle(using: &generator) }
            for action in actions { OnLoop.fire(action) }
            actions.removeAll(keepingCapacity: true)
            if due.isEmpty { swap(&actions, &due) }
            runTasks(shuffle: shuffle)
        }
        gathered.flush()
        written.flush()
        told.flush()
    }

    /// Before timers fire and before anybody is judged.
    final func tellOfPause(_ gap: Duration) {
        for observer in pauseObservers where observer.object != nil {
            LoopActor.assumeOnLoop { observer.tell(gap) }
        }
    }

    private func drainInbox() {
        inbox.take(items: &arrived, jobs: &runQueue)
        guard !arrived.isEmpty else { return }
        var bytes = 0
        for item in arrived {
            bytes += item.bytes
            OnLoop.receive(item)
        }
        let ready = inbox.handled(bytes: bytes, count: arrived.count)
        arrived.removeAll(keepingCapacity: true)
        for receiver in ready { OnLoop.hasRoom(receiver) }
    }

    private func runTasks(shuffle: Bool) {
        let serial = LoopDispatch.executor.asUnownedSerialExecutor(), executor = asUnownedTaskExecutor()
        var rounds = 0
        while !runQueue.isEmpty, rounds < Self.roundsPerTurn {
            swap(&runQueue, &running)
            if shuffle, running.count > 1 { running.shuffle(using: &generator) }
            for job in running { unsafe job.runSynchronously(isolatedTo: serial, taskExecutor: executor) }
            running.removeAll(keepingCapacity: true)
            rounds += 1
        }
    }
}
