package import ClusterModel

/// What a process is on the wire.
package enum PeerRole: UInt8, WireEnum { case frontend = 1, router, worker, tool }

/// The kinds of link; each carries the messages of its own range and those common to all.
package enum LinkKind: UInt8, WireEnum { case control = 1, route, data, kv, recovery, peer }

/// What all processes of a cluster must share, compared in Hello. Layout: `proto-spec/04-messages.md#clustervalues`.
package struct ClusterValues: WireRecord, Hashable {
    package var clusterID = ""
    package var hashAlgorithm: UInt16 = 1
    package var hashSeed: UInt64 = 1337
    package var messageBytes = UInt32(Limits.messageBytes)

    package init() {}
    package init(clusterID: String) { self.clusterID = clusterID }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.text("clusterID", &clusterID, atMost: Limits.clusterIDBytes)
        try coder.u16("hashAlgorithm", &hashAlgorithm)
        try coder.u64("hashSeed", &hashSeed)
        try coder.u32("messageBytes", &messageBytes)
    }
}

/// Who speaks. Layout: `proto-spec/04-messages.md#identity`.
package struct Identity: WireRecord, Hashable {
    package var role = PeerRole.tool
    package var id: UInt64 = 0
    /// A random number of one life of the process.
    package var generation: UInt64 = 0
    package var name = ""

    package init() {}
    package init(role: PeerRole, id: UInt64, generation: UInt64, name: String) {
        self.role = role
        self.id = id
        self.generation = generation
        self.name = name
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.choice("role", &role)
        try coder.u64("id", &id)
        try coder.u64("generation", &generation)
        try coder.text("name", &name, atMost: Limits.nameBytes)
    }
}

/// The first message of a link, from who dialled. Layout: `proto-spec/04-messages.md#hello`.
package struct Hello: WireMessage, Hashable {
    package static let kind = MessageKind.hello

    package var link = LinkKind.control
    package var oldestMinor: UInt8 = 0
    package var newestMinor: UInt8 = 0
    package var features: UInt64 = 0
    package var cluster = ClusterValues()
    package var identity = Identity()
    /// Bytes of KV chunks the dialer is ready to receive unacknowledged; 0 on other links.
    package var credits: UInt32 = 0
    package var nonce: [UInt8] = []

    package init() {}

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.choice("link", &link)
        try coder.u8("oldestMinor", &oldestMinor)
        try coder.u8("newestMinor", &newestMinor)
        try coder.u64("features", &features)
        try coder.record("cluster", &cluster)
        try coder.record("identity", &identity)
        try coder.u32("credits", &credits)
        try coder.bytes("nonce", &nonce, atMost: Limits.nonceBytes)
    }
}

/// The listener's proof that it holds the cluster secret, and its demand for one. Layout: `proto-spec/04-messages.md#challenge`.
package struct Challenge: WireMessage, Hashable {
    package static let kind = MessageKind.challenge

    package var nonce: [UInt8] = []
    package var proof = Digest()

    package init() {}

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.bytes("nonce", &nonce, atMost: Limits.nonceBytes)
        try coder.digest("proof", &proof)
    }
}

/// The dialer's answer to a challenge. Layout: `proto-spec/04-messages.md#proof`.
package struct Proof: WireMessage, Hashable {
    package static let kind = MessageKind.proof

    package var proof = Digest()

    package init() {}

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.digest("proof", &proof)
    }
}

/// The link is open; what both sides will speak. Layout: `proto-spec/04-messages.md#welcome`.
package struct Welcome: WireMessage, Hashable {
    package static let kind = MessageKind.welcome

    package var minor: UInt8 = 0
    package var features: UInt64 = 0
    /// Feature bits of the Hello that the listener does not know.
    package var notUnderstood: UInt64 = 0
    package var identity = Identity()
    package var credits: UInt32 = 0
    package var heartbeatMilliseconds: UInt32 = 0
    package var deadAfterMilliseconds: UInt32 = 0

    package init() {}

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u8("minor", &minor)
        try coder.u64("features", &features)
        try coder.u64("notUnderstood", &notUnderstood)
        try coder.record("identity", &identity)
        try coder.u32("credits", &credits)
        try coder.u32("heartbeatMilliseconds", &heartbeatMilliseconds)
        try coder.u32("deadAfterMilliseconds", &deadAfterMilliseconds)
    }
}

/// Why a link was not opened, or not kept. An open set: a later minor may add codes.
package struct RefuseCode: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    package static let version = RefuseCode(rawValue: 1)
    package static let cluster = RefuseCode(rawValue: 2)
    package static let clusterValues = RefuseCode(rawValue: 3)
    package static let linkKind = RefuseCode(rawValue: 4)
    package static let role = RefuseCode(rawValue: 5)
    package static let secret = RefuseCode(rawValue: 6)
    package static let secretRequired = RefuseCode(rawValue: 7)
    package static let malformed = RefuseCode(rawValue: 8)
    package static let busy = RefuseCode(rawValue: 9)
    package static let duplicateIdentity = RefuseCode(rawValue: 10)
    package static let draining = RefuseCode(rawValue: 11)
    package static let handshakeTimeout = RefuseCode(rawValue: 12)
    package static let retiredGeneration = RefuseCode(rawValue: 13)

    package static let names: [(RefuseCode, String)] = [
        (version, "version"), (cluster, "cluster"), (clusterValues, "clusterValues"), (linkKind, "linkKind"), (role, "role"),
        (secret, "secret"), (secretRequired, "secretRequired"), (malformed, "malformed"), (busy, "busy"),
        (duplicateIdentity, "duplicateIdentity"), (draining, "draining"), (handshakeTimeout, "handshakeTimeout"),
        (retiredGeneration, "retiredGeneration"),
    ]

    package var description: String { Self.names.first { $0.0 == self }?.1 ?? "code \(rawValue)" }
}

/// The answer to a Hello that cannot be accepted; both sides log it. Layout: `proto-spec/04-messages.md#refuse`.
package struct Refuse: WireMessage, Hashable {
    package static let kind = MessageKind.refuse

    package var code = RefuseCode.malformed
    package var retryable = false
    /// The field of the Hello that was at fault, or empty.
    package var field = ""
    package var reason = ""

    package init() {}
    package init(_ code: RefuseCode, retryable: Bool = false, field: String = "", reason: String) {
        self.code = code
        self.retryable = retryable
        self.field = field
        self.reason = reason
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u16("code", &code)
        try coder.bool("retryable", &retryable)
        try coder.text("field", &field, atMost: Limits.nameBytes)
        try coder.text("reason", &reason, atMost: Limits.reasonBytes)
    }
}
