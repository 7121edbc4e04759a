import ClusterModel
import EngineAdapters
import EngineServing
import Engines
package import ProcessKit
package import ServiceRuntime
import TextProcessing
import Transport
import WireProtocol

/// The options of `workerd`.
package struct WorkerOptions: Sendable {
    package let table: OptionTable
    package let process: ProcessOptions
    private let role: OptionKey<Role>
    private let routers: OptionKey<[String]>
    package let listen: OptionKey<String>
    package let publish: OptionKey<String>
    private let workerID: OptionKey<String?>
    private let engine: OptionKey<Engine>
    private let model: OptionKey<ModelFolder?>
    private let formats: FormatOptions
    private let modelName: OptionKey<String>
    private let servedNames: OptionKey<[String]>
    private let blockSize: OptionKey<Int>
    private let contextLength: OptionKey<Int>
    private let ranks: OptionKey<Int>
    private let blocks: OptionKey<Int>
    private let sequences: OptionKey<Int>
    private let batchedTokens: OptionKey<Int>
    private let waiting: OptionKey<Int>
    private let mock: MockOptions
    private let reference: ReferenceOptions
    private let llama: LlamaOptions
    private let server: ServerEngineOptions
    private let stream: StreamOptions
    private let sessions: SessionOptions
    private let rooms: RoomOptions
    private let faults: EngineFaultOptions

    private enum Role: String, CaseIterable, Sendable { case aggregated, prefill, decode }
    private enum Engine: String, CaseIterable, Sendable {
        case mock, reference, llama, vllm, sglang, openai

        /// One that is a server elsewhere.
        var isServer: Bool {
            switch self {
            case .mock, .reference, .llama: false
            case .vllm, .sglang, .openai: true
            }
        }
    }

    package init() {
        let mock = MockConfiguration(), config = WorkerConfig()
        var table = OptionTable(
            ProcessDescription(
                name: "workerd",
                summary: "Runs an engine for the cluster: registers with every router, and streams tokens to the frontends that ask.",
                protocolVersion: WireVersion.current.description,
                examples: [
                    .init("workerd", "runs the mock engine, with the router at tcp://127.0.0.1:8100"),
                    .init(
                        "workerd --routers tcp://10.0.0.5:8100,tcp://10.0.0.6:8100 --listen tcp://0.0.0.0:8200 --advertise-host 10.0.0.9",
                        "tells two routers, and is dialled from other machines"),
                    .init("workerd --mock-decode-step 10ms --mock-prefill-token 20us", "a mock of the same pace at every load"),
                    .init("workerd --mock-profile deploy/engines/mock-profile.json", "a mock of the pace of a machine that was measured"),
                    .init("workerd --model deploy/models/tiny", "a mock with the tokens and the chat template of a real model"),
                    .init(
                        "workerd --mock-says deploy/engines/mock-answers.jsonl --tool-format hermes --reasoning-format think",
                        "a mock that calls tools and thinks, as its file says"),
                    .init(
                        "workerd --engine reference --model deploy/models/tiny --weights deploy/models/tiny/tiny-f16.gguf",
                        "a model that computes, small enough for any machine"),
                    .init(
                        "workerd --engine llama --model deploy/models/tiny --weights deploy/models/tiny/tiny-f16.gguf",
                        "llama.cpp in a process of its own; deploy/engines/llama/setup builds it"),
                    .init("workerd --speedup 0", "a mock that is as fast as this machine: for measuring everything else"),
                ]))
        table.group("Cluster")
        role = table.option(
            "role", .word(), default: .aggregated, help: "Whole requests, or one of the two legs of split ones.")
        routers = table.list(
            "routers", .address(.peer), default: ["tcp://127.0.0.1:8100"], count: 1...16, help: "Every router of the cluster.")
        listen = table.option(
            "listen", .address(.listener), default: config.listen.description,
            help: "Where frontends, routers and workers open links; port 0 lets the system choose.")
        publish = table.option(
            "publish", .address(.listener), default: config.publish.description,
            help: "Where this worker's events are published; port 0 lets the system choose.")
        workerID = table.optional(
            "worker-id", .text("HEX", problem: Self.idProblem),
            help: "The worker's number, 16 hexadecimal digits, the same after a restart; drawn anew if it is not given.")
        table.group("Engine")
        engine = table.option("engine", .word(), default: .mock, help: "Which engine runs.")
        model = table.optional(
            "model", .modelFolder,
            help: "A folder with tokenizer.json and its like: the engine speaks that model's tokens, and frontends use its chat template.")
        formats = FormatOptions(in: &table)
        modelName = table.option(
            "model-name", .text("NAME", problem: Self.nameProblem), default: mock.modelName,
            help: "What clients call the model; with a folder and no name, the folder's.")
        servedNames = table.list(
            "served-names", .text("NAME", problem: Self.nameProblem), count: 0...Limits.servedNames, help: "Further names for it.")
        blockSize = table.option(
            "block-size", .integer(1...4_096), default: Int(mock.blockSize), help: "Tokens of a block of KV cache, in routing and events.")
        contextLength = table.option(
            "context-length", .integer(16...Limits.promptTokens), default: Int(mock.contextLength), help: "Prompt and output together.")
        ranks = table.option(
            "ranks", .integer(1...Limits.ranks), default: mock.ranks,
            help: "Data-parallel replicas inside this worker, each of the size below.")
        blocks = table.option(
            "blocks", .integer(1...100_000_000), default: Int(mock.room.totalBlocks), help: "KV blocks of a rank.")
        sequences = table.option(
            "max-sequences", .integer(1...65_536), default: Int(mock.room.maxSequences), help: "Sequences of a rank that run at once.")
        batchedTokens = table.option(
            "max-batched-tokens", .integer(1...1_048_576), default: Int(mock.room.maxBatchedTokens), help: "Tokens of one engine step.")
        waiting = table.option(
            "max-waiting", .integer(1...65_536), default: Int(mock.room.maxWaiting),
            help: "Requests that may wait on a rank; further ones are refused, and placed elsewhere.")
        self.mock = MockOptions(in: &table, name: .text("NAME", problem: Self.nameProblem))
        let says = self.mock.says
        table.check(says, model, formats.reasoningFormat) { [model, formats] resolved in
            guard let file = resolved[says], let text = try? resolved[model]?.text ?? SpokenTokens.bytes() else { return [] }
            do throws(ValueProblem) {
                _ = try SpokenTokens(text, formats.reasoning(resolved, resolved[model])).answers(file)
                return []
            } catch { return [resolved.issue(says, problem: error.problem, remedy: error.remedy)] }
        }
        reference = ReferenceOptions(in: &table)
        llama = LlamaOptions(in: &table, reference.weights)
        table.check(engine, reference.weights, model, contextLength, ranks) {
            [engine, reference, llama, model, contextLength, ranks] resolved in
            var issues: [ConfigIssue]
            switch resolved[engine] {
            case .mock, .vllm, .sglang, .openai:
                guard resolved[reference.weights] != nil else { return [] }
                return [resolved.issue(reference.weights, problem: "this engine takes no weights", remedy: "give --engine reference, too")]
            case .reference: issues = reference.issues(resolved, model, contextLength)
            case .llama: issues = llama.issues(resolved, model)
            }
            if resolved[ranks] != 1 {
                issues.append(resolved.issue(ranks, problem: "this engine has one rank", remedy: "start more workers"))
            }
            return issues
        }
        server = ServerEngineOptions(in: &table, name: .text("NAME", problem: Self.nameProblem))
        table.check(engine, server.url, server.key, server.events, server.replay, model, ranks) { [engine, server, model, ranks] resolved in
            server.issues(resolved, serves: resolved[engine].isServer, model, ranks)
        }
        sessions = SessionOptions(in: &table)
        rooms = RoomOptions(in: &table)
        stream = StreamOptions(in: &table)
        faults = EngineFaultOptions(in: &table)
        process = ProcessOptions(in: &table, role: .worker, admin: "127.0.0.1:0")
        table.check(contextLength, blockSize, blocks, engine) { [contextLength, blockSize, blocks, engine, reference] resolved in
            var context = resolved[contextLength]
            if resolved[engine] != .mock {
                // Blocks that nobody counts are as many as the context needs, and that is the model's where nobody says less.
                if case .default = resolved.origin(of: blocks) { return [] }
                if case .default = resolved.origin(of: contextLength) {
                    guard resolved[engine] == .reference, let weights = try? resolved[reference.weights]?.understood() else { return [] }
                    context = weights.model.contextLength
                }
            }
            guard resolved[blocks].multipliedReportingOverflow(by: resolved[blockSize]).partialValue < context else { return [] }
            return [
                resolved.issue(
                    blocks, problem: "\(resolved[blocks]) blocks hold no context of \(context) tokens",
                    remedy: "give more blocks, or a shorter context-length")
            ]
        }
        table.check(sequences, batchedTokens) { [sequences, batchedTokens] resolved in
            guard resolved[batchedTokens] < resolved[sequences] else { return [] }
            return [
                resolved.issue(
                    batchedTokens, problem: "a step of decode has up to \(resolved[sequences]) tokens",
                    remedy: "make it max-sequences at the least")
            ]
        }
        self.table = table
    }

    /// The number that stays over restarts, if one was given.
    package func id(_ resolved: ResolvedConfiguration) -> UInt64? { resolved[workerID].flatMap(WorkerID.init(text:))?.rawValue }

    package func config(_ resolved: ResolvedConfiguration) throws -> WorkerConfig {
        var config = WorkerConfig()
        config.role =
            switch resolved[role] {
            case .aggregated: .aggregated
            case .prefill: .prefill
            case .decode: .decode
            }
        config.routers = try resolved[routers].map { text in try Address(parsing: text) }
        config.listen = try Address(parsing: resolved[listen])
        config.publish = try Address(parsing: resolved[publish])
        config.servedNames = resolved[servedNames]
        config.drainLimit = resolved[process.drainLimit]
        sessions.apply(resolved, to: &config)
        rooms.apply(resolved, to: &config)
        stream.apply(resolved, to: &config)
        switch resolved[engine] {
        case .mock: config.engine = .mock(try mock(resolved))
        case .reference: config.engine = try reference(resolved)
        case .llama: config.engine = try llama(resolved)
        case .vllm:
            let settings = try serverSettings(resolved)
            config.engine = .remote { ServerEngine(settings, VLLMDialect(settings), $0) }
        case .sglang:
            let settings = try serverSettings(resolved)
            config.engine = .remote { ServerEngine(settings, SGLangDialect(settings, in: $0), $0) }
        case .openai:
            let settings = try serverSettings(resolved)
            config.engine = .remote { ServerEngine(settings, OpenAIDialect(settings), $0) }
        }
        let faults = faults.faults(resolved)
        if !faults.isNone { config.engine = .faulty(config.engine, faults) }
        return config
    }

    private func mock(_ resolved: ResolvedConfiguration) throws -> MockConfiguration {
        var mock = MockConfiguration(
            modelName: resolved[modelName], blockSize: UInt32(clamping: resolved[blockSize]),
            contextLength: UInt32(clamping: resolved[contextLength]), ranks: resolved[ranks],
            room: EngineRank(
                totalBlocks: UInt32(clamping: resolved[blocks]), maxSequences: UInt32(clamping: resolved[sequences]),
                maxBatchedTokens: UInt32(clamping: resolved[batchedTokens]), maxWaiting: UInt32(clamping: resolved[waiting])))
        if let folder = resolved[model] {
            mock.vocabulary = folder.vocabulary
            if case .default = resolved.origin(of: modelName), let name = folder.name { mock.modelName = name }
        }
        mock.toolFormat = resolved[formats.toolFormat] ?? ""
        mock.reasoningFormat = resolved[formats.reasoningFormat] ?? ""
        self.mock.apply(resolved, to: &mock)
        let spoken = SpokenTokens(
            try resolved[model]?.text ?? SpokenTokens.bytes(), formats.reasoning(resolved, resolved[model]))
        mock.thoughts = try spoken.thoughts()
        mock.answers = try resolved[self.mock.says].map(spoken.answers)
        return mock
    }

    private func reference(_ resolved: ResolvedConfiguration) throws -> EngineSelection {
        guard let file = resolved[reference.weights], let folder = resolved[model] else {
            throw EngineFailure("the reference engine needs weights and a tokenizer")
        }
        func isDefault(_ option: some OptionIdentity) -> Bool { if case .default = resolved.origin(of: option) { true } else { false } }
        let weights = try file.understood()
        var made = ReferenceConfiguration(weights.model, name: resolved[modelName], weights: weights.digest)
        if isDefault(modelName), let name = folder.name { made.modelName = name }
        made.blockSize = UInt32(clamping: resolved[blockSize])
        if !isDefault(contextLength) { made.contextLength = UInt32(clamping: resolved[contextLength]) }
        // What the mock takes for granted would take gigabytes here; but the longest context has to fit.
        let leastBlocks = (made.contextLength + made.blockSize - 1) / made.blockSize
        made.room.totalBlocks = isDefault(blocks) ? max(made.room.totalBlocks, leastBlocks) : UInt32(clamping: resolved[blocks])
        if !isDefault(sequences) { made.room.maxSequences = UInt32(clamping: resolved[sequences]) }
        if !isDefault(batchedTokens) { made.room.maxBatchedTokens = UInt32(clamping: resolved[batchedTokens]) }
        made.room.maxWaiting = UInt32(clamping: resolved[waiting])
        made.files = folder.vocabulary.files
        made.generationDefaults = folder.vocabulary.generationDefaults
        made.endTokens = folder.text.endTokens
        made.toolFormat = resolved[formats.toolFormat] ?? ""
        made.reasoningFormat = resolved[formats.reasoningFormat] ?? ""
        made.handOver = resolved[reference.handOver].paths
        return .reference(made)
    }

    private func llama(_ resolved: ResolvedConfiguration) throws -> EngineSelection {
        guard let folder = resolved[model] else { throw EngineFailure("this engine needs a tokenizer") }
        // What stays at its default is the engine's to choose, by its weights.
        func given(_ option: OptionKey<Int>) -> UInt32 {
            if case .default = resolved.origin(of: option) { 0 } else { UInt32(clamping: resolved[option]) }
        }
        var settings = EngineSettings()
        settings.modelName = resolved[modelName]
        if case .default = resolved.origin(of: modelName), let name = folder.name { settings.modelName = name }
        settings.blockSize = UInt32(clamping: resolved[blockSize])
        settings.contextLength = given(contextLength)
        settings.blocks = given(blocks)
        settings.sequences = given(sequences)
        settings.batchedTokens = given(batchedTokens)
        settings.waiting = UInt32(clamping: resolved[waiting])
        return try llama.engine(
            resolved, settings, folder, toolFormat: resolved[formats.toolFormat] ?? "",
            reasoningFormat: resolved[formats.reasoningFormat] ?? "")
    }

    func serverSettings(_ resolved: ResolvedConfiguration) throws -> ServerSettings {
        guard let address = resolved[server.url], let folder = resolved[model] else {
            throw EngineFailure("an engine's server needs an address and a tokenizer")
        }
        func given<Value>(_ option: OptionKey<Value>) -> Value? {
            if case .default = resolved.origin(of: option) { nil } else { resolved[option] }
        }
        var settings = ServerSettings(
            address: address, text: folder.text,
            room: EngineRank(
                totalBlocks: UInt32(clamping: resolved[blocks]), maxSequences: UInt32(clamping: resolved[sequences]),
                maxBatchedTokens: UInt32(clamping: resolved[batchedTokens]), maxWaiting: UInt32(clamping: resolved[waiting])),
            usualBlockSize: UInt32(clamping: resolved[blockSize]))
        settings.modelName = given(modelName) ?? folder.name
        settings.files = folder.vocabulary.files
        settings.generationDefaults = folder.vocabulary.generationDefaults
        settings.toolFormat = resolved[formats.toolFormat] ?? ""
        settings.reasoningFormat = resolved[formats.reasoningFormat] ?? ""
        settings.blockSize = given(blockSize).map { UInt32(clamping: $0) }
        settings.totalBlocks = given(blocks).map { UInt32(clamping: $0) }
        settings.contextLength = given(contextLength).map { UInt32(clamping: $0) }
        settings.ranks = resolved[ranks]
        server.apply(resolved, to: &settings)
        return settings
    }

    // MARK: Values

    @Sendable private static func idProblem(_ text: String) -> ValueProblem? {
        WorkerID(text: text) == nil ? ValueProblem("it is no worker id", remedy: "write 16 hexadecimal digits") : nil
    }

    @Sendable private static func nameProblem(_ text: String) -> ValueProblem? {
        let fits = !text.isEmpty && text.utf8.count <= Limits.nameBytes && text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F }
        return fits ? nil : ValueProblem("it is no name", remedy: "write 1 to \(Limits.nameBytes) bytes without spaces")
    }
}
