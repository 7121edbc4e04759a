import ClusterModel
import EventLoop
import Testing
import Transport
import WireProtocol

extension Contract {
    @Suite("Opening a link")
    struct OpeningTests {
        @Test("Hello opens a link, and both sides know each other", arguments: Kind.all)
        func hello(_ kind: Kind) async throws {
            try await with(kind) { harness in
                let pair = try await harness.open(
                    kind: .kv,
                    dialer: Policies.dialer {
                        $0.identity.role = .worker
                        $0.credits = 111
                    }, listener: Policies.listener { $0.credits = 222 })
                try await pair.a.run {
                    #expect(pair.link.isOpen && pair.link.isDialer)
                    #expect(pair.link.kind == .kv)
                    #expect(pair.link.peer == Identity(role: .worker, id: 9, generation: 0xB2, name: "worker-9"))
                    #expect(pair.link.terms.credits == 222)
                    #expect(pair.link.terms.features == .compression)
                    #expect(pair.link.terms.deadAfter == TransportLimits.deadAfter)
                    #expect(pair.link.remoteAddress?.port == pair.address.port)
                    #expect(pair.link.localAddress?.isLoopback == true)
                }
                try await pair.b.run {
                    #expect(pair.peerLink.isOpen && !pair.peerLink.isDialer)
                    #expect(pair.peerLink.peer == Identity(role: .worker, id: 7, generation: 0xA1, name: "frontend-7"))
                    #expect(pair.peerLink.terms.credits == 111)
                }
            }
        }

        @Test("what the listener sends with its Welcome reaches the dialer's handler", arguments: Kind.all)
        func firstMessages(_ kind: Kind) async throws {
            try await with(kind) { harness in
                let pair = try await harness.open { link, _ in
                    for number in 1...3 { link.post(UInt64(number), [1]) }
                }
                try await pair.a.until("three messages") { pair.heard.messages.map(\.number) == [1, 2, 3] }
            }
        }

        @Test(
            "ranges of minors that meet give the lower of the newest", arguments: Kind.all,
            [
                (dialer: 0...0, listener: 0...3, agreed: 0), (dialer: 0...5, listener: 1...3, agreed: 3),
                (dialer: 3...5, listener: 1...3, agreed: 3),
            ] as [(dialer: ClosedRange<UInt8>, listener: ClosedRange<UInt8>, agreed: UInt8)])
        func minors(_ kind: Kind, _ ranges: (dialer: ClosedRange<UInt8>, listener: ClosedRange<UInt8>, agreed: UInt8)) async throws {
            try await with(kind) { harness in
                let pair = try await harness.open(
                    dialer: Policies.dialer { ($0.oldestMinor, $0.newestMinor) = (ranges.dialer.lowerBound, ranges.dialer.upperBound) },
                    listener: Policies.listener {
                        ($0.oldestMinor, $0.newestMinor) = (ranges.listener.lowerBound, ranges.listener.upperBound)
                    })
                let (here, there) = (try await pair.a.run { pair.link.terms.minor }, try await pair.b.run { pair.peerLink.terms.minor })
                #expect(here == ranges.agreed && there == ranges.agreed)
            }
        }

        /// A Hello that is refused, by what differs.
        struct Refusal: Sendable, CustomTestStringConvertible {
            let testDescription: String
            let code: RefuseCode
            let field: String
            var kind = LinkKind.data
            let dialer: @Sendable (inout LinkPolicy) -> Void
            var listener: @Sendable (inout LinkPolicy) -> Void = { _ in }
        }

        static let refusals = [
            Refusal(
                testDescription: "newer minors", code: .version, field: "oldestMinor", dialer: { ($0.oldestMinor, $0.newestMinor) = (4, 9) }
            ),
            Refusal(
                testDescription: "older minors", code: .version, field: "newestMinor", dialer: { _ in },
                listener: { ($0.oldestMinor, $0.newestMinor) = (2, 3) }),
            Refusal(testDescription: "minors in the wrong order", code: .malformed, field: "oldestMinor", dialer: { $0.oldestMinor = 1 }),
            Refusal(testDescription: "another cluster", code: .cluster, field: "clusterID", dialer: { $0.cluster.clusterID = "other" }),
            Refusal(
                testDescription: "another hash", code: .clusterValues, field: "hashAlgorithm", dialer: { $0.cluster.hashAlgorithm = 2 }),
            Refusal(testDescription: "another seed", code: .clusterValues, field: "hashSeed", dialer: { $0.cluster.hashSeed = 1 }),
            Refusal(testDescription: "another limit", code: .clusterValues, field: "messageBytes", dialer: { $0.cluster.messageBytes = 1 }),
            Refusal(testDescription: "a kind of link not taken here", code: .linkKind, field: "link", kind: .control, dialer: { _ in }),
            Refusal(testDescription: "a role that may not", code: .role, field: "role", dialer: { $0.identity.role = .tool }),
            Refusal(
                testDescription: "a judge's word", code: .retiredGeneration, field: "generation", dialer: { _ in },
                listener: {
                    $0.judge = { hello in
                        hello.identity.generation == 0xA1 ? Refuse(.retiredGeneration, field: "generation", reason: "retired") : nil
                    }
                }),
        ]

        @Test("a Hello that cannot be accepted is refused, and both sides know why", arguments: Kind.all, refusals)
        func refused(_ kind: Kind, _ refusal: Refusal) async throws {
            try await with(kind) { harness in
                let (side, address) = try await harness.listen(Policies.listener(refusal.listener))
                let told = try await harness.dialRefused(address, Policies.dialer(refusal.dialer), kind: refusal.kind)
                try await harness.b.until("the listener's rejection") { side.rejections.count == 1 }
                let here = try await harness.b.run { side.rejections[0] }
                #expect(told == here)
                guard case .refused(let refuse) = told else { return #expect(Bool(false), "\(String(describing: told))") }
                #expect(refuse.code == refusal.code)
                #expect(refuse.field == refusal.field)
                #expect(!refuse.reason.isEmpty)
                #expect(try await harness.b.run { side.links.isEmpty })
            }
        }

        // MARK: The secret

        static let secret = Array("a secret of this cluster".utf8), other = Array("another secret".utf8)

        @Test("two sides with the same secret prove it to each other", arguments: Kind.all)
        func rightSecret(_ kind: Kind) async throws {
            try await with(kind) { harness in
                let pair = try await harness.open(
                    dialer: Policies.dialer { $0.secret = Self.secret }, listener: Policies.listener { $0.secret = Self.secret })
                #expect(try await pair.a.run { pair.link.isOpen })
                #expect(try await pair.b.run { pair.peerLink.isOpen })
            }
        }

        struct Secrets: Sendable, CustomTestStringConvertible {
            let testDescription: String
            let dialer: [UInt8]
            let listener: [UInt8]
            /// What the dialer says of it.
            let code: RefuseCode
        }

        @Test(
            "a secret that differs, or that one side has not, opens no link", arguments: Kind.all,
            [
                Secrets(testDescription: "different", dialer: other, listener: secret, code: .secret),
                Secrets(testDescription: "none at the dialer", dialer: [], listener: secret, code: .secretRequired),
                Secrets(testDescription: "none at the listener", dialer: secret, listener: [], code: .secretRequired),
            ])
        func wrongSecret(_ kind: Kind, _ secrets: Secrets) async throws {
            try await with(kind) { harness in
                let (side, address) = try await harness.listen(Policies.listener { $0.secret = secrets.listener })
                let told = try await harness.dialRefused(address, Policies.dialer { $0.secret = secrets.dialer })
                guard case .refused(let refuse) = told else { return #expect(Bool(false), "\(String(describing: told))") }
                #expect(refuse.code == secrets.code)
                // A listener that needs no proof has opened its side, and then hears that the dialer gave up.
                try await harness.b.until("the listener is rid of it") {
                    side.rejections.count == 1 || side.recorders.first?.ends.count == 1
                }
            }
        }

        @Test("a listener refuses a proof that is wrong, and a proof that was recorded on another link", arguments: Kind.all)
        func wrongProof(_ kind: Kind) async throws {
            try await with(kind) { harness in
                let (side, address) = try await harness.listen(Policies.listener { $0.secret = Self.secret })
                var recorded = Proof()
                for attempt in 0..<2 {
                    let peer = try await RawPeer.dial(address, from: harness.a)
                    var hello = RawPeer.hello()
                    hello.nonce = [UInt8](repeating: 5, count: Limits.nonceBytes)
                    let sent = hello
                    try await harness.a.run { peer.send(RawPeer.greeting + RawPeer.frame(sent)) }
                    try await harness.a.until("a challenge") { peer.first(Challenge.self) != nil }
                    let challenge = try await harness.a.run { peer.first(Challenge.self) ?? Challenge() }
                    if attempt == 0 {
                        // What a right one would be for this link; it is sent on the next, whose nonce is another.
                        var body: [UInt8] = []
                        Codec.append(hello, to: &body)
                        let digest = SHA256.digest(of: body.span.bytes.extracting(droppingFirst: MessageHeader.byteCount))
                        var transcript = Array("apus dialer".utf8) + [0] + hello.nonce + challenge.nonce
                        digest.append(to: &transcript)
                        recorded.proof = HMAC.code(for: transcript, key: Self.secret)
                        // A listener that answered a challenge with its own proof would accept this reflection.
                        var reflected = Proof()
                        reflected.proof = challenge.proof
                        try await harness.a.run { [reflected] in peer.send(RawPeer.frame(reflected)) }
                    } else {
                        try await harness.a.run { [recorded] in peer.send(RawPeer.frame(recorded)) }
                    }
                    try await harness.a.until("a refusal") { peer.first(Refuse.self)?.code == .secret }
                }
                #expect(try await harness.b.run { side.links.isEmpty })
            }
        }

        @Test("a peer beyond loopback needs the secret or TLS", arguments: [1, 2] as [UInt64])
        func beyondLoopback(_ seed: UInt64) async throws {
            let harness = SimulatedHarness(seed: seed, names: ("frontend-1", "worker-1"))
            let (side, address) = try await harness.listen()
            let told = try await harness.dialRefused(address, Policies.dialer())
            try await harness.b.until("the listener's rejection") { side.rejections.count == 1 }
            guard case .refused(let refuse) = told else { return #expect(Bool(false), "\(String(describing: told))") }
            #expect(refuse.code == .secretRequired)

            let withSecret = SimulatedHarness(seed: seed, names: ("frontend-1", "worker-1"))
            _ = try await withSecret.open(
                dialer: Policies.dialer { $0.secret = Self.secret }, listener: Policies.listener { $0.secret = Self.secret })

            let withTLS = SimulatedHarness(seed: seed, names: ("frontend-1", "worker-1"))
            let b = withTLS.b
            let overTLS = try await b.run {
                let side = Side(b, Policies.listener())
                try side.listen(on: Address(.tls, host: "worker-1", port: 8100))
                return side
            }
            let opened = try await withTLS.a.run { [a = withTLS.a] in
                await Side(a, Policies.dialer()).dial(Address(.tls, host: "worker-1", port: 8100))
            }
            #expect(throws: Never.self) { try opened.get() }
            #expect(try await b.run { overTLS.links.count } == 1)
        }
    }
}
