import Synchronization

/// A number that only goes up. The handle is one reference; adding to it is one atomic instruction for whole amounts.
///
/// Whole and fractional amounts are kept apart, so that a counter of events neither loops nor loses a unit above 2^53.
package final class Counter: Metric {
    package static let kind = MetricKind.counter

    private let whole = Atomic<UInt64>(0)
    private let fractional = AtomicDouble()

    package init(shape: NoShape) {}

    package var value: Double { Double(whole.load(ordering: .relaxed)) + fractional.value }

    @inline(__always)
    package func increment() { whole.wrappingAdd(1, ordering: .relaxed) }

    package func increment(by amount: Int) {
        precondition(amount >= 0, "a counter only goes up")
        whole.wrappingAdd(UInt64(amount), ordering: .relaxed)
    }

    /// For amounts that are not whole: seconds of work, for instance.
    package func add(_ amount: Double) {
        precondition(amount >= 0 && amount.isFinite, "a counter only goes up, by a finite amount")
        fractional.add(amount)
    }

    package func write(_ series: SeriesText, into text: inout TextExposition) {
        let fraction = fractional.value
        let count = whole.load(ordering: .relaxed)
        if fraction == 0 {
            text.sample(series, count: count)
        } else {
            text.sample(series, value: Double(count) + fraction)
        }
    }
}
