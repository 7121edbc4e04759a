/// The version of the wire format: a major must match, minors only add. Rules: `proto-spec/02-negotiation.md`.
package struct WireVersion: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let major: UInt8
    package let minor: UInt8

    package init(major: UInt8, minor: UInt8) {
        self.major = major
        self.minor = minor
    }

    package static let current = WireVersion(major: 1, minor: 0)

    package static func < (older: WireVersion, newer: WireVersion) -> Bool {
        (older.major, older.minor) < (newer.major, newer.minor)
    }

    package var description: String { "\(major).\(minor)" }
}

/// How a process writes: its version, and what its version adds to the tail of every message.
///
/// There is one dialect in service. Others stand for versions to come: tests and `wiretool` speak them, so that today's readers prove that
/// they skip what they do not know.
package struct WireDialect: Hashable, Sendable {
    package let version: WireVersion
    package let tail: [UInt8]

    package static let current = WireDialect(version: .current, tail: [])

    /// A minor that does not exist: every message carries a tail field that nobody knows.
    package static func synthetic(minor: UInt8) -> WireDialect {
        var tail: [UInt8] = []
        tail.appendLittleEndian(UInt16(0x7F00) + UInt16(minor))
        tail.appendLittleEndian(UInt32(5))
        tail.append(contentsOf: Array("later".utf8))
        return WireDialect(version: WireVersion(major: WireVersion.current.major, minor: minor), tail: tail)
    }

    /// A major that does not exist: whoever hears it must refuse, in words that the speaker can read.
    package static func synthetic(major: UInt8) -> WireDialect { WireDialect(version: WireVersion(major: major, minor: 0), tail: []) }

    /// A feature bit and a kind that no version has yet, for the same tests.
    package static let syntheticFeature: UInt64 = 1 << 63
    package static let syntheticKind: UInt16 = 0x7F7F
}

/// Optional abilities that both sides of a link must have before either uses them: a bit each, the common ones hold.
package struct FeatureBits: OptionSet, Hashable, Sendable {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }

    /// The sender may compress message bodies (`proto-spec/08-compression.md`).
    package static let compression = FeatureBits(rawValue: 1 << 0)

    package static let all: FeatureBits = [.compression]
}
