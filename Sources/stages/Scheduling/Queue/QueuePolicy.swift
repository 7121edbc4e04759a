import ClusterModel

/// Which of a tenant's parked requests goes first.
package enum QueuePolicy: String, CaseIterable, Sendable {
    /// First come, first served; a priority of N counts as N seconds of waiting.
    case fcfs
    /// Weighted shortest processing time: the most priority a token still to be computed.
    case wspt
    /// Last come, first served; a priority of N counts as having come N seconds later.
    case lcfs
    /// Earliest deadline.
    case deadline

    /// What is higher goes first. Times count from `epoch`.
    func score(_ request: ParkedRequest, since epoch: Instant) -> Double {
        let arrival = Self.seconds(epoch.duration(to: request.arrival)), priority = max(request.priority, 0)
        return switch self {
        case .fcfs: priority - arrival
        case .wspt: (1 + priority) / Double(max(1, request.tokens))
        case .lcfs: priority + arrival
        case .deadline: -Self.seconds(epoch.duration(to: request.deadline))
        }
    }

    private static func seconds(_ span: Duration) -> Double { Double(span.inNanoseconds) / 1e9 }
}

/// A place in the order: what is under way, the higher class, the higher score, then who came first, or last where that is the policy.
struct QueueRank: Comparable, Sendable {
    let isUnderWay: Bool
    let priorityClass: UInt32
    let score: Double
    let order: UInt64

    /// Goes before.
    static func < (left: QueueRank, right: QueueRank) -> Bool {
        if left.isUnderWay != right.isUnderWay { return left.isUnderWay }
        if left.priorityClass != right.priorityClass { return left.priorityClass > right.priorityClass }
        return left.score == right.score ? left.order < right.order : left.score > right.score
    }
}
