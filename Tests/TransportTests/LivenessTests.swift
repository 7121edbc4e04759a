import ClusterModel
import EventLoop
import Testing
import Transport
import WireProtocol

@Suite("Verdicts on silence")
struct LivenessTests {
    private static func at(_ milliseconds: Int64) -> Instant { .zero + .milliseconds(milliseconds) }

    @Test("a peer is suspected after a second and dead after two; any sign of life makes it alive")
    func verdicts() {
        var liveness = Liveness(now: .zero)
        for (time, verdict) in [(0, .alive), (999, .alive), (1_000, .suspected), (1_999, .suspected), (2_000, .dead)]
            as [(Int64, Liveness.Verdict)]
        {
            #expect(liveness.verdict(at: Self.at(time)) == verdict, "\(time) ms")
        }
        liveness.heard(at: Self.at(1_500))
        #expect(liveness.verdict(at: Self.at(2_400)) == .alive)
        liveness.heard(at: Self.at(1_000))  // out of order: the newest counts
        #expect(liveness.verdict(at: Self.at(2_400)) == .alive)
    }

    @Test("an own pause is not held against the peer, nor does it give the peer time that has not passed")
    func pauses() {
        var liveness = Liveness(now: .zero)
        liveness.heard(at: Self.at(1_000))
        liveness.paused(for: .milliseconds(5_000), until: Self.at(6_800))
        #expect(liveness.lastHeard == Self.at(6_000))
        #expect(liveness.verdict(at: Self.at(6_800)) == .alive)
        #expect(liveness.verdict(at: Self.at(7_000)) == .suspected)
        liveness.paused(for: .milliseconds(5_000), until: Self.at(7_000))
        #expect(liveness.lastHeard == Self.at(7_000), "never in the future")
    }
}

extension Contract {
    @Suite("Liveness of links")
    struct LinkLivenessTests {
        /// Real time is not waited for longer than it must: shorter limits there.
        private func impatient(_ harness: any Harness) -> @Sendable (inout LinkPolicy) -> Void {
            let isSimulated = harness.isSimulated
            return { policy in
                guard !isSimulated else { return }
                policy.heartbeat = .milliseconds(100)
                policy.suspectedAfter = .milliseconds(400)
                policy.deadAfter = .milliseconds(800)
            }
        }

        @Test("a frozen peer is suspected after a second and dead after two", arguments: Kind.all)
        func frozen(_ kind: Kind) async throws {
            try await with(kind) { harness in
                let pair = try await harness.open(
                    dialer: Policies.dialer(impatient(harness)), listener: Policies.listener(impatient(harness)))
                // Somewhere between two heartbeats.
                try await harness.pass(.milliseconds(610))
                await pair.b.freeze()
                let frozenAt = try await pair.a.run { pair.link.loop.now }
                try await pair.a.until("a suspicion") { pair.link.liveliness == .suspected }
                let suspected = try await pair.a.run { frozenAt.duration(to: pair.link.loop.now) }
                try await pair.a.until("the end") { pair.heard.ends.count == 1 }
                let dead = try await pair.a.run { frozenAt.duration(to: pair.heard.endedAt ?? .zero) }
                guard case .silent(let silence) = try await pair.a.run({ pair.heard.ends[0] }) else { return #expect(Bool(false)) }
                if harness.isSimulated {
                    #expect(suspected > .milliseconds(700) && suspected <= .milliseconds(1_002), "\(suspected)")
                    #expect(dead > .milliseconds(1_700) && dead <= .milliseconds(2_252), "\(dead)")
                    #expect(silence >= .seconds(2) && silence <= .milliseconds(2_252), "\(silence)")
                }
                await pair.b.thaw()
                // It finds the link closed, and does not judge the peer for the time in which it did not run itself.
                try await pair.b.until("the end there") { pair.peerHeard.ends.count == 1 }
                let end = try await pair.b.run { pair.peerHeard.ends[0] }
                guard case .closedByPeer = end else { return #expect(Bool(false), "\(end)") }
            }
        }

        @Test("nobody is judged by the pause of the judge", arguments: Kind.all)
        func ownPause(_ kind: Kind) async throws {
            try await with(kind) { harness in
                let pair = try await harness.open(
                    listener: Policies.listener {
                        // The listener's limits count for both; so the peer's patience is in its pauses only.
                        $0.heartbeat = .milliseconds(200)
                        $0.deadAfter = .milliseconds(1_500)
                    })
                for _ in 0..<2 {
                    await pair.a.freeze()
                    await pair.b.freeze()
                    if harness.isSimulated {
                        try await harness.pass(.seconds(5))
                    } else {
                        try await RealTime.wait(.milliseconds(1_700))
                    }
                    await pair.a.thaw()
                    await pair.b.thaw()
                    try await harness.pass(.milliseconds(300))
                    #expect(try await pair.a.run { pair.link.isOpen && pair.link.liveliness == .alive })
                    #expect(try await pair.b.run { pair.peerLink.isOpen && pair.peerLink.liveliness == .alive })
                }
            }
        }

        @Test("a heartbeat tells how long its sender did not run", arguments: [1, 2] as [UInt64])
        func pausesAreTold(_ seed: UInt64) async throws {
            let harness = SimulatedHarness(seed: seed)
            let (side, address) = try await harness.listen()
            let peer = try await RawPeer.dial(address, from: harness.a)
            try await harness.a.run { peer.send(RawPeer.greeting + RawPeer.frame(RawPeer.hello())) }
            try await harness.a.until("a heartbeat") { peer.first(Heartbeat.self) != nil }
            await harness.b.freeze()
            try await harness.pass(.milliseconds(1_200))
            await harness.b.thaw()
            try await harness.pass(.milliseconds(600))
            let told = try await harness.a.run {
                peer.messages.compactMap { header, body in
                    header.kind == .heartbeat ? try? Codec.decodeBody(Heartbeat.self, from: body.span.bytes).pausedMilliseconds : nil
                }
            }
            #expect(told.contains { $0 >= 1_200 && $0 < 1_300 }, "\(told)")
            #expect(told.filter { $0 > 0 }.count == 1)
            withExtendedLifetime(side) {}
        }

        @Test("an idle link stays open, and each side hears the other", arguments: [1, 2] as [UInt64])
        func idle(_ seed: UInt64) async throws {
            let harness = SimulatedHarness(seed: seed)
            let pair = try await harness.open()
            for _ in 0..<600 {
                try await harness.pass(.milliseconds(1_013))
                #expect(try await pair.a.run { pair.link.liveliness } == .alive)
                #expect(try await pair.b.run { pair.peerLink.liveliness } == .alive)
            }
        }

        @Test("a process that dies is noticed at once where its kernel lives, and after two seconds where its host is gone")
        func death() async throws {
            for (how, limit) in [(ProcessDeath.reset, Duration.milliseconds(10)), (.silent, .milliseconds(2_010))] {
                let harness = SimulatedHarness(seed: 5)
                let pair = try await harness.open()
                try await harness.pass(.milliseconds(400))
                let killedAt = try await pair.a.run { pair.link.loop.now }
                harness.hostB.kill(how)
                try await pair.a.until("the end") { pair.heard.ends.count == 1 }
                let took = try await pair.a.run { killedAt.duration(to: pair.heard.endedAt ?? .zero) }
                #expect(took <= limit, "\(how): \(took)")
                switch (how, try await pair.a.run { pair.heard.ends[0] }) {
                case (.reset, .closedByPeer), (.silent, .silent): break
                case (_, let end): #expect(Bool(false), "\(how): \(end)")
                }
                try await harness.pass(.seconds(1))
                #expect(harness.fabric.openConnections == 0)
            }
        }

        @Test("a cut in one direction is a silent peer for one side, and a closed link for the other", arguments: [1, 2, 3] as [UInt64])
        func oneWay(_ seed: UInt64) async throws {
            let harness = SimulatedHarness(seed: seed)
            let pair = try await harness.open()
            harness.fabric.cut(from: harness.hostA.name, to: harness.hostB.name)
            try await harness.pass(.seconds(3))
            // B hears nothing of A and closes; A hears that.
            guard case .silent = try await pair.b.run({ pair.peerHeard.ends.first }) else { return #expect(Bool(false)) }
            guard case .closedByPeer = try await pair.a.run({ pair.heard.ends.first }) else { return #expect(Bool(false)) }
            harness.fabric.heal(from: harness.hostA.name, to: harness.hostB.name)
            try await harness.pass(.seconds(1))
            #expect(try await pair.a.run { pair.heard.ends.count } == 1)
            #expect(try await pair.b.run { pair.peerHeard.ends.count } == 1)
            #expect(harness.fabric.openConnections == 0)
        }
    }
}
