import EventLoop

/// Lets a bounded number of streams be recovered at once, in the order in which they asked.
@LoopActor
final class RecoveryGate {
    private var running = 0
    private var waiting: [(owner: EventIntake, begin: @LoopActor () -> Void)] = []

    /// Calls `begin` now or when another recovery is over; each call is answered by one `leave()`.
    func enter(_ owner: EventIntake, _ begin: @escaping @LoopActor () -> Void) {
        guard running < RouterLimits.recoveriesAtOnce else { return waiting.append((owner, begin)) }
        running += 1
        begin()
    }

    /// The owner wants no turn any more.
    func forget(_ owner: EventIntake) { waiting.removeAll { $0.owner === owner } }

    func leave() {
        running -= 1
        guard !waiting.isEmpty else { return }
        running += 1
        waiting.removeFirst().begin()
    }
}
