import ClusterHarness
import Testing

/// Each drill with a few seeds and a small cluster; hundreds of streams and thousands of seeds by command.
@Suite("Drills in virtual time")
struct DrillTests {
    /// Two seeds a drill.
    @Test(
        """
        T10, T11, T12, T15 to T19, T21, T22, T23, T26, T29, T30: what fails costs no answer, in the times that are promised, and nothing of it stays
        """,
        arguments: VirtualDrill.all.map(\.name), 1...2 as ClosedRange<UInt64>)
    func holds(name: String, seed: UInt64) throws {
        for drill in VirtualDrill.named(name) {
            // Seeds choose among cases: no two drills the same ones.
            let report = drill.run(seed: seed * 37, .short)
            #expect(report.violations == [], "\(report.line)\nrepeat with: \(report.repeated)")
            #expect(report.complete > 0 && !report.measured.isEmpty, "\(report.line)")
        }
    }

    @Test("the same seed gives the same run, another seed another")
    func replay() throws {
        let drill = try #require(VirtualDrill.named("cancel").first)
        let first = drill.run(seed: 5, .short), again = drill.run(seed: 5, .short)
        #expect(first.line == again.line)
        #expect(drill.run(seed: 6, .short).traceHash != first.traceHash)
    }

    @Test("each drill has a name of its own, proves a row, and is found by both")
    func list() {
        let names = VirtualDrill.all.map(\.name)
        #expect(Set(names).count == names.count)
        for drill in VirtualDrill.all {
            #expect(VirtualDrill.named(drill.name).map(\.name) == [drill.name])
            #expect(VirtualDrill.named(drill.proves).contains { $0.name == drill.name })
            #expect(drill.figures.contains { $0.limit != nil }, "\(drill.name) judges a time")
        }
        #expect(VirtualDrill.named("nothing of the kind").isEmpty)
    }
}

/// The ordinary faults by seed with prefill and decode apart.
@Suite("Split clusters under faults in virtual time")
struct SplitSimulationTests {
    @Test("every request ends once, with the text of the model or a typed error, on both paths", arguments: 21...22 as ClosedRange<UInt64>)
    func invariants(seed: UInt64) {
        var options = SimulationRun.Options()
        options.shape = .split(seed: seed, prefill: 2, decode: 2)
        options.shape.frontends = 2
        options.span = .seconds(12)
        let report = SimulationRun.run(seed: seed, options)
        #expect(
            report.violations == [],
            "\(report.line)\nrepeat with: wiretool simulate --prefill 2 --decode 2 --routers 1 --span 12s --seed \(seed) --verbose")
        #expect(report.faults.count > 3 && report.complete > 10, "\(report.line)")
    }
}
