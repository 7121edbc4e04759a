import ClusterModel
import JSONText
import Testing

@testable import EngineAdapters
@testable import Engines

/// Shapes made by hand: no SGLang ran for them, see `Tests/Fixtures/engines/sglang/README.md`.
@Suite("A server of SGLang's, by the shapes of its answers")
struct SGLangServedTests {
    private static let tokens: [TokenID] = [325, 438, 333, 1032, 287, 940, 13, 1162]

    private func scene(
        info: String = "server-info", _ change: (inout ServerSettings) -> Void = { _ in }
    ) throws -> (ServedScene, EngineProfile) {
        let scene = try ServedScene(settings: change, dialect: { SGLangDialect($0) { 77 } })
        for (target, name) in [("/health", "health"), ("/server_info", info), ("/model_info", "model-info"), ("/v1/models", "models")] {
            try scene.replay(target, "sglang/\(name)")
        }
        return (scene, try scene.begin().get())
    }

    private func request(_ scene: ServedScene, _ change: (inout EngineRequest) -> Void = { _ in }) -> EngineRequest {
        scene.request { request in
            request.prompt = [TokenID](repeating: 7, count: 15)
            request.choices = [EngineChoice(choice: 0, maxTokens: 16)]
            change(&request)
        }
    }

    // MARK: What it is

    @Test("its profile is what it says of itself")
    func profile() throws {
        let (_, profile) = try scene()
        #expect(profile.name == "sglang" && profile.build == "sglang-0.5.23")
        #expect(profile.model.weights == "deploy/models/tiny" && profile.model.adapters == ["sql"])
        #expect(profile.model.blockSize == 32 && profile.model.contextLength == 1_024 && profile.model.vocabularySize == 1_167)
        #expect(profile.ranks.map(\.totalBlocks) == [128] && profile.ranks.map(\.maxSequences) == [32])
        #expect(profile.ranks.map(\.maxBatchedTokens) == [512])
        // It says where it tells of its cache, and is followed there.
        #expect(profile.cacheReport == .exact)
        #expect(profile.capabilities == [.logprobs, .constraints, .choices, .adapters, .salts] && profile.kvShape == nil)
    }

    @Test("one that tells nothing of its cache is routed by guesses, in blocks of a usual size")
    func silent() throws {
        let (_, profile) = try scene(info: "server-info-silent")
        #expect(profile.cacheReport == .silent && profile.model.blockSize == 16 && profile.ranks[0].totalBlocks == 256)
    }

    @Test("an older one is asked by older paths")
    func older() throws {
        let scene = try ServedScene(settings: { $0.ranks = 2 }, dialect: { SGLangDialect($0) { 77 } })
        for (target, name) in [
            ("/health", "health"), ("/get_server_info", "get-server-info-older"), ("/get_model_info", "model-info"),
            ("/v1/models", "models"),
            ("/get_load", "get-load-older"),
        ] { try scene.replay(target, "sglang/\(name)") }
        let profile = try scene.begin().get()
        #expect(profile.build == "sglang-0.4.10" && profile.ranks.count == 2 && profile.cacheReport == .noCache)
        #expect(profile.ranks[0].maxBatchedTokens == 512)
        scene.pass(.seconds(10)) { scene.asked.contains { $0.target == "/get_load" } }
        scene.pass(.milliseconds(100))
        try scene.replay("/generate", "sglang/generate-stream")
        _ = scene.outcome(request(scene))
        #expect(scene.loads.map(\.runningRequests) == [4, 0] && scene.loads.map(\.waitingRequests) == [1, 0])
        #expect(scene.loads.map(\.activeBlocks) == [256, 0])
    }

    @Test(
        "what the worker was told otherwise ends the start, and says what to do",
        arguments: [
            (0, "--ranks 1"), (1, "--block-size 32"), (2, "--context-length 1024"), (3, "--engine-model tiny"),
        ])
    func mismatches(_ which: Int, _ advice: String) throws {
        let scene = try ServedScene(
            settings: { settings in
                switch which {
                case 0: settings.ranks = 2
                case 1: settings.blockSize = 16
                case 2: settings.contextLength = 2_048
                default: settings.engineModel = "other"
                }
            }, dialect: { SGLangDialect($0) { 77 } })
        for (target, name) in [
            ("/health", "health"), ("/server_info", "server-info"), ("/model_info", "model-info"), ("/v1/models", "models"),
        ] { try scene.replay(target, "sglang/\(name)") }
        guard case .failure(let failure) = scene.begin() else {
            Issue.record("it began")
            return
        }
        #expect(failure.description.contains(advice))
    }

    // MARK: Streams

    @Test(
        "tokens, end and counts are told, in either manner and however the bytes are cut",
        arguments: [
            ("generate-stream", Int.max), ("generate-stream-incremental", .max), ("generate-stream", 1), ("generate-stream-incremental", 1),
            ("generate-stream", 7),
        ])
    func streams(_ name: String, _ piece: Int) throws {
        let (scene, _) = try scene()
        try scene.replay("/generate", "sglang/\(name)", piece: piece)
        let request = request(scene)
        let outcome = scene.outcome(request)
        #expect(outcome.tokens == [0: Self.tokens] && outcome.finishes == [0: .endOfText] && outcome.faults.isEmpty)
        #expect(outcome.started == [14] && outcome.end?.reason == .finished)
        #expect(outcome.end?.promptTokens == 15 && outcome.end?.cachedTokens == 14 && outcome.end?.outputTokens == 8)
    }

    @Test("a client's stop token is told from the end of the text")
    func stopToken() throws {
        let (scene, _) = try scene()
        try scene.replay("/generate", "sglang/generate-stream")
        #expect(scene.outcome(request(scene) { $0.sampling.stopTokens = [1162] }).finishes == [0: .stopToken])
    }

    @Test("log probabilities come with their tokens", arguments: ["generate-stream-logprobs", "generate-stream-logprobs-incremental"])
    func logprobs(_ name: String) throws {
        let (scene, _) = try scene()
        try scene.replay("/generate", "sglang/\(name)")
        let outcome = scene.outcome(
            request(scene) { request in
                request.sampling.topLogprobs = 2
                request.choices = [EngineChoice(choice: 0, maxTokens: 3)]
            })
        #expect(outcome.finishes == [0: .length] && outcome.logprobs.map(\.chosen.logprob) == [-0.125, -0.25, -0.375])
        #expect(
            outcome.logprobs.map(\.top.count) == [2, 2, 2] && outcome.logprobs.last?.top.last == ScoredToken(token: 1028, logprob: -9.5))
    }

    @Test("each choice is a question of its own, whose name is the beginning of no other's")
    func choices() throws {
        let (scene, _) = try scene()
        try scene.replay("/generate", "sglang/generate-stream")
        let outcome = scene.outcome(
            request(scene) { $0.choices = (0..<12).map { EngineChoice(choice: $0, maxTokens: 16) } })
        #expect(outcome.finishes.count == 12 && outcome.faults.isEmpty)
        let names = try scene.questions("/generate").compactMap { try JSONValue(parsing: $0.body)["rid"]?.asString }
        #expect(names.count == 12)
        for name in names { #expect(names.filter { $0.hasPrefix(name) } == [name]) }
    }

    @Test(
        "errors inside a stream end the request as what they are",
        arguments: [
            ("generate-stream-error", EngineFault.failed("the engine's server: status 400")), ("generate-stream-abort", .capacity),
            ("not-found", .failed("the engine's server: status 404")),
        ])
    func errors(_ name: String, _ fault: EngineFault) throws {
        let (scene, _) = try scene()
        try scene.replay("/generate", "sglang/\(name)")
        #expect(scene.outcome(request(scene)).end?.reason == .failed(fault))
    }

    @Test(
        "a stream that ends at any byte never ends well, but for the last ones",
        arguments: ["generate-stream", "generate-stream-incremental"])
    func truncations(_ name: String) throws {
        let bytes = try Capture("sglang/\(name)").answer
        let (scene, _) = try scene()
        // All is said before the last event, which says so, and the last chunk.
        let last = bytes.count - Array("e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n".utf8).count
        for count in stride(from: 0, to: last - 2, by: 5) {
            scene.answer("/generate") { _ in ServerDouble.Answer(Array(bytes[..<count]), closes: true) }
            let outcome = scene.outcome(request(scene))
            guard case .failed? = outcome.end?.reason else {
                Issue.record("cut at \(count): \(String(describing: outcome.end?.reason))")
                return
            }
            #expect(outcome.faults.isEmpty)
        }
    }

    @Test("a request that is cancelled is told to be dropped by its name")
    func cancel() throws {
        let (scene, _) = try scene()
        let first = #"{"output_ids":[325],"meta_info":{"finish_reason":null,"completion_tokens":1}}"#
        scene.answer("/generate") { _ in .events([first]) }
        let request = request(scene)
        scene.admit(request)
        scene.pass(.seconds(5)) { !scene.soFar(request).tokens.isEmpty }
        scene.cancel(request.key)
        scene.pass(.seconds(5)) {
            !scene.questions("/abort_request").isEmpty && scene.departures == 1 && scene.soFar(request).end != nil
        }
        #expect(scene.soFar(request).end?.reason == .cancelled)
        let name = try JSONValue(parsing: scene.questions("/generate")[0].body)["rid"]
        #expect(try JSONValue(parsing: scene.questions("/abort_request")[0].body)["rid"] == name)
    }

    // MARK: Two servers

    @Test("a prefill leg hands over as soon as its server has the question, and leaves it there")
    func prefill() throws {
        let (scene, profile) = try scene(info: "server-info-prefill") { $0.meetingHost = "prefill-7" }
        #expect(profile.capabilities.isSuperset(of: [.sequentialHandOver, .legsOnly]) && !profile.capabilities.contains(.choices))
        #expect(profile.kvShape?.blockTokens == 32)
        // The head, and nothing behind it for as long as the other server is not there.
        scene.answer("/generate") { _ in .events([]) }
        let request = request(scene) { $0.leg = .prefill }
        scene.admit(request)
        let outcome = scene.outcome(of: request, within: .milliseconds(200))
        #expect(outcome.end?.reason == .handedOver && outcome.tokens.isEmpty && outcome.faults.isEmpty)
        let parameters = try JSONValue(parsing: outcome.end?.handOver ?? [])
        #expect(parameters["bootstrap_host"] == "prefill-7" && parameters["bootstrap_port"] == 8998)
        let body = try JSONValue(parsing: scene.questions("/generate")[0].body)
        #expect(body["bootstrap_room"] == parameters["bootstrap_room"] && body["sampling_params"]?["max_new_tokens"]?.asInt == 1)
        // It counts for as long as the server is busy with it, which is not for ever.
        #expect(scene.departures == 0 && scene.loads[0].runningRequests == 1 && scene.loads[0].activeBlocks == 1)
        scene.pass(.seconds(400)) { scene.departures == 1 }
        scene.pass(.seconds(1))
        #expect(scene.departures == 1 && scene.loads[0].runningRequests == 0 && scene.loads[0].activeBlocks == 0)
    }

    @Test("a prefill server that says nothing at once may have the question all the same; one that refuses it has not")
    func prefillHeads() throws {
        let (scene, _) = try scene(info: "server-info-prefill")
        scene.answer("/generate") { _ in .silence }
        #expect(scene.outcome(request(scene) { $0.leg = .prefill }).end?.reason == .handedOver)
        scene.answer("/generate") { _ in .json(503, "{}") }
        #expect(scene.outcome(request(scene) { $0.leg = .prefill }).end?.reason == .failed(.capacity))
    }

    @Test("a decode leg meets the prefill server where its parameters say, and gives all tokens")
    func decode() throws {
        let (scene, _) = try scene(info: "server-info-decode")
        try scene.replay("/generate", "sglang/generate-stream")
        let meeting = SGLangMeeting(host: "10.0.0.9", port: 8998, rank: Rank(1), of: 2, random: 1_000)
        let outcome = scene.outcome(
            request(scene) { request in
                request.leg = .decode
                request.handOver = .parameters(meeting.parameters)
            })
        #expect(outcome.tokens == [0: Self.tokens] && outcome.end?.reason == .finished)
        let body = try JSONValue(parsing: scene.questions("/generate")[0].body)
        #expect(body["bootstrap_host"] == "10.0.0.9" && body["bootstrap_room"]?.asUInt64 == meeting.room)
        #expect(body["disagg_prefill_dp_rank"]?.asInt == 1)
    }

    @Test("half a pair serves its half and nothing else", arguments: ["server-info-prefill", "server-info-decode"])
    func halves(_ info: String) throws {
        let (scene, _) = try scene(info: info)
        #expect(scene.outcome(request(scene)).end?.reason == .failed(.unsupported("leg")))
        let isPrefill = info == "server-info-prefill"
        let other = request(scene) { request in
            request.leg = isPrefill ? .decode : .prefill
            if isPrefill { request.handOver = .parameters(Array("{}".utf8)) }
        }
        #expect(scene.outcome(other).end?.reason == .failed(.unsupported("leg")))
        #expect(scene.questions("/generate").isEmpty)
    }
}
