import Engines
import Testing

@Suite("Times of the mock engine")
struct LatencyModelTests {
    private func milliseconds(_ span: Duration) -> Double {
        Double(span.components.seconds) * 1_000 + Double(span.components.attoseconds) / 1e15
    }

    private func work(
        prefill: Int = 0, decodes: Int = 0, active: Int = 0, total: Int = 1_000_000, context: Double = 0
    ) -> LatencyModel.Work {
        var work = LatencyModel.Work()
        work.prefillTokens = prefill
        work.decodes = decodes
        work.activeTokens = active
        work.totalTokens = total
        work.meanContext = context
        return work
    }

    @Test(
        "prefill grows with the square of its tokens",
        arguments: [(0, 0), (1, 16.5166), (100, 18.02399), (1_000, 32.10585), (8_192, 169.1360)])
    func prefill(tokens: Int, expected: Double) {
        let span = LatencyModel().stepDuration(work(prefill: tokens))
        #expect(abs(milliseconds(span) - expected) < 0.001)
    }

    @Test(
        "decode grows with the share of memory that is used, which is full at the most and when its size is unknown",
        arguments: [
            (0, 1_000, 5.74), (500, 1_000, 26.31), (1_000, 1_000, 34.01), (2_000, 1_000, 34.01), (0, 0, 34.01), (7, 0, 34.01),
        ])
    func decode(active: Int, total: Int, expected: Double) {
        let span = LatencyModel().stepDuration(work(decodes: 3, active: active, total: total))
        #expect(abs(milliseconds(span) - expected) < 0.001)
    }

    @Test("a step of both takes the time of both")
    func both() {
        let span = LatencyModel().stepDuration(work(prefill: 100, decodes: 3, active: 500, total: 1_000))
        #expect(abs(milliseconds(span) - 18.02399 - 26.31) < 0.001)
    }

    @Test("speed-ups divide, and 0 takes no time")
    func speedup() {
        let half = LatencyModel(speedup: 2, decodeSpeedup: 5).stepDuration(work(decodes: 1))
        #expect(abs(milliseconds(half) - 0.574) < 0.001)
        #expect(LatencyModel(speedup: 0).stepDuration(work(prefill: 8_192, decodes: 256, total: 0)) == .zero)
        let noDecode = LatencyModel(decodeSpeedup: 0).stepDuration(work(prefill: 100, decodes: 256))
        #expect(abs(milliseconds(noDecode) - 18.02399) < 0.001)
        #expect(LatencyModel().stepDuration(work()) == .zero)
    }

    @Test("a fixed pace does not know the load")
    func fixed() {
        let model = LatencyModel(form: .fixed(prefillPerToken: .microseconds(20), decodeStep: .milliseconds(10)))
        #expect(model.stepDuration(work(decodes: 1)) == .milliseconds(10))
        #expect(model.stepDuration(work(decodes: 200, active: 1_000_000)) == .milliseconds(10))
        #expect(model.stepDuration(work(prefill: 100)) == .milliseconds(2))
    }

    @Test("a profile's times follow the work of the step, and speed-ups divide them")
    func interpolated() throws {
        let profile = try LatencyProfile(
            prefill: [.init(tokens: 100, milliseconds: 10), .init(tokens: 200, milliseconds: 30)],
            decode: .init(activeTokens: [0, 1_000], contextLengths: [10, 20], milliseconds: [[4, 6], [8, 10]]))
        let model = LatencyModel(form: .interpolated(profile), speedup: 2, decodeSpeedup: 5)
        #expect(abs(milliseconds(model.stepDuration(work(prefill: 150))) - 10) < 0.001)
        #expect(abs(milliseconds(model.stepDuration(work(decodes: 9, active: 500, context: 15))) - 0.7) < 0.001)
        #expect(model.stepDuration(work(active: 500, context: 15)) == .zero)
    }
}
