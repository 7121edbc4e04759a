import ClusterModel
import HTTPClient
import Testing
import WireProtocol

@testable import FrontendService

@Suite("Decisions on requests of tenants")
struct TenantDecisionTests {
    private func scene(_ configure: @escaping (inout FrontendConfig) -> Void = { _ in }) -> Scene {
        Scene(workers: 1) { config in
            config.tenants.given = TenantBed.file(TenantBed.entry("a"), TenantBed.entry("b"))
            configure(&config)
        }
    }

    @Test("a decision is told to the tenant whose request it was, by label and by id; for others there is none")
    func decisions() {
        let scene = scene()
        scene.router { $0.explains = { _ in DecisionTests.record } }
        var ids: [String: String] = [:]
        for tenant in ["a", "b"] {
            scene.finish(scene.chat(headers: TenantBed.bearer(tenant) + [("x-request-id", "mine")]))
            scene.finish(scene.chat(as: tenant)) { ids[tenant] = $0.header("x-request-id") }
        }
        for (tenant, other) in [("a", "b"), ("b", "a")] {
            #expect(scene.finish(scene.get("/v1/requests/mine/decision", as: tenant)).status == 200)
            #expect(scene.finish(scene.get("/v1/requests/\(ids[tenant] ?? "")/decision", as: tenant)).status == 200)
            #expect(scene.finish(scene.get("/v1/requests/\(ids[other] ?? "")/decision", as: tenant)).status == 404)
        }
        // The same name is each tenant's own: the first request of both.
        let asked = scene.router { $0.explained.map(\.request.counter) }
        #expect(asked == [1, 2, 3, 4])
    }

    @Test("labels of one tenant push out none of another's, and every request of a list is its tenant's")
    func labels() {
        let scene = scene { $0.limits.keptLabels = 128 }
        scene.router { $0.explains = { _ in DecisionTests.record } }
        func ask(_ tenant: String, _ label: String) {
            scene.finish(scene.chat(headers: TenantBed.bearer(tenant) + [("x-request-id", label)]))
        }
        func status(_ tenant: String, _ name: String) -> Int {
            scene.finish(scene.get("/v1/requests/\(name)/decision", as: tenant)).status
        }
        ask("a", "mine")
        for number in 0..<200 { ask("b", "b-\(number)") }
        #expect(status("a", "mine") == 200 && status("b", "b-199") == 200 && status("b", "b-136") == 200 && status("b", "b-135") == 404)
        #expect(scene.service { $0.frontend.decisions.keptLabels } == 1 + 64)
        var request = HTTPClientRequest.post("/v1/completions", json: Array(#"{"model":"tiny","prompt":["a","b"]}"#.utf8))
        request.headers += TenantBed.bearer("a")
        var first: RequestID?
        scene.finish(scene.send(request)) { first = $0.header("x-request-id").flatMap { RequestID(text: $0) } }
        let second = first.map { RequestID(origin: $0.origin, counter: $0.counter + 1) }
        for id in [first, second] { #expect(id.map { status("a", "\($0)") } == 200 && id.map { status("b", "\($0)") } == 404) }
    }
}
