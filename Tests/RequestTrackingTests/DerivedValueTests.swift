import ClusterModel
import RequestTracking
import Testing

@Suite("What follows from what was recorded")
struct DerivedValueTests {
    @Test("times follow from their two moments, and are none while one is missing")
    func times() {
        var tracker = tracker()
        #expect(tracker.prefillWait == nil && tracker.prefillTime == nil && tracker.timeToFirstToken == nil && tracker.totalTime == nil)
        tracker.recordFirstToken(of: .aggregated, at: at(13))
        #expect(tracker.timeToFirstToken == ms(13) && tracker.prefillTime == nil)
        tracker.recordPrefillStart(at: at(3))
        #expect(tracker.prefillWait == ms(3) && tracker.prefillTime == ms(10) && tracker.totalTime == nil)
        tracker.recordFinish(at: at(40))
        #expect(tracker.totalTime == ms(40))
    }

    @Test("a prefill start alone gives the wait and no prefill time")
    func waitOnly() {
        let tracker = tracker { $0.recordPrefillStart(at: at(3)) }
        #expect(tracker.prefillWait == ms(3) && tracker.prefillTime == nil)
    }

    @Test(
        "wait and prefill are the time to first token, and that is within the total, in whatever order moments were recorded",
        arguments: [(3, 13, 40), (13, 3, 40), (-2, -1, -3), (40, 13, 3), (5, 5, 5), (0, 0, 0)])
    func order(start: Int, first: Int, finish: Int) throws {
        let tracker = tracker {
            $0.recordFinish(at: at(finish))
            $0.recordFirstToken(of: .aggregated, at: at(first))
            $0.recordPrefillStart(at: at(start))
        }
        let wait = try #require(tracker.prefillWait), prefill = try #require(tracker.prefillTime)
        let untilFirst = try #require(tracker.timeToFirstToken), total = try #require(tracker.totalTime)
        #expect(wait >= .zero && prefill >= .zero && wait + prefill == untilFirst && untilFirst <= total)
    }

    @Test("the average between tokens is over the gaps, of which there are one fewer than tokens")
    func average() {
        let tracker = tracker {
            $0.recordFirstToken(of: .aggregated, at: at(10))
            $0.recordOutput(tokens: 11)
            $0.recordFinish(at: at(30))
        }
        #expect(tracker.averageInterTokenMilliseconds == 2)
    }

    @Test("there is no average without a first token, without a finish, and below two tokens", arguments: [UInt64(0), 1, 2])
    func noAverage(tokens: UInt64) {
        var tracker = tracker { $0.recordOutput(tokens: tokens) }
        #expect(tracker.averageInterTokenMilliseconds == nil)
        tracker.recordFinish(at: at(30))
        #expect(tracker.averageInterTokenMilliseconds == nil)
        tracker.recordFirstToken(of: .aggregated, at: at(10))
        #expect((tracker.averageInterTokenMilliseconds == nil) == (tokens < 2))
    }

    @Test("the hit rate is overlap by prompt blocks, and none for a prompt without blocks")
    func hitRate() {
        #expect(tracker().hitRate == nil)
        #expect(tracker { $0.recordHit(overlapBlocks: 3, promptBlocks: 10) }.hitRate == 0.3)
        #expect(tracker { $0.recordHit(overlapBlocks: 0, promptBlocks: 4) }.hitRate == 0)
        #expect(tracker { $0.recordHit(overlapBlocks: 0, promptBlocks: 0) }.hitRate == nil)
    }

    // MARK: The transfer of a split request

    @Test("the transfer is estimated from prefill's end to the decode leg's first token, and not without both")
    func transfer() {
        #expect(tracker { $0.recordPrefillComplete(at: at(10)) }.kvTransferEstimate == nil)
        #expect(tracker { $0.recordFirstToken(of: .decode, at: at(15)) }.kvTransferEstimate == nil)
        let both = tracker {
            $0.recordPrefillComplete(at: at(10))
            $0.recordFirstToken(of: .decode, at: at(15))
        }
        #expect(both.kvTransferEstimate == ms(5) && both.timing.kvTransferEstimate == 5)
        #expect(tracker().timing.kvTransferEstimate == nil)
    }

    @Test("the prefill leg's own first token is no end of the transfer: the estimate waits for the decode leg's")
    func transferOfTwoLegs() {
        var tracker = tracker {
            $0.recordFirstToken(of: .prefill, at: at(9))
            $0.recordPrefillComplete(at: at(10))
        }
        #expect(tracker.kvTransferEstimate == nil && tracker.decodeFirstTokenAt == nil)
        let isFirst = tracker.recordFirstToken(of: .decode, at: at(22))
        #expect(!isFirst)
        #expect(tracker.kvTransferEstimate == ms(12))
        #expect(tracker.timeToFirstToken == ms(9) && tracker.decodeFirstTokenAt == at(22))
    }

    @Test("prefill's end that is heard of after the decode leg's first token makes an estimate of 0")
    func lateNews() {
        let tracker = tracker {
            $0.recordFirstToken(of: .decode, at: at(9))
            $0.recordPrefillComplete(at: at(10))
        }
        #expect(tracker.kvTransferEstimate == .zero)
    }

    @Test("a request of one leg has no transfer, though its worker says when prefill was done")
    func aggregated() {
        let tracker = tracker {
            $0.recordPrefillComplete(at: at(9))
            $0.recordFirstToken(of: .aggregated, at: at(10))
        }
        #expect(tracker.kvTransferEstimate == nil)
    }
}
