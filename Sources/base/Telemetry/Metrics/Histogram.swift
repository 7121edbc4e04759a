import Synchronization

/// Observations counted into buckets with fixed upper bounds; a bound belongs to its bucket (`value <= bound`).
///
/// Observing is a search over the bounds and two atomic additions: no lock, no allocation.
/// There is no separate count: it is the sum of the buckets read, so `_count` equals the `+Inf` bucket in every scrape by construction.
/// An observation that another thread is making during the scrape may already be in the buckets and not yet in `_sum`.
package final class Histogram: Metric, @unchecked Sendable {
    // Safety: `bounds` never changes; `buckets` points to `bounds.count + 1` atomics that live exactly as long as this object.
    package static let kind = MetricKind.histogram

    private let bounds: [Double]
    private let buckets: UnsafeMutablePointer<Atomic<UInt64>>
    private let sum = AtomicDouble()

    /// `shape` holds the finite upper bounds, rising strictly; the `+Inf` bucket is added here.
    package init(shape: [Double]) {
        bounds = shape
        buckets = .allocate(capacity: shape.count + 1)
        for index in 0...shape.count { (buckets + index).initialize(to: Atomic(0)) }
    }

    deinit {
        buckets.deinitialize(count: bounds.count + 1)
        buckets.deallocate()
    }

    package func observe(_ value: Double) { observe(value, times: 1) }

    /// Counts the same value several times at once: tokens that came in one frame share one latency.
    /// Not a number is ignored: it belongs to no bucket and would spoil the sum for good.
    package func observe(_ value: Double, times: Int) {
        precondition(times >= 0, "a histogram only grows")
        guard !value.isNaN, times > 0 else { return }
        buckets[bucketIndex(of: value)].wrappingAdd(UInt64(times), ordering: .relaxed)
        sum.add(value * Double(times))
    }

    package func observeSeconds(_ span: Duration) { observe(span.microseconds / 1_000_000) }

    package func observeMilliseconds(_ span: Duration) { observe(span.microseconds / 1_000) }

    package func snapshot() -> HistogramSnapshot {
        var total: UInt64 = 0
        var cumulative: [UInt64] = []
        cumulative.reserveCapacity(bounds.count + 1)
        for index in 0...bounds.count {
            total &+= buckets[index].load(ordering: .relaxed)
            cumulative.append(total)
        }
        return HistogramSnapshot(bounds: bounds, cumulative: cumulative, sum: sum.value)
    }

    package func write(_ series: SeriesText, into text: inout TextExposition) {
        let snapshot = snapshot()
        for (bound, count) in zip(bounds, snapshot.cumulative) { text.sample(series, suffix: "_bucket", bound: bound, count: count) }
        text.sample(series, suffix: "_bucket", bound: .infinity, count: snapshot.count)
        text.sample(series, suffix: "_sum", value: snapshot.sum)
        text.sample(series, suffix: "_count", count: snapshot.count)
    }

    /// The first bucket whose bound is not below `value`; the last one is `+Inf`.
    private func bucketIndex(of value: Double) -> Int {
        var low = 0
        var high = bounds.count
        while low < high {
            let middle = (low + high) / 2
            if bounds[middle] < value { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// What one scrape shows of a histogram.
package struct HistogramSnapshot: Equatable, Sendable {
    /// Finite upper bounds.
    package let bounds: [Double]
    /// One more than `bounds`: the last one is the `+Inf` bucket.
    package let cumulative: [UInt64]
    package let sum: Double

    package init(bounds: [Double], cumulative: [UInt64], sum: Double) {
        precondition(cumulative.count == bounds.count + 1, "one count for each bound, and one for +Inf")
        self.bounds = bounds
        self.cumulative = cumulative
        self.sum = sum
    }

    package var count: UInt64 { cumulative[cumulative.count - 1] }
}

extension Duration {
    /// With fractions; one division from a whole number of nanoseconds, so that 5 ms is exactly 5,000.
    fileprivate var microseconds: Double {
        // Nearly every span is below nine seconds, where one division of a machine word does.
        if let few = Int64(exactly: attoseconds) { return Double(few / 1_000_000_000) / 1_000 }
        let (seconds, attoseconds) = components
        return Double(seconds) * 1_000_000 + Double(attoseconds / 1_000_000_000) / 1_000
    }
}
