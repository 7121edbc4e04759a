import ClusterHarness
import Testing

@Suite("The services under faults in virtual time")
struct SimulationTests {
    @Test(
        "every request ends once, with the text of the model or a typed error; afterwards all works, and at rest nothing is held",
        arguments: 1...5 as ClosedRange<UInt64>)
    func invariants(seed: UInt64) {
        let report = SimulationRun.run(seed: seed)
        #expect(report.violations == [], "\(report.line)\nrepeat with: wiretool simulate --seed \(seed) --verbose")
        // That something happened at all: faults, answers, and attempts that others had to take over.
        #expect(report.faults.count > 5 && report.complete > 20, "\(report.line)")
    }

    @Test(
        "the same with one router and with four, one after the other dying, draining and cut off", arguments: [1, 4],
        101...102 as ClosedRange<UInt64>)
    func invariants(routers: Int, seed: UInt64) {
        var options = SimulationRun.Options()
        options.shape.routers = routers
        options.span = .seconds(12)
        let report = SimulationRun.run(seed: seed, options)
        #expect(
            report.violations == [],
            "\(report.line)\nrepeat with: wiretool simulate --routers \(routers) --span 12s --seed \(seed) --verbose")
        #expect(report.faults.count > 3 && report.complete > 10, "\(report.line)")
    }

    @Test("the same seed gives the same trace; another seed another")
    func replay() {
        var options = SimulationRun.Options()
        options.span = .seconds(8)
        let first = SimulationRun.run(seed: 7, options), second = SimulationRun.run(seed: 7, options)
        #expect(first.line == second.line && first.faults == second.faults)
        #expect(SimulationRun.run(seed: 8, options).traceHash != first.traceHash)
    }
}
