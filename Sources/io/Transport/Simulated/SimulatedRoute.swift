import ClusterModel
import EventLoop

/// One direction between two hosts: its faults, and what waits while it is cut.
final class SimulatedRoute {
    let from: String
    let to: String
    private let fabric: SimulatedFabric
    private(set) var isCut = false
    private var held: [() -> Void] = []

    init(from: String, to: String, fabric: SimulatedFabric) {
        self.from = from
        self.to = to
        self.fabric = fabric
    }

    var faults: LinkFaults { fabric.plan[from, to] }

    /// How long the next piece is under way.
    func latency() -> Duration { faults.delay + fabric.random(below: faults.jitter) }

    /// How much later a piece of a stream arrives for having been lost, perhaps more than once: each try waits twice as long as the one before.
    func retransmissions() -> Duration {
        var late = Duration.zero, wait = Self.retransmission, tries = 0
        while tries < Self.retransmissionLimit, fabric.happens(faults.streamLoss) {
            late += wait
            wait = wait * 2
            tries += 1
        }
        return late
    }

    /// What Linux waits at the least before it sends a segment again.
    private static let retransmission = Duration.milliseconds(200)
    private static let retransmissionLimit = 6

    /// Something small that nothing can overtake in a way that matters: a connection request, an acknowledgement.
    func carry(_ action: @escaping () -> Void) {
        fabric.world.schedule(after: latency()) { [self] in passOrHold(action) }
    }

    /// Called when something arrives; runs it now, or when the route is whole again.
    func passOrHold(_ action: @escaping () -> Void) {
        if isCut { held.append(action) } else { action() }
    }

    func cut() { isCut = true }

    func heal() {
        guard isCut else { return }
        isCut = false
        let waiting = held
        held = []
        // One after another, in the order in which they would have arrived: nothing overtakes for having waited.
        for (index, action) in waiting.enumerated() {
            fabric.world.schedule(after: faults.delay + .nanoseconds(Int64(index))) { [self] in passOrHold(action) }
        }
    }
}
