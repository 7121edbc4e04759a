package import WireProtocol

/// What happens to a stream, for a log and for metrics.
package enum StreamNotice: Sendable {
    /// These numbers were not heard before what was heard now.
    case gap(missing: ClosedRange<UInt64>)
    /// What came does not decode: a batch, whose numbers are lost with it, a part of a replay or a page.
    case malformed(WireError)
    /// Everything that was missing is there again.
    case recovered(by: Recovery)
    /// A recovery failed; it is begun again after the pause.
    case failed(RecoveryProblem, retry: Duration)

    package enum Recovery: Hashable, Sendable {
        /// It had only been overtaken.
        case lateArrival
        case replay
        case snapshot
    }
}

/// What a follower counts, from its beginning over all generations.
package struct FollowerCounters: Hashable, Sendable {
    /// Events that reached the mirror, in part or whole.
    package internal(set) var events: UInt64 = 0
    /// Each time that something was heard with numbers missing before it.
    package internal(set) var gaps: UInt64 = 0
    /// Numbers that were missing then.
    package internal(set) var missingEvents: UInt64 = 0
    /// Of those, what came by itself afterwards.
    package internal(set) var lateEvents: UInt64 = 0
    /// Parts of replays that were applied, and the events in them.
    package internal(set) var replays: UInt64 = 0
    package internal(set) var replayedEvents: UInt64 = 0
    /// Whole ones, and all pages.
    package internal(set) var snapshots: UInt64 = 0
    package internal(set) var pages: UInt64 = 0
    /// More came during a recovery than is held.
    package internal(set) var overflows: UInt64 = 0
    /// Batches, parts of replays and pages that do not decode.
    package internal(set) var malformed: UInt64 = 0
    /// Batches all of which was known.
    package internal(set) var duplicates: UInt64 = 0
    /// The publisher's numbers began again in one life.
    package internal(set) var backwards: UInt64 = 0
    /// Messages of a generation that is not followed.
    package internal(set) var foreign: UInt64 = 0
    /// Recoveries that did not succeed.
    package internal(set) var failures: UInt64 = 0

    package init() {}
}

extension FollowerCounters {
    /// Of two followers together.
    package func adding(_ other: FollowerCounters) -> FollowerCounters {
        var sum = self
        for count in Self.all { sum[keyPath: count] &+= other[keyPath: count] }
        return sum
    }

    private static var all: [WritableKeyPath<FollowerCounters, UInt64>] {
        [
            \.events, \.gaps, \.missingEvents, \.lateEvents, \.replays, \.replayedEvents, \.snapshots, \.pages, \.overflows, \.malformed,
            \.duplicates, \.backwards, \.foreign, \.failures,
        ]
    }
}
