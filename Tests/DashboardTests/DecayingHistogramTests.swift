import Testing

@testable import Dashboard

@Suite("Percentiles and rates of what came lately")
struct DecayingHistogramTests {
    @Test("percentiles are within four per cent of those of the sorted values", arguments: [0.5, 0.9, 0.99])
    func percentiles(share: Double) throws {
        var histogram = DecayingHistogram(decay: 0.8), random = PlainRandom(state: 7), values: [UInt64] = []
        for _ in 0..<5_000 {
            let value = 1 + random.next() % (1 << (1 + random.next() % 30))
            values.append(value)
            histogram.add(microseconds: value)
        }
        values.sort()
        let wanted = Double(values[Int(share * Double(values.count)) - 1]), found = try #require(histogram.percentile(share))
        #expect(abs(found - wanted) <= 0.04 * wanted + 1, "\(found) instead of \(wanted)")
    }

    @Test("what is old is forgotten, and nothing has no percentile")
    func decay() throws {
        var histogram = DecayingHistogram(decay: 0.5)
        #expect(histogram.percentile(0.5) == nil)
        histogram.add(microseconds: 1_000_000, times: 100)
        for _ in 0..<6 { histogram.beat() }
        histogram.add(microseconds: 100, times: 100)
        #expect(try #require(histogram.percentile(0.5)) < 110)
        for _ in 0..<20 { histogram.beat() }
        #expect(histogram.percentile(0.5) == nil && histogram.weight == 0)
    }

    @Test("the longest time there is has a place too")
    func longest() {
        var histogram = DecayingHistogram(decay: 0.5)
        histogram.add(microseconds: .max)
        histogram.add(microseconds: 0)
        #expect(histogram.percentile(1) ?? 0 > 3_600_000_000)
    }

    @Test("a share is of what came lately, and never above 1")
    func share() {
        var share = DecayingShare(decay: 0.5)
        #expect(share.share == nil)
        share.add(1, of: 4)
        #expect(share.share == 0.25)
        share.add(100, of: 4)
        #expect(share.share == 0.625)
        for _ in 0..<10 { share.beat() }
        #expect(share.share == nil)
    }
}

/// A small generator, the same in each run.
struct PlainRandom {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state >> 20
    }
}
