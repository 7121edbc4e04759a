import ClusterModel
import EventLoop
import HTTPClient
import Testing
import Transport
import WireProtocol

@testable import FrontendService

@Suite("Limits of tenants over several frontends")
struct PeerChargeTests {
    private func scene(_ entries: String...) -> Scene {
        let bytes = Array(#"{"tenants":[\#(entries.joined(separator: ","))]}"#.utf8)
        return Scene(workers: 1) { config in
            do { config.tenants.given = try TenantFile(parsing: bytes) } catch { preconditionFailure("\(error)") }
        }
    }

    /// Another frontend, as far as its stream says.
    @LoopActor
    private final class Peer {
        private let feed: FeedPublisher

        init(_ host: SimulatedHost, on loop: Loop, generation: UInt64 = 0xF2) {
            do {
                feed = try FeedPublisher(
                    on: Address(host: host.name, port: 8002), kind: .frontendState, publisher: 2, generation: generation, loop: loop,
                    network: host)
            } catch { preconditionFailure("\(error)") }
        }

        func say(_ tenant: String, requests: UInt64, tokens: UInt64, running: UInt32 = 0) {
            let charge = TenantCharge(tenant: tenant, requests: requests, promptTokens: tokens, outputTokens: 0, running: running)
            feed.publish(count: 1) { Codec.appendBody(FrontendState(changes: [.tenantCharge(charge)]), to: &$0) }
        }

        func close() { feed.close() }
    }

    /// Another life of it has the place of the one before, which must be dead.
    private func peer(_ scene: Scene, generation: UInt64 = 0xF2, isListed: Bool = true) -> Remote<Peer> {
        let loop = scene.world.makeLoop("frontend-2"), host = scene.fabric.host("frontend-2", loop: loop)
        let peer = Remote(host, on: loop) { Peer(host, on: loop, generation: generation) }
        guard isListed else { return peer }
        let entry = FrontendEntry(
            frontendID: 2, generation: generation, name: "frontend-2", state: .ready,
            endpoints: Endpoints(linkAddress: "", feedAddress: "tcp://frontend-2:8002"), httpAddress: "")
        scene.router { $0.tell([.frontendEntry(entry)]) }
        scene.pass(.seconds(1))
        return peer
    }

    private func left(_ scene: Scene, _ tenant: String) -> Int? {
        var left: Int?
        scene.finish(scene.chat(#","max_tokens":1"#, stream: false, as: tenant)) {
            left = $0.header("x-ratelimit-remaining-tokens").flatMap(Int.init)
        }
        return left
    }

    @Test(
        "what another frontend charges is taken off here; what it had charged before it was heard is not, and what is said twice counts once"
    )
    func charged() throws {
        let scene = scene(TenantBed.entry("a", #","tokensPerMinute":60,"burstTokens":100000"#), TenantBed.entry("b"))
        let peer = peer(scene), cost = 100_000 - (left(scene, "a") ?? 0)
        peer { $0.say("a", requests: 500, tokens: 70_000) }
        scene.pass(.milliseconds(100))
        #expect(left(scene, "a") == 100_000 - cost, "the first word says only where it stands: one second refilled what was settled")
        peer {
            $0.say("a", requests: 501, tokens: 75_000)
            $0.say("a", requests: 501, tokens: 75_000)
            $0.say("b", requests: 9, tokens: 9_000)
            $0.say("nobody", requests: 9, tokens: 9_000)
        }
        scene.pass(.milliseconds(100))
        let once = try #require(left(scene, "a"))
        #expect((94_000...95_000).contains(once), "\(once)")
        // Reserved for nothing: it comes back.
        peer { $0.say("a", requests: 501, tokens: 72_000) }
        scene.pass(.milliseconds(100))
        #expect((97_000...98_000).contains(try #require(left(scene, "a"))))
        // The tenant was taken out of the other one's file, and came back: its totals begin anew.
        peer { $0.say("a", requests: 1, tokens: 1_000) }
        scene.pass(.milliseconds(100))
        #expect((96_000...97_000).contains(try #require(left(scene, "a"))))
        #expect(scene.metric("apus_frontend_tenant_peers") == 1)
    }

    @Test("requests that run at another frontend count, until it is not heard any more")
    func runningElsewhere() {
        let scene = scene(TenantBed.entry("a", #","maxRunning":3"#))
        let peer = peer(scene)
        peer { $0.say("a", requests: 3, tokens: 0, running: 3) }
        scene.pass(.milliseconds(100))
        scene.finish(scene.chat(as: "a")) { #expect($0.status == 429) }
        peer { $0.say("a", requests: 3, tokens: 0, running: 2) }
        scene.pass(.milliseconds(100))
        scene.finish(scene.chat(as: "a")) { #expect($0.status == 200) }
        peer { $0.say("a", requests: 4, tokens: 0, running: 3) }
        scene.pass(.milliseconds(100))
        scene.finish(scene.chat(as: "a")) { #expect($0.status == 429) }
        peer { $0.close() }
        scene.pass(.seconds(5))
        scene.finish(scene.chat(as: "a")) { #expect($0.status == 200) }
        #expect(scene.metric("apus_frontend_tenant_peers") == 0)
    }

    @Test("a frontend that begins anew in its place has none of its former requests, though that place is heard all the time")
    func restarted() {
        let scene = scene(TenantBed.entry("a", #","maxRunning":5"#))
        let first = peer(scene)
        first {
            $0.say("a", requests: 0, tokens: 0)
            $0.say("a", requests: 5, tokens: 0, running: 5)
        }
        scene.pass(.milliseconds(100))
        scene.finish(scene.chat(as: "a")) { #expect($0.status == 429) }
        first.host.kill(.reset)
        // No router knows of it yet.
        let second = peer(scene, generation: 0xF3, isListed: false)
        scene.pass(.milliseconds(1_500))
        scene.finish(scene.chat(as: "a")) { #expect($0.status == 200) }
        #expect(scene.metric("apus_frontend_tenant_peers") == 0)
        let entry = FrontendEntry(
            frontendID: 2, generation: 0xF3, name: "frontend-2", state: .ready,
            endpoints: Endpoints(linkAddress: "", feedAddress: "tcp://frontend-2:8002"), httpAddress: "")
        scene.router { $0.tell([.frontendEntry(entry)]) }
        scene.pass(.seconds(2))
        second { $0.say("a", requests: 5, tokens: 0, running: 5) }
        scene.pass(.milliseconds(100))
        scene.finish(scene.chat(as: "a")) { #expect($0.status == 429) }
        scene.pass(.seconds(1))
        #expect(scene.metric("apus_frontend_tenant_peers") == 1)
    }

    @Test("a frontend that no router names any more is followed while it is heard, and forgotten then")
    func unlisted() {
        let scene = scene(TenantBed.entry("a", #","maxRunning":5"#))
        let peer = peer(scene)
        scene.router { $0.tell([.frontendGone(FrontendGone(frontendID: 2, generation: 0xF2))]) }
        peer { $0.say("a", requests: 5, tokens: 0, running: 5) }
        scene.pass(.seconds(2))
        scene.finish(scene.chat(as: "a")) { #expect($0.status == 429) }
        #expect(scene.service { $0.frontend.tenants.peersFollowed } == 1)
        peer { $0.close() }
        scene.pass(.seconds(5))
        scene.finish(scene.chat(as: "a")) { #expect($0.status == 200) }
        #expect(scene.service { $0.frontend.tenants.peersFollowed } == 0)
    }

    @Test("what running requests have reserved is given back with the last word of a frontend that stops under them")
    func stopped() {
        let scene = scene(TenantBed.entry("a", #","tokensPerMinute":6000000"#))
        let loop = scene.world.makeLoop("reader"), host = scene.fabric.host("reader", loop: loop)
        let reader = Remote(host, on: loop) { ChargeReader(host, on: loop) }
        scene.worker { $0.script = { job in job.accept() } }
        for _ in 0..<3 { _ = scene.chat(#","max_tokens":7000"#, as: "a") }
        scene.pass(.seconds(1))
        #expect(reader { $0.charges.last.map { $0.running == 3 && $0.outputTokens == 21_000 && $0.promptTokens > 0 } } == true)
        scene.service { $0.stop() }
        scene.pass(.seconds(1))
        let last = reader { $0.charges.last }
        #expect(last.map { $0.running == 0 && $0.outputTokens == 0 && $0.promptTokens == 0 } == true, "\(String(describing: last))")
    }

    @Test("this frontend says what it charges within a quarter of a second, and all of it again each second")
    func said() {
        let scene = scene(TenantBed.entry("a"), TenantBed.entry("b"))
        let loop = scene.world.makeLoop("reader"), host = scene.fabric.host("reader", loop: loop)
        let reader = Remote(host, on: loop) { ChargeReader(host, on: loop) }
        scene.pass(.milliseconds(2_600))
        #expect(reader { $0.charges.count { $0.tenant == "b" } } >= 2)
        reader { $0.charges = [] }
        scene.finish(scene.chat(#","max_tokens":7"#, as: "a"))
        scene.pass(.milliseconds(300))
        let last = reader { $0.charges.last { $0.tenant == "a" } }
        #expect(last?.requests == 1 && last?.outputTokens == 6 && last?.running == 0 && last.map { $0.promptTokens > 0 } == true)
    }
}

/// Collects what a frontend charges tenants.
@LoopActor
final class ChargeReader: FeedReader {
    var charges: [TenantCharge] = []
    private var feed: FeedSubscriber?

    init(_ host: SimulatedHost, on loop: Loop) {
        do throws(TransportError) {
            feed = try FeedSubscriber(
                to: Address(host: "frontend", port: 8002), kind: .frontendState, loop: loop, network: host, reader: self)
        } catch { preconditionFailure("\(error)") }
    }

    func feed(_ feed: FeedSubscriber, batch header: MessageHeader, body: RawSpan) {
        guard let state = try? Codec.decodeBody(FrontendState.self, from: body) else { return }
        for case .tenantCharge(let charge) in state.changes { charges.append(charge) }
    }

    func feed(_ feed: FeedSubscriber, beat last: UInt64, generation: UInt64) {}
    func feed(_ feed: FeedSubscriber, became verdict: Liveness.Verdict) {}
}
