import ClusterModel
import Engines
import JSONText

/// What a server of SGLang's says of itself: `/server_info`, `/model_info` and `/v1/models` together, by the names of all releases since 0.4.
struct SGLangServer: Hashable {
    /// Which part of split requests it does.
    enum Role: Hashable {
        case whole
        /// Its decoders meet it at this port of the host that it is reached at.
        case prefill(port: UInt16)
        case decode
    }

    /// Where it publishes the events of its cache.
    struct Events: Hashable {
        var port: UInt16
        var topic: String
        var replayPort: UInt16?
        var loadPort: UInt16?
        var loadTopic: String
    }

    var version: String
    var role = Role.whole
    /// By which clients of its own API call the model.
    var modelName: String
    /// The path or name that it was loaded from, and what its operator calls the state of the weights.
    var weights: String
    var contextLength: Int
    /// Tokens of a page: the size of the blocks in its events.
    var pageSize: Int
    var totalTokens: Int
    var mostRunning: Int?
    var mostBatchedTokens: Int?
    var ranks = 1
    /// Prefixes are found again.
    var caches = true
    /// Nil: it publishes none, or at no address of TCP's.
    var events: Events?
    var adapters: [String] = []
    var takesConstraints = true
    var prioritizes = false
    var lowPriorityFirst = false
    /// Each event of a stream repeats all that came before it.
    var repeatsOutput = true

    /// The member of a request that names a rank.
    var rankMember: String { namesRouteds ? "routed_dp_rank" : "data_parallel_rank" }

    /// Since 0.5.9; the older name is understood for longer, and warned about.
    private var namesRouteds: Bool {
        let parts = version.split(separator: ".").prefix(3).map { Int($0.prefix { $0.isWholeNumber }) ?? 0 }
        return !parts.lexicographicallyPrecedes([0, 5, 9])
    }

    /// A request's priority as this server counts it; nil where it has none.
    func priority(_ priority: Float) -> Int64? {
        guard prioritizes, priority.isFinite else { return nil }
        let whole = Int64(max(-Self.mostPriority, min(Self.mostPriority, priority.rounded())))
        return lowPriorityFirst ? -whole : whole
    }

    /// Far beyond any priority that is meant.
    private static let mostPriority: Float = 1_000_000
}

extension SGLangServer {
    /// - Parameters:
    ///   - info: the answer of `/server_info`, or of `/get_server_info`.
    ///   - model: that of `/model_info`, or of `/get_model_info`.
    ///   - models: that of `/v1/models`.
    init(info: [UInt8], model: [UInt8], models: [UInt8]) throws(ServerProblem) {
        let info = try AnswerValue(parsing: info), model = try AnswerValue(parsing: model), models = try AnswerValue(parsing: models)
        guard info.isObject else { throw ServerProblem.malformed("server_info must be a JSON object") }
        guard try model["is_generation"].flag() ?? true else {
            throw ServerProblem.malformed("model_info.is_generation says that the model generates nothing")
        }
        let internals = try info["internal_states"].elements(atMost: AnswerLimits.ranks)?.first
        /// Where its scheduler says something, that is what became of the options.
        func figure(_ name: String) throws(ServerProblem) -> Int? {
            if let value = try internals?[name].count(), value > 0 { return value }
            guard let value = info[name].value?.asInt, value > 0 else { return nil }  // -1 stands for none
            return value
        }
        let cards = try models["data"].elements(atMost: AnswerLimits.models) ?? []
        version = try info["version"].text() ?? "unknown"
        let path = try AnswerValue.path(of: model["model_path"], info["model_path"]) ?? ""
        let state = try model["weight_version"].text()
        weights = state.map { $0 == "default" ? path : "\(path) \($0)" } ?? path
        modelName = try AnswerValue.path(of: model["served_model_name"], info["served_model_name"], cards.first?["id"]) ?? path
        let listed = try cards.first?["max_model_len"].count(), configured = try figure("context_length")
        // The longest prompt leaves room for one token.
        let longest = try figure("max_req_input_len").map { min($0, AnswerLimits.tokens) + 1 }
        guard let context = listed ?? configured ?? longest, context > 0 else {
            throw ServerProblem.malformed("max_model_len is missing: nothing says how long a context may be")
        }
        contextLength = context
        pageSize = try figure("page_size") ?? 1
        guard let total = try figure("max_total_num_tokens") else {
            throw ServerProblem.malformed("max_total_num_tokens is missing: the server has not loaded its model")
        }
        totalTokens = total
        let configuredRunning = try figure("max_running_requests")
        mostRunning = try figure("effective_max_running_requests_per_dp") ?? configuredRunning
        mostBatchedTokens = try figure("chunked_prefill_size")
        caches = try info["disable_radix_cache"].flag() != true
        takesConstraints = try info["grammar_backend"].text() != "none"
        prioritizes = try info["enable_priority_scheduling"].flag() ?? false
        lowPriorityFirst = try info["schedule_low_priority_values_first"].flag() ?? false
        repeatsOutput = try info.first(of: "incremental_streaming_output", "stream_output").flag() != true
        for card in cards.dropFirst() where card["parent"].value != nil {
            if let name = try card["id"].text() { adapters.append(name) }
        }
        role = try Self.role(info)
        ranks = max(1, try info["dp_size"].count(atMost: AnswerLimits.ranks) ?? 1)
        let published = info["kv_events"]
        if published.isObject {
            events = try Events(published)
            if let size = try published["block_size"].count(atMost: AnswerLimits.pageTokens), size > 0 { pageSize = size }
            ranks = max(1, try published["dp_size"].count(atMost: AnswerLimits.ranks) ?? ranks)
        }
    }

    private static func role(_ info: AnswerValue) throws(ServerProblem) -> Role {
        let mode = info["disaggregation_mode"]
        switch try mode.text() {
        case nil, "null"?: return .whole
        case "decode"?: return .decode
        case "prefill"?:
            guard let port = try info["disaggregation_bootstrap_port"].port() else {
                throw info["disaggregation_bootstrap_port"].problem("is missing: decoders would not find this server")
            }
            return .prefill(port: port)
        case .some: throw mode.problem("is none that is known: null, prefill or decode")
        }
    }
}

extension SGLangServer.Events {
    /// Nil where what is published has no port to be reached at.
    fileprivate init?(_ published: AnswerValue) throws(ServerProblem) {
        guard let port = try published["endpoint_port_base"].port() else { return nil }
        self.port = port
        topic = try published["topic"].text() ?? ""
        replayPort = try published["replay_endpoint_port_base"].port()
        loadPort = try published["load_endpoint_port_base"].port()
        loadTopic = try published["load_topic"].text() ?? "load"
    }
}

extension AnswerValue {
    func port() throws(ServerProblem) -> UInt16? {
        guard let number = try count(atMost: 65_535) else { return nil }
        guard number > 0 else { throw problem("must be a port from 1 to 65535") }
        return UInt16(number)
    }

    /// The first of these that is there: a model's name or path.
    static func path(of values: AnswerValue?...) throws(ServerProblem) -> String? {
        for value in values {
            if let text = try value?.text(atMost: AnswerLimits.pathBytes), !text.isEmpty { return text }
        }
        return nil
    }
}
