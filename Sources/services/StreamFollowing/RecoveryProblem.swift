package import Transport
package import WireProtocol

/// Why a recovery did not succeed.
package enum RecoveryProblem: Error, Hashable, Sendable, CustomStringConvertible {
    case noAddress
    case notReached(LinkEnd)
    case anotherProcess
    case noAnswer(LinkFailure)
    /// The publisher answered against the rules; the text says how.
    case inconsistent(StaticText)
    /// A page is older than what was heard before it was asked for.
    case olderThanHeard
    /// It was joined while it cleared a rank, and the pages are from before and after that.
    case cleared
    /// The publisher no longer has what is missing, or never had it: a snapshot is needed.
    case notInRing(ReplayOutcome)
    case overflow
    case backwards

    package var description: String {
        switch self {
        case .noAddress: "no address of it is known"
        case .notReached(let end): "not reached: \(end)"
        case .anotherProcess: "another process answers at its address"
        case .noAnswer(.ended): "the link ended"
        case .noAnswer(.timedOut): "no answer in time"
        case .noAnswer(.failed(let failure)): "it answers failure \(failure.code.rawValue)"
        case .noAnswer(.malformed(let error)): "its answer does not decode: \(error)"
        case .inconsistent(let how): "its answers do not fit together: \(how)"
        case .olderThanHeard: "a page is older than what was heard before it was asked for"
        case .cleared: "a rank was cleared between two pages"
        case .notInRing(let outcome): "no replay: \(outcome)"
        case .overflow: "more events came meanwhile than are held"
        case .backwards: "its numbers began again"
        }
    }

    /// Nobody is at fault, and another link may do.
    var isOfLink: Bool {
        switch self {
        case .noAddress, .notReached, .anotherProcess, .noAnswer(.ended), .noAnswer(.timedOut): true
        default: false
        }
    }
}

/// A text of this program's own, for errors that are compared in tests.
package struct StaticText: Hashable, Sendable, CustomStringConvertible, ExpressibleByStringLiteral {
    package let description: String
    package init(stringLiteral text: StaticString) { description = text.description }
}
