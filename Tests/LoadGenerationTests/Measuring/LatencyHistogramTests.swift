import ClusterModel
import JSONText
import Testing

@testable import LoadGeneration

@Suite struct LatencyHistogramTests {
    private func histogram(_ microseconds: [UInt64]) -> LatencyHistogram {
        var histogram = LatencyHistogram()
        for value in microseconds { histogram.record(Duration(measuredMicroseconds: value)) }
        return histogram
    }

    @Test(
        "the slots of a scale follow one another without a gap, and none is wider than it may be",
        arguments: [HistogramScale.fine, .coarse])
    func slots(_ scale: HistogramScale) {
        for slot in 0..<scale.slotCount {
            let lowest = scale.lowest(of: slot), highest = scale.highest(of: slot)
            #expect(scale.slot(of: lowest) == slot && scale.slot(of: highest) == slot)
            if slot + 1 < scale.slotCount { #expect(scale.lowest(of: slot + 1) == highest + 1) }
            #expect(highest - lowest <= lowest >> UInt64(scale.octaveBits))
        }
        #expect(scale.highest(of: scale.slotCount - 1) == HistogramScale.longestMicroseconds)
    }

    @Test("percentiles are those of the sorted values, to a thousandth and never below them")
    func percentiles() throws {
        var random = SeededRandom(seed: 7)
        let values = (0..<20_000).map { _ in UInt64.random(in: 0...(1 << UInt64.random(in: 0...31, using: &random)), using: &random) }
        let histogram = histogram(values), sorted = values.sorted()
        for percent in [0, 0.01, 1, 25, 50, 90, 95, 99, 99.9, 99.99, 100] {
            let rank = max(1, Int((percent / 100 * Double(values.count)).rounded(.up)))
            let exact = sorted[rank - 1], measured = try #require(histogram.percentile(percent)).roundedMicroseconds
            #expect(measured >= exact && measured <= exact + max(1, exact / 1_000), "p\(percent): \(measured) for \(exact)")
        }
        #expect(histogram.min?.roundedMicroseconds == sorted.first)
        #expect(histogram.max?.roundedMicroseconds == sorted.last)
        let mean = Double(sorted.reduce(0, +)) / Double(sorted.count)
        #expect(try abs(#require(histogram.mean).inSeconds * 1e6 - mean) < 0.01)
    }

    @Test("the share of what keeps to a bound counts the bound in")
    func share() {
        let histogram = histogram([100, 200, 300, 400])
        #expect(histogram.share(upTo: .microseconds(99)) == 0)
        #expect(histogram.share(upTo: .microseconds(200)) == 0.5)
        #expect(histogram.share(upTo: .seconds(9_999)) == 1)
        #expect(histogram.share(upTo: .seconds(-1)) == 0)
        #expect(LatencyHistogram().share(upTo: .seconds(1)) == nil)
    }

    @Test("an hour is the longest: what is beyond counts as an hour and is counted; what is negative counts as nothing")
    func clamping() {
        var histogram = LatencyHistogram()
        histogram.record(.seconds(3_600))
        #expect(histogram.beyond == 0)
        histogram.record(.seconds(3_601), times: 3)
        histogram.record(.seconds(Int64.max))
        histogram.record(.seconds(-5))
        #expect(histogram.beyond == 4)
        #expect(histogram.count == 6)
        #expect(histogram.max == .seconds(3_600))
        #expect(histogram.min == .zero)
    }

    @Test("nothing recorded has no percentiles, no mean, and merges as nothing")
    func empty() {
        var histogram = histogram([5])
        let before = histogram
        histogram.merge(LatencyHistogram())
        #expect(histogram == before)
        let empty = LatencyHistogram()
        #expect(empty.percentile(50) == nil && empty.mean == nil && empty.min == nil && empty.max == nil)
    }

    @Test("merged histograms are the histogram of all values")
    func merging() {
        var random = SeededRandom(seed: 3)
        let left = (0..<500).map { _ in UInt64.random(in: 0...4_000_000_000, using: &random) }
        let right = (0..<700).map { _ in UInt64.random(in: 0...90_000, using: &random) }
        var merged = histogram(left)
        merged.merge(histogram(right))
        #expect(merged == histogram(left + right) && merged.beyond > 0)
        var turned = histogram(right)
        turned.merge(histogram(left))
        #expect(turned == merged)
    }

    @Test("what is written reads back as the same")
    func encoding() throws {
        var random = SeededRandom(seed: 4)
        for values in [[], [0], (0..<900).map { _ in UInt64.random(in: 0...4_000_000_000, using: &random) }] as [[UInt64]] {
            let histogram = histogram(values)
            #expect(try LatencyHistogram(reading: written(histogram), path: "x") == histogram)
        }
    }

    private func written(_ histogram: LatencyHistogram) throws -> JSONValue {
        var writer = JSONWriter()
        histogram.write(to: &writer)
        return try JSONValue(parsing: writer.finish())
    }

    @Test(
        "a histogram whose parts disagree is refused, by name",
        arguments: [
            ("count", 4), ("count", -1), ("beyond", 1), ("sum_us", 0), ("sum_us", 1_099_511_627_776), ("least_us", 1), ("most_us", 1),
            ("most_us", 1_152_921_504_606_846_976), ("slots_us", []), ("slots_us", [5]), ("slots_us", [5, 1, 5, 1]),
            ("slots_us", [7, 1, 5, 1]),
            ("slots_us", [5, 1, 4_001, 1]), ("slots_us", [5, 0, 4_000, 3]), ("slots_us", [5, 1, 1_125_899_906_842_624, 1]),
            ("slots_us", [5, 9_007_199_254_740_993, 4_000, 2]), ("slots_us", "x"), ("slots_us", ["5", 1]),
        ] as [(String, JSONValue)])
    func refusals(member: String, value: JSONValue) throws {
        guard case .object(var object) = try written(histogram([5, 4_000, 4_001])) else { return }
        #expect(object["slots_us"] == [5, 1, 4_000, 2])
        object[member] = value
        let refused = #expect(throws: SummaryReadError.self) { try LatencyHistogram(reading: .object(object), path: "latency.itl") }
        #expect(refused?.member.hasPrefix("latency.itl") == true)
    }
}
