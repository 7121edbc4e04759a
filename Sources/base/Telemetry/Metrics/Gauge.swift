/// A number that goes up and down.
package final class Gauge: Metric {
    package static let kind = MetricKind.gauge

    private let current = AtomicDouble()

    package init(shape: NoShape) {}

    package var value: Double { current.value }

    package func set(_ value: Double) { current.set(value) }

    package func set(_ value: Int) { current.set(Double(value)) }

    package func add(_ amount: Double) { current.add(amount) }

    package func increment() { current.add(1) }

    package func decrement() { current.add(-1) }

    package func write(_ series: SeriesText, into text: inout TextExposition) {
        text.sample(series, value: value)
    }
}
