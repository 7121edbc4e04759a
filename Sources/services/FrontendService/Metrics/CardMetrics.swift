import ClusterModel
import EventLoop
import Telemetry
import WireProtocol

/// What cards and registrations say of each model that can be asked for. A figure that is not known has no series.
@LoopActor
final class CardMetrics {
    private let totalBlocks: GaugeFamily
    private let maxSequences: GaugeFamily
    private let maxBatchedTokens: GaugeFamily
    private let contextLength: GaugeFamily
    private let blockSize: GaugeFamily
    private let migrationLimit: GaugeFamily
    private var shown: Set<String> = []

    init(registry: MetricsRegistry) {
        func gauge(_ name: String, _ help: String) -> GaugeFamily {
            registry.gaugeFamily(registry.name("frontend_model_\(name)"), help: help, labels: ["model"])
        }
        totalBlocks = gauge("total_kv_blocks", "KV blocks on the devices of all the model's workers.")
        maxSequences = gauge("max_num_seqs", "Sequences that one rank of the model's workers runs at once, at most.")
        maxBatchedTokens = gauge("max_num_batched_tokens", "Tokens that one rank of the model's workers computes in a step, at most.")
        contextLength = gauge("context_length", "Tokens that a prompt and its answer may have together.")
        blockSize = gauge("kv_cache_block_size", "Tokens of a KV block.")
        migrationLimit = gauge("migration_limit", "Times that a request may go on at another worker.")
    }

    /// Follows the directory: `cards` are those that new requests go to, one a name.
    func follow(_ cards: [ModelCard], _ workers: [WorkerEntry], migrations: Int) {
        var capacities: [Digest: Capacity] = [:]
        for worker in workers where worker.state != .stopped {
            for rank in worker.ranks { capacities[worker.pool, default: Capacity()].add(rank) }
        }
        var named: Set<String> = []
        for card in cards {
            named.insert(card.name)
            let capacity = capacities[card.digest] ?? Capacity()
            set(totalBlocks, card.name, capacity.blocks)
            set(maxSequences, card.name, UInt64(capacity.sequences))
            set(maxBatchedTokens, card.name, UInt64(capacity.batchedTokens))
            set(contextLength, card.name, UInt64(card.contextLength))
            set(blockSize, card.name, UInt64(card.blockSize))
            migrationLimit.labels(card.name).set(migrations)
        }
        // Order: each is removed by itself.
        for model in shown where !named.contains(model) {
            for family in [totalBlocks, maxSequences, maxBatchedTokens, contextLength, blockSize, migrationLimit] { family.remove(model) }
        }
        shown = named
    }

    private func set(_ family: GaugeFamily, _ model: String, _ value: UInt64) {
        if value > 0 { family.labels(model).set(Double(value)) } else { family.remove(model) }
    }

    private struct Capacity {
        var blocks: UInt64 = 0
        var sequences: UInt32 = 0
        var batchedTokens: UInt32 = 0

        mutating func add(_ rank: RankCapacity) {
            blocks &+= UInt64(rank.totalBlocks)
            sequences = max(sequences, rank.maxSequences)
            batchedTokens = max(batchedTokens, rank.maxBatchedTokens)
        }
    }
}
