import ClusterModel
import EventLoop
import HTTPClient
import JSONText
import Testing
import Transport
import WireProtocol

@testable import FrontendService

@Suite("Who may use a frontend")
struct TenantAccessTests {
    private func scene(_ entries: String..., workers: Int = 1) -> Scene {
        let bytes = Array(#"{"tenants":[\#(entries.joined(separator: ","))]}"#.utf8)
        return Scene(workers: workers) { config in
            do { config.tenants.given = try TenantFile(parsing: bytes) } catch { preconditionFailure("\(error)") }
        }
    }

    // MARK: Keys

    @Test(
        "T45: each wrong way to present a key is 401 in OpenAI's form, and never a trap",
        arguments: [
            [],
            [("authorization", "Bearer wrong")],
            [("authorization", "Bearer \(TenantBed.key("acme"))x")],
            [("authorization", "Basic \(TenantBed.key("acme"))")],
            [("authorization", TenantBed.key("acme"))],
            [("authorization", "Bearer")],
            [("authorization", "Bearer ")],
            [("authorization", "Bearer \(TenantBed.key("acme")) \(TenantBed.key("acme"))")],
            [("authorization", "Bearer \(TenantBed.key("acme")),Bearer x")],
            [("authorization", "")],
            [("x-api-key", "")],
            [("x-api-key", "wrong")],
            [("x-api-key", "Bearer \(TenantBed.key("acme"))")],
            [("authorization", "Bearer \(TenantBed.key("acme"))"), ("authorization", "Bearer \(TenantBed.key("acme"))")],
            [("x-api-key", TenantBed.key("acme")), ("X-Api-Key", TenantBed.key("acme"))],
            [("authorization", "Bearer \(TenantBed.key("acme"))"), ("x-api-key", TenantBed.key("other"))],
            [("authorization", "Bearer \(TenantBed.key("acme"))"), ("x-api-key", "")],
            [("authorization", "Basic x"), ("x-api-key", TenantBed.key("acme"))],
            [("authorization", "Bearer \(String(repeating: "a", count: 20_000))")],
            [("authorization", "Bearer ключ")],
            [("api-key", TenantBed.key("acme"))],
        ] as [[(String, String)]])
    func refused(_ headers: [(String, String)]) {
        let scene = scene(TenantBed.entry("acme"), TenantBed.entry("other"))
        scene.finish(scene.chat(headers: headers.map { (name: $0.0, value: $0.1) })) { answer in
            #expect(answer.status == 401 && answer.errorCode == "invalid_api_key")
            #expect(answer.json["error"]?["type"]?.asString == "authentication_error")
            #expect(answer.header("www-authenticate") == "Bearer" && answer.header("x-request-id") != nil)
        }
        #expect(scene.router { $0.asked.isEmpty })
    }

    @Test(
        "a key is taken in either header, in both, and in any case of the scheme; each of a tenant's keys is one",
        arguments: [
            [("authorization", "Bearer \(TenantBed.key("acme"))")],
            [("Authorization", "bearer   \(TenantBed.key("acme", 1))")],
            [("x-api-key", TenantBed.key("acme", 1))],
            [("X-API-Key", TenantBed.key("acme")), ("authorization", "BEARER \(TenantBed.key("acme"))")],
        ] as [[(String, String)]])
    func accepted(_ headers: [(String, String)]) {
        let scene = scene(TenantBed.entry("acme", keys: 2), TenantBed.entry("other"))
        scene.finish(scene.chat(headers: headers.map { (name: $0.0, value: $0.1) })) { #expect($0.status == 200 && $0.text() == "hello") }
        #expect(scene.router { $0.asked.map(\.tenant) } == ["acme"])
    }

    @Test("a stranger's body is not read: the answer is there before it has come")
    func early() {
        let scene = scene(TenantBed.entry("acme"))
        let request = HTTPClientRequest("DELETE", "/v1/chat/completions", headers: [("content-length", "1000000")])
        let client = scene.send(request)
        #expect(scene.run(.seconds(1), until: { client.status == 401 }))
    }

    @Test(
        "everything asks for a key but health, version and the description",
        arguments: [
            ("/v1/models", 401), ("/v1/models/tiny", 401), ("/v1/requests/x/decision", 401), ("/v1/nothing", 401), ("/tokenize", 401),
            ("/health", 200), ("/livez", 200), ("/readyz", 200), ("/version", 200), ("/openapi.json", 200),
        ])
    func paths(_ path: String, _ status: Int) {
        let scene = scene(TenantBed.entry("acme"))
        #expect(scene.finish(scene.get(path)).status == status)
    }

    @Test("without a file nobody needs a key, and what is presented plays no part")
    func anyone() {
        let scene = Scene(workers: 1)
        let members =
            #","nvext":{"backend_instance_id":1,"agent_hints":{"priority":9},"router_config_override":{"router_temperature":0.5}}"#
        scene.finish(scene.chat(members, headers: [("authorization", "Bearer x"), ("x-api-key", "y")])) { #expect($0.status == 200) }
        let asked = scene.router { $0.asked }
        #expect(
            asked.map(\.tenant) == [""] && asked[0].tenantWeight == 1 && asked[0].options.priority == 9 && asked[0].options.pins.count == 1)
        #expect(scene.worker { $0.jobs.map(\.entry.salt) } == [[]] && scene.worker { $0.jobs.map(\.entry.priority) } == [9])
    }

    // MARK: What a tenant may do

    @Test("a model that it may not use is as one that does not exist, in requests and in lists")
    func models() {
        let scene = scene(TenantBed.entry("acme", #","models":["other"]"#), TenantBed.entry("all"))
        let unknown = scene.finish(scene.send(Self.post("nonesuch", as: "acme")))
        let hidden = scene.finish(scene.send(Self.post("tiny", as: "acme")))
        for client in [unknown, hidden] {
            client { answer in
                #expect(answer.status == 404 && answer.errorCode == "model_not_found")
                #expect(answer.json["error"]?["message"]?.asString?.contains("does not exist") == true)
            }
        }
        #expect(scene.finish(scene.get("/v1/models/tiny", as: "acme")).status == 404)
        scene.finish(scene.get("/v1/models", as: "acme")) { #expect($0.json["data"]?.asArray?.count == 0) }
        #expect(scene.finish(scene.get("/v1/models/tiny", as: "all")).status == 200)
        scene.finish(scene.get("/v1/models", as: "all")) { #expect($0.json["data"]?.asArray?.count == 1) }
        #expect(scene.router { $0.asked.isEmpty })
    }

    @Test("an adapter names its base model to those alone that may see it")
    func parents() {
        let card = Scene.card { $0.loRAs = [Label(text: "tiny-fr")] }
        let file = TenantBed.file(TenantBed.entry("acme", #","models":["tiny-fr"]"#), TenantBed.entry("all"))
        let scene = Scene(card: card) { $0.tenants.given = file }
        for (tenant, parent) in [("acme", nil), ("all", "tiny")] as [(String, String?)] {
            scene.finish(scene.get("/v1/models/tiny-fr", as: tenant)) {
                #expect($0.status == 200 && $0.json["parent"]?.asString == parent)
            }
            scene.finish(scene.get("/v1/models", as: tenant)) { answer in
                let entry = answer.json["data"]?.asArray?.first { $0["id"]?.asString == "tiny-fr" }
                #expect(entry != nil && entry?["parent"]?.asString == parent)
            }
        }
    }

    private static let short = #"{"model":"tiny","max_tokens":8,"messages":[{"role":"user","content":"hi"}]}"#

    private static func post(_ model: String, as tenant: String, _ words: String = "hi") -> HTTPClientRequest {
        var request = HTTPClientRequest.post(
            "/v1/chat/completions", json: Array(#"{"model":"\#(model)","messages":[{"role":"user","content":"\#(words)"}]}"#.utf8))
        request.headers += TenantBed.bearer(tenant)
        return request
    }

    @Test("T28: priority is cut to what the tenant may have, silently and counted; what it may have stays")
    func priority() {
        let scene = scene(TenantBed.entry("plain"), TenantBed.entry("urgent", #","maxPriority":30,"maxStrictPriority":2"#))
        let wishes = [
            #"{"priority":1000,"strict_priority":9}"#, #"{"latency_sensitivity":500.0}"#, #"{"priority":20,"strict_priority":1}"#,
            #"{"priority":-5}"#,
        ]
        for wish in wishes {
            for tenant in ["plain", "urgent"] {
                scene.finish(scene.chat(#","nvext":{"agent_hints":\#(wish)}"#, as: tenant)) { #expect($0.status == 200) }
            }
        }
        let asked = scene.router { $0.asked }
        #expect(asked.filter { $0.tenant == "plain" }.allSatisfy { $0.options.priority == 0 && $0.options.priorityClass == 0 })
        #expect(asked.filter { $0.tenant == "urgent" }.map(\.options.priority) == [30, 30, 20, 0])
        #expect(asked.filter { $0.tenant == "urgent" }.map(\.options.priorityClass) == [2, 0, 1, 0])
        // Engines have one order for all tenants.
        #expect(scene.worker { $0.jobs.allSatisfy { $0.entry.priority == 0 } })
        #expect(scene.metric(#"apus_frontend_tenant_priorities_cut_total{tenant="plain"}"#) == 3)
        #expect(scene.metric(#"apus_frontend_tenant_priorities_cut_total{tenant="urgent"}"#) == 2)
    }

    @Test(
        "pins and overrides of the router are for tenants that may: others are told which member it is",
        arguments: [
            (#""backend_instance_id":1"#, "nvext.backend_instance_id"), (#""decode_worker_id":1"#, "nvext.decode_worker_id"),
            (#""prefill_worker_id":1"#, "nvext.prefill_worker_id"),
            (#""router_config_override":{"router_temperature":0.5}"#, "nvext.router_config_override"),
        ])
    func pins(_ member: String, _ param: String) {
        let scene = scene(
            TenantBed.entry("plain"), TenantBed.entry("operator", #","mayPinWorkers":true,"mayOverrideRouter":true"#))
        scene.finish(scene.chat(#","nvext":{\#(member)}"#, as: "plain")) { answer in
            #expect(answer.status == 403 && answer.errorCode == "permission_denied")
            #expect(answer.json["error"]?["param"]?.asString == param)
        }
        #expect(scene.router { $0.asked.isEmpty })
        #expect(scene.finish(scene.chat(#","nvext":{\#(member)}"#, as: "operator")).status == 200)
    }

    @Test("keys, models and pins hold for every API, and errors have its form")
    func everyAPI() {
        let scene = scene(TenantBed.entry("plain", #","models":["tiny"]"#), TenantBed.entry("other", #","models":["other"]"#))
        func post(_ path: String, _ body: String, _ headers: [(name: String, value: String)]) -> Scene.Client {
            var request = HTTPClientRequest.post(path, json: Array(body.utf8))
            request.headers += headers
            return scene.finish(scene.send(request))
        }
        let count = #"{"model":"tiny","messages":[{"role":"user","content":"hi"}]}"#
        let bodies = [
            ("/v1/messages", Self.short), ("/v1/messages/count_tokens", count), ("/v1/responses", #"{"model":"tiny","input":"hi"}"#),
            ("/tokenize", #"{"model":"tiny","prompt":"hi"}"#), ("/v1/detokenize", #"{"model":"tiny","tokens":[104]}"#),
        ]
        for (path, body) in bodies {
            #expect(post(path, body, [("x-api-key", TenantBed.key("plain"))]).status == 200, "\(path)")
            #expect(post(path, body, TenantBed.bearer("other")).status == 404, "\(path)")
            let stranger = post(path, body, [])
            stranger { answer in
                #expect(answer.status == 401 && answer.header("www-authenticate") == "Bearer")
                let isAnthropic = path.hasPrefix("/v1/messages")
                #expect((answer.json["type"]?.asString == "error") == isAnthropic && (answer.errorCode != nil) != isAnthropic, "\(path)")
            }
        }
        // Without a name the one model is meant that the tenant may see.
        #expect(post("/tokenize", #"{"prompt":"hi"}"#, TenantBed.bearer("other")).status == 400)
        let headers = ["x-worker-instance-id", "x-prefill-instance-id", "x-dp-rank", "x-data-parallel-rank", "x-prefill-dp-rank"]
        for header in headers {
            let message = #"{"model":"tiny","messages":[{"role":"user","content":"hi"}]}"#
            let client = post("/v1/chat/completions", message, TenantBed.bearer("plain") + [(header, "1")])
            client { #expect($0.status == 403 && $0.json["error"]?["param"]?.asString == header) }
            #expect(post("/v1/messages", Self.short, TenantBed.bearer("plain") + [(header, "1")]).status == 403, "\(header)")
        }
        #expect(scene.router { $0.asked.allSatisfy { $0.tenant == "plain" } })
    }

    // MARK: What others are told

    @Test("routers and workers hear of the tenant: its weight, its salt in hashes and entries, its name in what ended")
    func wire() throws {
        let scene = scene(
            TenantBed.entry("a", #","weight":3"#), TenantBed.entry("b"), TenantBed.entry("c", #","cacheGroup":"a""#))
        let words = String(repeating: "a prompt of several blocks ", count: 4)
        for tenant in ["a", "b", "c"] { scene.finish(scene.send(Self.post("tiny", as: tenant, words))) }
        let asked = scene.router { $0.asked }, jobs = scene.worker { $0.jobs.map(\.entry) }
        #expect(asked.map(\.tenant) == ["a", "b", "c"] && asked.map(\.tenantWeight) == [3, 1, 1])
        try #require(asked.count == 3 && jobs.count == 3)
        #expect(asked[0].sequenceHashes == asked[2].sequenceHashes && asked[0].sequenceHashes != asked[1].sequenceHashes)
        #expect(!asked[0].sequenceHashes.isEmpty)
        #expect(jobs.map(\.salt.count) == [16, 16, 16] && jobs[0].salt == jobs[2].salt && jobs[0].salt != jobs[1].salt)
        #expect(jobs[0].salt == (try? CacheSalt.of(group: "a", secret: Array("a secret of no importance".utf8)))?.bytes)
    }

    @Test("two tenants may use one session id, and one's cookie is none for the other")
    func sessions() {
        let scene = scene(TenantBed.entry("a"), TenantBed.entry("b"))
        for tenant in ["a", "b"] { scene.finish(scene.chat(headers: TenantBed.bearer(tenant) + [("x-session-id", "s")])) }
        let keys = scene.router { $0.asked.compactMap { $0.session?.key } }
        #expect(keys == [SessionKey(tenant: "a", id: "s"), SessionKey(tenant: "b", id: "s")])
    }

    @Test("no key and no digest of one stands in logs, metrics, debug state or answers")
    func canary() {
        let scene = scene(TenantBed.entry("acme"), TenantBed.entry("other"))
        scene.finish(scene.chat(as: "acme"))
        let refused = scene.finish(scene.chat(headers: [("authorization", "Bearer \(TenantBed.key("canary"))")]))
        let state = scene.debugState
        for text in [scene.exposition.joined(), state, refused.text] + scene.log {
            for tenant in ["acme", "other", "canary"] {
                let key = TenantBed.key(tenant)
                #expect(!text.contains(key) && !text.contains(SHA256.digest(of: Array(key.utf8)).hex))
            }
        }
    }
}
