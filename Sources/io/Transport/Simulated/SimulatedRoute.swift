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
