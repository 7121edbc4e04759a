import ClusterModel
import EventLoop
import Testing

@testable import EngineAdapters
@testable import Engines

@Suite("The cache of a server that tells of it")
struct ServerCacheTests {
    private static let generate = ServedScene.generate
    private static let token = #"{"choices":[{"index":0,"token_ids":[7],"finish_reason":null}],"usage":null}"#
    private static let last = #"{"choices":[{"index":0,"token_ids":[8],"finish_reason":"length"}],"usage":null}"#
    private static let tokens = (0..<64).map { UInt64($0) }

    private func scene() throws -> (ServedScene, EngineDouble) {
        let scene = try ServedScene(settings: {
            $0.feed = EngineEventFeed(
                rank: Rank(0), events: ZMTPEndpoint(host: "engine", port: EngineDouble.eventPort),
                replay: ZMTPEndpoint(host: "engine", port: EngineDouble.replayPort), topic: "kv")
        })
        try scene.replayVLLM()
        let sockets = scene.sockets(of: "engine")
        let publisher = scene.serverLoop.perform {
            let publisher = EngineDouble(on: sockets)
            publisher.listen()
            return publisher
        }
        let profile = try scene.begin().get()
        #expect(profile.cacheReport == .exact && profile.capabilities.contains(.salts))
        scene.serverLoop.perform { publisher.publish([Pack.stored([1, 2], after: nil, tokens: Self.tokens, size: 32)]) }
        scene.pass(.seconds(20)) { !scene.cacheChanges.isEmpty }
        return (scene, publisher)
    }

    private func outcome(_ scene: ServedScene, tokens: Int, found: Int? = nil) -> Told.Outcome {
        let counts = found.map { #"{"choices":[],"usage":{"prompt_tokens":9,"prompt_tokens_details":{"cached_tokens":\#($0)}}}"# }
        // The first token comes before the counts do.
        scene.answer(Self.generate) { _ in .events([Self.token, Self.last] + (counts.map { [$0] } ?? []) + ["[DONE]"], ends: true) }
        return scene.outcome(scene.request { $0.prompt = (0..<TokenID(tokens)).map { $0 } })
    }

    @Test("a request is told to find what is there, never all of it, and at its end what was found")
    func expected() throws {
        let (scene, _) = try scene()
        #expect(scene.cacheChanges.map(\.count) == [2])
        #expect(outcome(scene, tokens: 65).started == [64])
        #expect(outcome(scene, tokens: 64).started == [32])
        #expect(outcome(scene, tokens: 31).started == [0])
        let corrected = outcome(scene, tokens: 65, found: 32)
        #expect(corrected.started == [64] && corrected.end?.cachedTokens == 32)
        #expect(scene.loads.first?.usedBlocks == 2)
    }

    @Test("a server that goes takes its cache with it, and one that comes back tells it anew")
    func gone() throws {
        let (scene, publisher) = try scene()
        scene.killServer()
        scene.pass(.seconds(10)) { scene.cacheChanges.count == 2 }
        #expect(scene.cacheChanges.last?.kind == .cleared)
        scene.serverLoop.perform { publisher.restart() }
        scene.listen()
        scene.pass(.seconds(10)) { scene.conditions.last == .serving }
        #expect(outcome(scene, tokens: 65).started == [0])
        scene.serverLoop.perform { publisher.publish([Pack.stored([1], after: nil, tokens: Array(Self.tokens.prefix(32)), size: 32)]) }
        scene.pass(.seconds(40)) { scene.cacheChanges.count == 3 }
        #expect(outcome(scene, tokens: 65).started == [32])
    }
}
