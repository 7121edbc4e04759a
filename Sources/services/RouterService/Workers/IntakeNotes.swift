import ClusterModel
import JSONText
import Scheduling
import StreamFollowing

/// What has gone wrong with what one life of a worker says, and how it was made up: for people who look at a router.
struct IntakeNotes {
    /// Something that happened, and when.
    struct Note {
        let what: String
        let at: Instant
    }

    private(set) var gaps = 0
    private(set) var lastGap: Note?
    /// By a replay, a snapshot or a late arrival.
    private(set) var recoveries = 0
    private(set) var failures = 0
    /// How the last recovery went, and why it was made where a number was not the reason.
    private(set) var lastRecovery: Note?
    private(set) var missingDoubts = 0
    private(set) var silentDoubts = 0
    private(set) var lastDoubt: Note?
    private(set) var parityFaults = 0
    private(set) var lastParityFault: Note?
    /// Times that nothing at all was heard of its feed.
    private(set) var feedSilences = 0

    mutating func gap(_ missing: ClosedRange<UInt64>, at now: Instant) {
        gaps += 1
        lastGap = Note(what: "events \(missing.lowerBound) to \(missing.upperBound)", at: now)
    }

    mutating func recovered(by means: StreamNotice.Recovery, at now: Instant) {
        recoveries += 1
        lastRecovery = Note(what: "by \(means)", at: now)
    }

    mutating func failed(_ problem: String, at now: Instant) {
        failures += 1
        lastRecovery = Note(what: "failed: \(problem)", at: now)
    }

    mutating func doubted(_ doubt: CacheTrust.Doubt, _ reason: String, at now: Instant) {
        switch doubt {
        case .missing: missingDoubts += 1
        case .silent: silentDoubts += 1
        }
        lastDoubt = Note(what: reason, at: now)
    }

    mutating func parityFault(_ fault: String, at now: Instant) {
        parityFaults += 1
        lastParityFault = Note(what: fault, at: now)
    }

    mutating func feedSilence() { feedSilences += 1 }

    func write(to json: inout JSONWriter, at now: Instant) {
        json.beginObject()
        json.key("gaps")
        json.number(gaps)
        json.key("recoveries")
        json.number(recoveries)
        json.key("failed_recoveries")
        json.number(failures)
        json.key("missing_doubts")
        json.number(missingDoubts)
        json.key("silent_doubts")
        json.number(silentDoubts)
        json.key("parity_faults")
        json.number(parityFaults)
        json.key("feed_silences")
        json.number(feedSilences)
        for (key, note) in [
            ("last_gap", lastGap), ("last_recovery", lastRecovery), ("last_doubt", lastDoubt), ("last_parity_fault", lastParityFault),
        ] {
            guard let note else { continue }
            json.key(key)
            json.beginObject()
            json.key("what")
            json.string(note.what)
            json.key("milliseconds_ago")
            json.number(note.at.duration(to: now).inMilliseconds)
            json.endObject()
        }
        json.endObject()
    }
}
