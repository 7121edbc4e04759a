import ClusterModel
import RequestTracking
import Testing

@Suite("What is recorded, and which value stays")
struct RecordingTests {
    @Test("a request that has only been received knows when, on both clocks, and nothing else")
    func received() {
        let tracker = tracker()
        #expect(tracker.receivedAt == at(0) && tracker.receivedEpochMilliseconds == 1_700_000_000_123)
        #expect(tracker.timing == TimingInfo(requestReceived: 1_700_000_000_123))
        #expect(tracker.stages == StageTimes() && tracker.workerInfo == nil && tracker.phase == .aggregated)
        #expect(tracker.outputTokens == 0 && tracker.inputTokens == nil && tracker.cachedTokens == nil)
    }

    @Test("a wall clock that stands before 1970 is told as 0")
    func earlyClock() { #expect(RequestTracker(receivedAt: at(0), epochMilliseconds: -5).receivedEpochMilliseconds == 0) }

    @Test("the first moment of a kind stays, and whoever records it is told whether it was the first")
    func firstMoments() {
        var tracker = tracker()
        #expect(tracker.recordPrefillStart(at: at(3)) && !tracker.recordPrefillStart(at: at(1)))
        #expect(tracker.recordFirstToken(of: .aggregated, at: at(9)) && !tracker.recordFirstToken(of: .aggregated, at: at(4)))
        #expect(tracker.recordPrefillComplete(at: at(10)) && !tracker.recordPrefillComplete(at: at(5)))
        #expect(tracker.prefillStartAt == at(3) && tracker.firstTokenAt == at(9))
        tracker.recordFirstToken(of: .decode, at: at(17))
        tracker.recordFirstToken(of: .decode, at: at(30))
        #expect(tracker.kvTransferEstimate == ms(7))
    }

    @Test("of finishes and counts of output the last one stays")
    func lastValues() {
        var tracker = tracker()
        tracker.recordFinish(at: at(50))
        tracker.recordFinish(at: at(40))
        tracker.recordOutput(tokens: 100)
        tracker.recordOutput(tokens: 7)
        #expect(tracker.totalTime == ms(40) && tracker.outputTokens == 7)
    }

    @Test("input is recorded once; whether the cached part was looked up may come to be known later")
    func input() {
        var tracker = tracker()
        tracker.recordInput(tokens: 512, cachedTokens: nil)
        #expect(tracker.inputTokens == 512 && tracker.cachedTokens == nil)
        tracker.recordInput(tokens: 100, cachedTokens: 256)
        tracker.recordInput(tokens: 100, cachedTokens: 0)
        #expect(tracker.inputTokens == 512 && tracker.cachedTokens == 256)
    }

    @Test("a hit is the first one only if neither of its numbers was there")
    func hit() {
        var tracker = tracker()
        #expect(tracker.recordHit(overlapBlocks: 3, promptBlocks: 10) && !tracker.recordHit(overlapBlocks: 9, promptBlocks: 9))
        #expect(tracker.hitRate == 0.3)
    }

    @Test("the queue depth at routing time is the first one")
    func queueDepth() {
        var tracker = tracker()
        #expect(tracker.routerQueueDepth == nil && tracker.timing.routerQueueDepth == nil)
        #expect(tracker.recordQueueDepth(42) && !tracker.recordQueueDepth(99))
        #expect(tracker.routerQueueDepth == 42 && tracker.timing.routerQueueDepth == 42)
    }

    @Test("tokenizing is recorded once, and a clock that went back costs nothing")
    func tokenize() {
        var tracker = tracker()
        #expect(tracker.tokenizeTime == nil)
        #expect(tracker.recordTokenize(ms(-1)) && !tracker.recordTokenize(ms(4)))
        #expect(tracker.tokenizeTime == .zero)
    }

    @Test("detokenizing adds up with its count, and stops at the largest number rather than wrapping")
    func detokenize() {
        var tracker = tracker()
        #expect(tracker.detokenizeTotal == nil && tracker.detokenizeCount == 0)
        tracker.recordDetokenize(.nanoseconds(700))
        tracker.recordDetokenize(.nanoseconds(300))
        tracker.recordDetokenize(.nanoseconds(-300))
        #expect(tracker.detokenizeTotal == .nanoseconds(1_000) && tracker.detokenizeCount == 3)
        for _ in 0..<5 { tracker.recordDetokenize(.seconds(1 << 60)) }
        #expect(tracker.detokenizeTotal == .nanoseconds(UInt64.max) && tracker.detokenizeCount == 8)
    }
}
