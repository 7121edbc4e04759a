import ClusterHarness
import Testing
import Transport

/// T18: the network parts what belongs together, loses, delays, doubles and reorders, under load. What clients see is right whatever
/// happens; when it is over everything is well again within three seconds.
@Suite("Partitions and poor networks")
struct PartitionTests {
    /// Two frontends, three workers, so many routers.
    private func run(_ seed: UInt64, routers: Int = 2, users: Int = 6, _ plan: [PlannedFault]) -> SimulationRun.Report {
        var options = SimulationRun.Options()
        options.shape.routers = routers
        options.users = users
        options.plan = plan
        return SimulationRun.run(seed: seed, options)
    }

    private func expectWell(_ report: SimulationRun.Report, atLeast complete: Int = 10) {
        #expect(report.violations == [], "\(report.line)\n\(report.faults.joined(separator: "\n"))")
        #expect(report.complete > complete, "\(report.line)")
    }

    /// Which two are parted; of several frontends and workers one suffers and one does not.
    enum Pair: String, CaseIterable, Sendable {
        case frontendRouter, routerWorker, routerRouter

        var hosts: (String, String) {
            switch self {
            case .frontendRouter: ("frontend-1", "router-1")
            case .routerWorker: ("router-1", "worker-1")
            case .routerRouter: ("router-1", "router-2")
            }
        }
    }

    enum Way: String, CaseIterable, Sendable {
        case both, forth, back

        func fault(_ a: String, _ b: String, at: Duration, for span: Duration) -> PlannedFault {
            switch self {
            case .both: PlannedFault(at: at, for: span, .partition(a, b))
            case .forth: PlannedFault(at: at, for: span, .cut(from: a, to: b))
            case .back: PlannedFault(at: at, for: span, .cut(from: b, to: a))
            }
        }
    }

    @Test("T18: parted for 1 s or 10 s, in both directions or one", arguments: Pair.allCases, Way.allCases)
    func parted(pair: Pair, way: Way) {
        let (a, b) = pair.hosts
        expectWell(run(11, [way.fault(a, b, at: .seconds(1), for: .seconds(1)), way.fault(a, b, at: .seconds(6), for: .seconds(10))]))
    }

    @Test("T18: parted for a minute", arguments: Pair.allCases)
    func partedForLong(pair: Pair) {
        let (a, b) = pair.hosts
        expectWell(run(12, users: 3, [Way.both.fault(a, b, at: .seconds(1), for: .seconds(60))]))
    }

    @Test("T18: the only router parted from a frontend, or from every worker", arguments: [false, true])
    func onlyRouter(fromWorkers: Bool) {
        let names = fromWorkers ? ["worker-1", "worker-2", "worker-3"] : ["frontend-1"]
        expectWell(run(13, routers: 1, names.map { PlannedFault(at: .seconds(2), for: .seconds(8), .partition("router-1", $0)) }))
    }

    @Test("T18: feeds that lose 1 % and 10 %, double and reorder, between all of them", arguments: [0.01, 0.1])
    func lossyFeeds(loss: Double) {
        var faults = LinkFaults()
        faults.feedLoss = loss
        faults.feedDuplication = 0.05
        faults.feedReordering = 0.05
        expectWell(run(14, everywhere(faults)))
    }

    @Test("T18: everything takes 200 ms, give or take 50")
    func slow() {
        var faults = LinkFaults()
        faults.delay = .milliseconds(150)
        faults.jitter = .milliseconds(100)
        expectWell(run(15, everywhere(faults)))
    }

    private func everywhere(_ faults: LinkFaults) -> [PlannedFault] {
        let names = ["router-1", "router-2", "worker-1", "worker-2", "worker-3", "frontend-1", "frontend-2"]
        return names.enumerated().flatMap { place, a in
            names.dropFirst(place + 1).map { PlannedFault(at: .seconds(1), for: .seconds(15), .spoil(a, $0, faults)) }
        }
    }
}
