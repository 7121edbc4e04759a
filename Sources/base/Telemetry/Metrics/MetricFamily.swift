import Concurrency

package typealias CounterFamily = MetricFamily<Counter>
package typealias GaugeFamily = MetricFamily<Gauge>
package typealias HistogramFamily = MetricFamily<Histogram>

/// All series of one metric name, told apart by their label values.
///
/// Finding a handle takes a lock and a look-up: keep the handle, as long as the thing that it counts lives.
package final class MetricFamily<Handle: Metric>: AnyMetricFamily {
    package let header: FamilyHeader
    let shape: Handle.Shape

    private let seriesLimit: Int
    private let series = Lock<[[String]: Series<Handle>]>([:])
    /// Shared by all who come after the limit: it works like any other handle and is never shown.
    private let overflow: Handle
    /// Counts the refusals, by family; `nil` for that family itself.
    private let droppedSeries: CounterFamily?

    init(header: FamilyHeader, shape: Handle.Shape, seriesLimit: Int, droppedSeries: CounterFamily?) {
        self.header = header
        self.shape = shape
        self.seriesLimit = seriesLimit
        self.droppedSeries = droppedSeries
        overflow = Handle(shape: shape)
    }

    /// The handle for these values, in the order of the label names at registration. It shows in scrapes from now on, with zeros.
    package func labels(_ values: String...) -> Handle { handle(for: values) }

    /// Takes the series out of the scrape. Handles to it may still be used; what they count is not shown any more.
    @discardableResult
    package func remove(_ values: String...) -> Bool {
        series.with { $0.removeValue(forKey: values) } != nil
    }

    /// Removes all series in which `label` has this value: every rank of a worker that left. Returns how many there were.
    @discardableResult
    package func removeAll(where label: String, is value: String) -> Int {
        guard let position = header.labelNames.firstIndex(of: label) else {
            preconditionFailure("metric \(header.name) has no label \(label)")
        }
        return series.with { series in
            let before = series.count
            series = series.filter { $0.key[position] != value }
            return before - series.count
        }
    }

    package var kind: MetricKind { Handle.kind }
    package var buckets: [Double] { shape as? [Double] ?? [] }

    package func write(into text: inout TextExposition) {
        let sorted = series.with { Array($0.values) }.sorted { $0.precedes($1) }
        guard !sorted.isEmpty else { return }
        text.family(header, kind: Handle.kind)
        for one in sorted { one.handle.write(one.text, into: &text) }
    }

    private func handle(for values: [String]) -> Handle {
        precondition(values.count == header.labelNames.count, "metric \(header.name) takes \(header.labelNames.count) label values")
        let found: Handle? = series.with { series in
            if let known = series[values] { return known.handle }
            guard series.count < seriesLimit else { return nil }
            let handle = Handle(shape: shape)
            series[values] = Series(sortKey: header.sortKey(values), text: header.seriesText(values), handle: handle)
            return handle
        }
        if let found { return found }
        droppedSeries?.labels(header.name).increment()
        return overflow
    }
}

private struct Series<Handle: Metric>: Sendable {
    /// Label values in the order in which they are printed.
    let sortKey: [String]
    let text: SeriesText
    let handle: Handle

    /// By bytes: the order of `String` follows Unicode equivalence and is slower.
    func precedes(_ other: Series) -> Bool {
        for (mine, theirs) in zip(sortKey, other.sortKey) where mine != theirs {
            return mine.utf8.lexicographicallyPrecedes(theirs.utf8)
        }
        return false
    }
}

/// A family whose kind of handle is not known to the reader.
package protocol AnyMetricFamily: AnyObject, Sendable {
    var header: FamilyHeader { get }
    var kind: MetricKind { get }
    /// Of a histogram; empty for other kinds.
    var buckets: [Double] { get }

    func write(into text: inout TextExposition)
}
