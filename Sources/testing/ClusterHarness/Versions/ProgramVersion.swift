package import Transport
import WireProtocol

/// The minor that a program of a simulated cluster speaks: today's, or one of the next two, which add to everything that may be added to.
///
/// Seen from the newest of the three the cluster is one of N-2, N-1 and N.
package enum ProgramVersion: UInt8, CaseIterable, Sendable, CustomStringConvertible {
    case today, next, afterNext

    package var minor: UInt8 { WireVersion.current.minor + rawValue }
    package var description: String { "1.\(minor)" }

    /// Another one, by how many minors.
    package func later(by count: Int) -> ProgramVersion { Self.allCases[(Int(rawValue) + count) % Self.allCases.count] }

    /// What its links say of themselves.
    package func apply(to policy: inout LinkPolicy) {
        guard self != .today else { return }
        policy.newestMinor = minor
        policy.oldestMinor = LinkPolicy.oldestMinor(for: minor)
        policy.features |= WireDialect.syntheticFeature
        policy.dialect = .synthetic(minor: minor)
    }
}
