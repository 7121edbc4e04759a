import ClusterModel
import Concurrency
import EventLoop
import HTTPClient
import HTTPServing
import JSONText
import ServiceRuntime
import Testing

@testable import ProcessKit

@Suite("The token of an admin side")
struct AdminTokenTests {
    private static let token = "0123456789abcdef0123456789abcdef", other = "fedcba9876543210fedcba9876543210"
    private static let bearer = [(name: "Authorization", value: "Bearer \(token)")]
    private static let order = [(name: "Content-Type", value: "application/json")]

    /// A process with a token, which listens everywhere.
    private final class Scene {
        let kit: Kit
        let port: UInt16
        let admin: AdminService
        /// The file's content and how often it was written.
        private let file = Lock((version: Int64(1), text: Optional(AdminTokenTests.token)))

        init(listen: String = "0.0.0.0:0", seed: UInt64 = 1) throws {
            kit = Kit(seed: seed)
            let context = kit.context, address = try AddressText(listen, rule: .http), file = file
            var access = AdminAccess()
            let watched = WatchedFile(
                path: "/token", stamp: { file.with { $0.text == nil ? nil : FileStamp(seconds: $0.version) } },
                read: { _ throws(FileReadError) in
                    guard let text = file.with({ $0.text }) else { throw FileReadError(path: "/token", reason: "it is gone") }
                    return Array(text.utf8)
                })
            access.token = (try AdminToken(Array(AdminTokenTests.token.utf8)), watched)
            let admin = kit.loop.perform { [access] in
                let admin = AdminService(context, listen: address, access: access, isReady: { true })
                admin.order("/pace") { order throws(AdminRefusal) in try order.finish() }
                admin.question("/why/{id}") { $0.respond(.text(.ok, "so")) }
                admin.webPage("/page") { $0.respond(.text(.ok, "page")) }
                return admin
            }
            kit.kept.append(admin)
            self.admin = admin
            port = kit.run {
                do { try await admin.start() } catch { return UInt16(0) }
                return admin.port
            }
        }

        func write(_ text: String?) {
            file.with { $0 = ($0.version + 1, text) }
            kit.pass(.seconds(4))
        }

        func status(_ path: String, _ headers: [(name: String, value: String)] = [], from host: String = "client") -> Int? {
            kit.get(path, port: port, headers: headers, from: host)?.status
        }

        func order(_ headers: [(name: String, value: String)]) -> Int? {
            kit.post("/pace", port: port, headers: AdminTokenTests.order + headers, body: Array("{}".utf8))?.status
        }

        func signIn(_ token: String, headers: [(name: String, value: String)] = []) -> HTTPClientResponse? {
            let type = (name: "Content-Type", value: "application/x-www-form-urlencoded")
            return kit.post("/login", port: port, headers: [type] + headers, body: Array("token=\(token)".utf8))
        }

        /// As a browser sends it back.
        func cookie(_ answer: HTTPClientResponse?) -> [(name: String, value: String)] {
            [("Cookie", "theme=dark; " + String((answer?["set-cookie"] ?? "").prefix { $0 != ";" }))]
        }
    }

    @Test(
        "with it all of the admin side is served beyond loopback, to nobody without; metrics and health to everybody",
        arguments: ["0.0.0.0:0", "127.0.0.1:0"])
    func whole(_ listen: String) throws {
        let scene = try Scene(listen: listen)
        for path in ["/debug/state", "/why/1", "/page"] {
            #expect(scene.status(path) == 401 && scene.status(path, Self.bearer) == 200, "\(path)")
        }
        #expect(scene.order([]) == 401 && scene.order(Self.bearer) == 202)
        for path in ["/metrics", "/livez", "/readyz"] { #expect(scene.status(path) == 200, "\(path)") }
        let refused = scene.kit.get("/debug/state", port: scene.port)
        #expect(refused?["www-authenticate"] == "Bearer")
        #expect(try JSONValue(parsing: refused?.body ?? [])["error"]?["param"]?.asString == "Authorization")
    }

    @Test(
        "what is not the token is refused, however alike it is",
        arguments: [
            "Bearer \(other)", "Bearer \(token)0", "Bearer \(token.dropLast())", "Bearer ", "Bearer", "Basic \(token)", token, "",
            "Bearer \(String(repeating: "0", count: 300))", "Bearer \(token) \(token)",
        ])
    func wrong(_ value: String) throws {
        let scene = try Scene()
        #expect(scene.status("/debug/state", [("Authorization", value)]) == 401)
        #expect(scene.status("/debug/state", [("Authorization", "bearer \(Self.token)")]) == 200)
        #expect(scene.status("/debug/state", Self.bearer + Self.bearer) == 401, "said twice")
        #expect(scene.status("/debug/state?token=\(Self.token)") == 401, "an address is no place for it")
    }

    @Test("a browser signs in by a form and gets a cookie, which opens pages and gives no orders")
    func browser() throws {
        let scene = try Scene()
        let asked = scene.kit.get("/page", port: scene.port, headers: [("Accept", "text/html,*/*")])
        #expect(asked?.status == 401 && asked?.text.contains("<form method=\"post\" action=\"/login\" ") == true)
        #expect(asked?["content-security-policy"]?.hasPrefix("default-src 'none';") == true && asked?["cache-control"] == "no-store")
        #expect(scene.status("/login") == 200)
        #expect(scene.signIn(Self.other)?.status == 401)
        #expect(scene.signIn(Self.token, headers: [("Sec-Fetch-Site", "cross-site")])?.status == 403)
        let entered = scene.signIn(Self.token, headers: [("Sec-Fetch-Site", "same-origin")])
        #expect(entered?.status == 303 && entered?["location"] == "/debug/state")
        let set = try #require(entered?["set-cookie"])
        #expect(set.hasPrefix("apus-admin-\(scene.port)=") && set.hasSuffix("; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict"))
        #expect(!set.contains(Self.token))
        let cookie = scene.cookie(entered)
        for path in ["/debug/state", "/why/1", "/page"] { #expect(scene.status(path, cookie) == 200, "\(path)") }
        #expect(scene.order(cookie) == 401)
        #expect(scene.status("/page", cookie + [("Sec-Fetch-Site", "cross-site")]) == 403)
        // Changed anywhere it is none.
        for damaged in [cookie[0].value + "0", String(cookie[0].value.dropLast()), cookie[0].value.replacing("=", with: "=9")] {
            #expect(scene.status("/page", [("Cookie", damaged)]) == 401)
        }
        // Another process's, with the same token.
        #expect(try Scene(seed: 2).status("/page", cookie) == 401)
        scene.kit.pass(.seconds(12 * 3_600 + 1))
        #expect(scene.status("/page", cookie) == 401, "it has ended")
    }

    @Test("too many wrong tokens shut an address out for a minute, the right one too; others and who has signed in go on")
    func tries() throws {
        let scene = try Scene(), cookie = scene.cookie(scene.signIn(Self.token)), wrong = [(name: "Authorization", value: "Bearer x")]
        for _ in 0..<AdminLimits.wrongTries { #expect(scene.status("/debug/state", wrong) == 401) }
        let refused = scene.kit.get("/debug/state", port: scene.port, headers: Self.bearer)
        #expect(refused?.status == 429 && refused?["retry-after"].flatMap(Int.init).map { (50...61).contains($0) } == true)
        #expect(scene.signIn(Self.token)?.status == 429)
        #expect(scene.status("/page", cookie) == 200)
        #expect(scene.status("/debug/state", Self.bearer, from: "stranger") == 200)
        scene.kit.pass(.seconds(61))
        #expect(scene.status("/debug/state", Self.bearer) == 200)
        // Five lines at most, and never what was tried.
        let lines = scene.kit.log.filter { $0.contains("\"msg\":\"admin token refused\"") }
        #expect(lines.count == 5 && lines.allSatisfy { $0.contains("\"peer\":\"client\"") })
        let metrics = scene.kit.get("/metrics", port: scene.port)?.text ?? ""
        #expect(metrics.contains("apus_admin_refusals_total{reason=\"wrong\"} 10\n"))
        #expect(metrics.contains("apus_admin_refusals_total{reason=\"limited\"} 2\n"))
    }

    @Test("a crowd of addresses is counted in a table that does not grow, and shuts nobody out who is in it")
    func crowd() {
        var tries = WrongTries()
        let now = Instant.zero + .seconds(1)
        for address in 0..<AdminLimits.countedAddresses { tries.count("10.0.\(address)", at: now) }
        for address in 0..<AdminLimits.wrongTries { tries.count("192.168.0.\(address)", at: now) }
        #expect(tries.pause(of: "192.168.1.1", at: now) != nil, "those beyond share one count")
        #expect(tries.pause(of: "10.0.1", at: now) == nil)
        let later = now + AdminLimits.triesSpan
        #expect(tries.pause(of: "192.168.1.1", at: later) == nil)
        tries.count("192.168.1.1", at: later)
        #expect(tries.pause(of: "192.168.1.1", at: later) == nil)
    }

    @Test("a new token holds within seconds, and ends what the old one opened; a file that has none changes nothing")
    func change() throws {
        let scene = try Scene(), cookie = scene.cookie(scene.signIn(Self.token)), ended = Box<Int>(), admin = scene.admin
        ended.value = 0
        scene.kit.loop.perform { admin.tokenChanged = { ended.value! += 1 } }
        for text in ["short", "", nil, Self.token + " " + Self.token] as [String?] {
            scene.write(text)
            #expect(scene.status("/debug/state", Self.bearer) == 200 && scene.status("/page", cookie) == 200, "\(text ?? "no file")")
            #expect(scene.kit.get("/metrics", port: scene.port)?.text.contains("apus_admin_token_file_in_force 0\n") == true)
        }
        scene.write("\(Self.other)\n")
        #expect(scene.status("/debug/state", Self.bearer) == 401 && scene.status("/page", cookie) == 401)
        #expect(scene.status("/debug/state", [("Authorization", "Bearer \(Self.other)")]) == 200)
        #expect(scene.kit.get("/metrics", port: scene.port)?.text.contains("apus_admin_token_file_in_force 1\n") == true)
        #expect(ended.value == 1)
        let log = scene.kit.log.joined(separator: "\n")
        #expect(log.contains("admin token file refused") && log.contains("admin token changed") && log.contains("admin signed in"))
        for secret in [Self.token, Self.other, String(cookie[0].value.suffix(64))] { #expect(!log.contains(secret)) }
    }
}
