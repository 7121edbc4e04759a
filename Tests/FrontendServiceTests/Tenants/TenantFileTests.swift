import ClusterModel
import HTTPServing
import Testing

@testable import FrontendService

@Suite("The tenants' file")
struct TenantFileTests {
    @Test("a tenant of few words may use every model, and has no limit, no priority and no pins")
    func defaults() {
        let tenant = TenantBed.file(TenantBed.entry("acme")).tenants[0]
        #expect(tenant.name == "acme" && tenant.cacheGroup == "acme" && tenant.weight == 1)
        #expect(tenant.models == nil && tenant.sees("anything") && !tenant.hasLimits && tenant.burstTokens == nil)
        #expect(tenant.maxPriority == 0 && tenant.maxStrictPriority == 0 && !tenant.mayPinWorkers && !tenant.mayOverrideRouter)
    }

    @Test("every member is read")
    func members() {
        let file = TenantBed.file(
            TenantBed.entry(
                "acme",
                #","models":["a","b/c"],"maxPriority":30,"maxStrictPriority":2,"mayPinWorkers":true,"mayOverrideRouter":true,"#
                    + #""tokensPerMinute":60000,"burstTokens":9000,"maxRunning":7,"weight":2.5,"cacheGroup":"shared""#, keys: 3),
            TenantBed.entry("other"))
        let tenant = file.tenants[0]
        #expect(tenant.models == ["a", "b/c"] && !tenant.sees("c") && tenant.sees("b/c"))
        #expect(tenant.maxPriority == 30 && tenant.maxStrictPriority == 2 && tenant.mayPinWorkers && tenant.mayOverrideRouter)
        #expect(tenant.tokensPerMinute == 60_000 && tenant.burstTokens == 9_000 && tenant.maxRunning == 7)
        #expect(tenant.weight == 2.5 && tenant.cacheGroup == "shared" && tenant.hasLimits)
        #expect(file.keys.map(\.tenant) == [0, 0, 0, 1])
    }

    @Test("all mistakes are told at once, each with its path")
    func mistakes() {
        let text = Array(
            #"""
            {"tenants":[
              {"name":"a b","keys":["sha256:12"],"wieght":1,"weight":0},
              {"keys":[],"maxRunning":0,"mayPinWorkers":"yes","models":"all","burstTokens":5},
              7,
              {"name":"c","keys":["sha256:\#(String(repeating: "0", count: 64))"],"tokensPerMinute":1.5,"cacheGroup":""},
              {"name":"c","keys":["sha256:\#(String(repeating: "0", count: 64))"],"models":[""]}
            ],"version":1}
            """#.utf8)
        let faults = TenantBed.faults(text)
        let paths = [
            "version", "tenants[0].keys[0]", "tenants[0].wieght", "tenants[0].name", "tenants[0].weight", "tenants[1].name",
            "tenants[1].models", "tenants[1].mayPinWorkers", "tenants[1].burstTokens", "tenants[1].maxRunning", "tenants[2]",
            "tenants[3].tokensPerMinute", "tenants[3].cacheGroup", "tenants[4].keys[0]", "tenants[4].name", "tenants[4].models[0]",
        ]
        #expect(faults.map { String($0.prefix { $0 != ":" }) } == paths, "\(faults)")
    }

    @Test(
        "a file that is none says so",
        arguments: ["", "{", "[]", "7", #"{"tenants":{}}"#, #"{"tenants":[]}"#, "{\"tenants\":[],\"tenants\":[]}"])
    func noFile(_ text: String) { #expect(TenantBed.faults(Array(text.utf8)).count == 1) }

    @Test("what may be a key that was put in by mistake is never repeated")
    func canary() {
        let canary = "apus-\(String(repeating: "c4nary", count: 8))"
        let texts = [
            #"{"tenants":[{"name":"\#(canary) ","keys":["\#(canary)"],"\#(canary)":1}]}"#, #"{"\#(canary)":1,"tenants":["\#(canary)"]}"#,
            #"{"tenants":[{"name":"a","keys":"\#(canary)","cacheGroup":"\#(canary)!","models":["\#(canary)"],"weight":"\#(canary)"}]}"#,
            "{\"\(canary)",
        ]
        for text in texts {
            let faults = TenantBed.faults(Array(text.utf8))
            #expect(!faults.isEmpty && faults.allSatisfy { !$0.contains("c4nary") }, "\(faults)")
        }
    }

    @Test("any bytes are read without a trap")
    func anything() {
        var random = SeededRandom(seed: 11)
        let good = TenantBed.text(TenantBed.entry("acme", #","weight":2,"models":["m"]"#), TenantBed.entry("other"))
        for _ in 0..<3_000 {
            var text = good
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                text[Int.random(in: text.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            _ = TenantBed.faults(text)
        }
    }

    // MARK: Salts

    @Test("as soon as there are two tenants each has a salt of its group, which the secret makes; one alone has none")
    func salts() throws {
        let secret = Array("secret".utf8)
        let alone = try TenantBook(TenantBed.file(TenantBed.entry("a")), secret: [], seed: 1)
        #expect(alone.tenants[0].salt == nil && alone.tenants[0].memoryGroup == 0)
        let file = TenantBed.file(TenantBed.entry("a"), TenantBed.entry("b"), TenantBed.entry("c", #","cacheGroup":"a""#))
        let book = try TenantBook(file, secret: secret, seed: 1), salts = book.tenants.map(\.salt)
        #expect(try salts[0] == CacheSalt.of(group: "a", secret: secret) && salts[0] == salts[2] && salts[0] != salts[1])
        #expect(salts.allSatisfy { $0?.bytes.count == 16 } && salts[0].map { CacheSalt(bytes: $0.bytes) } == salts[0])
        #expect(book.tenants[0].memoryGroup == book.tenants[2].memoryGroup && book.tenants[0].memoryGroup != book.tenants[1].memoryGroup)
        #expect(throws: TenantFileError.self) { try TenantBook(file, secret: [], seed: 1) }
    }

    // MARK: Keys

    @Test("each key finds its tenant, whatever the shelves look like, and no other key does")
    func table() throws {
        var digests: [(digest: Digest, tenant: Int)] = []
        for number in 0..<500 { digests.append((SHA256.digest(of: Array("key-\(number)".utf8)), number / 2)) }
        for seed in 0..<4 as Range<UInt64> {
            let table = KeyTable(digests, seed: seed)
            #expect(digests.allSatisfy { table.tenant(of: $0.digest) == $0.tenant })
            for number in 500..<1_000 { #expect(table.tenant(of: SHA256.digest(of: Array("key-\(number)".utf8))) == nil) }
        }
        #expect(KeyTable([], seed: 1).tenant(of: Digest()) == nil)
    }
}
