import ClusterModel
import EventLoop

/// A room's one deadline, which moves with what happens: looked at anew when its time seems to have come.
@LoopActor
final class RoomClock {
    private let loop: Loop
    /// Nil while nothing is waited for.
    private let deadline: @LoopActor () -> Instant?
    private let passed: @LoopActor () -> Void
    private var timer: TimerHandle?

    init(on loop: Loop, deadline: @escaping @LoopActor () -> Instant?, passed: @escaping @LoopActor () -> Void) {
        self.loop = loop
        self.deadline = deadline
        self.passed = passed
    }

    /// After each change that may bring the deadline nearer, or make one.
    func watch() {
        stop()
        guard let deadline = deadline() else { return }
        timer = loop.schedule(at: deadline) { [weak self] in
            guard let self else { return }
            timer = nil
            guard let due = self.deadline() else { return }
            if due <= loop.now { passed() } else { watch() }
        }
    }

    func stop() {
        loop.cancel(timer)
        timer = nil
    }
}
