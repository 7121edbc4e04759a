package import EventLoop

/// What recoveries of a process's streams share: so many run at once, in the order in which they asked, and so many bytes wait for them.
@LoopActor
package final class RecoveryGate {
    private let atOnce: Int
    private let mostBytes: Int
    private var running = 0
    private var waiting: [(owner: StreamFollower, begin: @LoopActor () -> Void)] = []
    /// Of all its streams.
    package private(set) var heldBytes = 0

    package nonisolated init(atOnce: Int = FollowingLimits.recoveriesAtOnce, heldBytes: Int = FollowingLimits.heldBytesTogether) {
        self.atOnce = atOnce
        mostBytes = heldBytes
    }

    /// That run, and that wait for a turn.
    package var load: (running: Int, waiting: Int) { (running, waiting.count) }

    /// Calls `begin` now or when another recovery is over; each call of it is answered by one `leave()`.
    func enter(_ owner: StreamFollower, _ begin: @escaping @LoopActor () -> Void) {
        guard running < atOnce else { return waiting.append((owner, begin)) }
        running += 1
        begin()
    }

    /// The owner wants no turn any more.
    func forget(_ owner: StreamFollower) { waiting.removeAll { $0.owner === owner } }

    func leave() {
        running -= 1
        guard !waiting.isEmpty else { return }
        running += 1
        waiting.removeFirst().begin()
    }

    /// False if there is no room for so many bytes more.
    func hold(_ bytes: Int) -> Bool {
        guard heldBytes + bytes <= mostBytes else { return false }
        heldBytes += bytes
        return true
    }

    func giveBack(_ bytes: Int) { heldBytes -= bytes }
}
