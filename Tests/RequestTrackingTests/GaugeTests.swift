import ClusterModel
import RequestTracking
import Testing

@Suite("Gauges that the tracker moves")
struct GaugeTests {
    private func gauge(
        _ gauge: GaugeAction.Gauge, _ worker: UInt64, _ rank: UInt32?, _ type: WorkerType, _ value: Double
    ) -> GaugeAction {
        GaugeAction(gauge: gauge, worker: WorkerID(worker), rank: rank.map(Rank.init), workerType: type, value: value)
    }

    @Test("the first token tells its worker's gauges: seconds to it, and the length of the input")
    func firstToken() throws {
        var tracker = tracker()
        try tracker.place(.aggregated, 42, rank: 0)
        #expect(tracker.firstTokenGauges == [])
        tracker.recordFirstToken(of: .aggregated, at: at(5))
        tracker.recordInput(tokens: 256, cachedTokens: 128)
        #expect(
            tracker.firstTokenGauges == [
                gauge(.lastTimeToFirstTokenSeconds, 42, 0, .decode, 0.005), gauge(.lastInputSequenceTokens, 42, 0, .decode, 256),
            ])
    }

    @Test("in a split request the prefill worker has the first token, the decode worker the gaps")
    func split() throws {
        var tracker = tracker()
        try tracker.place(.prefill, 1, rank: 3, type: .prefill)
        try tracker.place(.decode, 2, rank: nil)
        tracker.recordFirstToken(of: .prefill, at: at(10))
        tracker.recordOutput(tokens: 5)
        tracker.recordFinish(at: at(30))
        #expect(tracker.firstTokenGauges == [gauge(.lastTimeToFirstTokenSeconds, 1, 3, .prefill, 0.010)])
        #expect(tracker.interTokenGauge == gauge(.lastInterTokenLatencySeconds, 2, nil, .decode, 0.005))
    }

    @Test("without a worker no gauge moves, and nothing traps")
    func noWorker() {
        let tracker = tracker {
            $0.recordFirstToken(of: .aggregated, at: at(5))
            $0.recordInput(tokens: 100, cachedTokens: 50)
            $0.recordOutput(tokens: 10)
            $0.recordFinish(at: at(30))
        }
        #expect(tracker.firstTokenGauges == [] && tracker.interTokenGauge == nil)
    }

    @Test("one token has no gap: the gauge keeps what it says")
    func oneToken() throws {
        var tracker = tracker()
        try tracker.place(.aggregated, 42)
        tracker.recordFirstToken(of: .aggregated, at: at(5))
        tracker.recordOutput(tokens: 1)
        tracker.recordFinish(at: at(30))
        #expect(tracker.interTokenGauge == nil)
    }

    @Test("a rank that is not known is labelled so, and not as rank 0")
    func rankLabels() {
        #expect(gauge(.lastInputSequenceTokens, 1, nil, .prefill, 1).rankLabel == "none")
        #expect(gauge(.lastInputSequenceTokens, 1, 0, .prefill, 1).rankLabel == "0")
    }

    // MARK: Output blocks

    @Test("each new output block moves the count, the finish and the running average; what stays within a block moves nothing")
    func blocks() throws {
        var tracker = tracker()
        try tracker.place(.aggregated, 42)
        tracker.recordInput(tokens: 62, cachedTokens: nil)
        tracker.recordFirstToken(of: .aggregated, at: at(10))
        #expect(tracker.recordProgress(tokens: 2, blockSize: 64, at: at(12)) == nil)
        #expect(tracker.outputTokens == 0 && tracker.totalTime == nil)
        let average = 10.0 / 1_000
        #expect(
            tracker.recordProgress(tokens: 3, blockSize: 64, at: at(30)) == gauge(.lastInterTokenLatencySeconds, 42, 0, .decode, average))
        #expect(tracker.outputTokens == 3 && tracker.totalTime == ms(30))
        #expect(tracker.recordProgress(tokens: 66, blockSize: 64, at: at(40)) == nil)
        #expect(tracker.outputTokens == 3 && tracker.totalTime == ms(30))
    }

    @Test("a batch that crosses several boundaries is counted whole, and the next boundary is the next one")
    func largeBatch() throws {
        var tracker = tracker()
        try tracker.place(.aggregated, 42)
        tracker.recordInput(tokens: 64, cachedTokens: nil)
        tracker.recordFirstToken(of: .aggregated, at: at(10))
        #expect(tracker.recordProgress(tokens: 200, blockSize: 64, at: at(20)) != nil)
        #expect(tracker.outputTokens == 200)
        #expect(tracker.recordProgress(tokens: 256, blockSize: 64, at: at(30)) == nil)
        #expect(tracker.recordProgress(tokens: 257, blockSize: 64, at: at(30)) != nil)
    }

    @Test("no block size and no count of tokens traps", arguments: [UInt32(0), 1, .max])
    func extremes(blockSize: UInt32) {
        var tracker = tracker { $0.recordInput(tokens: -4, cachedTokens: nil) }
        _ = tracker.recordProgress(tokens: .max, blockSize: blockSize, at: at(1))
        tracker.recordInput(tokens: .max, cachedTokens: nil)
        _ = tracker.recordProgress(tokens: .max, blockSize: blockSize, at: at(1))
        #expect(tracker.outputTokens == .max)
    }
}
