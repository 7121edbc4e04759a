import Telemetry
import Testing

@Suite struct BucketsTests {
    @Test(
        "each configurable range has the bounds that dashboards know",
        arguments: [
            (BucketRange.timeToFirstTokenSeconds, "0 0.0022 0.0047 0.01 0.022 0.047 0.1 0.22 0.47 1 2.2 4.7 10 22 48 100 220 480"),
            (.interTokenLatencySeconds, "0 0.0019 0.0035 0.0067 0.013 0.024 0.045 0.084 0.16 0.3 0.56 1.1 2"),
            (.inputTokens, "0 100 210 430 870 1800 3600 7400 15000 31000 63000 130000"),
            (.outputTokens, "0 100 210 430 880 1800 3700 7600 16000 32000"),
            (.requestDurationSeconds, "0 2 4 8 16 32 64 130 260 510"),
            (.cacheTransferSeconds, "0 0.0019 0.0037 0.0072 0.014 0.027 0.052 0.1 0.19 0.37 0.72 1.4 2.7 5.2 10"),
        ])
    func ranges(_ range: BucketRange, _ expected: String) {
        #expect(printed(Buckets.logarithmic(range)) == expected)
    }

    @Test(
        "fixed lists, doublings, triplings and steps print as short decimal numbers",
        arguments: [
            (Buckets.tokenizerMilliseconds, "0.5 1 2 4 8 16 32 64 128 256 512"),
            (
                Buckets.cacheHitRate,
                "0 0.05 0.1 0.15 0.2 0.25 0.3 0.35 0.4 0.45 0.5 0.55 0.6 0.65 0.7 0.75 0.8 0.85 0.9 0.95 1"
            ),
            (
                Buckets.routingOverheadMilliseconds,
                "0.0001 0.0002 0.0004 0.0008 0.0016 0.0032 0.0064 0.0128 0.0256 0.0512 0.1024 0.2048 0.4096 0.8192 1.6384 3.2768 6.5536 13.1072"
            ),
            (
                Buckets.hashingOverheadMilliseconds,
                "0.001 0.002 0.004 0.008 0.016 0.032 0.064 0.128 0.256 0.512 1.024 2.048 4.096 8.192 16.384"
            ),
            (
                Buckets.selectionOverheadMilliseconds,
                "0.01 0.03 0.09 0.27 0.81 2.43 7.29 21.87 65.61 196.83 590.49 1771.47 5314.41 15943.23 47829.69 143489.07 430467.21"
            ),
            (Buckets.queueSeconds, "0.0001 0.0005 0.001 0.005 0.01 0.05 0.1 0.5 1"),
            (Buckets.stageSeconds, "0.0001 0.0005 0.001 0.005 0.01 0.05 0.1 0.5 1 2.5 5"),
        ])
    func lists(_ bounds: [Double], _ expected: String) {
        #expect(printed(bounds) == expected)
    }

    @Test("a count of 0 gives no bounds, 1 gives zero alone, 2 gives zero and the maximum")
    func smallCounts() {
        #expect(Buckets.logarithmic(BucketRange(from: 1, to: 10, count: 0)) == [])
        #expect(Buckets.logarithmic(BucketRange(from: 1, to: 10, count: 1)) == [0])
        #expect(Buckets.logarithmic(BucketRange(from: 1, to: 10, count: 2)) == [0, 10])
    }

    @Test("neighbours that round to the same number are merged, so that bounds rise strictly")
    func merged() {
        let bounds = Buckets.logarithmic(BucketRange(from: 1, to: 1.5, count: 40))
        #expect(printed(bounds) == "0 1 1.1 1.2 1.3 1.4 1.5")
    }

    @Test("the widest range that passes the check still gives finite, strictly rising bounds")
    func widest() throws {
        let range = BucketRange(
            from: BucketRange.smallestMinimum, to: BucketRange.largestMaximum, count: MetricsLimits.bucketsPerHistogram)
        try range.validate()
        let bounds = Buckets.logarithmic(range)
        #expect(bounds.last == 1e18)
        #expect(bounds.allSatisfy { $0.isFinite })
        #expect(zip(bounds, bounds.dropFirst()).allSatisfy(<))
    }

    @Test("a range from configuration is refused with the field that is wrong")
    func refused() {
        func problem(_ minimum: Double, _ maximum: Double, _ count: Int) -> BucketRangeError? {
            do throws(BucketRangeError) { try BucketRange(from: minimum, to: maximum, count: count).validate() } catch { return error }
            return nil
        }
        #expect(problem(1, 10, 5) == nil)
        #expect(problem(0, 10, 5) == .minimum(0))
        #expect(problem(-1, 10, 5) == .minimum(-1))
        #expect(problem(10, 10, 5) == .maximum(10))
        #expect(problem(1, .infinity, 5) == .maximum(.infinity))
        #expect(problem(1, 10, -1) == .count(-1, limit: 512))
        #expect(problem(1, 10, 513) == .count(513, limit: 512))
        if case .minimum(let value) = problem(.nan, 10, 5) { #expect(value.isNaN) } else { Issue.record("NaN passed as minimum") }
        if case .maximum(let value) = problem(1, .nan, 5) { #expect(value.isNaN) } else { Issue.record("NaN passed as maximum") }
        #expect(problem(0, 10, 5)?.description == "minimum: 0.0 is not between 1e-09 and 1e+18")
    }

    /// As they stand in `le`.
    private func printed(_ bounds: [Double]) -> String {
        let registry = MetricsRegistry()
        _ = registry.histogram("h", help: "h", buckets: bounds)
        let lines = String(decoding: TextExposition.render(registry), as: UTF8.self).split(separator: "\n")
        let quoted = lines.filter { $0.hasPrefix("h_bucket") }.map { $0.split(separator: "\"")[1] }
        return quoted.dropLast().joined(separator: " ")
    }
}
