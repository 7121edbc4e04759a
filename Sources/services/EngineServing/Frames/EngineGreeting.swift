package import WireProtocol

/// The first frame of either side: that it is one of an engine's pair, of which version, and of which build, for logs.
package struct EngineGreeting: WireRecord, Hashable {
    /// Raised with every change of a layout: both programs come from one checkout, and nothing is gained by understanding an older one.
    package static let version: UInt16 = 1
    private static let magic: UInt64 = 0x656E_6967_6E45_7541  // "AuEngine" as it lies in memory

    private var magic = Self.magic
    package var version = Self.version
    package var build = ""

    package init() {}
    package init(build: String) { self.build = build.cut(toBytes: EngineFrameLimits.textBytes) }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("magic", &magic)
        try coder.u16("version", &version)
        try coder.text("build", &build, atMost: EngineFrameLimits.textBytes)
    }

    /// Whether the two can talk.
    package func check() throws(EngineProtocolError) {
        guard magic == Self.magic else { throw .notAnEngine }
        guard version == Self.version else { throw .version(version) }
    }
}
