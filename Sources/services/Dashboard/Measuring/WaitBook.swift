import ClusterModel
import EventLoop

/// This frontend's requests that wait for a place, by tenant and class: how many and how long now, and how long others waited lately.
struct WaitBook {
    struct Key: Hashable, Comparable {
        let tenant: String
        let priorityClass: UInt32

        static func < (left: Key, right: Key) -> Bool { (left.tenant, left.priorityClass) < (right.tenant, right.priorityClass) }
    }

    struct Line {
        var waiting = 0
        var oldest = Duration.zero
        var waited = DecayingHistogram(decay: 0.95)
    }

    private var open: [RequestID: (key: Key, since: Instant)] = [:]
    private var waited: [Key: DecayingHistogram] = [:]

    mutating func began(_ id: RequestID, tenant: String, priorityClass: UInt32, at now: Instant) {
        // As many as a frontend runs are bounded there; this is for a frontend whose bound is set higher.
        guard open.count < DashboardLimits.openRequests else { return }
        open[id] = (Key(tenant: tenant, priorityClass: priorityClass), now)
    }

    mutating func ended(_ id: RequestID, at now: Instant) {
        guard let wait = open.removeValue(forKey: id) else { return }
        guard waited[wait.key] != nil || waited.count < DashboardLimits.rows else { return }
        let span = UInt64(clamping: wait.since.duration(to: now).inMicroseconds)
        waited[wait.key, default: DecayingHistogram(decay: 0.95)].add(microseconds: span)
    }

    /// Called once a second.
    mutating func beat() {
        // Order: each by itself.
        for key in waited.keys {
            waited[key]?.beat()
            if waited[key]?.weight == 0 { waited[key] = nil }
        }
    }

    /// One pass over what waits, as often as it is shown.
    func lines(at now: Instant) -> [(key: Key, line: Line)] {
        var lines = waited.mapValues { Line(waited: $0) }
        // Order: sums and maxima.
        for wait in open.values {
            lines[wait.key, default: Line()].waiting += 1
            let span = wait.since.duration(to: now)
            if span > lines[wait.key]?.oldest ?? .zero { lines[wait.key]?.oldest = span }
        }
        return lines.sorted { $0.key < $1.key }.prefix(DashboardLimits.rows).map { ($0.key, $0.value) }
    }
}
