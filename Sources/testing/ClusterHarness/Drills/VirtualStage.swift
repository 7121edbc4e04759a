import ClusterModel
import EventLoop
import Transport

/// Where a drill in virtual time plays: a cluster by its seed, what is asked of it, and what came of that.
final class VirtualStage {
    let drill: VirtualDrill
    let seed: UInt64
    let size: DrillSize
    var random: SeededRandom
    private(set) var report: VirtualDrillReport
    private(set) var asked: [AskedRequest] = []
    private var toBeAsked = 0
    /// All before it have ended.
    private var firstOpen = 0
    private var opened: (cluster: VirtualCluster, watch: LegWatch)?

    /// Longer than every limit of a request.
    private static let patience = Duration.seconds(2_000)
    /// Dials with back-off, snapshots, model files.
    private static let recovery = Duration.seconds(30)
    /// Tombstones of leases, and everything that is asked again.
    private static let settling = Duration.seconds(12)
    private static let lookInterval = Duration.milliseconds(5)
    /// Of answers that are wrong, so many are described.
    private static let described = 4

    init(_ drill: VirtualDrill, seed: UInt64, _ size: DrillSize) {
        self.drill = drill
        self.seed = seed
        self.size = size
        random = SeededRandom(seed: seed ^ 0xD12_1115)
        report = VirtualDrillReport(drill.name, seed: seed, size)
    }

    // MARK: The cluster

    /// A cluster of that shape in which everybody sees everybody, on a quiet network with delays of its own.
    ///
    /// - Parameter prepare: what is done to the cluster before anybody lives in it.
    func open(
        _ shape: ClusterShape, watchedEach interval: Duration, _ prepare: (VirtualCluster) -> Void = { _ in }
    ) throws -> VirtualCluster {
        var network = LinkFaults()
        network.delay = random.span(.microseconds(50), to: .microseconds(500))
        network.jitter = random.span(.microseconds(20), to: .microseconds(500))
        let cluster = VirtualCluster(seed: seed, faults: network)
        prepare(cluster)
        try cluster.add(shape)
        opened = (cluster, LegWatch(cluster, each: interval))
        try whole()
        return cluster
    }

    var cluster: VirtualCluster {
        guard let opened else { preconditionFailure("a drill opens its cluster first") }
        return opened.cluster
    }

    /// Everybody sees everybody.
    func whole() throws {
        try cluster.untilReady(within: Self.recovery)
        try until("everybody sees everybody", within: Self.recovery) { cluster.missing.isEmpty }
    }

    /// For what is too dear to be asked at every moment. Exact to `interval`.
    func until(_ what: String, within limit: Duration, each interval: Duration = lookInterval, _ condition: () -> Bool) throws {
        let deadline = cluster.world.now + limit
        while !condition() {
            guard cluster.world.now < deadline else { throw Unmet("\(what), within \(limit) of virtual time") }
            cluster.pass(interval)
        }
    }

    // MARK: What is asked

    @discardableResult
    func ask(_ request: ChatRequest, _ conduct: ClientConduct = ClientConduct()) -> AskedRequest {
        let frontends = cluster.members(.frontend)
        var conduct = conduct
        conduct.patience = Self.patience
        let pending = cluster.begin(request, at: frontends[asked.count % frontends.count], conduct)
        let one = AskedRequest(request: request, at: cluster.world.now, pending: pending)
        asked.append(one)
        return one
    }

    /// When that time has passed.
    func ask(_ request: ChatRequest, after span: Duration) {
        toBeAsked += 1
        cluster.world.schedule(after: span) { [self] in
            toBeAsked -= 1
            ask(request)
        }
    }

    var isAnswered: Bool {
        while firstOpen < asked.count, asked[firstOpen].reply != nil { firstOpen += 1 }
        return toBeAsked == 0 && firstOpen == asked.count
    }

    func untilAnswered(within limit: Duration) throws {
        try cluster.until("every request has ended", within: limit) { isAnswered }
    }

    // MARK: What came of it

    func measure(_ figure: DrillFigure, _ span: Duration) {
        report.measure(figure, span)
        if let limit = figure.limit, span > limit { violated("\(figure.name) took \(span.inWords), and may take \(limit.inWords)") }
    }

    func violated(_ what: String) { report.violations.append(what) }
    func require(_ holds: Bool, _ otherwise: @autoclosure () -> String) { if !holds { violated(otherwise()) } }
    func describe(_ scenario: String) { report.scenario = scenario }

    /// For how long a worker had a leg that its frontend wanted nothing of.
    var longestUnwanted: Duration { opened?.watch.longestUnwanted ?? .zero }

    /// Counts the answers that there are, and compares each with the model.
    func judge(mayFail: Bool = false) {
        var wrong = 0
        for one in asked {
            report.requests += 1
            if let reply = one.reply {
                if reply.isComplete { report.complete += 1 }
                if reply.isTypedError { report.errors += 1 }
                if reply.http.ending == .left { report.left += 1 }
            }
            guard let objection = one.objection(mayFail: mayFail) else { continue }
            wrong += 1
            if wrong <= Self.described { violated("\(objection): \(one.reply?.summary ?? "nothing came")") }
        }
        if wrong > Self.described { violated("and \(wrong - Self.described) more answers that should not be") }
        asked = []
        firstOpen = 0
    }

    /// Nothing goes wrong any more: everybody is back, what is asked is answered, and at rest nothing is held.
    func settle() throws {
        for member in cluster.members {
            member.thaw()
            if !member.isAlive { member.restart() }
        }
        try whole()
        for number in 0..<2 * cluster.members(.frontend).count { ask(.drill(1_000_000 + number, tokens: 8, seed: seed)) }
        try untilAnswered(within: Self.recovery)
        judge()
        cluster.pass(Self.settling)
        report.violations += Invariants.atRest(cluster)
    }

    /// A run of its own takes the place of this stage's cluster.
    func adopt(_ run: SimulationRun.Report) {
        report.traceHash = run.traceHash
        report.requests = run.requests
        report.complete = run.complete
        report.left = run.left
        report.errors = run.errors.reduce(0) { $0 + $1.count }
        report.moved = run.moved
        report.violations += run.violations
        report.logs = run.logs
    }

    func close(keepsLogs: Bool) -> VirtualDrillReport {
        guard let opened else { return report }
        opened.watch.end()
        report.violations += opened.watch.violations
        report.traceHash = opened.cluster.world.traceHash
        report.moved = opened.cluster.members.reduce(0) { $0 + $1.attemptsMoved }
        if keepsLogs || !report.violations.isEmpty { report.logs = opened.cluster.members.map { ($0.name, $0.log) } }
        opened.cluster.end()
        return report
    }
}
