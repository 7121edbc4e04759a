import ClusterModel
import HTTPClient
import JSONText
import Testing
import WireProtocol

@testable import FrontendService

@Suite("Limits of tenants")
struct TenantLimitTests {
    private func scene(_ entries: String...) -> Scene {
        let bytes = Array(#"{"tenants":[\#(entries.joined(separator: ","))]}"#.utf8)
        return Scene(workers: 1) { config in
            do { config.tenants.given = try TenantFile(parsing: bytes) } catch { preconditionFailure("\(error)") }
        }
    }

    /// Tokens of the prompt that scenes send.
    private func promptTokens(_ scene: Scene, as tenant: String) -> Int {
        var tokens = 0
        scene.finish(scene.chat(#","max_tokens":5"#, stream: false, as: tenant)) { tokens = $0.usage("prompt_tokens") ?? 0 }
        return tokens
    }

    // MARK: Tokens

    @Test("prompt and max_tokens are reserved before any router is asked; past the rate it is 429, with honest advice")
    func rate() {
        let scene = scene(TenantBed.entry("free"), TenantBed.entry("a", #","tokensPerMinute":6000,"burstTokens":200"#))
        let prompt = promptTokens(scene, as: "free"), fits = 200 - prompt
        // The answer takes its time, so that nothing is settled.
        scene.worker { $0.script = { job in job.accept() } }
        let first = scene.chat(#","max_tokens":\#(fits)"#, as: "a")
        scene.run { scene.router { $0.asked.count } == 2 }
        scene.finish(scene.chat(#","max_tokens":10"#, as: "a")) { answer in
            #expect(answer.status == 429 && answer.errorCode == "rate_limit_exceeded")
            #expect(answer.json["error"]?["type"]?.asString == "rate_limit_error")
            #expect(answer.header("retry-after") == "1" && answer.header("x-ratelimit-remaining-tokens") == "0")
            #expect(answer.header("x-ratelimit-limit-tokens") == "6000" && answer.header("x-ratelimit-limit-requests") == nil)
        }
        #expect(scene.router { $0.asked.count } == 2, "no router is asked")
        #expect(scene.metric(#"apus_frontend_tenant_limited_total{limit="tokens",tenant="a"}"#) == 1)
        // A hundred tokens a second come back.
        scene.pass(.milliseconds(10 * (prompt + 10)))
        let later = scene.chat(#","max_tokens":10"#, as: "a")
        #expect(scene.run { scene.router { $0.asked.count } == 3 })
        first { $0.leave() }
        later { $0.leave() }
        #expect(scene.run { scene.service { $0.frontend.tenants.running } == 0 })
    }

    @Test("what was reserved and not used is there again at the end, and what was used is counted")
    func settled() {
        let scene = scene(TenantBed.entry("a", #","tokensPerMinute":60,"burstTokens":2000"#))
        let prompt = promptTokens(scene, as: "a")
        scene.finish(scene.chat(#","max_tokens":1500"#, stream: false, as: "a")) { answer in
            #expect(answer.status == 200)
            // In the head of the answer: while it was reserved.
            #expect(answer.header("x-ratelimit-remaining-tokens") == "\(2_000 - 2 * prompt - 5 - 1_500)")
        }
        scene.finish(scene.chat(#","max_tokens":5"#, as: "a")) { answer in
            #expect(
                answer.header("x-ratelimit-remaining-tokens") == "\(2_000 - 3 * prompt - 5 - 6 - 5)",
                "five tokens, and five with the end of text")
        }
        #expect(scene.metric(#"apus_frontend_tenant_tokens_total{kind="prompt",tenant="a"}"#) == Double(3 * prompt))
        #expect(scene.metric(#"apus_frontend_tenant_tokens_total{kind="output",tenant="a"}"#) == 16)
        #expect(scene.metric(#"apus_frontend_tenant_requests_total{outcome="success",tenant="a"}"#) == 3)
    }

    @Test("an answer of open length reserves a bounded guess, and pays for what it became")
    func open() {
        let scene = scene(TenantBed.entry("a", #","tokensPerMinute":60,"burstTokens":3000"#))
        let long = String(repeating: "x", count: 200)
        let prompt = promptTokens(scene, as: "a")
        scene.worker {
            $0.script = { job in
                job.accept()
                job.start()
                job.frames(Array(repeating: long, count: 10), finish: .endOfText)
                job.end(.finished)
            }
        }
        scene.finish(scene.chat(as: "a")) { answer in
            #expect(answer.text().utf8.count == 2_000)
            #expect(answer.header("x-ratelimit-remaining-tokens").flatMap(Int.init) == 3_000 - 2 * prompt - 5 - 1_024)
        }
        // 2,000 and more were used of some 2,900, though 1,024 were reserved.
        scene.finish(scene.chat(#","max_tokens":2000"#, as: "a")) { #expect($0.status == 429) }
    }

    @Test("a request that no worker has taken costs nothing; a question costs nothing either")
    func free() {
        let scene = scene(TenantBed.entry("a", #","tokensPerMinute":60,"burstTokens":500"#))
        scene.router { $0.plan = { router, entry in router.fail(entry, .capacity) } }
        for _ in 0..<20 { scene.finish(scene.chat(#","max_tokens":300"#, as: "a")) { #expect($0.status == 503) } }
        scene.router {
            $0.plan = { router, entry in
                var plan = router.place(entry, on: 1, lease: 0)
                plan.outcome = .queryOnly
                return plan
            }
        }
        for _ in 0..<20 {
            scene.finish(scene.chat(#","nvext":{"annotations":["query_instance_id:"]},"max_tokens":300"#, as: "a")) { answer in
                #expect(answer.status == 200)
            }
        }
        #expect(scene.metric(#"apus_frontend_tenant_tokens_total{kind="prompt",tenant="a"}"#) == 0)
        #expect(scene.metric(#"apus_frontend_tenant_requests_total{outcome="unavailable",tenant="a"}"#) == 20)
    }

    // MARK: Running at once

    @Test("no more than so many run at once; the next one has a place as soon as one has ended, or its client has left")
    func running() {
        let scene = scene(TenantBed.entry("a", #","maxRunning":2"#), TenantBed.entry("b"))
        scene.worker { $0.script = { job in job.accept() } }
        let first = scene.chat(as: "a"), second = scene.chat(as: "a")
        scene.run { scene.router { $0.asked.count } == 2 }
        scene.finish(scene.chat(as: "a")) { answer in
            #expect(answer.status == 429 && answer.errorCode == "rate_limit_exceeded" && answer.header("retry-after") == "1")
            #expect(answer.header("x-ratelimit-limit-requests") == "2" && answer.header("x-ratelimit-remaining-requests") == "0")
        }
        // Others have their own.
        let other = scene.chat(as: "b")
        #expect(scene.run { scene.router { $0.asked.count } == 3 })
        first { $0.leave() }
        #expect(scene.run { scene.service { $0.frontend.tenants.running } == 2 })
        let third = scene.chat(as: "a")
        #expect(scene.run { scene.router { $0.asked.count } == 4 })
        for client in [second, third, other] { client { $0.leave() } }
        #expect(scene.run { scene.service { $0.frontend.tenants.running } == 0 })
        #expect(scene.metric(#"apus_frontend_tenant_requests_running{tenant="a"}"#) == 0)
        #expect(scene.metric(#"apus_frontend_tenant_limited_total{limit="running",tenant="a"}"#) == 1)
        #expect(scene.metric(#"apus_frontend_tenant_requests_total{outcome="cancelled",tenant="a"}"#) == 3)
        #expect(scene.held == [])
    }

    @Test(
        "every way out gives the place back",
        arguments: [
            #"{"model":"tiny""#, #"{"model":"nonesuch","messages":[{"role":"user","content":"x"}]}"#,
            #"{"model":"tiny","messages":[]}"#, #"{"model":"tiny","max_tokens":100000,"messages":[{"role":"user","content":"x"}]}"#,
            #"{"model":"tiny","nvext":{"backend_instance_id":1},"messages":[{"role":"user","content":"x"}]}"#,
            #"{"model":"tiny","messages":[{"role":"user","content":"x"}]}"#,
        ])
    func waysOut(_ body: String) {
        let scene = scene(TenantBed.entry("a", #","maxRunning":1"#))
        for _ in 0..<3 {
            var request = HTTPClientRequest.post("/v1/chat/completions", json: Array(body.utf8))
            request.headers += TenantBed.bearer("a")
            scene.finish(scene.send(request)) { #expect($0.status != 429) }
        }
        #expect(scene.service { $0.frontend.tenants.running } == 0)
    }
}
