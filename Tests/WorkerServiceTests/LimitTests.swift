import Engines
import Testing
import WorkerService

@Suite("What counts against the limits of an engine")
struct LimitTests {
    @Test("what was preempted waits beside a full queue, and is not counted against its limit")
    func preempted() throws {
        // Two of these answers begin in such a cache, and one of them ends there.
        let bed = try WorkerBed(engine: .worker(sequences: 2, waiting: 1, blocks: 8))
        try bed.registered()
        let front = try bed.frontend()
        for counter in 1...3 as ClosedRange<UInt64> {
            front.generate(front.entry(counter, maxTokens: 80))
            bed.pass(.milliseconds(40))
        }
        #expect((1...3).allSatisfy { front.story($0).first == "accepted" })
        try bed.until("one that ran waits beside the third") {
            #expect(bed.on { $0.beyondLimits } == [])
            return bed.count("apus_worker_waiting_requests{") == "2"
        }
        for counter in 1...3 as ClosedRange<UInt64> { try front.finish(counter) }
        #expect(bed.isAtRest)
    }
}
