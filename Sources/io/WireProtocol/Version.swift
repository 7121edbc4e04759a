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

/// Optional abilities that both sides of a link must have before either uses them: a bit each, the common ones hold.
package struct FeatureBits: OptionSet, Hashable, Sendable {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }

    /// The sender may compress message bodies (`proto-spec/08-compression.md`).
    package static let compression = FeatureBits(rawValue: 1 << 0)

    package static let all: FeatureBits = [.compression]
}
