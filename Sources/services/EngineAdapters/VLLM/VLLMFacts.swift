import Engines
import JSONText
import TextProcessing

/// What a vLLM server says of itself.
struct VLLMFacts: Hashable, Sendable {
    /// Its name for the model that it serves.
    var model = ""
    /// Where the weights are: a folder or a repository's name.
    var root = ""
    var contextLength: UInt32?
    var adapters: [String] = []
    var version = ""
    /// Of each rank that tells it, by number.
    var caches: [Int: Cache] = [:]
    var hasMetrics = false
    /// The endpoint that takes and gives tokens is open.
    var takesTokens = false

    struct Cache: Hashable, Sendable {
        let blockSize: UInt32
        let blocks: UInt32
    }

    /// Of names that go into the card.
    private static let nameBytes = 256
    private static let mostAdapters = 1_024

    // MARK: Its answers

    mutating func read(models body: [UInt8], wanted: String?) throws(ServerProblem) {
        let models = try AnswerJSON.parse(body)["data"]?.asArray ?? []
        // An adapter names the model under it.
        let bases = models.filter { $0["parent"]?.asString == nil }
        guard let base = bases.first(where: { wanted == nil || $0["id"]?.asString == wanted }) else {
            throw .malformed(wanted == nil ? "data of /v1/models: no model" : "data of /v1/models: not the model of engine-model")
        }
        model = try Self.name(base["id"], "id of /v1/models")
        root = base["root"]?.isNull ?? true ? model : try Self.name(base["root"], "root of /v1/models")
        contextLength = base["max_model_len"]?.asUInt64.map { UInt32(clamping: $0) }
        let others = models.filter { $0["parent"]?.asString == model || ($0["parent"]?.asString == root && root != model) }
        guard others.count <= Self.mostAdapters else { throw .malformed("data of /v1/models: more than \(Self.mostAdapters) adapters") }
        adapters = []
        for other in others { adapters.append(try Self.name(other["id"], "id of /v1/models")) }
        adapters.sort()
    }

    mutating func read(version body: [UInt8]) throws(ServerProblem) {
        version = try Self.name(try AnswerJSON.parse(body)["version"], "version of /version")
    }

    mutating func read(metrics body: [UInt8]) {
        let info = MetricsText(body, names: [Self.cacheInfo])
        caches = [:]
        for sample in info.named(Self.cacheInfo) {
            guard let size = sample.labels["block_size"].flatMap({ UInt32($0) }), size > 0,
                let blocks = sample.labels["num_gpu_blocks"].flatMap({ UInt32($0) }), blocks > 0
            else { continue }
            caches[sample.labels["engine"].flatMap { Int($0) } ?? 0] = Cache(blockSize: size, blocks: blocks)
        }
        hasMetrics = true
    }

    private static let cacheInfo = "vllm:cache_config_info"

    private static func name(_ value: JSONValue?, _ place: String) throws(ServerProblem) -> String {
        guard let text = value?.asString, !text.isEmpty, text.utf8.count <= nameBytes, text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F })
        else { throw .malformed("\(place): no name of at most \(nameBytes) bytes") }
        return text
    }

    // MARK: What follows from them

    /// The engine as the cluster sees it.
    func profile(_ settings: ServerSettings) throws(ServerMismatch) -> EngineProfile {
        let blockSize = try self.blockSize(settings)
        var model = EngineModel(
            name: settings.modelName ?? self.model, weights: root, blockSize: blockSize, contextLength: try contextLength(settings),
            vocabularySize: UInt32(clamping: settings.text.vocabulary.count))
        model.generationDefaults = settings.generationDefaults
        model.toolFormat = settings.toolFormat
        model.reasoningFormat = settings.reasoningFormat
        model.files = settings.files
        model.adapters = adapters
        var capabilities: EngineCapabilities = [.logprobs, .constraints, .choices]
        if !adapters.isEmpty { capabilities.insert(.adapters) }
        if settings.handsOver { capabilities.insert(.sequentialHandOver) }
        let ranks = (0..<settings.ranks).map { rank in
            var room = settings.room
            room.totalBlocks = settings.totalBlocks ?? (caches[rank] ?? caches[0])?.blocks ?? room.totalBlocks
            return room
        }
        return EngineProfile(
            name: "vllm", build: "vllm-\(version)", capabilities: capabilities, cacheReport: .silent, model: model, ranks: ranks)
    }

    private func blockSize(_ settings: ServerSettings) throws(ServerMismatch) -> UInt32 {
        // Order: whether all are equal.
        let told = Set(caches.values.map(\.blockSize))
        guard told.count <= 1 else { throw ServerMismatch("its ranks have blocks of different sizes; give each a worker") }
        guard let given = settings.blockSize else { return told.first ?? settings.usualBlockSize }
        if let size = told.first, size != given {
            throw ServerMismatch("its blocks have \(size) tokens; give --block-size \(size), or nothing")
        }
        return given
    }

    private func contextLength(_ settings: ServerSettings) throws(ServerMismatch) -> UInt32 {
        guard let given = settings.contextLength else {
            guard let told = contextLength, told > 0 else { throw ServerMismatch("it tells no max_model_len; give --context-length") }
            return told
        }
        if let told = contextLength, given > told {
            throw ServerMismatch("its max_model_len is \(told); give --context-length \(told) or less, or nothing")
        }
        return given
    }
}

/// The figures of a vLLM server's ranks, out of its metrics.
enum VLLMFigures {
    private static let running = "vllm:num_requests_running", waiting = "vllm:num_requests_waiting"
    /// The older of the two names is of versions before 0.10.
    private static let usage = ["vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"]

    static func ranks(in text: [UInt8], count: Int) -> [RankFigures?] {
        let metrics = MetricsText(text, names: Set([running, waiting] + usage))
        var ranks = [RankFigures?](repeating: nil, count: count)
        for sample in metrics.samples where sample.value.isFinite && sample.value >= 0 {
            let rank = sample.labels["engine"].flatMap { Int($0) } ?? 0
            guard ranks.indices.contains(rank) else { continue }
            var figures = ranks[rank] ?? RankFigures()
            switch sample.name {
            case running: figures.runningRequests = UInt32(min(sample.value, 1e9))
            case waiting: figures.waitingRequests = UInt32(min(sample.value, 1e9))
            default: figures.blocksInUse = min(sample.value, 1)
            }
            ranks[rank] = figures
        }
        return ranks
    }
}
