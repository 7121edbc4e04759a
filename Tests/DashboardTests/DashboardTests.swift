import ClusterHarness
import ClusterModel
import Concurrency
import EventLoop
import JSONText
import ProcessKit
import ServiceRuntime
import TLS
import TestSupport
import Testing
import Transport
import WireProtocol

@testable import Dashboard

@Suite("The dashboard on an admin side")
struct DashboardTests {
    /// A cluster that does not exist, and a dashboard that follows it.
    private final class Scene {
        let world = VirtualWorld(seed: 1)
        let bed: Bed
        private let cluster: SyntheticCluster
        private let loop: VirtualLoop

        init(workers: Int, requestsPerSecond: Int) throws {
            let fabric = SimulatedFabric(world: world)
            let loop = world.makeLoop("synthetic"), host = fabric.host("synthetic", loop: loop)
            self.loop = loop
            var size = SyntheticCluster.Size()
            size.workers = workers
            size.requestsPerSecond = requestsPerSecond
            var policy = LinkPolicy(
                identity: Identity(role: .router, id: 1, generation: 1, name: ""), cluster: ClusterValues(clusterID: "apus"))
            policy.secret = VirtualProcess.secret
            cluster = loop.perform { [size, policy] in
                do {
                    let cluster = try SyntheticCluster(
                        size, at: .init(host: "synthetic", links: 8_100, feed: 8_101, others: 8_200), policy: policy, seed: 1, loop: loop,
                        network: host)
                    cluster.start()
                    return cluster
                } catch { preconditionFailure("\(error)") }
            }
            bed = try Bed(world, fabric, routers: [Address(host: "synthetic", port: 8_100)])
        }

        var openLinks: Int {
            let cluster = cluster
            return loop.perform { cluster.openLinks }
        }
    }

    @Test("the cluster is followed from the first page on, until a minute after the last, and nothing of it is held then")
    func following() throws {
        let scene = try Scene(workers: 4, requestsPerSecond: 20), bed = scene.bed
        bed.pass(.seconds(5))
        #expect(!bed.perform { $0.isFollowing } && scene.openLinks == 0)
        let page = bed.open("/dashboard/events")
        #expect(bed.run { bed.look(page) { $0.tables["workers"]?.count == 4 } })
        #expect(bed.perform { $0.isFollowing })
        bed.look(page) { $0.leave() }
        bed.pass(.seconds(59))
        #expect(bed.perform { $0.isFollowing && $0.pages == 0 })
        bed.pass(.seconds(5))
        #expect(!bed.perform { $0.isFollowing } && scene.openLinks == 0)
        // What is seen afterwards is not what was.
        let next = bed.open("/dashboard/events")
        #expect(bed.run { bed.look(next) { $0.tables["workers"]?.count == 4 } })
    }

    @Test("a page has workers, queues, tenants, frontends and charts as the streams say them; then what changes, a few times a second")
    func contents() throws {
        let scene = try Scene(workers: 8, requestsPerSecond: 200), bed = scene.bed
        let page = bed.open("/dashboard/events")
        bed.pass(.seconds(8))
        bed.look(page) { page in
            let tables = page.tables
            #expect(tables["workers"]?.count == 8 && tables["workers"]?.values.allSatisfy { $0["total_blocks"]?.asInt == 16_384 } ?? false)
            #expect(
                tables["workers"]?.values.allSatisfy { $0["state"]?.asString == "ready" && $0["model"]?.asString == "synthetic" } ?? false)
            #expect(tables["workers"]?.values.contains { $0["achieved"]?.asDouble != nil && $0["reachable"]?.asDouble != nil } ?? false)
            #expect(tables["routers"]?["0"]?["heard"]?.asBool == true)
            #expect(tables["queues"]?.count == 1 && tables["frontends"]?.count == 1)
            #expect(Set(tables["tenants"]?.keys.sorted() ?? []) == ["*", "=batch", "=interactive"])
            let points = tables["points"]?.sorted { $0.key < $1.key }.map(\.value) ?? []
            #expect(points.count >= 6 && points.last?[1]?.asDouble.map { abs($0 - 200) < 60 } ?? false, "\(points.last ?? .null)")
            // Each runs for a second.
            #expect(points.last?[2]?.asDouble.map { abs($0 - 200) < 60 } ?? false && points.last?[3]?.asDouble.map { $0 < 50 } ?? false)
            #expect(points.last?[6]?.asDouble.map { (20...110).contains($0) } ?? false)
            // Four a second at most, and the first.
            #expect(page.messages <= 4 * 8 + 1 && page.beginnings == 1)
            // One in a hundred is turned away, which is no reason for a warning; one in five hundred fails, which is.
            #expect(tables["warnings"]?.keys.contains { $0.hasPrefix("ApusNoRouter") } == false)
        }
    }

    @Test("requests are listed and opened while they run and when they have ended, with both legs")
    func requests() throws {
        let scene = try Scene(workers: 8, requestsPerSecond: 50), bed = scene.bed
        _ = bed.open("/dashboard/events")
        bed.pass(.seconds(6))
        let running = bed.get("/dashboard/requests?state=running&limit=10").json["requests"]?.asArray ?? []
        #expect(running.count == 10 && running.allSatisfy { $0["state"]?.asString == "decode" && $0["status"]?.isNull == true })
        let ended = bed.get("/dashboard/requests?state=ended&limit=200").json["requests"]?.asArray ?? []
        #expect(ended.count == 200 && ended.allSatisfy { $0["total_us"]?.asInt == 1_000_000 })
        let id = try #require(ended.first?["id"]?.asString), one = bed.get("/dashboard/requests/\(id)")
        #expect(one.status == 200 && one.json["legs"]?.asArray?.map { $0["leg"]?.asString } == ["prefill", "decode"])
        #expect(one.json["lanes"]?.asArray?.count == 3 && one.json["routes"]?.asArray?.count == 1)
        #expect(bed.get("/dashboard/requests/00000000000000f0-0000000000000001").status == 404)
        #expect(bed.get("/dashboard/requests?limit=0").status == 400)
    }

    @Test("as many pages are fed as there is room for; one more is told so, and fits when one has gone")
    func watchers() throws {
        let scene = try Scene(workers: 2, requestsPerSecond: 5), bed = scene.bed
        let pages = (0..<DashboardLimits.watchers).map { _ in bed.open("/dashboard/events") }
        bed.pass(.seconds(1))
        #expect(bed.perform { $0.pages } == DashboardLimits.watchers)
        let refused = bed.get("/dashboard/events")
        #expect(refused.status == 503 && refused.json["error"]?["message"]?.asString?.contains("8 pages are open") ?? false)
        bed.look(pages[0]) { $0.leave() }
        bed.pass(.seconds(1))
        let next = bed.open("/dashboard/events")
        #expect(bed.run { bed.look(next) { $0.status == 200 && $0.isComplete } })
    }

    @Test("a page that does not read is not queued for: when it reads again it gets what is newest, once")
    func slow() throws {
        let scene = try Scene(workers: 50, requestsPerSecond: 500), bed = scene.bed
        let quick = bed.open("/dashboard/events"), slow = bed.open("/dashboard/events")
        #expect(bed.run { bed.look(slow) { $0.tables["workers"]?.count == 50 } })
        let before = bed.look(slow) { page in
            page.setReading(false)
            return page.received
        }
        bed.pass(.seconds(20))
        let quickBytes = bed.look(quick) { $0.received }
        bed.look(slow) { $0.setReading(true) }
        let points = { (page: Page) in bed.look(page) { $0.tables["points"]?.keys.max() } }
        #expect(bed.run(.seconds(5)) { points(slow) == points(quick) && bed.look(slow) { $0.isComplete } })
        let slowBytes = bed.look(slow) { $0.received } - before
        // What waited on the way is bounded by the sockets and by what may be unsent, and not by the time.
        #expect(slowBytes < quickBytes / 2, "\(slowBytes) of \(quickBytes)")
        #expect(bed.look(slow) { !$0.isEnded && $0.longestMessage < DashboardLimits.bytesPerTick + 4_096 })
    }

    @Test("a thousand requests a second of forty workers: what is kept and what is sent is bounded")
    func bounded() throws {
        let scene = try Scene(workers: 40, requestsPerSecond: 1_000), bed = scene.bed
        let page = bed.open("/dashboard/events")
        bed.pass(.seconds(6))
        let picture = try #require(bed.perform { $0.picture })
        bed.loop.perform {
            #expect(picture.book.openCount < 3_000 && picture.book.dropped == 0)
            #expect(picture.cacheRates.count <= 40 && picture.frontends.count == 1 && picture.tenants.entries.count == 3)
        }
        bed.look(page) {
            #expect($0.longestMessage <= DashboardLimits.bytesPerTick && $0.received < 6 * 4 * DashboardLimits.bytesPerTick / 4)
        }
    }

    @Test("the page is served to this machine by its own names, and to no page of others")
    func access() throws {
        let scene = try Scene(workers: 1, requestsPerSecond: 1), bed = scene.bed
        for host in ["localhost", "localhost:8001", "127.0.0.1:9", "[::1]:8001"] {
            #expect(bed.get("/dashboard", headers: [("Host", host)]).status == 200, "\(host)")
        }
        for host in ["evil.example", "127.0.0.1.evil.example", "localhost.evil:80", "10.0.0.1"] {
            #expect(bed.get("/dashboard", headers: [("Host", host)]).status == 403, "\(host)")
        }
        #expect(bed.get("/dashboard/requests", headers: [("Host", "localhost"), ("Sec-Fetch-Site", "cross-site")]).status == 403)
        #expect(bed.get("/dashboard/requests", headers: [("Host", "localhost"), ("Sec-Fetch-Site", "same-origin")]).status == 200)
        let page = bed.open("/dashboard")
        bed.run { bed.look(page) { $0.isEnded } }
        bed.look(page) { page in
            #expect(page.header["content-security-policy"] == DashboardPage.policy && page.header["x-frame-options"] == "DENY")
        }
    }

    @Test("beyond loopback there is no dashboard")
    func beyondLoopback() throws {
        let world = VirtualWorld(seed: 1), bed = try Bed(world, SimulatedFabric(world: world), routers: [], listen: "0.0.0.0:9000")
        for path in ["/dashboard", "/dashboard/events", "/dashboard/requests", "/dashboard/requests/x"] {
            #expect(bed.get(path).status == 404)
        }
    }

    @Test("beyond loopback who shows the token gets it by any name; a page that is open ends when the token is changed")
    func token() throws {
        let token = String(repeating: "t", count: 32), text = Lock((version: Int64(1), token: token))
        let file = WatchedFile(
            path: "/token", stamp: { FileStamp(seconds: text.with { $0.version }) }, read: { _ in Array(text.with { $0.token }.utf8) })
        var access = AdminAccess()
        access.token = (try AdminToken(Array(token.utf8)), file)
        let world = VirtualWorld(seed: 1)
        let bed = try Bed(world, SimulatedFabric(world: world), routers: [], listen: "0.0.0.0:9000", access: access)
        let right = [(name: "Host", value: "apus.example"), (name: "Authorization", value: "Bearer \(token)")]
        for path in ["/dashboard", "/dashboard/events", "/dashboard/requests", "/dashboard/requests/x"] {
            #expect(bed.get(path, headers: [("Host", "localhost")]).status == 401, "\(path)")
        }
        #expect(bed.get("/dashboard", headers: right).status == 200)
        #expect(bed.get("/dashboard/requests", headers: right).status == 200)
        let page = bed.open("/dashboard/events", headers: right)
        #expect(bed.run { bed.look(page) { $0.messages > 0 } })
        text.with { $0 = (2, String(repeating: "u", count: 32)) }
        #expect(bed.run(.seconds(5)) { bed.look(page) { $0.isEnded } })
        #expect(bed.perform { $0.pages } == 0 && bed.get("/dashboard", headers: right).status == 401)
    }

    @Test("of itself a frontend warns by name: certificates that end, files that are refused, workers that it keeps out")
    func own() throws {
        let world = VirtualWorld(seed: 1), bed = try Bed(world, SimulatedFabric(world: world), routers: [Address(host: "nowhere", port: 1)])
        let set = try Self.certificate(), context = bed.context
        // The virtual clock begins five and a half days before the end of this one.
        let watch = try bed.loop.perform {
            Result { () throws(TLSFault) in try CertificateWatch(.clients, set, context: context) { _ in } }
        }.get()
        bed.perform { $0.barredWorkers = { [(worker: 0xAB, failures: 5)] } }
        let page = bed.open("/dashboard/events")
        bed.pass(.seconds(8))
        let warnings = bed.look(page) { $0.tables["warnings"] ?? [:] }
        let ends = warnings["ApusCertificateEnds this frontend's certificate for clients"]
        #expect(ends?["detail"]?.asString == "cert.pem ends in 5 days" && ends?["urgent"]?.asBool == false, "\(warnings.keys)")
        let barred = warnings["WorkerBarred 00000000000000ab"]
        #expect(barred?["detail"]?.asString?.hasPrefix("it failed 5 requests in a row") == true)
        withExtendedLifetime(watch) {}

        var entry = bed.loop.perform { context.certificates.entries[0] }
        #expect(Warning.of(entry, at: entry.expires - 15 * 86_400).isEmpty)
        #expect(Warning.of(entry, at: entry.expires).map(\.name) == [.certificateEnded])
        entry.refusal = "key.pem: it is not the key of the certificate"
        let refused = Warning.of(entry, at: entry.expires - 15 * 86_400)
        #expect(refused.map(\.name) == [.certificateRefused] && refused[0].detail.hasPrefix("key.pem: "))
    }

    private static func certificate() throws -> CertificateSet {
        func file(_ name: String) throws -> PEMFile {
            PEMFile("\(name).pem", try GoldenVectors.contents("\(GoldenVectors.root)/Tests/Fixtures/tls/short-\(name).pem"))
        }
        return CertificateSet(certificate: try file("cert"), key: try file("key"), authority: nil)
    }

    @Test("without a router the page is fed all the same, and says what is wrong by name")
    func alone() throws {
        let world = VirtualWorld(seed: 1), bed = try Bed(world, SimulatedFabric(world: world), routers: [Address(host: "nowhere", port: 1)])
        let page = bed.open("/dashboard/events")
        bed.pass(.seconds(8))
        bed.look(page) { page in
            let names = page.tables["warnings"]?.values.compactMap { $0["name"]?.asString }.sorted()
            #expect(names == ["ApusNoRouter", "RouterStale"] && page.tables["workers"] == nil)
        }
        bed.loop.perform { [dashboard = bed.dashboard!] in dashboard.stop() }
        #expect(bed.run { bed.look(page) { $0.isEnded } })
    }
}
