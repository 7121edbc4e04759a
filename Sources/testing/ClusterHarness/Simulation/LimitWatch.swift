import ClusterModel
import EventLoop

/// Looks at every process again and again: whether anything in it is above its limit, or below nought.
final class LimitWatch: @unchecked Sendable {
    // Safety: belongs to the one thread that runs its cluster's world.

    private unowned let cluster: VirtualCluster
    private var isOver = false
    /// The first of each process.
    private(set) var violations: [String] = []
    private var told: Set<String> = []

    private static let interval = Duration.milliseconds(20)

    init(_ cluster: VirtualCluster) {
        self.cluster = cluster
        look()
    }

    func end() { isOver = true }

    private func look() {
        guard !isOver else { return }
        cluster.world.schedule(after: Self.interval) { [weak self] in self?.look() }
        for member in cluster.members where member.isAlive {
            guard let first = member.process.beyondLimits.first, told.insert(member.name).inserted else { continue }
            violations.append("\(FaultEvent("\(member.name): \(first)", cluster))")
        }
    }
}
