/// Clusters of prefill and decode workers.
enum SplitCluster {
    /// How KV state gets from one to the other.
    enum Path: String, CaseIterable, Sendable { case concurrent, sequential }

    /// Prompts of some thousand tokens take some hundred milliseconds, and a token ten.
    static let pace = ["--mock-prefill-token", "20us", "--mock-decode-step", "10ms"]

    static func shape(_ path: Path, prefill: Int = 2, decode: Int = 2) -> ClusterShape {
        var shape = ClusterShape()
        shape.workers = Array(repeating: .prefill, count: prefill) + Array(repeating: .decode, count: decode)
        shape.workerOptions = ["--mock-hand-over", path.rawValue] + pace
        // By cost, or while those who prefill are busy, decode workers would prefill for themselves.
        shape.routerOptions = ["--policy", "least-loaded", "--busy-batches", "1000", "--queue-batches", "10000"]
        return shape
    }
}
