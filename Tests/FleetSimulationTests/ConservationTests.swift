import Engines
import FleetSimulation
import LoadGeneration
import Scheduling
import Testing

/// What is true of every run, whatever goes wrong in it.
@Suite struct ConservationTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        var options = FleetOptions.small()
        var requests = 200
        var perSecond = 40.0
        var hurried = false
        /// Nothing in it makes a request fail.
        var completes = true
        /// What the case is there for did happen.
        var happens: @Sendable (FleetFigures) -> Bool = { _ in true }

        init(_ name: String, _ change: (inout Case) -> Void = { _ in }) {
            self.name = name
            change(&self)
        }

        var testDescription: String { name }
    }

    private static let lives = [
        FleetFault(.worker(0), at: .milliseconds(800), lasting: .seconds(1)), FleetFault(.worker(2), at: .seconds(2), lasting: .seconds(1)),
    ]

    static let cases = [
        Case("nothing goes wrong"),
        Case("workers die and come back") {
            $0.options.faults = lives
            $0.happens = { $0.moved > 0 }
        },
        Case("a worker is back before anybody saw that it was gone") {
            $0.options.faults = [FleetFault(.worker(1), at: .seconds(1), lasting: .microseconds(200))]
            $0.happens = { $0.moved > 0 }
        },
        Case("the last worker dies, and every router with it") {
            $0.options.routers = 2
            $0.options.faults = [
                FleetFault(.worker(2), at: .seconds(1), lasting: .seconds(1)),
                FleetFault(.router(0), at: .seconds(1), lasting: .microseconds(100)),
                FleetFault(.router(1), at: .milliseconds(1_500), lasting: .milliseconds(100)),
            ]
            $0.happens = { $0.moved > 0 }
        },
        Case("the only router dies, and is back") {
            $0.options.faults = [FleetFault(.router(0), at: .seconds(1), lasting: .milliseconds(300))]
            $0.completes = false
        },
        Case("routers die and come back") {
            $0.options.routers = 2
            $0.options.faults = [
                FleetFault(.router(0), at: .seconds(1), lasting: .seconds(1)), FleetFault(.router(1), at: .milliseconds(2_500)),
            ]
        },
        Case("caches are cleared") {
            $0.options.faults = (1...8).map { FleetFault(.cleared($0 % 3), at: .milliseconds(Int64($0) * 400)) }
        },
        Case("four routers hear of one another late, and of every second booking never") {
            $0.options.routers = 4
            $0.options.routerChoice = .random
            $0.options.syncDelay = .milliseconds(50)
            $0.options.syncLoss = 0.5
        },
        Case("four routers, late and deaf, over workers that die") {
            $0.options.routers = 4
            $0.options.routerChoice = .random
            $0.options.syncDelay = .milliseconds(50)
            $0.options.syncLoss = 0.9
            $0.options.faults = lives
            $0.happens = { $0.moved > 0 }
        },
        Case("clients leave") {
            $0.hurried = true
            $0.completes = false
        },
        Case("caches so small that requests give way") {
            $0.options.room.totalBlocks = 30
            $0.options.policy.settings.thresholds = .off
            $0.perSecond = 80
            $0.happens = { $0.preempted > 0 }
        },
        Case("three ranks each") { $0.options.ranks = 3 },
        Case("split between prefill and decode") {
            $0.options.workers = 0
            $0.options.prefillWorkers = 2
            $0.options.decodeWorkers = 2
            $0.happens = { $0.split > 100 }
        },
        Case("split, and both halves die") {
            $0.options.workers = 1
            $0.options.prefillWorkers = 2
            $0.options.decodeWorkers = 2
            $0.options.ranks = 2
            $0.options.faults = (1...4).map { FleetFault(.worker($0), at: .milliseconds(Int64($0) * 700), lasting: .milliseconds(500)) }
            $0.happens = { $0.moved > 0 && $0.split > 40 }
        },
        Case("split, over slow links, whose clients leave") {
            $0.options.workers = 0
            $0.options.prefillWorkers = 1
            $0.options.decodeWorkers = 2
            $0.options.stateBytesPerSecond = 1e8
            $0.hurried = true
            $0.completes = false
        },
        Case("more than the fleet can do, and little room to wait in") {
            $0.options.workers = 1
            $0.options.policy = .dynamo
            $0.options.queue.entries = 10
            $0.options.queue.longest = .milliseconds(300)
            $0.options.firstToken = .milliseconds(900)
            $0.perSecond = 200
            $0.completes = false
            $0.happens = { $0.parked > 0 && $0.shed > 0 }
        },
        Case("all of it") {
            $0.options.workers = 2
            $0.options.prefillWorkers = 1
            $0.options.decodeWorkers = 2
            $0.options.ranks = 2
            $0.options.routers = 3
            $0.options.syncLoss = 0.3
            $0.options.room.totalBlocks = 60
            $0.options.faults =
                (0..<10).map { FleetFault(.worker($0 % 5), at: .milliseconds(300 + Int64($0) * 370), lasting: .milliseconds(150)) }
                + (0..<4).map { FleetFault(.router($0 % 3), at: .milliseconds(500 + Int64($0) * 800), lasting: .milliseconds(200)) }
            $0.hurried = true
            $0.completes = false
        },
    ]

    @Test("every request ends once, its tokens are counted once, and no lease is left", arguments: cases)
    func conserved(_ one: Case) {
        let workload = Loads.mixed(one.requests, perSecond: one.perSecond, hurried: one.hurried)
        let result = FleetSimulation.run(workload, one.options), counts = result.recorder.summary.counts
        #expect(counts.offered == UInt64(one.requests) && counts.unsent == 0)
        #expect(counts.complete > 0)
        #expect(result.figures.completions.count == Int(counts.complete))
        #expect(result.figures.leasesLeft == 0)
        #expect(counts.promptTokens == workload.promptTokens)
        #expect(counts.outputTokens <= workload.outputTokens)
        #expect(counts.cachedTokens <= counts.promptTokens)
        #expect(one.happens(result.figures), "\(result.figures)")
        guard one.completes else { return }
        #expect(counts.complete == UInt64(one.requests), "\(result.recorder.summary.failuresByKind)")
        #expect(counts.outputTokens == workload.outputTokens)
    }

    @Test("clients that leave are told apart from requests that fail")
    func leaving() {
        let workload = Loads.mixed(200, hurried: true), counts = FleetSimulation.run(workload, .small()).recorder.summary.counts
        #expect(counts.failed == 0 && counts.left > 20 && counts.complete + counts.left == 200)
        #expect(counts.complete >= UInt64(workload.requests.count { $0.patience == nil }))
    }

    @Test("what no engine can do fails, and is no trap: empty prompts, answers of no token, more than memory or a sequence has room for")
    func odd() {
        var workload = Loads.steady(6, every: .milliseconds(100), promptTokens: 20, outputTokens: 4)
        workload.requests[0].promptTokens = 0
        workload.requests[1].outputTokens = 0
        workload.requests[2].promptTokens = 3
        workload.requests[3].promptTokens = 100_000
        workload.requests[4].outputTokens = 6_000_000
        workload.requests[5].patience = .zero
        for split in [false, true] {
            var options = FleetOptions.small(workers: split ? 0 : 2)
            options.prefillWorkers = split ? 2 : 0
            options.decodeWorkers = split ? 2 : 0
            let result = FleetSimulation.run(workload, options), counts = result.recorder.summary.counts
            #expect(counts.offered == 6 && counts.complete == 2 && counts.left == 1 && counts.failed == 3, "\(counts)")
            #expect(result.figures.leasesLeft == 0)
        }
        let nothing = FleetSimulation.run(Workload(requests: [], blockTokens: 0, source: "none"), .small())
        #expect(nothing.recorder.outcomes == 0 && nothing.figures.hitRate == 0)
    }

    @Test("an answer that ends before its length, at the bound of a sequence, is a failure that is told")
    func short() {
        var options = FleetOptions.small(workers: 1)
        options.contextLength = 103
        let workload = Loads.steady(1, every: .zero, promptTokens: 100, outputTokens: 10)
        let result = FleetSimulation.run(workload, options)
        #expect(result.recorder.summary.failuresByKind.map(\.kind) == ["cut_short"])
        #expect(result.recorder.summary.counts.outputTokens == 3 && result.figures.leasesLeft == 0)
    }

    @Test("faults of workers and routers that are not there, and those after the end, do nothing")
    func faultsOfNobody() {
        var options = FleetOptions.small()
        options.faults = [
            FleetFault(.worker(99), at: .zero, lasting: .seconds(1)), FleetFault(.router(9), at: .zero),
            FleetFault(.cleared(-1), at: .zero),
            FleetFault(.worker(0), at: .seconds(500)),
        ]
        let result = FleetSimulation.run(Loads.mixed(50), options)
        #expect(result.recorder.summary.counts.complete == 50 && result.figures.duration < .seconds(100))
    }
}
