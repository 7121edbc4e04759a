import ClusterModel
import EventLoop
package import WireProtocol

/// What a process says of itself when it opens or accepts links, and whom it lets in.
package struct LinkPolicy: Sendable {
    package var identity: Identity
    package var cluster: ClusterValues
    package var features = FeatureBits.all.rawValue
    package var oldestMinor = Self.oldestMinor(for: WireVersion.current.minor)
    package var newestMinor = WireVersion.current.minor
    /// How messages are written; only tests and tools write another than the current one.
    package var dialect = WireDialect.current
    /// Shared by all processes of a cluster; empty where there is none.
    package var secret: [UInt8] = []
    /// Which roles may open which links here; a link kind that is not named is refused.
    package var accepts: [LinkKind: Set<PeerRole>] = [:]
    /// KV bytes that a peer may send unacknowledged; said on kv links only.
    package var credits: UInt32 = 0
    package var heartbeat = TransportLimits.heartbeat
    package var suspectedAfter = TransportLimits.suspectedAfter
    package var deadAfter = TransportLimits.deadAfter
    /// A last word of the service on a Hello that is otherwise fine: a retired generation, a second process with the same id.
    package var judge: (@LoopActor @Sendable (Hello) -> Refuse?)?

    package init(identity: Identity, cluster: ClusterValues) {
        self.identity = identity
        self.cluster = cluster
    }

    /// How many minors back a process still speaks: a cluster may be brought up to date over two releases, one process after another.
    private static let minorsBack: UInt8 = 2

    /// The oldest minor that a process of a minor must accept.
    package static func oldestMinor(for newest: UInt8) -> UInt8 { newest - min(newest, minorsBack) }

    /// A peer beyond loopback without certificates must prove that it knows the secret; with a secret set, every peer without certificates
    /// must.
    func demandsProof(isLoopback: Bool, isMutuallyAuthenticated: Bool) -> Bool {
        !isMutuallyAuthenticated && (!secret.isEmpty || !isLoopback)
    }
}

/// What both sides agreed on.
package struct LinkTerms: Sendable {
    package var kind = LinkKind.control
    package var peer = Identity()
    package var minor: UInt8 = 0
    package var features = FeatureBits()
    /// KV bytes that this side may send unacknowledged.
    package var credits: UInt32 = 0
    /// The listener says both, so that the two sides agree.
    package var heartbeat = TransportLimits.heartbeat
    package var deadAfter = TransportLimits.deadAfter
}

/// The opening of a link as a state machine without a socket. States and rules: `proto-spec/02-negotiation.md`.
struct Handshake {
    enum Step {
        case send(any WireMessage)
        /// Send it, if there is one; then the link is open.
        case open((any WireMessage)?, LinkTerms)
        /// Send it, then close.
        case refuse(Refuse)
        /// The peer refused us: close.
        case refused(Refuse)
        /// We are the dialer and do not go on: say Goodbye with this reason, and close.
        case giveUp(Refuse)
    }

    private enum State {
        case listening
        case awaitingProof(Hello, expected: Digest)
        case dialled(helloDigest: Digest)
        case proved
        case over
    }

    private var state: State
    private let policy: LinkPolicy
    private let demandsProof: Bool
    private let hello: Hello
    private let nonce: [UInt8]

    static func listener(_ policy: LinkPolicy, demandsProof: Bool, nonce: [UInt8]) -> Handshake {
        Handshake(state: .listening, policy: policy, demandsProof: demandsProof, hello: Hello(), nonce: nonce)
    }

    /// The dialer's machine and the Hello it begins with.
    static func dialer(_ policy: LinkPolicy, kind: LinkKind, demandsProof: Bool, nonce: [UInt8]) -> (Handshake, Hello) {
        var hello = Hello()
        hello.link = kind
        hello.oldestMinor = policy.oldestMinor
        hello.newestMinor = policy.newestMinor
        hello.features = policy.features
        hello.cluster = policy.cluster
        hello.identity = policy.identity
        hello.credits = kind == .kv ? policy.credits : 0
        // The dialer's part of the proof; without a secret there is nothing to prove.
        hello.nonce = policy.secret.isEmpty ? [] : nonce
        let machine = Handshake(
            state: .dialled(helloDigest: Self.digest(of: hello, as: policy.dialect)), policy: policy, demandsProof: demandsProof,
            hello: hello, nonce: nonce)
        return (machine, hello)
    }

    mutating func received(_ header: MessageHeader, body: RawSpan, judge: (Hello) -> Refuse?) -> Step {
        do throws(WireError) {
            switch (state, header.kind) {
            case (.listening, .hello):
                return try heard(Codec.decodeBody(Hello.self, from: body), digest: SHA256.digest(of: body), judge: judge)
            case (.awaitingProof(let hello, let expected), .proof):
                let proof = try Codec.decodeBody(Proof.self, from: body)
                guard ConstantTime.areEqual(proof.proof, expected) else {
                    return end(.refuse(Refuse(.secret, field: "proof", reason: "the proof does not match this cluster's secret")))
                }
                return welcome(hello, judge: judge)
            case (.dialled(let digest), .challenge): return try challenged(Codec.decodeBody(Challenge.self, from: body), digest)
            case (.dialled, .welcome) where demandsProof:
                return end(
                    .giveUp(Refuse(.secretRequired, reason: "this listener must prove that it knows the cluster secret, and did not")))
            case (.dialled, .welcome), (.proved, .welcome): return try welcomed(Codec.decodeBody(Welcome.self, from: body))
            case (.dialled, .refuse), (.proved, .refuse): return end(.refused(try Codec.decodeBody(Refuse.self, from: body)))
            default: return misuse(Refuse(.malformed, field: "kind", reason: "this message does not belong to the opening of a link"))
            }
        } catch {
            return misuse(Refuse(.malformed, field: error.field, reason: "\(error.code.rawValue)"))
        }
    }

    /// A listener refuses; a dialer has nothing to refuse and gives up.
    private mutating func misuse(_ refusal: Refuse) -> Step {
        switch state {
        case .listening, .awaitingProof: return end(.refuse(refusal))
        case .dialled, .proved, .over: return end(.giveUp(refusal))
        }
    }

    // MARK: Listener

    private mutating func heard(_ hello: Hello, digest: Digest, judge: (Hello) -> Refuse?) -> Step {
        if let refusal = objection(to: hello) { return end(.refuse(refusal)) }
        guard demandsProof else { return welcome(hello, judge: judge) }
        guard !policy.secret.isEmpty else {
            return end(
                .refuse(
                    Refuse(
                        .secretRequired, field: "nonce",
                        reason: "this listener takes peers beyond loopback only with TLS or a cluster secret")))
        }
        guard hello.nonce.count == Limits.nonceBytes else {
            return end(
                .refuse(Refuse(.secretRequired, field: "nonce", reason: "this listener wants a proof, which needs a nonce of 32 bytes")))
        }
        var challenge = Challenge()
        challenge.nonce = nonce
        challenge.proof = proof("apus listener", dialer: hello.nonce, listener: nonce, digest)
        state = .awaitingProof(hello, expected: proof("apus dialer", dialer: hello.nonce, listener: nonce, digest))
        return .send(challenge)
    }

    private func objection(to hello: Hello) -> Refuse? {
        guard hello.oldestMinor <= hello.newestMinor else {
            return Refuse(.malformed, field: "oldestMinor", reason: "the oldest minor is newer than the newest")
        }
        guard hello.newestMinor >= policy.oldestMinor, hello.oldestMinor <= policy.newestMinor else {
            let ours = "1.\(policy.oldestMinor) to 1.\(policy.newestMinor)", theirs = "1.\(hello.oldestMinor) to 1.\(hello.newestMinor)"
            let field = hello.newestMinor < policy.oldestMinor ? "newestMinor" : "oldestMinor"
            return Refuse(.version, field: field, reason: "this side speaks \(ours), the peer \(theirs)")
        }
        guard hello.cluster.clusterID == policy.cluster.clusterID else {
            return Refuse(.cluster, field: "clusterID", reason: "the peer belongs to another cluster")
        }
        guard hello.cluster == policy.cluster else {
            let field =
                hello.cluster.hashAlgorithm != policy.cluster.hashAlgorithm
                ? "hashAlgorithm" : hello.cluster.hashSeed != policy.cluster.hashSeed ? "hashSeed" : "messageBytes"
            return Refuse(.clusterValues, field: field, reason: "all processes of a cluster must share this value")
        }
        guard let roles = policy.accepts[hello.link] else {
            return Refuse(.linkKind, field: "link", reason: "this process does not take links of this kind")
        }
        guard roles.contains(hello.identity.role) else {
            return Refuse(.role, field: "role", reason: "this role does not open links of this kind here")
        }
        return nil
    }

    private mutating func welcome(_ hello: Hello, judge: (Hello) -> Refuse?) -> Step {
        if let refusal = judge(hello) { return end(.refuse(refusal)) }
        var welcome = Welcome()
        welcome.minor = min(hello.newestMinor, policy.newestMinor)
        welcome.features = hello.features & policy.features
        welcome.notUnderstood = hello.features & ~policy.features
        welcome.identity = policy.identity
        welcome.credits = hello.link == .kv ? policy.credits : 0
        welcome.heartbeatMilliseconds = UInt32(clamping: policy.heartbeat.inMilliseconds)
        welcome.deadAfterMilliseconds = UInt32(clamping: policy.deadAfter.inMilliseconds)
        var terms = LinkTerms()
        terms.kind = hello.link
        terms.peer = hello.identity
        terms.minor = welcome.minor
        terms.features = FeatureBits(rawValue: welcome.features)
        terms.credits = hello.credits
        terms.heartbeat = policy.heartbeat
        terms.deadAfter = policy.deadAfter
        return end(.open(welcome, terms))
    }

    // MARK: Dialer

    private mutating func challenged(_ challenge: Challenge, _ digest: Digest) -> Step {
        guard !policy.secret.isEmpty else {
            return end(.giveUp(Refuse(.secretRequired, reason: "the listener demands a proof; this process has no cluster secret file")))
        }
        guard challenge.nonce.count == Limits.nonceBytes else {
            return end(.giveUp(Refuse(.malformed, field: "nonce", reason: "a challenge has a nonce of 32 bytes")))
        }
        let expected = proof("apus listener", dialer: nonce, listener: challenge.nonce, digest)
        guard ConstantTime.areEqual(expected, challenge.proof) else {
            return end(.giveUp(Refuse(.secret, field: "proof", reason: "the listener does not know this cluster's secret")))
        }
        var answer = Proof()
        answer.proof = proof("apus dialer", dialer: nonce, listener: challenge.nonce, digest)
        state = .proved
        return .send(answer)
    }

    private mutating func welcomed(_ welcome: Welcome) -> Step {
        guard (hello.oldestMinor...hello.newestMinor).contains(welcome.minor), welcome.features & ~hello.features == 0 else {
            return end(.giveUp(Refuse(.malformed, field: "minor", reason: "the listener chose what was not offered")))
        }
        var terms = LinkTerms()
        terms.kind = hello.link
        terms.peer = welcome.identity
        terms.minor = welcome.minor
        terms.features = FeatureBits(rawValue: welcome.features)
        terms.credits = welcome.credits
        // Within reason: a listener cannot make this side beat in a tight loop, nor wait for ever.
        terms.heartbeat = .milliseconds(Int64(min(max(welcome.heartbeatMilliseconds, 50), 10_000)))
        terms.deadAfter = .milliseconds(Int64(min(max(welcome.deadAfterMilliseconds, 500), 60_000)))
        return end(.open(nil, terms))
    }

    private mutating func end(_ step: Step) -> Step {
        state = .over
        return step
    }

    // MARK: Proofs

    /// HMAC over a label of the direction, both nonces and what the dialer said: neither side's proof can be replayed as the other's, nor
    /// moved to another Hello.
    private func proof(_ label: String, dialer: [UInt8], listener: [UInt8], _ helloDigest: Digest) -> Digest {
        var message = Array(label.utf8) + [0] + dialer + listener
        helloDigest.append(to: &message)
        return HMAC.code(for: message, key: policy.secret)
    }

    private static func digest(of hello: Hello, as dialect: WireDialect) -> Digest {
        var message: [UInt8] = []
        Codec.append(hello, dialect: dialect, to: &message)
        return SHA256.digest(of: message.span.bytes.extracting(droppingFirst: MessageHeader.byteCount))
    }
}
