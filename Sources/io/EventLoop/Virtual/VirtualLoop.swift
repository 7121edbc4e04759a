internal import CSys
import ClusterModel

/// A loop in virtual time: one process of a simulation.
package final class VirtualLoop: Loop, @unchecked Sendable {
    // Safety: belongs to the thread of its world.

    enum State { case running, frozen, dead }

    package unowned let world: VirtualWorld
    let number: UInt64
    private(set) var state = State.running
    private var frozenAt: Instant?
    var isReady = false
    var wakeAt: Instant?

    init(name: String, number: UInt64, world: VirtualWorld, seed: UInt64, marks: InboxMarks) {
        self.world = world
        self.number = number
        let door = Door()
        super.init(name: name, start: world.now, seed: seed, marks: marks, wake: { door.loop.map { $0.world.markReady($0) } })
        door.loop = self
        world.markReady(self)
    }

    /// Breaks the circle between a loop and the closure that wakes it.
    private final class Door: @unchecked Sendable {
        // Safety: belongs to the thread of the world.
        weak var loop: VirtualLoop?
    }

    package override var wallClockNanoseconds: Int64 { 1_700_000_000_000_000_000 + (world.now + world.wallClockOffset).nanoseconds }

    @LoopActor package override func secureRandomBytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }

    @LoopActor package override func offload<Result: Sendable>(
        to pool: WorkPool, virtualCost: Duration, _ work: @escaping @Sendable () -> Result
    ) async throws(WorkPool.Full) -> Result {
        guard !poolsAreFull, !pool.isFull, !fails(at: "no room in the pool") else { throw WorkPool.Full(limit: pool.queueLimit) }
        let result = work()
        await sleep(for: fails(at: "slow work in the pool") ? virtualCost + Self.slowWork : virtualCost)
        return result
    }

    // MARK: Faults

    /// What work takes longer in a pool whose threads do not get their turns.
    private static let slowWork = Duration.milliseconds(700)

    /// Pools refuse work, as they do when others have filled their queues.
    package var poolsAreFull = false

    /// Stops running, as a process does on SIGSTOP: its sockets stay open and fill up.
    package func freeze() {
        guard state == .running else { return }
        state = .frozen
        frozenAt = world.now
    }

    package func thaw() {
        guard state == .frozen else { return }
        state = .running
        world.markReady(self)
    }

    /// Never runs again. What its sockets do then is the network's affair.
    package func kill() { state = .dead }

    package var isDead: Bool { state == .dead }

    // MARK: Running

    /// Runs `body` as if it were part of a turn of this loop: how a test sets things up, and looks at them. Looking alone makes no turn, so
    /// that the condition of a run may do it without stopping the time.
    package func perform<Result>(_ body: @LoopActor () -> Result) -> Result {
        let previous = apus_current_loop()
        apus_set_current_loop(Unmanaged.passUnretained(self).toOpaque())
        defer {
            apus_set_current_loop(previous)
            if hasWork { world.markReady(self) } else if let deadline = nextDeadline { world.wake(self, at: deadline) }
        }
        currentInstant = world.now
        return LoopActor.assumeOnLoop(body)
    }

    func turn(at now: Instant) {
        apus_set_current_loop(Unmanaged.passUnretained(self).toOpaque())
        defer { apus_set_current_loop(nil) }
        let gap = frozenAt.map { $0.duration(to: now) }
        frozenAt = nil
        currentInstant = now
        if let gap, gap > Self.pauseThreshold { tellOfPause(gap) }
        finishTurn(shuffle: true)
        if hasWork { world.markReady(self) }
    }
}
