import ClusterModel
import Testing

@testable import EngineAdapters
@testable import Engines

@Suite("A vLLM server, as it really answered")
struct VLLMServedTests {
    private static let generate = "/inference/v1/generate", completions = "/v1/completions"

    private func scene(takesTokens: Bool = true, _ change: (inout ServerSettings) -> Void = { _ in }) throws -> (ServedScene, EngineProfile)
    {
        let scene = try ServedScene(settings: change)
        try scene.replayVLLM(takesTokens: takesTokens)
        return (scene, try scene.begin().get())
    }

    @Test("its profile is what it says of itself")
    func profile() throws {
        let (_, profile) = try scene()
        #expect(profile.name == "vllm" && profile.build == "vllm-0.32.0")
        #expect(profile.model.name == "tiny" && profile.model.weights == ".engines/tiny")
        #expect(profile.model.blockSize == 32 && profile.model.contextLength == 1024 && profile.model.vocabularySize == 1167)
        #expect(profile.ranks.map(\.totalBlocks) == [16_384] && profile.cacheReport == .silent)
        #expect(profile.capabilities == [.logprobs, .constraints, .choices])
    }

    @Test(
        "a stream's tokens, end and counts are told",
        arguments: [
            ("vllm/generate-stream", true, UInt32(0)), ("vllm/completion-stream", false, 0), ("vllm/completion-stream-cached", false, 32),
        ])
    func stream(name: String, takesTokens: Bool, cached: UInt32) throws {
        let (scene, _) = try scene(takesTokens: takesTokens)
        try scene.replay(takesTokens ? Self.generate : Self.completions, name)
        let request = scene.request {
            $0.prompt = [TokenID](repeating: 7, count: 40)
            $0.choices = [EngineChoice(choice: 0, maxTokens: 16)]
        }
        let outcome = scene.outcome(request)
        #expect(outcome.tokens == [0: [325, 438, 333, 1032, 287, 940, 13, 1162]] && outcome.finishes == [0: .endOfText])
        #expect(outcome.started == [0] && outcome.prefills == 1 && outcome.faults.isEmpty)
        #expect(outcome.end?.reason == .finished && outcome.end?.cachedTokens == cached && outcome.end?.outputTokens == 8)
        #expect(scene.departures == 0)
    }

    @Test("an answer that arrives byte by byte is the same answer", arguments: [1, 7])
    func pieces(piece: Int) throws {
        let (scene, _) = try scene()
        try scene.replay(Self.generate, "vllm/generate-stream", piece: piece)
        let outcome = scene.outcome(scene.request { $0.choices = [EngineChoice(choice: 0, maxTokens: 16)] })
        #expect(outcome.tokens == [0: [325, 438, 333, 1032, 287, 940, 13, 1162]] && outcome.end?.reason == .finished)
    }

    @Test("an answer that is cut anywhere ends the request once, as failed, behind the tokens that came", arguments: [true, false])
    func cuts(takesTokens: Bool) throws {
        let (scene, _) = try scene(takesTokens: takesTokens)
        let target = takesTokens ? Self.generate : Self.completions
        let bytes = try Capture(takesTokens ? "vllm/generate-stream" : "vllm/completion-stream").answer
        let all: [TokenID] = [325, 438, 333, 1032, 287, 940, 13, 1162]
        let mark = Array("\"finish_reason\":\"stop\"".utf8)
        let end = try #require(bytes.indices.first { bytes[$0...].starts(with: mark) })
        for cut in 0..<bytes.count {
            scene.answer(target) { _ in ServerDouble.Answer(Array(bytes[..<cut]), closes: true) }
            let outcome = scene.outcome(scene.request { $0.choices = [EngineChoice(choice: 0, maxTokens: 16)] })
            let tokens = outcome.tokens[0] ?? []
            #expect(outcome.faults.isEmpty && all.starts(with: tokens))
            guard case .failed = outcome.end?.reason else {
                // All of the text was there; what follows are counts.
                #expect(outcome.end?.reason == .finished && tokens == all && cut > end)
                continue
            }
            #expect(tokens.count < all.count)
            // A server whose connections break is looked at, and it is well.
            scene.pass(.seconds(1))
        }
    }

    @Test("logprobs are told by the numbers of tokens", arguments: [true, false])
    func logprobs(takesTokens: Bool) throws {
        let (scene, _) = try scene(takesTokens: takesTokens)
        try scene.replay(
            takesTokens ? Self.generate : Self.completions,
            takesTokens ? "vllm/generate-stream-logprobs" : "vllm/completion-stream-logprobs-ids")
        let outcome = scene.outcome(
            scene.request {
                $0.choices = [EngineChoice(choice: 0, maxTokens: 16)]
                $0.sampling.topLogprobs = 2
            })
        #expect(outcome.end?.reason == .finished && outcome.logprobs.count == outcome.tokens[0]?.count)
        #expect(outcome.logprobs.map(\.chosen.token) == outcome.tokens[0])
        for place in outcome.logprobs {
            #expect(place.top.count == 2 && place.top[0].token == place.chosen.token && place.top[0].logprob > place.top[1].logprob)
        }
    }

    @Test(
        "what it refuses is said by the name of the field that it blames",
        arguments: [
            ("error-temperature", EngineFault.unsupported("temperature")), ("error-logprobs", .unsupported("logprobs")),
            ("error-stop-token", .unsupported("stop_token_ids.0")), ("error-model", .unsupported("model")),
            ("error-too-long", .unsupported("input_tokens")), ("error-vocabulary", .failed("the engine's server: status 400")),
            ("generate-error-too-long", .failed("the engine's server: status 400")),
            ("error-path", .failed("the engine's server: status 404")),
        ])
    func refusals(name: String, fault: EngineFault) throws {
        let (scene, _) = try scene()
        try scene.replay(Self.generate, "vllm/\(name)")
        let outcome = scene.outcome(scene.request())
        #expect(outcome.end?.reason == .failed(fault) && outcome.tokens.isEmpty && outcome.started.isEmpty)
    }

    @Test("a server that is full is no failure of the request", arguments: [429, 503])
    func full(status: Int) throws {
        let (scene, _) = try scene()
        scene.answer(Self.generate) { _ in .json(status, "{}") }
        #expect(scene.outcome(scene.request()).end?.reason == .failed(.capacity))
    }

    @Test("a server behind a key, and below a prefix, is asked with both")
    func key() throws {
        let address = try ServerAddress("http://10.0.0.2:\(ServedScene.port)/engines/a/")
        let scene = try ServedScene(settings: { $0.address = address })
        try scene.replayVLLM()
        guard case .failure = scene.begin(within: .seconds(3)) else { return #expect(Bool(false), "nothing is at that prefix") }
        #expect(scene.asked.allSatisfy { $0.target.hasPrefix("/engines/a/") } && !scene.asked.isEmpty)
    }
}
