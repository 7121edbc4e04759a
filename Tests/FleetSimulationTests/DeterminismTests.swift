import FleetSimulation
import LoadGeneration
import Scheduling
import Testing

@Suite struct DeterminismTests {
    /// Everything at once that chance and time have a hand in.
    private static func options(seed: UInt64) -> FleetOptions {
        var options = FleetOptions.small(workers: 2)
        options.prefillWorkers = 1
        options.decodeWorkers = 2
        options.ranks = 2
        options.routers = 3
        options.routerChoice = .random
        options.syncLoss = 0.2
        options.expectingShare = 0.5
        options.policy.settings.temperature = 0.5
        options.faults = [
            FleetFault(.worker(1), at: .seconds(1), lasting: .seconds(1)), FleetFault(.router(2), at: .milliseconds(1_500)),
            FleetFault(.cleared(0), at: .seconds(2)),
        ]
        options.seed = seed
        return options
    }

    private static func report(_ workload: Workload, _ options: FleetOptions) -> [UInt8] {
        FleetReport(FleetSimulation.run(workload, options), options).report(title: "Twice", of: workload).json()
    }

    @Test("the same load, fleet and seed give the same report, byte for byte; another seed gives another one")
    func seeds() {
        let workload = Loads.mixed(200, hurried: true)
        let first = Self.report(workload, Self.options(seed: 7))
        #expect(first == Self.report(workload, Self.options(seed: 7)))
        #expect(first != Self.report(workload, Self.options(seed: 8)))
    }

    @Test("the clock by which decisions are measured changes nothing but their times")
    func clock() {
        let workload = Loads.mixed(150, hurried: true), options = Self.options(seed: 7)
        var moment: UInt64 = 0
        let measured = FleetSimulation.run(
            workload, options,
            clock: {
                moment += 1_500
                return moment
            })
        let plain = FleetSimulation.run(workload, options)
        #expect(measured.recorder.summary == plain.recorder.summary)
        #expect(measured.figures.decisions.count >= 150 && measured.figures.decisions.allSatisfy { $0 == 1_500 })
        var figures = measured.figures
        figures.decisions = []
        #expect(figures == plain.figures)
    }

    @Test("how far it has come is told request by request, up to the last one, and changes nothing")
    func progress() {
        let workload = Loads.mixed(150, hurried: true), options = Self.options(seed: 7)
        var told: [Int] = []
        let watched = FleetSimulation.run(
            workload, options,
            progress: { ended, all in
                #expect(all == workload.requests.count)
                told.append(ended)
            })
        #expect(told.count == workload.requests.count && told.last == workload.requests.count)
        #expect(watched.figures == FleetSimulation.run(workload, options).figures)
        told = []
        _ = FleetSimulation.capacity(of: workload, options) { ended, _ in told.append(ended) }
        #expect(told == Array(1...workload.requests.count))
    }
}
