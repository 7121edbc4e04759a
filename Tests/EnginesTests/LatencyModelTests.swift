import Engines
import Testing

@Suite("Times of the mock engine")
struct LatencyModelTests {
    private func milliseconds(_ span: Duration) -> Double {
        Double(span.components.seconds) * 1_000 + Double(span.components.attoseconds) / 1e15
    }

    @Test(
        "prefill grows with the square of its tokens",
        arguments: [(1, 16.5166), (100, 18.02399), (1_000, 32.10585), (8_192, 169.1360)])
    func prefill(tokens: Int, expected: Double) {
        let span = LatencyModel().stepDuration(prefill: tokens, decodes: 0, usedShare: 0)
        #expect(abs(milliseconds(span) - expected) < 0.01)
    }

    @Test(
        "decode grows with the share of memory that is used, and is never below a millisecond",
        arguments: [(0.0, 5.74), (0.5, 26.31), (1, 34.01)])
    func decode(share: Double, expected: Double) {
        let span = LatencyModel().stepDuration(prefill: 0, decodes: 3, usedShare: share)
        #expect(abs(milliseconds(span) - expected) < 0.001)
    }

    @Test("speed-ups divide, and 0 takes no time")
    func speedup() {
        let half = LatencyModel(speedup: 2, decodeSpeedup: 5).stepDuration(prefill: 0, decodes: 1, usedShare: 0)
        #expect(abs(milliseconds(half) - 0.574) < 0.001)
        #expect(LatencyModel(speedup: 0).stepDuration(prefill: 8_192, decodes: 256, usedShare: 1) == .zero)
        #expect(LatencyModel().stepDuration(prefill: 0, decodes: 0, usedShare: 1) == .zero)
    }

    @Test("a fixed pace does not know the load")
    func fixed() {
        let model = LatencyModel(form: .fixed(prefillPerToken: .microseconds(20), decodeStep: .milliseconds(10)))
        #expect(model.stepDuration(prefill: 0, decodes: 1, usedShare: 0) == .milliseconds(10))
        #expect(model.stepDuration(prefill: 0, decodes: 200, usedShare: 1) == .milliseconds(10))
        #expect(model.stepDuration(prefill: 100, decodes: 0, usedShare: 0) == .milliseconds(2))
    }
}
