import Telemetry
import WireProtocol

/// Attempts of two legs, and requests that a worker which drains gave to another one.
final class SplitMetrics: Sendable {
    private let concurrent: Counter
    private let sequential: Counter
    private let moved: Counter
    private let failed: Counter
    private let recomputed: Counter

    init(registry: MetricsRegistry) {
        let splits = registry.counterFamily(
            "apus_frontend_split_attempts_total",
            help: "Attempts that were sent to a prefill and a decode worker, by how the state gets from one to the other.", labels: ["path"]
        )
        concurrent = splits.labels("concurrent")
        sequential = splits.labels("sequential")
        let moves = registry.counterFamily(
            "apus_frontend_moves_total",
            help:
                "Requests that went on elsewhere since their worker drains: with its blocks, without them since bringing them failed, or recomputed.",
            labels: ["outcome"])
        moved = moves.labels("moved")
        failed = moves.labels("failed")
        recomputed = moves.labels("recomputed")
    }

    /// Legs have left. `isDrained`: their request was on a worker that drains; `isMove`: that one brings what it has.
    func began(_ path: HandOverPath, isDrained: Bool, isMove: Bool) {
        guard !isMove else { return }
        if isDrained { recomputed.increment() }
        switch path {
        case .none: break
        case .concurrent: concurrent.increment()
        case .sequential: sequential.increment()
        }
    }

    /// The blocks of a request were to be brought, and the attempt is over.
    func moved(_ end: AttemptEnd, isDone: Bool) {
        if isDone { return moved.increment() }
        // A client that leaves makes nothing fail.
        if case .failed = end { failed.increment() }
    }
}
