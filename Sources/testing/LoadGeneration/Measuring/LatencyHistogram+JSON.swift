import ClusterModel
package import JSONText

extension LatencyHistogram {
    /// Percentiles that reports show.
    package static let shownPercentiles: [(name: String, percent: Double)] = [
        ("p50", 50), ("p90", 90), ("p95", 95), ("p99", 99), ("p999", 99.9),
    ]

    /// `count`, `mean_ms`, `min_ms`, `max_ms` and percentiles for people; what it is read from again are `beyond`, `sum_us`, `least_us`, `most_us` and
    /// `slots_us`: the lowest value of each slot that is not empty and its count, in turn. A slot has a thousandth of its values' size.
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("count", count)
        writer.member("mean_ms", milliseconds: mean)
        writer.member("min_ms", milliseconds: min)
        for (name, percent) in LatencyHistogram.shownPercentiles { writer.member("\(name)_ms", milliseconds: percentile(percent)) }
        writer.member("max_ms", milliseconds: max)
        writer.member("beyond", beyond)
        writer.member("sum_us", sumMicroseconds)
        writer.member("least_us", min?.roundedMicroseconds ?? 0)
        writer.member("most_us", max?.roundedMicroseconds ?? 0)
        writer.member("slots_us", slots: filledSlots)
        writer.endObject()
    }

    /// Reads what `write` wrote; parts that disagree with one another are refused.
    package init(reading value: JSONValue?, path: String) throws(SummaryReadError) {
        let reader = try SummaryReader(value, path: path)
        let read = LatencyHistogram(
            slots: try reader.slots("slots_us"), beyond: try reader.count("beyond"), sum: try reader.sum("sum_us"),
            least: try reader.sum("least_us"), most: try reader.sum("most_us"))
        guard let read, try reader.count("count") == read.count else {
            throw SummaryReadError(member: path, problem: "is no histogram of ours: its counts, slots and sums disagree")
        }
        self = read
    }
}
