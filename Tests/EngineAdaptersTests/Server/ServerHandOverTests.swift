import ClusterModel
import JSONText
import Testing

@testable import EngineAdapters
@testable import Engines

@Suite("State that goes from one server to another")
struct ServerHandOverTests {
    private static let generate = "/inference/v1/generate"
    private static let parameters = #"{"do_remote_prefill":true,"remote_block_ids":[[1,2]],"remote_host":"10.0.0.9","x":1.50}"#

    private func scene() throws -> ServedScene {
        let scene = try ServedScene(settings: { $0.handsOver = true })
        try scene.replayVLLM()
        #expect(try scene.begin().get().capabilities.contains(.sequentialHandOver))
        return scene
    }

    private func leg(_ scene: ServedScene, _ leg: EngineLeg, _ handOver: HandOver) -> EngineRequest {
        scene.request {
            $0.leg = leg
            $0.handOver = handOver
            $0.choices = [EngineChoice(choice: 0, maxTokens: 20, minTokens: 5)]
        }
    }

    @Test("a prefill leg ends with the server's parameters, and keeps the token that the other leg says")
    func prefill() throws {
        let scene = try scene()
        scene.answer(Self.generate) { _ in
            .json(
                #"{"choices":[{"token_ids":[7],"finish_reason":"length"}],"usage":{"prompt_tokens":3},"kv_transfer_params":\#(Self.parameters)}"#
            )
        }
        let outcome = scene.outcome(leg(scene, .prefill, .none))
        #expect(outcome.end?.reason == .handedOver && outcome.end?.handOver == Array(Self.parameters.utf8))
        #expect(outcome.tokens.isEmpty && outcome.started.count == 1 && outcome.prefills == 1)
        let body = try JSONValue(parsing: try #require(scene.questions(Self.generate).last).body)
        #expect(body["sampling_params"]?["max_tokens"]?.asInt == 1 && body["sampling_params"]?["min_tokens"] == nil)
        #expect(body["stream"] == nil && body["kv_transfer_params"]?["do_remote_decode"]?.asBool == true)
    }

    @Test("one whose first token ends the text says that token, and hands nothing over")
    func prefillEnds() throws {
        let scene = try scene()
        scene.answer(Self.generate) { _ in
            .json(#"{"choices":[{"token_ids":[1162],"finish_reason":"stop"}],"usage":{"prompt_tokens":3},"kv_transfer_params":null}"#)
        }
        let outcome = scene.outcome(leg(scene, .prefill, .none))
        #expect(outcome.end?.reason == .finished && outcome.tokens == [0: [1162]] && outcome.finishes == [0: .endOfText])
    }

    @Test("a server without a connector gives no parameters, which is a failure")
    func noConnector() throws {
        let scene = try scene()
        try scene.replay(Self.generate, "vllm/completion-transfer")
        guard case .failed(.failed(let reason)) = scene.outcome(leg(scene, .prefill, .none)).end?.reason else {
            Issue.record("it went on"); return
        }
        #expect(reason.contains("hand-over"))
    }

    @Test("a decode leg gives its server the parameters as they came")
    func decode() throws {
        let scene = try scene()
        try scene.replay(Self.generate, "vllm/generate-stream")
        let outcome = scene.outcome(leg(scene, .decode, .parameters(Array(Self.parameters.utf8))))
        #expect(outcome.end?.reason == .finished && outcome.tokens[0]?.count == 8)
        #expect(try #require(scene.questions(Self.generate).last).body.contains(#""kv_transfer_params":\#(Self.parameters)"#))
    }

    @Test("a decode leg that is cancelled at once still reaches its server, which then lets go of the other's memory")
    func cancelled() throws {
        let scene = try scene()
        scene.answer(Self.generate) { _ in .events([#"{"choices":[]}"#]) }
        let request = leg(scene, .decode, .parameters(Array(Self.parameters.utf8)))
        let before = scene.questions(Self.generate).count
        scene.admit(request)
        scene.cancel(request.key)
        #expect(scene.outcome(of: request).end?.reason == .cancelled)
        scene.pass(.seconds(2))
        #expect(scene.questions(Self.generate).count == before + 1 && scene.departures == 1)
    }

    @Test("what is no state of a server's is refused by its name")
    func refused() throws {
        let scene = try scene()
        #expect(scene.outcome(leg(scene, .decode, .parameters([1, 2]))).end?.reason == .failed(.unsupported("handOver")))
        #expect(scene.outcome(leg(scene, .prefill, .export)).end?.reason == .failed(.unsupported("handOver")))
        var two = leg(scene, .prefill, .none)
        two.choices.append(EngineChoice(choice: 1, maxTokens: 1))
        #expect(scene.outcome(two).end?.reason == .failed(.unsupported("choices")))
    }
}
