import RequestTracking
import Testing
import WireProtocol

@testable import FrontendService

@Suite("What a worker says of its time")
struct LegTimesTests {
    @Test("nothing said is nothing known")
    func silence() {
        #expect(LegTimes().slice == nil && LegTimes(WorkerDurations()).slice == nil)
    }

    @Test("no time at all is a time where a status is about nothing else, and none in the sum of all")
    func zero() {
        #expect(LegTimes(waited: 0).slice == WorkerSlice(waited: .zero))
        #expect(LegTimes(prefill: 0).slice == WorkerSlice(prefill: .zero))
        var durations = WorkerDurations()
        durations.decodeMicroseconds = 7
        #expect(LegTimes(durations).slice == WorkerSlice(decode: .microseconds(7)))
    }

    @Test("what was said first stays, and the rest is filled in")
    func first() {
        var times = LegTimes(waited: 3)
        times.add(LegTimes(waited: 4))
        times.add(LegTimes(prefill: 5))
        var durations = WorkerDurations()
        durations.waitedMicroseconds = 6
        durations.transferMicroseconds = 8
        durations.exposedTransferMicroseconds = 2
        times.add(LegTimes(durations))
        #expect(
            times.slice
                == WorkerSlice(
                    waited: .microseconds(3), prefill: .microseconds(5), transfer: .microseconds(8), exposedTransfer: .microseconds(2)))
    }

    @Test("a time past all time is cut to what a duration holds")
    func longest() {
        #expect(LegTimes(waited: .max).slice?.waited == .microseconds(Int64.max))
    }
}
