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

    @Test(
        "the same with clusters and users as seeds draw them, and harm at the places that the code names",
        arguments: 1...4 as ClosedRange<UInt64>)
    func drawn(seed: UInt64) {
        let report = SimulationRun.run(seed: seed, .drawn)
        #expect(report.violations == [], "\(report.line)\n\(report.scene)\nrepeat with: wiretool simulate --seed \(seed) --verbose")
        #expect(report.faults.count > 2 && report.complete > 5, "\(report.line)")
        // In this build there are such places; a few of them are on every request's way.
        for point in ["lease booked, plan not sent", "request accepted, and nobody told", "answer ended, and not counted"] {
            #expect(report.visits[point, default: 0] > 0, "\(point)")
        }
    }

    @Test("the same seed gives the same trace; another seed another")
    func replay() {
        var options = SimulationRun.Options()
        options.span = .seconds(8)
        #expect(SimulationRun.run(seed: 9, .drawn).traceHash == SimulationRun.run(seed: 9, .drawn).traceHash)
        let first = SimulationRun.run(seed: 7, options), second = SimulationRun.run(seed: 7, options)
        #expect(first.line == second.line && first.faults == second.faults)
        #expect(SimulationRun.run(seed: 8, options).traceHash != first.traceHash)
    }
}
