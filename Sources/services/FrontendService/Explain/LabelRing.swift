import ClusterModel

/// What the clients of one tenant called their last requests. The same name means the last one.
struct LabelRing: Sendable {
    /// So many at most; an older one makes room.
    private let room: Int
    private var requests: [String: RequestID] = [:]
    private var labels: [String] = []
    private var oldest = 0

    init(room: Int) { self.room = room }

    var count: Int { labels.count }
    subscript(label: String) -> RequestID? { requests[label] }

    mutating func remember(_ label: String, _ request: RequestID) {
        guard requests.updateValue(request, forKey: label) == nil else { return }
        guard labels.count >= room else { return labels.append(label) }
        requests[labels[oldest]] = nil
        labels[oldest] = label
        oldest = (oldest + 1) % room
    }
}
