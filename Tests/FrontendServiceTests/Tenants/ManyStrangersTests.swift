import ClusterModel
import HTTPClient
import ServiceRuntime
import Testing

@testable import FrontendService

@Suite("Many strangers")
struct ManyStrangersTests {
    /// What a frontend keeps by the words of its clients.
    private struct Kept: Hashable {
        let series: Set<Substring>
        let accounts: Int
        let labels: Int
    }

    @Test("T44: with as many keys, sessions and labels as there are requests, series and tables stay as they are once they are full")
    func flat() {
        let scene = Scene(workers: 1) { config in
            config.tenants.given = TenantBed.file(TenantBed.entry("a", #","tokensPerMinute":1000000000"#), TenantBed.entry("b"))
            config.limits.keptLabels = 128
        }
        func ask(_ number: Int, known: Bool) -> Scene.Client {
            let key = known ? TenantBed.key("a") : "stranger-\(number)"
            return scene.chat(
                headers: [
                    ("authorization", "Bearer \(key)"), ("x-session-id", "session-\(number)"), ("x-request-id", "request-\(number)"),
                ])
        }
        func kept() -> Kept {
            scene.pass(.seconds(2))
            let series = Set(scene.exposition.map { $0.prefix { $0 != " " } })
            return scene.service { service in
                let frontend = service.frontend
                return Kept(series: series, accounts: frontend.tenants.accounts.count, labels: frontend.decisions.keptLabels)
            }
        }
        for number in 0..<280 { scene.finish(ask(number, known: number % 4 == 0)) }
        let before = kept()
        #expect(before.accounts == 2 && before.labels == 64, "70 labels of one of two tenants")
        for number in 280..<2_020 { scene.finish(ask(number, known: number % 4 == 0)) }
        #expect(kept() == before)
        #expect(scene.metric(#"apus_frontend_unauthenticated_total{reason="unknown"}"#) == 1_515)
        #expect(scene.held == [])
    }

    @Test("100,000 keys that nobody has are nobody's, and leave the table of keys as it was")
    func keys() {
        let file = TenantBed.file(TenantBed.entry("a", keys: 3), TenantBed.entry("b"))
        let table = KeyTable(file.keys.map { ($0.digest, $0.tenant) }, seed: 7)
        for number in 0..<100_000 {
            let digest = TenantKey.digest(of: "stranger-\(number)") ?? Digest()
            #expect(table.tenant(of: digest) == nil)
        }
        for number in 0..<3 { #expect(TenantKey.digest(of: TenantBed.key("a", number)).flatMap { table.tenant(of: $0) } == 0) }
    }
}
