import ClusterModel
import HTTPClient
import ServiceRuntime
import Testing

@testable import FrontendService

@Suite("Many strangers")
struct ManyStrangersTests {
    @Test("T44: 100,000 requests with as many keys, sessions and labels leave series and tables as they were")
    func flat() {
        let scene = Scene(workers: 1) { config in
            config.tenants.given = TenantBed.file(TenantBed.entry("a", #","tokensPerMinute":1000000000"#), TenantBed.entry("b"))
        }
        func ask(_ number: Int, known: Bool) -> Scene.Client {
            let key = known ? TenantBed.key("a") : "stranger-\(number)"
            return scene.chat(
                headers: [
                    ("authorization", "Bearer \(key)"), ("x-session-id", "session-\(number)"), ("x-request-id", "request-\(number)"),
                ])
        }
        for number in 0..<20 { scene.finish(ask(number, known: number % 4 == 0)) }
        scene.pass(.seconds(2))
        let series = Set(scene.exposition.map { $0.prefix { $0 != " " } })
        // The way of a stranger's request in full, and the look-up of its key by itself.
        for number in 20..<2_020 { scene.finish(ask(number, known: number % 4 == 0)) }
        scene.service { service in
            let tenants = service.frontend.tenants
            for number in 0..<100_000 {
                let digest = PresentedKey.digest(of: "stranger-\(number)") ?? Digest()
                #expect(tenants.book?.tenant(of: digest) == nil)
            }
            #expect(tenants.inOrder.count == 2)
        }
        scene.pass(.seconds(2))
        #expect(Set(scene.exposition.map { $0.prefix { $0 != " " } }) == series)
        #expect(scene.metric(#"apus_frontend_unauthenticated_total{reason="unknown"}"#) == 1_515)
        #expect(scene.held == [])
    }
}
