import ClusterModel
import EventLoop
import RequestTracking
import Telemetry
import WireProtocol

/// Gauges of single workers: what routers believe to run there, and what the last request saw. They go with the worker.
@LoopActor
final class WorkerMetrics {
    /// A rank of a worker in one of its parts.
    struct Key: Hashable {
        let worker: UInt64
        /// Nil where it was not known.
        let rank: UInt32?
        let type: WorkerType

        /// The type as a flag: as the text that it is it would cost more than all the rest.
        func hash(into hasher: inout Hasher) {
            hasher.combine(worker)
            hasher.combine(rank)
            hasher.combine(type == .prefill)
        }
    }

    private let decodeBlocks: GaugeFamily
    private let prefillTokens: GaugeFamily
    private let last: [GaugeFamily]
    private var loads: [Key: (blocks: Gauge, tokens: Gauge)] = [:]
    private var lastGauges: [Key: [Gauge?]] = [:]
    private var present: [UInt64: Present] = [:]

    /// A worker of the directory.
    private struct Present {
        var lives: Set<UInt64> = []
        /// What it registered; a plan that names another one is wrong.
        var ranks: Set<UInt32> = []
    }

    static let labels = ["worker_id", "dp_rank", "worker_type"]
    /// Ranks of a large cluster, in both parts.
    private static let series = 10_000

    init(registry: MetricsRegistry) {
        func gauge(_ name: String, _ help: String) -> GaugeFamily {
            registry.gaugeFamily(registry.name("frontend_\(name)"), help: help, labels: Self.labels, seriesLimit: Self.series)
        }
        decodeBlocks = gauge("worker_active_decode_blocks", "Active KV cache decode blocks per worker")
        prefillTokens = gauge("worker_active_prefill_tokens", "Active prefill tokens queued per worker")
        last = GaugeAction.Gauge.allCases.map { gauge($0.name, $0.help) }
    }

    /// Follows the directory: what is known of a worker goes with each of its lives that ends, since the next may have other ranks; what is
    /// still true of it is soon told again.
    func follow(_ workers: some Sequence<WorkerEntry>) {
        var here: [UInt64: Present] = [:]
        for worker in workers where worker.state != .stopped {
            here[worker.workerID, default: Present()].lives.insert(worker.generation)
            here[worker.workerID, default: Present()].ranks.formUnion(worker.ranks.map(\.rank))
        }
        // Order: each is removed by itself.
        for (worker, past) in present where !past.lives.isSubset(of: here[worker]?.lives ?? []) { left(worker) }
        present = here
    }

    /// The load of one rank, as routers believe it.
    func show(_ key: Key, activeBlocks: UInt64, prefillTokens tokens: UInt64) {
        guard isPresent(key) else { return }
        let gauges = loads[key] ?? (decodeBlocks.handle(key), prefillTokens.handle(key))
        loads[key] = gauges
        gauges.blocks.set(Double(activeBlocks))
        gauges.tokens.set(Double(tokens))
    }

    /// What the tracker of a request found. Told at first tokens, at output blocks and at ends, not at each token.
    func show(_ action: GaugeAction) {
        let key = Key(worker: action.worker.rawValue, rank: action.rank?.rawValue, type: action.workerType)
        // What is there goes with its worker.
        if let known = lastGauges[key]?[action.gauge.index] { return known.set(action.value) }
        guard isPresent(key) else { return }
        var gauges = lastGauges[key] ?? Array(repeating: nil, count: last.count)
        let gauge = last[action.gauge.index].handle(key)
        gauges[action.gauge.index] = gauge
        lastGauges[key] = gauges
        gauge.set(action.value)
    }

    private func isPresent(_ key: Key) -> Bool {
        guard let worker = present[key.worker] else { return false }
        return key.rank.map { worker.ranks.contains($0) } ?? true
    }

    private func left(_ worker: UInt64) {
        for family in [decodeBlocks, prefillTokens] + last { family.removeAll(where: "worker_id", is: "\(worker)") }
        loads = loads.filter { $0.key.worker != worker }
        lastGauges = lastGauges.filter { $0.key.worker != worker }
    }
}

extension WorkerType {
    /// Workers of whole requests count as decoding.
    init(_ role: WorkerRole) { self = role == .prefill ? .prefill : .decode }
}

extension GaugeFamily {
    fileprivate func handle(_ key: WorkerMetrics.Key) -> Gauge {
        labels("\(key.worker)", key.rank.map { "\($0)" } ?? GaugeAction.unknownRank, key.type.rawValue)
    }
}

extension GaugeAction.Gauge {
    fileprivate var index: Int {
        switch self {
        case .lastTimeToFirstTokenSeconds: 0
        case .lastInputSequenceTokens: 1
        case .lastInterTokenLatencySeconds: 2
        }
    }

    fileprivate var name: String {
        switch self {
        case .lastTimeToFirstTokenSeconds: "worker_last_time_to_first_token_seconds"
        case .lastInputSequenceTokens: "worker_last_input_sequence_tokens"
        case .lastInterTokenLatencySeconds: "worker_last_inter_token_latency_seconds"
        }
    }

    fileprivate var help: String {
        switch self {
        case .lastTimeToFirstTokenSeconds: "Time to the first token of the last request that the worker computed the prompt of."
        case .lastInputSequenceTokens: "Prompt tokens of the last request that the worker computed the prompt of."
        case .lastInterTokenLatencySeconds: "Average time between tokens of the last request that moved on at the worker."
        }
    }
}
