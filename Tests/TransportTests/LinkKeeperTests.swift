import ClusterModel
import EventLoop
import Testing
import Transport
import WireProtocol

@Suite("A kept link is dialled again")
struct LinkKeeperTests {
    /// What a keeper told, in order.
    @LoopActor
    private final class Owner: LinkKeeperHandler {
        enum Event: Equatable {
            case opened
            case received(UInt64)
            case ended(wasOpen: Bool)
            case drained
        }

        private(set) var events: [Event] = []
        private(set) var ends: [LinkEnd] = []
        private(set) var waits: [Duration] = []
        private(set) var endTimes: [Instant] = []
        private(set) var openTimes: [Instant] = []
        /// Done within the call that tells of it.
        var whenOpened: (@LoopActor (LinkKeeper, Link) -> Void)?
        var whenEnded: (@LoopActor (LinkKeeper) -> Void)?
        private let loop: Loop

        init(on loop: Loop) { self.loop = loop }

        func keeper(_ keeper: LinkKeeper, opened link: Link) {
            #expect(keeper.link === link)
            events.append(.opened)
            openTimes.append(loop.now)
            whenOpened?(keeper, link)
        }

        func keeper(_ keeper: LinkKeeper, received header: MessageHeader, body: RawSpan, on link: Link) {
            #expect(keeper.link === link)
            events.append(.received(header.number))
        }

        func keeper(_ keeper: LinkKeeper, ended: LinkEnd, wasOpen: Bool, retryAfter: Duration) {
            #expect(keeper.link == nil)
            events.append(.ended(wasOpen: wasOpen))
            ends.append(ended)
            waits.append(retryAfter)
            endTimes.append(loop.now)
            whenEnded?(keeper)
        }

        func keeperDrained(_ keeper: LinkKeeper) { events.append(.drained) }
    }

    /// A keeper on A, and a listener on B that may come and go.
    @LoopActor
    private final class Kept {
        let owner: Owner
        let keeper: LinkKeeper
        /// Who listens, for as long as the test lasts.
        var peer: Side?

        init(_ process: any TestProcess, to address: Address) {
            owner = Owner(on: process.loop)
            let endpoint = LinkEndpoint(loop: process.loop, network: process.network, policy: Policies.dialer())
            keeper = LinkKeeper(address, kind: .data, endpoint: endpoint, loop: process.loop, handler: owner)
        }
    }

    private static let address = Address(host: "127.0.0.2", port: 4000)

    private func kept(_ harness: SimulatedHarness) async throws -> Kept {
        let a = harness.a
        return try await a.run { Kept(a, to: Self.address) }
    }

    @discardableResult
    private func listen(
        _ harness: SimulatedHarness, _ kept: Kept, prepare: (@LoopActor @Sendable (Link, Recorder) -> Void)? = nil
    ) async throws -> Side {
        let b = harness.b
        return try await b.run {
            let side = Side(b, Policies.listener())
            side.prepare = prepare
            try side.listen(on: Self.address)
            kept.peer = side
            return side
        }
    }

    @Test("opens, hears, and is told of the end before it dials again", arguments: [1, 2, 3] as [UInt64])
    func life(seed: UInt64) async throws {
        let harness = SimulatedHarness(seed: seed), kept = try await kept(harness)
        // The first message comes right behind the Welcome.
        let side = try await listen(harness, kept) { link, _ in link.post(7, [1]) }
        try await harness.a.run { kept.keeper.start() }
        try await harness.a.until("a message") { kept.owner.events == [.opened, .received(7)] }
        try await harness.b.run { side.links[0].abort() }
        try await harness.a.until("a second life") { kept.owner.events.count >= 5 }
        #expect(try await harness.a.run { kept.owner.events } == [.opened, .received(7), .ended(wasOpen: true), .opened, .received(7)])
        #expect(try await harness.a.run { kept.keeper.link?.isOpen } == true)
    }

    @Test("waits from half to all of a step that doubles up to five seconds", arguments: [1, 2, 3] as [UInt64])
    func backoff(seed: UInt64) async throws {
        let harness = SimulatedHarness(seed: seed), kept = try await kept(harness)
        try await harness.a.run { kept.keeper.start() }
        try await harness.pass(.seconds(60))
        let (waits, times) = try await harness.a.run { (kept.owner.waits, kept.owner.endTimes) }
        #expect(waits.count > 10)
        for (row, wait) in waits.enumerated() {
            let step = min(TransportLimits.redialFirst * (1 << min(row, 16)), TransportLimits.redialLongest)
            #expect(wait >= step / 2 && wait <= step)
        }
        // What it said is what it does; a dial that is refused takes no time to speak of.
        for (row, next) in times.dropFirst().enumerated() {
            let span = times[row].duration(to: next)
            #expect(span >= waits[row] && span < waits[row] + .milliseconds(5))
        }
        #expect(Set(waits.suffix(5)).count == 5, "jitter")
        #expect(try await harness.a.run { kept.owner.events.allSatisfy { $0 == .ended(wasOpen: false) } })
        // Found soon after it is there, by what was said.
        try await listen(harness, kept)
        try await harness.a.until("opened", within: .seconds(6)) { kept.owner.events.last == .opened }
    }

    @Test("a refusal that will not heal is asked again a minute later, not at once")
    func hopeless() async throws {
        let harness = SimulatedHarness(seed: 1), kept = try await kept(harness)
        let b = harness.b
        try await b.run {
            var policy = Policies.listener()
            policy.cluster.clusterID = "another"
            let side = Side(b, policy)
            try side.listen(on: Self.address)
            kept.peer = side
        }
        try await harness.a.run { kept.keeper.start() }
        try await harness.pass(.seconds(59))
        let (waits, ends) = try await harness.a.run { (kept.owner.waits, kept.owner.ends) }
        #expect(waits.count == 1 && waits[0] >= TransportLimits.redialRefused)
        if case .refused(let refusal)? = ends.first { #expect(refusal.code == .cluster) } else { Issue.record("it was not refused") }
        try await harness.a.until("asked again", within: .seconds(10)) { kept.owner.waits.count == 2 }
    }

    @Test("a link that held for long begins with the first wait again, one that broke at once does not")
    func steadiness() async throws {
        let harness = SimulatedHarness(seed: 1), kept = try await kept(harness)
        let side = try await listen(harness, kept)
        try await harness.a.run { kept.keeper.start() }
        for life in 1...6 {
            try await harness.a.until("life \(life)", within: .seconds(20)) { kept.owner.openTimes.count == life }
            try await harness.b.until("the listener has it") { side.links.count == life }
            try await harness.b.run { side.links[life - 1].abort() }
        }
        try await harness.a.until("the last end") { kept.owner.waits.count == 6 }
        #expect(try await harness.a.run { kept.owner.waits[5] } >= .milliseconds(1_600))
        try await harness.a.until("a seventh life", within: .seconds(20)) { kept.owner.openTimes.count == 7 }
        try await harness.pass(.seconds(6))
        try await harness.b.run { side.links[6].abort() }
        try await harness.a.until("its end") { kept.owner.waits.count == 7 }
        #expect(try await harness.a.run { kept.owner.waits[6] } <= TransportLimits.redialFirst)
    }

    @Test("stopped while open: the peer hears goodbye, the owner nothing more, and nothing is dialled")
    func stopOpen() async throws {
        let harness = SimulatedHarness(seed: 1), kept = try await kept(harness)
        let side = try await listen(harness, kept)
        try await harness.a.run { kept.keeper.start() }
        try await harness.a.until("opened") { kept.owner.events == [.opened] }
        try await harness.a.run { kept.keeper.stop(.leaving) }
        try await harness.b.until("goodbye") { side.recorders.first?.ends.count == 1 }
        try await harness.pass(.seconds(20))
        #expect(try await harness.b.run { side.recorders[0].ends } == [.goodbye(.leaving, byPeer: true)])
        #expect(try await harness.b.run { side.links.count } == 1)
        #expect(try await harness.a.run { kept.owner.events } == [.opened])
        #expect(harness.fabric.openConnections == 0)
    }

    @Test("stopped while it dials: what was opened meanwhile is ended, and nobody is told", arguments: [0, 1, 2, 3] as [Int64])
    func stopDialling(steps: Int64) async throws {
        let harness = SimulatedHarness(seed: 1), kept = try await kept(harness)
        try await listen(harness, kept)
        try await harness.a.run { kept.keeper.start() }
        try await harness.pass(.microseconds(150 * steps))
        guard try await harness.a.run({ kept.owner.events.isEmpty }) else { return }
        try await harness.a.run { kept.keeper.stop(.leaving) }
        try await harness.pass(.seconds(20))
        #expect(try await harness.a.run { kept.owner.events.isEmpty && kept.keeper.link == nil })
        #expect(harness.fabric.openConnections == 0)
    }

    @Test("stopped between two dials, or by its owner as it is told: no other dial follows", arguments: [true, false])
    func stopWaiting(withinCall: Bool) async throws {
        let harness = SimulatedHarness(seed: 1), kept = try await kept(harness)
        try await harness.a.run {
            if withinCall { kept.owner.whenEnded = { $0.stop(.leaving) } }
            kept.keeper.start()
        }
        try await harness.a.until("a failure") { kept.owner.events.count == 1 }
        try await harness.a.run { kept.keeper.stop(.leaving) }
        try await harness.pass(.seconds(20))
        #expect(try await harness.a.run { kept.owner.events.count } == 1)
        #expect(try await harness.a.run { harness.a.loop.timersWaiting } == 0)
    }

    @Test("ended by its owner in the call that tells of the opening: dialled again")
    func endedAtOnce() async throws {
        let harness = SimulatedHarness(seed: 1), kept = try await kept(harness)
        try await listen(harness, kept)
        try await harness.a.run {
            kept.owner.whenOpened = { _, link in link.goodbye(.done) }
            kept.keeper.start()
        }
        try await harness.a.until("several lives") { kept.owner.openTimes.count == 3 }
        let events = try await harness.a.run { Array(kept.owner.events.prefix(4)) }
        #expect(events == [.opened, .ended(wasOpen: true), .opened, .ended(wasOpen: true)])
    }

    @Test("an owner that is told so hears when what waited has left, and not after it has stopped the link", arguments: [true, false])
    func drained(isStopped: Bool) async throws {
        let harness = SimulatedHarness(seed: 1), kept = try await kept(harness)
        try await listen(harness, kept)
        try await harness.a.run { kept.keeper.start() }
        try await harness.a.until("opened") { kept.owner.events == [.opened] }
        harness.fabric.cut(from: "127.0.0.1", to: "127.0.0.2")
        try await harness.a.run {
            guard let link = kept.keeper.link else { return }
            link.post(1, [UInt8](repeating: 0, count: 3 << 20))
            #expect(link.isBackedUp)
            if isStopped { kept.keeper.stop(.leaving) }
        }
        try await harness.pass(.milliseconds(100))
        #expect(try await harness.a.run { kept.owner.events } == [.opened])
        harness.fabric.heal(from: "127.0.0.1", to: "127.0.0.2")
        try await harness.pass(.milliseconds(500))
        #expect(try await harness.a.run { kept.owner.events } == (isStopped ? [.opened] : [.opened, .drained]))
    }
}
