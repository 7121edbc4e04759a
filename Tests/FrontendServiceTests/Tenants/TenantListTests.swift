import ClusterModel
import EventLoop
import HTTPClient
import Testing
import WireProtocol

@testable import FrontendService

@Suite("Lists of tenants")
struct TenantListTests {
    private func scene(_ members: String) -> Scene {
        let bytes = TenantBed.text(TenantBed.entry("a", members))
        let card = Scene.card {
            $0.capabilities.insert(.embeddings)
            $0.embeddingDimensions = 2
        }
        return Scene(workers: 1, card: card) { config in
            do { config.tenants.given = try TenantFile(parsing: bytes) } catch { preconditionFailure("\(error)") }
        }
    }

    private func post(_ path: String, _ json: String, _ scene: Scene) -> Scene.Client {
        var request = HTTPClientRequest.post(path, json: Array(json.utf8))
        request.headers += TenantBed.bearer("a")
        return scene.send(request)
    }

    @Test("each prompt takes a place of its tenant; a list that has none for all is refused, and gives back what it took")
    func places() {
        let scene = scene(#","maxRunning":3"#)
        scene.worker { $0.script = { job in job.after(.seconds(1)) { $0.answer("ok") } } }
        let running = post("/v1/completions", #"{"model":"tiny","prompt":["a","b"]}"#, scene)
        scene.run { scene.service { $0.frontend.tenants.running } == 2 }
        #expect(scene.finish(post("/v1/completions", #"{"model":"tiny","prompt":["a","b"]}"#, scene)).status == 429)
        #expect(scene.service { $0.frontend.tenants.running } == 2)
        let one = post("/v1/completions", #"{"model":"tiny","prompt":["a"]}"#, scene)
        #expect([scene.finish(running).status, scene.finish(one).status] == [200, 200])
        scene.pass(.milliseconds(10))
        #expect(scene.service { $0.frontend.tenants.running } == 0)
        #expect(scene.held == [])
    }

    @Test("tokens of all prompts, and of all inputs, are reserved together and settled at the end")
    func tokens() {
        let scene = scene(#","tokensPerMinute":60,"burstTokens":200"#)
        scene.worker {
            $0.script = { job in job.after(.seconds(1)) { if $0.entry.task == .embed { $0.embed() } else { $0.answer("ok") } } }
        }
        // 2 x (2 + 40) leave 116 for others: not enough for 3 x 42, though each of them is less.
        let running = post("/v1/completions", #"{"model":"tiny","prompt":["ab","cd"],"max_tokens":40}"#, scene)
        scene.run { scene.service { $0.frontend.tenants.running } == 2 }
        let large = #"{"model":"tiny","prompt":["ab","cd","ef"],"max_tokens":40}"#
        #expect(scene.finish(post("/v1/completions", large, scene)).status == 429)
        #expect(scene.finish(running).status == 200)
        // It used 2 x (2 + 3) in the end.
        #expect(scene.finish(post("/v1/completions", large, scene)).status == 200)
        #expect(scene.finish(post("/v1/embeddings", #"{"model":"tiny","input":["ab","cd"]}"#, scene)).status == 200)
        #expect(scene.service { $0.frontend.tenants.running } == 0)
        #expect(scene.held == [])
    }
}
