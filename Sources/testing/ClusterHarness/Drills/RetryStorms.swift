import ClusterModel
import EventLoop
import JSONText

/// Workers fail what they are given, and every client asks again at once, three times: what the cluster adds to that itself has a bound, and whoever
/// has healed is used again soon.
enum RetryStorms {
    static let all = [
        VirtualDrill(
            "retries", proves: "T29", "all of four workers fail all they are given for a while, and clients ask again at once, three times",
            [answered]
        ) { stage in try play(stage, failing: 4) },
        VirtualDrill(
            "breaker", proves: "T29",
            "one of four workers fails all it is given for a while: nobody notices, and it is used again once it has healed",
            [admitted]
        ) { stage in try play(stage, failing: 1) },
    ]

    /// From the end of the failures until the last request came that was failed.
    private static let answered = DrillFigure("answered again", atMost: .seconds(2))
    /// From the end of the failures until no frontend keeps requests from the worker.
    private static let admitted = DrillFigure("used again", atMost: .seconds(2))
    /// Attempts at workers, by requests of clients.
    private static let mostAttempts = 1.1

    private static let workers = 4
    private static let again = 3
    private static let workerOptions = ["--mock-prefill-token", "100us", "--mock-decode-step", "2ms"]
    /// Requests a second: far less than the workers could do.
    private static let rate = 40

    private static func play(_ stage: VirtualStage, failing: Int) throws {
        let failure = Duration.seconds(stage.size == .whole ? 30 : 6), rest = Duration.seconds(stage.size == .whole ? 10 : 4)
        var shape = ClusterShape()
        shape.routers = stage.random.within(1...2)
        shape.frontends = stage.random.within(1...2)
        let faulty = workerOptions + ["--fault-refuse", "1", "--fault-refuse-for", "\(failure.inMilliseconds)ms"]
        let isAll = failing == workers
        shape.workers = Array(repeating: .aggregated, count: isAll ? workers : workers - failing)
        shape.workerOptions = isAll ? faulty : workerOptions
        let cluster = try stage.open(shape, watchedEach: .milliseconds(50))
        let failed = isAll ? cluster.members(.worker) : try (0..<failing).map { _ in try cluster.addWorker(.aggregated, faulty) }
        try stage.whole()
        let healed = try failOnce(failed, stage) + failure, clients = InsistentClients(stage, again: again)
        ask(clients, stage, until: healed)
        if failing < workers {
            try untilAdmitted(stage, clients, since: healed)
        }
        ask(clients, stage, until: healed + rest)
        clients.stop()
        try cluster.until("every client has what it gets", within: .seconds(30)) { clients.isOver && stage.isAnswered }
        judge(stage, clients, healed, failing)
        stage.judge(mayFail: true)
        try stage.settle()
    }

    /// Workers fail from the first request on that they get, and each gets one of its own; when.
    private static func failOnce(_ failing: [VirtualMember], _ stage: VirtualStage) throws -> Instant {
        let began = stage.cluster.world.now
        for (number, worker) in failing.enumerated() {
            var request = ChatRequest.drill(900_000 + number, tokens: 4, seed: stage.seed)
            request.extra = [("nvext", ["backend_instance_id": .number(JSONNumber(Int64(worker.workerID?.rawValue ?? 0)))])]
            stage.ask(request)
        }
        try stage.untilAnswered(within: .seconds(5))
        stage.require(stage.asked.allSatisfy { !($0.reply?.isComplete ?? true) }, "a worker that is to fail answers")
        return began
    }

    private static func ask(_ clients: InsistentClients, _ stage: VirtualStage, until end: Instant) {
        let longest = Duration.microseconds(2_000_000 / Int64(rate))
        while true {
            stage.cluster.pass(stage.random.span(.zero, to: longest))
            guard stage.cluster.world.now < end else { return }
            clients.ask(
                .drill(stage.asked.count, tokens: stage.random.within(2...20), prompt: stage.random.within(60...600), seed: stage.seed))
        }
    }

    private static func untilAdmitted(_ stage: VirtualStage, _ clients: InsistentClients, since healed: Instant) throws {
        let cluster = stage.cluster
        func barred() -> Double { cluster.members(.frontend).reduce(0) { $0 + ($1.process.metric("apus_frontend_workers_barred") ?? 0) } }
        let opened = cluster.members(.frontend).reduce(0) { $0 + ($1.process.metric("apus_frontend_breaker_total") ?? 0) }
        stage.require(opened > 0, "no frontend ever kept a request from the worker that failed")
        let limit = healed + .seconds(10)
        while barred() > 0 {
            guard cluster.world.now < limit else { throw Unmet("the worker is used again") }
            ask(clients, stage, until: cluster.world.now + .milliseconds(50))
        }
        stage.measure(admitted, healed.duration(to: cluster.world.now))
    }

    private static func judge(_ stage: VirtualStage, _ clients: InsistentClients, _ healed: Instant, _ failing: Int) {
        let attempts = stage.cluster.members(.worker).reduce(0) { sum, worker in
            sum + (worker.process.metric("apus_worker_requests_ended_total") ?? 0)
                + (worker.process.metric("apus_worker_requests_refused_total") ?? 0)
        }
        let share = attempts / Double(max(1, stage.asked.count)), failed = stage.asked.filter { !($0.reply?.isComplete ?? false) }
        stage.describe(
            "\(failing) of \(workers) workers fail; \(stage.asked.count) requests (\(clients.repeats) of them again), \(failed.count) failed, "
                + "\(Int(attempts)) attempts: \(Int(share * 1_000)) a thousand requests")
        stage.require(share <= mostAttempts, "\(share) attempts a request")
        if failing == workers {
            stage.require(clients.repeats > 0, "nobody asked again")
            stage.measure(answered, failed.map { max(.zero, healed.duration(to: $0.at)) }.max() ?? .zero)
        } else {
            // But for those that had to fail, which opened it.
            stage.require(failed.count == failing, "\(failed.count - failing) requests failed, and three workers could have done them")
        }
    }
}
