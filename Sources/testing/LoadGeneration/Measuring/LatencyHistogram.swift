/// Durations counted by size, from 1 µs to an hour with three digits each.
///
/// Recording is one addition in an array that has its size from the begin. Two histograms merge without loss, so that what many hosts measured is
/// one distribution and no average of percentiles. Lengths beyond an hour count as one hour and are counted in `beyond`.
package struct LatencyHistogram: Equatable, Sendable {
    package static let longest = Duration(measuredMicroseconds: HistogramScale.longestMicroseconds)

    static var scale: HistogramScale { .fine }

    private var counts: [UInt64]
    package private(set) var count: UInt64 = 0
    /// Of `count`, those that were longer than an hour.
    package private(set) var beyond: UInt64 = 0
    private(set) var sumMicroseconds: UInt64 = 0
    private var leastMicroseconds = UInt64.max
    private var mostMicroseconds: UInt64 = 0

    package init() { counts = Array(repeating: 0, count: LatencyHistogram.scale.slotCount) }

    package mutating func record(_ duration: Duration, times: UInt64 = 1) {
        record(microseconds: duration.roundedMicroseconds, times: times)
    }

    @inline(__always)
    mutating func record(microseconds measured: UInt64, times: UInt64) {
        guard times > 0 else { return }
        let microseconds = Swift.min(measured, HistogramScale.longestMicroseconds)
        counts[LatencyHistogram.scale.slot(of: microseconds)] += times
        count += times
        if measured > microseconds { beyond += times }
        // Five hundred thousand years in all are more than enough to be told that they are very many.
        sumMicroseconds = sumMicroseconds.addingClamped(microseconds.multipliedClamped(by: times))
        leastMicroseconds = Swift.min(leastMicroseconds, microseconds)
        mostMicroseconds = Swift.max(mostMicroseconds, microseconds)
    }

    package mutating func merge(_ other: LatencyHistogram) {
        guard other.count > 0 else { return }
        for slot in counts.indices { counts[slot] += other.counts[slot] }
        count += other.count
        beyond += other.beyond
        sumMicroseconds = sumMicroseconds.addingClamped(other.sumMicroseconds)
        leastMicroseconds = Swift.min(leastMicroseconds, other.leastMicroseconds)
        mostMicroseconds = Swift.max(mostMicroseconds, other.mostMicroseconds)
    }

    // MARK: What was recorded; nil where nothing was

    /// Exact, as are `max` and `mean`, to the microsecond.
    package var min: Duration? { count == 0 ? nil : Duration(measuredMicroseconds: leastMicroseconds) }
    package var max: Duration? { count == 0 ? nil : Duration(measuredMicroseconds: mostMicroseconds) }
    package var mean: Duration? {
        count == 0 ? nil : .nanoseconds(Int64(clamping: UInt64(Double(sumMicroseconds) / Double(count) * 1_000)))
    }

    /// What `percent` of the recorded durations do not exceed: the longest of its slot, so that no percentile flatters.
    package func percentile(_ percent: Double) -> Duration? {
        guard count > 0 else { return nil }
        let rank = LatencyHistogram.scale.rank(percent, of: count)
        var seen: UInt64 = 0, slot = LatencyHistogram.scale.slot(of: leastMicroseconds)
        let last = LatencyHistogram.scale.slot(of: mostMicroseconds)
        while true {
            seen += counts[slot]
            if seen >= rank || slot == last { break }
            slot += 1
        }
        let reached = LatencyHistogram.scale.highest(of: slot)
        return Duration(measuredMicroseconds: Swift.min(Swift.max(reached, leastMicroseconds), mostMicroseconds))
    }

    /// The share of the recorded durations that are no longer than this one, to the width of a slot.
    package func share(upTo duration: Duration) -> Double? {
        guard count > 0 else { return nil }
        guard duration >= .zero else { return 0 }
        let last = LatencyHistogram.scale.slot(of: Swift.min(duration.roundedMicroseconds, HistogramScale.longestMicroseconds))
        return Double(counts[...last].reduce(0, +)) / Double(count)
    }

    // MARK: The encoding's view

    /// The lowest value and the count of each slot that is not empty, rising.
    var filledSlots: [(lowestMicroseconds: UInt64, count: UInt64)] {
        counts.enumerated().filter { $0.element > 0 }.map { (LatencyHistogram.scale.lowest(of: $0.offset), $0.element) }
    }

    /// Nil unless the parts agree with one another as those of a recorded histogram do.
    init?(slots: [(lowestMicroseconds: UInt64, count: UInt64)], beyond: UInt64, sum: UInt64, least: UInt64, most: UInt64) {
        self.init()
        let scale = LatencyHistogram.scale
        var previous = -1, lowestSum: UInt64 = 0, highestSum: UInt64 = 0
        for (lowest, times) in slots {
            guard lowest <= HistogramScale.longestMicroseconds, times > 0, times <= LatencyHistogram.mostCounted else { return nil }
            let slot = scale.slot(of: lowest)
            guard slot > previous, scale.lowest(of: slot) == lowest else { return nil }
            counts[slot] = times
            count += times
            lowestSum = lowestSum.addingClamped(lowest.multipliedClamped(by: times))
            highestSum = highestSum.addingClamped(scale.highest(of: slot).multipliedClamped(by: times))
            previous = slot
        }
        guard count <= LatencyHistogram.mostCounted, beyond <= counts[scale.slotCount - 1], lowestSum <= sum, sum <= highestSum else {
            return nil
        }
        if let first = slots.first {
            guard least <= most, most <= HistogramScale.longestMicroseconds,
                scale.lowest(of: scale.slot(of: least)) == first.lowestMicroseconds,
                scale.slot(of: most) == previous
            else { return nil }
            leastMicroseconds = least
            mostMicroseconds = most
        } else {
            guard least == 0, most == 0 else { return nil }
        }
        self.beyond = beyond
        sumMicroseconds = sum
    }

    /// The most that one written histogram may hold: what every JSON reader keeps exactly, and so little that sums of thousands cannot overflow.
    private static let mostCounted: UInt64 = 1 << 53
}

extension UInt64 {
    @inline(__always)
    func addingClamped(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }

    @inline(__always)
    func multipliedClamped(by other: UInt64) -> UInt64 {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? .max : product
    }
}
