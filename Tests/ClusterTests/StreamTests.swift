import ClusterHarness
import ClusterModel
import EventLoop
import StreamFollowing
import Testing
import Transport
import WireProtocol

@Suite("A worker's stream and those who follow it")
struct StreamTests {
    @Test(
        "whatever network, readers and worker do, each gap is counted, and two quiet seconds later every reader shows the worker's truth",
        arguments: 1...20 as ClosedRange<UInt64>)
    func truth(seed: UInt64) {
        let report = StreamRun.run(seed: seed)
        #expect(report.violations == [], "\(report.line)\nrepeat with: wiretool simulate --streams --seed \(seed) --verbose")
        #expect(report.requests > 20 && report.counters.events > 500 && report.faults.count > 5, "\(report.line)")
    }

    @Test("the same seed gives the same trace; another seed another")
    func replay() {
        var options = StreamRun.Options()
        options.span = .seconds(4)
        let first = StreamRun.run(seed: 7, options), second = StreamRun.run(seed: 7, options)
        #expect(first.line == second.line && first.faults == second.faults)
        #expect(StreamRun.run(seed: 8, options).traceHash != first.traceHash)
    }
}
