import ClusterModel
import EventLoop
import Scheduling
import Testing
import Transport
import WireProtocol

@testable import RouterService

@Suite("Other routers")
struct PeerTests {
    private static func booked(_ world: RouterWorld, _ worker: UInt64 = 1) -> LeaseCount {
        world.look { $0.core?.ledger.table.count(on: Placement(worker: WorkerID(worker), rank: Rank(0))) ?? LeaseCount() }
    }

    private static func waiting(_ plan: PlanEntry) -> UInt64 { plan.legs.first?.waitingTokens ?? .max }

    private static func leg(_ lease: LeaseMade) -> PlanLeg {
        var leg = PlanLeg()
        leg.lease = lease.lease
        leg.workerID = lease.workerID
        leg.generation = lease.generation
        return leg
    }

    private static func config(_ peers: [Address]) -> RouterConfig {
        var config = RouterConfig()
        config.peers = peers
        return config
    }

    // MARK: Leases

    @Test("L3, D.5: what another router books counts here before its worker knows of it, and is believed in the next plan")
    func counts() {
        let world = RouterWorld(), worker = world.readyWorker(1), frontend = world.frontend(), peer = world.knownPeer(2)
        #expect(Self.waiting(world.plan(frontend)) == 0)
        world.on(peer) { for number in 1...3 as ClosedRange<UInt64> { $0.made(ScriptedPeer.lease(number << 40, on: worker)) } }
        world.until("counted") { Self.booked(world).bookedRequests == 4 }
        #expect(Self.waiting(world.plan(frontend)) == 4 * 64, "its own one and the three")
    }

    @Test("the worker's word takes over: from then on the other router has no say in it")
    func takenOver() {
        let world = RouterWorld(), worker = world.readyWorker(1), peer = world.knownPeer(2)
        let lease = world.lease(1 << 40, on: worker)
        world.on(peer) { $0.made(lease) }
        world.until("booked") { Self.booked(world).bookedRequests == 1 }
        world.on(worker) { $0.accept(Self.leg(lease), lease.request, prefill: 32) }
        world.until("accepted") { Self.booked(world).bookedRequests == 0 }
        #expect(Self.booked(world).requests == 1 && Self.booked(world).prefillTokens == 32)
        world.on(peer) { $0.released(lease, .expired) }
        world.pass(.milliseconds(50))
        #expect(Self.booked(world).requests == 1)
        world.on(worker) { $0.end(Self.leg(lease), lease.request) }
        world.until("ended") { world.leases == 0 }
    }

    @Test("a booking that its router gives up ends here too; one that nobody accepts expires")
    func released() {
        let world = RouterWorld(), worker = world.readyWorker(1), peer = world.knownPeer(2)
        let first = world.lease(1 << 40, on: worker), second = world.lease(2 << 40, on: worker)
        world.on(peer) {
            $0.made(first)
            $0.made(second)
        }
        world.until("booked") { Self.booked(world).bookedRequests == 2 }
        world.on(peer) { $0.released(first) }
        world.until("released") { Self.booked(world).bookedRequests == 1 }
        world.pass(.seconds(4))
        #expect(world.leases == 1)
        world.until("expired", within: .seconds(3)) { world.leases == 0 }
    }

    @Test("L4: a router whose beat is lost takes what no worker has accepted with it within two seconds; what runs stays")
    func beatLost() {
        let world = RouterWorld(), worker = world.readyWorker(1), peer = world.knownPeer(2)
        let first = world.lease(1 << 40, on: worker), second = world.lease(2 << 40, on: worker)
        world.on(peer) {
            $0.made(first)
            $0.made(second)
        }
        world.on(worker) { $0.accept(Self.leg(first), first.request) }
        world.until("both known, one accepted") { Self.booked(world).requests == 2 && Self.booked(world).bookedRequests == 1 }
        // Its beats may have come just before.
        world.on(peer) { $0.host }.kill(.silent)
        world.until("dropped", within: .milliseconds(2_600)) { Self.booked(world).bookedRequests == 0 }
        #expect(Self.booked(world).requests == 1, "its worker has it")
        #expect(world.exposition.contains("apus_router_peer_leases_dropped_total 1"))
        world.on(worker) { $0.end(Self.leg(first), first.request) }
        world.until("ended") { world.leases == 0 }
        world.until("and the router is forgotten") { world.look { $0.core?.peers.all.isEmpty } == true }
    }

    @Test("a link that is lost while the stream is heard changes nothing")
    func linkLost() {
        let world = RouterWorld(), worker = world.readyWorker(1), peer = world.knownPeer(2)
        world.on(peer) { $0.made(ScriptedPeer.lease(1 << 40, on: worker)) }
        world.until("booked") { Self.booked(world).bookedRequests == 1 }
        world.on(peer) { $0.link?.abort() }
        world.until("noticed") { world.look { $0.core?.peers.linked } == 0 }
        world.pass(.seconds(3))
        #expect(Self.booked(world).bookedRequests == 1 && world.follows(2))
        world.on(peer) { $0.dial() }
        world.until("linked again") { world.look { $0.core?.peers.linked } == 1 }
    }

    @Test("another life of a router: the bookings of the one before are gone")
    func otherLife() {
        let world = RouterWorld(), worker = world.readyWorker(1), peer = world.knownPeer(2)
        world.on(peer) { $0.made(ScriptedPeer.lease(1 << 40, on: worker)) }
        world.until("booked") { Self.booked(world).bookedRequests == 1 }
        world.on(peer) { $0.host }.kill(.reset)
        let next = world.peer(2, generation: 0xB999)
        world.until("the new life is followed") {
            world.follows(2) && world.look { $0.core?.peers[RouterID(2)]?.life.generation } == Generation(0xB999)
        }
        #expect(Self.booked(world).bookedRequests == 0)
        world.on(next) { $0.made(ScriptedPeer.lease(2 << 40, on: worker)) }
        world.until("and the new one's count") { Self.booked(world).bookedRequests == 1 }
    }

    @Test("what a router booked before it was met is known from its snapshot, what it lost meanwhile too")
    func snapshot() {
        let world = RouterWorld(), worker = world.readyWorker(1), peer = world.peer(2, dials: false)
        let leases = (1...3 as ClosedRange<UInt64>).map { world.lease($0 << 40, on: worker) }
        world.on(peer) { peer in
            for lease in leases { peer.made(lease) }
            peer.released(leases[0])
            peer.dial()
        }
        world.until("known") { world.follows(2) }
        #expect(Self.booked(world).bookedRequests == 2 && world.on(peer) { $0.snapshots } == 1)
    }

    @Test("changes that were lost on the way are asked for again over the link", arguments: 1...4 as ClosedRange<UInt64>)
    func replay(seed: UInt64) {
        let world = RouterWorld(seed: seed), worker = world.readyWorker(1), peer = world.knownPeer(2)
        var deaf = LinkFaults()
        deaf.feedLoss = 1
        world.fabric.plan[RouterWorld.peerHost(2), RouterWorld.routerName] = deaf
        let leases = (1...3 as ClosedRange<UInt64>).map { world.lease($0 << 40, on: worker) }
        world.on(peer) { peer in
            for lease in leases { peer.made(lease) }
            peer.released(leases[1])
        }
        world.pass(.milliseconds(5))
        world.fabric.plan[RouterWorld.peerHost(2), RouterWorld.routerName] = LinkFaults()
        world.until("made up", within: .seconds(1)) { Self.booked(world).bookedRequests == 2 }
        #expect(world.on(peer) { $0.replays } > 0 && world.on(peer) { $0.snapshots } == 1)
        #expect(world.exposition.contains(#"apus_router_peer_stream_recoveries_total{outcome="replay"} 1"#))
    }

    @Test("a booking on a worker, or a life of one, that is not here is not counted; a number of this router's own is refused")
    func strangeLeases() {
        let world = RouterWorld(), worker = world.readyWorker(1), frontend = world.frontend(), peer = world.knownPeer(2)
        let own = world.plan(frontend).legs[0].lease
        world.on(peer) {
            $0.made(ScriptedPeer.lease(1 << 40, on: worker) { $0.workerID = 77 })
            $0.made(ScriptedPeer.lease(2 << 40, on: worker) { $0.generation = 3 })
            $0.made(ScriptedPeer.lease(own + 1, on: worker))
            $0.released(ScriptedPeer.lease(own, on: worker))
            $0.made(ScriptedPeer.lease(3 << 40, on: worker))
        }
        world.until("the last is there") { Self.booked(world).bookedRequests == 2 }
        #expect(world.leases == 2, "this router's own one, and the last")
    }

    // MARK: Links

    @Test("of two links the one that the smaller id dialled stays, whichever came first", arguments: [2, 0xFF] as [UInt64], [false, true])
    func oneLink(id: UInt64, peerFirst: Bool) {
        let world = RouterWorld(config: Self.config([Address(host: RouterWorld.peerHost(id), port: 8_100)]))
        let peer = world.peer(id, dials: peerFirst)
        // Before there was such a host the address led to this router itself.
        world.until("linked", within: .seconds(100)) { world.on(peer) { !$0.registrations.isEmpty || $0.answer != nil } }
        if !peerFirst { world.on(peer) { $0.dial() } }
        world.pass(.seconds(100))
        #expect(world.on(peer) { $0.links.count } == 1)
        // This router's id is 0xAA.
        #expect(world.on(peer) { $0.link?.isDialer } == (id < 0xAA))
        #expect(world.follows(id) && world.look { $0.core?.peers.linked } == 1)
        #expect(world.fabric.openConnections == 1)
        // The one that is told to go is not dialled again and again.
        #expect(world.on(peer) { $0.ends.count } <= 2)
    }

    @Test("a router that lost the link that counts dials again, and so does the other side")
    func again() {
        let world = RouterWorld(config: Self.config([Address(host: RouterWorld.peerHost(0xFF), port: 8_100)])), peer = world.knownPeer(0xFF)
        world.until("this side's link is the one", within: .seconds(100)) { world.on(peer) { $0.link?.isDialer == false } }
        for _ in 0..<3 {
            world.fabric.breakStreams(between: RouterWorld.routerName, and: RouterWorld.peerHost(0xFF))
            world.until("lost") { world.look { $0.core?.peers.linked } == 0 }
            world.until("linked again", within: .seconds(3)) { world.look { $0.core?.peers.linked } == 1 }
        }
    }

    @Test("a router that is told its own address finds out, and leaves it be")
    func ownAddress() {
        let world = RouterWorld(config: Self.config([RouterWorld.routerAddress]))
        world.pass(.seconds(50))
        #expect(world.look { $0.core?.peers.all.isEmpty } == true && world.fabric.openConnections == 0)
        #expect(!world.log.all.contains { $0.contains("rejected") || $0.contains("not reached") })
    }

    @Test("another router with this one's id, or with that of one that lives, is refused by name")
    func sameID() {
        let world = RouterWorld(), same = world.peer(0xAA)
        world.until("refused") { world.on(same) { !$0.ends.isEmpty } }
        #expect(world.on(same) { $0.ends[0].refusal?.code } == .duplicateIdentity)
        _ = world.knownPeer(2)
        let loop = world.world.makeLoop("another"), network = world.fabric.host("127.0.3.99", loop: loop)
        let identity = Identity(role: .router, id: 2, generation: 5, name: "another")
        let other = loop.perform { ScriptedPeer(identity, loop: loop, host: network) }
        loop.perform { other.start(dials: true) }
        world.until("refused") { world.on(other) { !$0.ends.isEmpty } }
        #expect(world.on(other) { $0.ends[0].refusal?.code } == .duplicateIdentity)
        #expect(world.follows(2))
    }

    @Test("before it has registered a router may ask nothing; a registration without a feed is refused")
    func unregistered() {
        let world = RouterWorld(), peer = world.peer(2, dials: false)
        world.on(peer) { $0.dial(registers: false) }
        world.until("open") { world.on(peer) { $0.link != nil } }
        var question = SnapshotQuestion(stream: .routerState, publisher: 0, generation: 0, cursor: SnapshotCursor())
        let code = Box<FailureCode>()
        world.on(peer) { peer in
            peer.ask(question, SnapshotPage.self) { if case .failure(.failed(let failure)) = $0 { code.value = failure.code } }
        }
        world.until("answered") { code.value != nil }
        #expect(code.value == .notAllowedHere)
        world.on(peer) { peer in
            peer.feedAddress = ""
            if let link = peer.link { peer.register(on: link) }
        }
        world.until("refused") { world.on(peer) { $0.failure != nil } }
        #expect(world.on(peer) { $0.failure?.field } == "feedAddress")
        world.on(peer) { peer in
            peer.feedAddress = "tcp://127.0.3.2:8101"
            if let link = peer.link { peer.register(on: link) }
        }
        world.until("registered") { world.follows(2) }
        question.stream = .workerEvents
        code.value = nil
        world.on(peer) { peer in
            peer.ask(question, SnapshotPage.self) { if case .failure(.failed(let failure)) = $0 { code.value = failure.code } }
        }
        world.until("answered") { code.value != nil }
        #expect(code.value == .invalidArgument)
    }

    @Test("a message that is none of a router's ends the link; the router goes on and serves", arguments: 0...2)
    func hostile(which: Int) {
        let world = RouterWorld(), frontend = world.frontend(), peer = world.knownPeer(2)
        _ = world.readyWorker(1)
        world.on(peer) { peer in
            guard let link = peer.link else { return }
            switch which {
            case 0: link.send(MessageHeader(kind: .registerRouter, origin: 1)) { $0.append(1) }
            case 1: link.send(MessageHeader(kind: .routeBatch, origin: 1)) { $0.append(contentsOf: [0, 0, 0, 0]) }
            default: link.send(MessageHeader(kind: .replayAnswer, origin: 1)) { $0.append(9) }
            }
        }
        world.until("ended") { world.on(peer) { !$0.ends.isEmpty } }
        #expect(world.plan(frontend).outcome == .placed)
    }

    @Test("bytes on another router's feed that are no batch are made up like any gap")
    func malformedFeed() {
        let world = RouterWorld(), worker = world.readyWorker(1), peer = world.knownPeer(2)
        world.on(peer) { peer in
            peer.publishRaw([255, 255, 255, 255, 1])
            peer.made(ScriptedPeer.lease(1 << 40, on: worker))
        }
        world.until("what came behind them counts") { Self.booked(world).bookedRequests == 1 && world.follows(2) }
    }

    // MARK: This router's stream

    @Test("other routers and frontends get what they missed from a ring, and a snapshot of what stands", arguments: [false, true])
    func ring(overPeerLink: Bool) {
        let world = RouterWorld(), frontend = world.frontend(), peer = world.knownPeer(2)
        _ = world.readyWorker(1)
        for _ in 0..<5 { _ = world.plan(frontend) }
        world.pass(.milliseconds(50))
        let newest = world.look { $0.core?.publisher.sequence ?? 0 }
        #expect(newest > 5)
        let question = ReplayQuestion(
            stream: .routerState, publisher: 0xAA, generation: 0xA1, firstSequence: newest - 3, lastSequence: newest)
        let box = Box<ReplayAnswer>()
        if overPeerLink {
            world.on(peer) { $0.ask(question, ReplayAnswer.self) { box.value = try? $0.get() } }
        } else {
            frontend.loop.spawn { [link = world.on(frontend) { $0.link }] in
                box.value = try? await link?.ask(question, answeredBy: ReplayAnswer.self, within: .seconds(2))
            }
        }
        world.until("answered") { box.value != nil }
        let answer = box.value ?? ReplayAnswer()
        #expect(answer.outcome == .events && answer.firstSequence == newest - 3 && answer.lastSequence == newest)
        let changes = try? Codec.decodeBody(RouterState.self, from: answer.batch.span.bytes).changes
        #expect(changes?.count == 4)
        #expect(changes?.contains { if case .leaseMade = $0 { true } else { false } } == true)
    }

    // MARK: Leaving

    @Test("a router that drains says so on its stream and to the other routers, and its links end in order")
    func drains() {
        let world = RouterWorld(), frontend = world.frontend(), peer = world.knownPeer(2)
        _ = world.routerLoop.perform { [router = world.router, loop = world.routerLoop] in loop.spawn { _ = await router.drain() } }
        world.until("told") { world.directory(frontend).health.state == .draining }
        world.until("goodbye") { world.on(peer) { !$0.ends.isEmpty } }
        #expect(world.on(peer) { $0.ends[0] } == .goodbye(.draining, byPeer: true))
    }

    private final class Box<Value>: @unchecked Sendable {
        // Safety: of the world's thread.
        var value: Value?
    }
}

extension LinkEnd {
    fileprivate var refusal: Refuse? { if case .refused(let refusal) = self { refusal } else { nil } }
}
