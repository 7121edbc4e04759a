import ClusterModel
import JSONText
import Testing

@testable import EngineAdapters
@testable import Engines

@Suite("llama-server and transformers, as they really answered")
struct OpenAIServedTests {
    private static let tokens: [TokenID] = [325, 438, 333, 1032, 287, 940, 13]

    private func scene(
        _ answers: [(String, String)], _ change: (inout ServerSettings) -> Void = { _ in }
    ) throws -> ServedScene {
        let scene = try ServedScene(settings: change, dialect: { OpenAIDialect($0) })
        for (target, name) in answers { try scene.replay(target, name) }
        return scene
    }

    private static let llama = [
        ("/health", "llama-server/health"), ("/v1/models", "llama-server/models"), ("/props", "llama-server/props"),
        ("/metrics", "llama-server/metrics-running"),
    ]
    private static let transformers = [("/health", "transformers/health"), ("/v1/models", "transformers/models")]

    /// As the real one refuses what it does not know, and prompts of tokens.
    private func transformers(_ change: (inout ServerSettings) -> Void = { _ in }) throws -> (ServedScene, EngineProfile) {
        let scene = try scene(Self.transformers) { settings in
            settings.engineModel = ".engines/tiny"
            settings.contextLength = 2_048
            change(&settings)
        }
        let plain = try Capture("transformers/completion").answer, tokens = try Capture("transformers/completion-tokens").answer
        let unknown = try Capture("transformers/error-unknown-field").answer
        let known: Set = [
            "model", "prompt", "max_tokens", "temperature", "top_p", "stream", "stream_options", "seed", "logit_bias", "presence_penalty",
            "frequency_penalty",
        ]
        scene.answer("/v1/completions") { asked in
            guard let body = try? JSONValue(parsing: asked.body).asObject else { return .json(400, "{}") }
            if body["prompt"]?.asArray != nil { return .init(tokens) }
            return .init(body.names.allSatisfy { known.contains($0) } ? plain : unknown)
        }
        return (scene, try scene.begin().get())
    }

    private func request(_ scene: ServedScene, _ change: (inout EngineRequest) -> Void = { _ in }) -> EngineRequest {
        scene.request { request in
            request.prompt = [1161, 284, 198, 317, 287, 266, 438, 333, 1032, 30, 1162, 198, 1161, 281, 198]
            request.choices = [EngineChoice(choice: 0, maxTokens: 16)]
            change(&request)
        }
    }

    // MARK: llama-server

    @Test("a llama-server is found by its properties, and spoken to in tokens")
    func llamaProfile() throws {
        let profile = try scene(Self.llama).begin().get()
        #expect(profile.name == "llama-server" && profile.build.hasPrefix("llama-server-b"))
        #expect(profile.model.weights == "deploy/models/tiny/tiny-f16.gguf" && profile.model.contextLength == 1_024)
        #expect(profile.ranks.map(\.maxSequences) == [4] && profile.ranks.map(\.totalBlocks) == [256])
        #expect(profile.cacheReport == .silent && profile.capabilities == [.choices, .logprobs, .constraints])
    }

    @Test("it renders conversations as frontends do, or is found not to")
    func parity() throws {
        let scene = try scene(Self.llama)
        // Whatever it is asked for, it renders the first conversation: the second one differs, and the rest is not asked for.
        try scene.replay("/apply-template", "llama-server/apply-template-plain")
        try scene.replay("/tokenize", "llama-server/tokenize-plain")
        _ = try scene.begin().get()
        #expect(scene.questions("/apply-template").count == 2 && scene.questions("/tokenize").count == 2)
        let asked = try JSONValue(parsing: scene.questions("/tokenize").first?.body ?? "")
        #expect(asked["content"] == "<|im_start|>user\nWhat is the capital of Japan?<|im_end|>\n<|im_start|>assistant\n")
    }

    @Test(
        "its streams are told, however they are cut",
        arguments: [
            ("completion-stream", Int.max, Self.tokens + [1162], EngineFinish.endOfText),
            ("completion-stream", 1, Self.tokens + [1162], .endOfText),
            ("completion-stream-length", .max, Array(Self.tokens.prefix(3)), .length),
        ])
    func llamaStreams(_ name: String, _ piece: Int, _ tokens: [TokenID], _ finish: EngineFinish) throws {
        let scene = try scene(Self.llama)
        _ = try scene.begin().get()
        try scene.replay("/completion", "llama-server/\(name)", piece: piece)
        let outcome = scene.outcome(request(scene))
        #expect(outcome.tokens == [0: tokens] && outcome.finishes == [0: finish] && outcome.faults.isEmpty)
        #expect(outcome.end?.reason == .finished && outcome.end?.promptTokens == 15)
    }

    @Test("log probabilities and forms of output are what it gave")
    func llamaForms() throws {
        let scene = try scene(Self.llama)
        _ = try scene.begin().get()
        try scene.replay("/completion", "llama-server/completion-stream-logprobs")
        let scored = scene.outcome(request(scene) { $0.sampling.topLogprobs = 2 })
        #expect(scored.logprobs.map(\.chosen.token) == Array(Self.tokens.prefix(4)) && scored.logprobs.allSatisfy { $0.top.count == 2 })
        try scene.replay("/completion", "llama-server/completion-stream-schema")
        let formed = scene.outcome(request(scene) { $0.constraint = .jsonObject })
        #expect(formed.end?.reason == .finished && formed.faults.isEmpty)
        try scene.replay("/completion", "llama-server/error-grammar")
        #expect(
            scene.outcome(request(scene) { $0.constraint = .grammar(Array("root ::= (".utf8)) }).end?.reason
                == .failed(.failed("the engine's server: status 400")))
    }

    @Test("one that loads is waited for")
    func loading() throws {
        let scene = try scene([
            ("/health", "llama-server/loading-health"), ("/props", "llama-server/loading-props"), ("/v1/models", "llama-server/models"),
        ])
        guard case .failure(let failure) = scene.begin(within: .seconds(3)) else {
            Issue.record("it began")
            return
        }
        #expect(failure.description.contains("503"))
        for (target, name) in Self.llama { try scene.replay(target, name) }
        #expect(throws: Never.self) { try scene.begin().get() }
    }

    @Test("its figures are counted, where it gives any")
    func figures() throws {
        let scene = try scene(Self.llama)
        _ = try scene.begin().get()
        scene.pass(.seconds(10)) { scene.asked.contains { $0.target == "/metrics" } }
        scene.pass(.milliseconds(100))
        try scene.replay("/completion", "llama-server/completion-stream")
        _ = scene.outcome(request(scene))
        #expect(scene.loads.first?.runningRequests == 1)
        scene.answer("/metrics") { _ in .json(501, "{}") }
        scene.pass(.seconds(20))
        let asked = scene.questions("/metrics").count
        scene.pass(.seconds(20))
        #expect(scene.questions("/metrics").count == asked)
    }

    @Test("a stream that ends at any byte never ends well before its last word", arguments: ["llama-server/completion-stream-length"])
    func truncations(_ name: String) throws {
        let scene = try scene(Self.llama), bytes = try Capture(name).answer
        _ = try scene.begin().get()
        let end = bytes.count - 4
        for count in stride(from: 0, to: end, by: 11) {
            scene.answer("/completion") { _ in ServerDouble.Answer(Array(bytes[..<count]), closes: true) }
            let outcome = scene.outcome(request(scene))
            if case .finished? = outcome.end?.reason { #expect(outcome.finishes == [0: .length]) }
            #expect(outcome.faults.isEmpty && outcome.end != nil)
        }
    }

    // MARK: transformers

    @Test("transformers is asked what it takes; its card says that it answers in text")
    func transformersProfile() throws {
        let (scene, profile) = try transformers()
        #expect(profile.name == "openai" && profile.capabilities == [.choices, .textAnswers] && profile.cacheReport == .silent)
        #expect(profile.model.contextLength == 2_048 && profile.model.weights == ".engines/tiny")
        // What it refuses is not asked of it again.
        #expect(
            scene.outcome(
                request(scene) {
                    $0.sampling.temperature = 1; $0.sampling.topK = 5
                }
            ).end?.reason == .failed(.unsupported("topK")))
    }

    @Test(
        "its text becomes tokens again, however it is cut",
        arguments: [
            ("completion-stream", Int.max, Self.tokens, EngineFinish.endOfText), ("completion-stream", 1, Self.tokens, .endOfText),
            ("completion-stream-length", .max, Array(Self.tokens.prefix(3)), .length),
        ])
    func transformersStreams(_ name: String, _ piece: Int, _ tokens: [TokenID], _ finish: EngineFinish) throws {
        let (scene, _) = try transformers()
        try scene.replay("/v1/completions", "transformers/\(name)", piece: piece)
        let outcome = scene.outcome(request(scene))
        #expect(outcome.tokens == [0: tokens] && outcome.finishes == [0: finish] && outcome.faults.isEmpty)
        #expect(outcome.end?.reason == .finished)
        let body = try JSONValue(parsing: scene.questions("/v1/completions").last?.body ?? "")
        #expect(body["prompt"] == "<|im_start|>user\nWhat is the capital of Japan?<|im_end|>\n<|im_start|>assistant\n")
    }

    @Test(
        "what it does not say has to be said here",
        arguments: [
            (0, "--context-length"), (1, "--engine-model"), (2, "start a worker for each"),
        ])
    func mismatches(_ which: Int, _ advice: String) throws {
        do {
            _ = try transformers { settings in
                switch which {
                case 0: settings.contextLength = nil
                case 1: settings.engineModel = nil
                default: settings.ranks = 2
                }
            }
            Issue.record("it began")
        } catch { #expect("\(error)".contains(advice)) }
    }
}
