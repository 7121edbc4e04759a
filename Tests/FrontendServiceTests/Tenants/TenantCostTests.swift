import ClusterModel
import HTTPClient
import JSONText
import Testing
import WireProtocol

@testable import FrontendService

@Suite("What requests of tenants hold and cost")
struct TenantCostTests {
    private func scene(_ entries: String..., configure: (inout FrontendConfig) -> Void = { _ in }) -> Scene {
        let bytes = Array(#"{"tenants":[\#(entries.joined(separator: ","))]}"#.utf8)
        let card = Scene.card {
            $0.capabilities.insert(.embeddings)
            $0.embeddingDimensions = 2
        }
        return Scene(workers: 1, card: card) { config in
            do { config.tenants.given = try TenantFile(parsing: bytes) } catch { preconditionFailure("\(error)") }
            configure(&config)
        }
    }

    private func post(_ scene: Scene, _ path: String, _ body: String, as tenant: String) -> Scene.Client {
        var request = HTTPClientRequest.post(path, json: Array(body.utf8))
        request.headers += TenantBed.bearer(tenant)
        return scene.send(request)
    }

    private func charged(_ scene: Scene, _ kind: String = "prompt", to tenant: String = "a") -> Double? {
        scene.metric(#"apus_frontend_tenant_tokens_total{kind="\#(kind)",tenant="\#(tenant)"}"#)
    }

    private func isIdle(_ scene: Scene) -> Bool {
        scene.run { scene.service { $0.frontend.tenants.running == 0 && $0.openRequests == 0 } }
    }

    // MARK: Costs

    @Test("whoever leaves pays for the prompt where a worker had taken it, and nothing while no worker had", arguments: [false, true])
    func left(isTaken: Bool) {
        let scene = scene(TenantBed.entry("a", #","tokensPerMinute":60,"burstTokens":5000"#))
        scene.worker { $0.script = { job in job.accept() } }
        // Parked: the router says nothing.
        if !isTaken { scene.router { $0.plan = { _, _ in nil } } }
        let client = scene.chat(#","max_tokens":300"#, as: "a")
        scene.run { isTaken ? scene.worker { $0.jobs.count } == 1 : scene.router { $0.asked.count } == 1 }
        scene.pass(.milliseconds(50))
        client { $0.leave() }
        #expect(isIdle(scene))
        #expect(scene.metric(#"apus_frontend_tenant_requests_total{outcome="cancelled",tenant="a"}"#) == 1)
        #expect(charged(scene).map { $0 > 0 } == isTaken && charged(scene, "output") == 0)
    }

    @Test("of a batch of inputs whose client leaves, those are paid for that a worker had taken")
    func leftBatch() {
        let scene = scene(TenantBed.entry("a", #","tokensPerMinute":6000"#)) { $0.limits.inputsAtOnce = 3 }
        scene.worker {
            $0.script = { job in
                job.accept()
                job.after(.milliseconds(30)) { $0.embed() }
            }
        }
        let client = post(scene, "/v1/embeddings", #"{"model":"tiny","input":["a","b","c","d","e","f","g","h"]}"#, as: "a")
        // Three are done, and three at the worker.
        scene.run { scene.worker { $0.jobs.count } == 6 }
        scene.pass(.milliseconds(10))
        client { $0.leave() }
        #expect(isIdle(scene))
        #expect(charged(scene) == 6 && scene.held == [])
    }

    @Test("a next turn that is computed ahead is paid for as far as it was computed, and a tenant has one at a time")
    func ahead() {
        let hint = #","nvext":{"agent_hints":{"speculative_prefill":true}}"#
        let scene = scene(TenantBed.entry("a"), TenantBed.entry("b"))
        scene.worker {
            $0.script = { job in
                guard job.entry.priority < 0 else { return job.answer("hello there, my friend, and welcome to all of this here") }
                job.accept()
                job.start(cached: 32)
                job.after(.milliseconds(100)) { job in
                    job.say("x", finish: .length)
                    job.end(.finished)
                }
            }
        }
        func ahead(_ outcome: String) -> Double? {
            scene.metric(#"apus_frontend_speculative_prefills_total{outcome="\#(outcome)"}"#)
        }
        var prompt = 0
        for tenant in ["a", "a", "b"] {
            scene.finish(scene.chat(hint, stream: false, as: tenant)) { prompt = $0.usage("prompt_tokens") ?? 0 }
        }
        scene.run { ahead("done") == 2 }
        #expect(ahead("done") == 2 && ahead("dropped") == 1)
        let computed = scene.worker { $0.jobs.map(\.entry).filter { $0.priority < 0 }.map { $0.promptTokens.count - 32 } }
        #expect(computed.count == 2 && computed.allSatisfy { $0 > 0 })
        #expect(charged(scene) == Double(2 * prompt + (computed.first ?? 0)))
        #expect(charged(scene, to: "b") == Double(prompt + (computed.last ?? 0)))
    }

    // MARK: Places

    @Test("inputs run on as many places as are free, at least on one, however many there are")
    func inputs() {
        let scene = scene(TenantBed.entry("a", #","maxRunning":2"#))
        scene.worker { $0.script = { job in job.after(.milliseconds(10)) { $0.embed() } } }
        let inputs = (0..<20).map { "\"\($0)\"" }.joined(separator: ",")
        let client = post(scene, "/v1/embeddings", #"{"model":"tiny","input":[\#(inputs)]}"#, as: "a")
        var most = 0
        scene.run {
            most = max(most, scene.service { $0.requestsAtWorkers })
            return client.isEnded
        }
        client { #expect($0.status == 200 && $0.json["data"]?.asArray?.count == 20) }
        #expect(most == 2 && isIdle(scene))
        #expect(scene.metric(#"apus_frontend_tenant_limited_total{limit="running",tenant="a"}"#) == 0)
    }

    @Test("a list of more prompts than may ever run at once is 400 by name, and one of as many is served")
    func lists() {
        let scene = scene(TenantBed.entry("a", #","maxRunning":2"#))
        let long = post(scene, "/v1/completions", #"{"model":"tiny","prompt":["a","b","c"]}"#, as: "a")
        scene.finish(long) { answer in
            #expect(answer.status == 400 && answer.errorCode == "array_above_max_length")
            #expect(answer.json["error"]?["param"]?.asString == "prompt")
        }
        #expect(scene.finish(post(scene, "/v1/completions", #"{"model":"tiny","prompt":["a","b"]}"#, as: "a")).status == 200)
        #expect(isIdle(scene))
    }

    @Test(
        "work that is done here alone has a place too, for as long as it takes",
        arguments: [
            ("/tokenize", #"{"prompt":"hi"}"#), ("/detokenize", #"{"tokens":[104]}"#),
            ("/v1/messages/count_tokens", #"{"model":"tiny","messages":[{"role":"user","content":"hi"}]}"#),
        ])
    func here(_ path: String, _ body: String) {
        let scene = scene(TenantBed.entry("a", #","maxRunning":1"#))
        scene.worker { $0.script = { job in job.accept() } }
        let running = scene.chat(as: "a")
        scene.run { scene.worker { $0.jobs.count } == 1 }
        scene.finish(post(scene, path, body, as: "a")) { answer in
            #expect(answer.status == 429 && answer.header("retry-after") == "1")
            #expect(answer.header("x-ratelimit-remaining-requests") == "0")
        }
        running { $0.leave() }
        #expect(isIdle(scene))
        for _ in 0..<2 { #expect(scene.finish(post(scene, path, body, as: "a")).status == 200) }
        #expect(scene.finish(post(scene, path, "{", as: "a")).status == 400)
        #expect(isIdle(scene))
        for (outcome, count) in [("success", 2.0), ("limited", 1), ("rejected", 1)] {
            #expect(scene.metric(#"apus_frontend_tenant_requests_total{outcome="\#(outcome)",tenant="a"}"#) == count)
        }
    }
}
