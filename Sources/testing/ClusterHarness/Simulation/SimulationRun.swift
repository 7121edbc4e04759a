import ClusterModel
import EventLoop
import Transport

/// The real services under faults in virtual time, by a seed: clients ask, processes die, freeze, drain and come back, links break, feeds lose.
///
/// What must hold whatever happens: each request ends exactly once, with the whole answer, a typed error, or because its client left; what a
/// client saw is what the model says, byte for byte, with nothing lost or doubled; afterwards everything works again; at rest nothing is held.
package struct SimulationRun {
    package struct Options: Sendable {
        package var shape = ClusterShape()
        package var users = 6
        /// How long things go wrong, in virtual time.
        package var span = Duration.seconds(20)
        /// These faults and no others; the network is a quiet one. When the last of them ends, so does the load.
        package var plan: [PlannedFault]?
        /// With a plan: how soon behind its last fault everything must be well again.
        package var healing = Duration.seconds(3)
        /// Of the members that are not of today, by name.
        package var versions: [String: ProgramVersion] = [:]
        /// Shape, users, span and what they ask for follow from the seed, whatever stands here.
        package var isDrawn = false
        /// An operator sets the wall clock of all hosts so far forward and back again, each second or so; zero: sets it to what it is.
        package var clockSteps: Duration?
        /// Gives the logs of the processes also of a run in which all held.
        package var keepsLogs = false

        package init() {
            shape.routers = 2
            shape.frontends = 2
            shape.workers = [.aggregated, .aggregated, .aggregated]
        }

        /// What a seed draws.
        package static let drawn = {
            var options = Options()
            options.isDrawn = true
            return options
        }()

        func scene(seed: UInt64) -> SimulatedScene {
            guard !isDrawn else { return .drawn(seed: seed) }
            var scene = SimulatedScene()
            (scene.shape, scene.users, scene.span) = (shape, users, span)
            return scene
        }
    }

    package struct Report: Sendable {
        package let seed: UInt64
        /// Equal for equal seeds, in every process.
        package fileprivate(set) var traceHash: UInt64 = 0
        package fileprivate(set) var requests = 0
        package fileprivate(set) var complete = 0
        package fileprivate(set) var left = 0
        package fileprivate(set) var broken = 0
        package fileprivate(set) var errors: [(code: String, count: Int)] = []
        package fileprivate(set) var tokens = 0
        package fileprivate(set) var lives = 0
        /// Attempts that another worker or router had to take over.
        package fileprivate(set) var moved = 0
        /// With a plan: how long it took until every process saw all that it should.
        package fileprivate(set) var healed = Duration.zero
        /// Virtual time from the first moment to the last.
        package fileprivate(set) var took = Duration.zero
        fileprivate var planned: [String] = []
        /// The cluster in a line.
        package fileprivate(set) var scene = ""
        /// How often processes came to each place at which harm may be done.
        package fileprivate(set) var visits: [String: Int] = [:]
        /// What went wrong on purpose, in order.
        package fileprivate(set) var faults: [String] = []
        /// Empty when all held.
        package fileprivate(set) var violations: [String] = []
        /// Of programs of later minors.
        package fileprivate(set) var witness = VersionWitness()
        /// The last that was logged of each request whose answer broke a rule.
        package fileprivate(set) var trails: [(request: String, lines: [String])] = []
        /// What each process logged last.
        package fileprivate(set) var logs: [(name: String, lines: [String])] = []

        /// Requests that ended with an error.
        package var refused: Int { errors.reduce(0) { $0 + $1.count } }

        package var line: String {
            let codes = errors.sorted { $0.code < $1.code }.map { "\($0.count) \($0.code)" }.joined(separator: ", ")
            return "seed \(seed): trace \(String(traceHash, radix: 16)), \(requests) requests, \(complete) complete (\(tokens) tokens), "
                + "\(left) left, \(broken) broken, \(moved) attempts moved, errors: \(codes.isEmpty ? "none" : codes); \(faults.count) faults, \(lives) processes, "
                + "\(violations.count) violations" + (planned.isEmpty ? "" : ", healed after \(healed)")
        }
    }

    private let cluster: VirtualCluster
    private let options: Options
    private let scene: SimulatedScene
    private let watch: LegWatch
    private let limits: LimitWatch
    private let points: FaultPointScript
    private var script: FaultScript
    private var report: Report

    package static func run(seed: UInt64, _ options: Options = Options()) -> Report {
        var script = FaultScript(seed: seed)
        let network = script.network(), scene = options.scene(seed: seed)
        let cluster = VirtualCluster(seed: seed, faults: options.plan == nil ? network : LinkFaults())
        if !scene.tenants.isEmpty {
            let tenants = SimulatedTenant.text(of: scene.tenants)
            cluster.files[SimulatedTenant.file] = tenants
            cluster.files[SimulatedTenant.secretFile] = SimulatedTenant.secret
            script.tenants = tenants
        }
        cluster.versions = options.versions
        let points = cluster.watchFaultPoints()
        do { try cluster.add(scene.shape) } catch { preconditionFailure("\(error)") }
        if let far = scene.farWorker {
            var faults = network
            faults.delay = far.delay
            for frontend in cluster.members(.frontend) { cluster.fabric.plan.set(between: far.name, and: frontend.name, faults) }
        }
        var run = SimulationRun(
            cluster: cluster, options: options, scene: scene, watch: LegWatch(cluster, each: Self.lookInterval),
            limits: LimitWatch(cluster), points: points, script: script, report: Report(seed: seed))
        run.run()
        return run.report
    }

    private mutating func run() {
        do { try live() } catch { report.violations.append("\(error)") }
        watch.end()
        limits.end()
        report.violations += watch.violations + limits.violations
        report.scene = scene.words
        report.visits = points.visits
        report.faults = options.plan == nil ? (script.events + points.events).sorted { $0.at < $1.at }.map(\.description) : report.planned
        report.witness = cluster.witness
        report.violations += cluster.witness.problems
        report.traceHash = cluster.world.traceHash
        report.took = Instant.zero.duration(to: cluster.world.now)
        report.moved = cluster.members.reduce(0) { $0 + $1.attemptsMoved }
        report.lives = cluster.members.reduce(0) { $0 + $1.lives }
        if options.keepsLogs || !report.violations.isEmpty { report.logs = cluster.members.map { ($0.name, $0.log) } }
        cluster.end()
    }

    private mutating func live() throws {
        try cluster.untilReady()
        let frontends = cluster.members(.frontend)
        let clients = frontends.map(cluster.client), loop = cluster.clients, seed = report.seed, scene = scene
        let users = loop.perform { SimulatedUsers(on: loop, frontends: frontends, clients: clients, scene, seed: seed) }
        loop.perform { users.start(scene.users) }
        defer { take(users) }
        if let step = options.clockSteps { setClocks(by: step) }
        if let plan = options.plan {
            follow(plan)
            try heal(users)
        } else {
            strike()
        }
        loop.perform { users.stop() }
        try recover(users)
        try cluster.until("every request has ended", within: Self.longestRequest) { loop.perform { users.active } == 0 }
        lookAtHandOvers()
        // Nothing is wrong any more, so nothing may fail any more, once what was dialled and asked again had its turn.
        cluster.pass(Self.settling)
        loop.perform { users.probe(each: Self.probes) }
        try cluster.until("every probe has ended", within: .seconds(30)) { loop.perform { users.active } == 0 }
        lookAtHandOvers()
        cluster.pass(Self.settling)
        report.violations += Invariants.atRest(cluster) + Invariants.metrics(cluster, loop.perform { users.tally })
        try leave()
    }

    private mutating func lookAtHandOvers() {
        cluster.pass(Self.handedOver)
        report.violations += Invariants.handOvers(cluster)
    }

    /// Forward, back to what it was, and behind that.
    private func setClocks(by step: Duration) {
        let world = cluster.world, times = Int(scene.span.inMilliseconds / Self.clockInterval.inMilliseconds)
        for time in 1...max(1, times) {
            world.schedule(after: Self.clockInterval * time) { world.wallClockOffset += time % 4 < 2 ? step : .zero - step }
        }
    }

    private mutating func strike() {
        let end = cluster.world.now + scene.span
        while cluster.world.now < end {
            cluster.pass(script.pause())
            script.strike(cluster)
            cluster.noteSettled()
        }
        script.calm(cluster)
    }

    private mutating func follow(_ plan: [PlannedFault]) {
        let world = cluster.world, cluster = cluster, began = world.now
        for fault in plan {
            world.schedule(at: began + fault.at) { fault.begin(in: cluster) }
            world.schedule(at: began + fault.end) { fault.end(in: cluster) }
            report.planned.append(fault.description)
        }
        let end = began + (plan.map(\.end).max() ?? .zero)
        while world.now < end {
            cluster.pass(min(.milliseconds(500), world.now.duration(to: end)))
            cluster.noteSettled()
        }
    }

    /// Everything is seen by everybody again, and what is asked from then on is answered.
    private mutating func heal(_ users: SimulatedUsers) throws {
        let ended = cluster.world.now, cluster = cluster
        let isWhole = cluster.world.run(for: options.healing) { cluster.missing.isEmpty }
        report.healed = ended.duration(to: cluster.world.now)
        if !isWhole { report.violations += cluster.missing.map { "\(options.healing) after the last fault: \($0)" } }
        cluster.noteSettled()
        cluster.clients.perform { users.probe(each: Self.probes) }
    }

    /// A frontend that drains serves on until its clients have read, however slowly they do, and only then comes back. Whoever is not held up so has the
    /// usual time; and so has that frontend, from then on.
    private func recover(_ users: SimulatedUsers) throws {
        let cluster = cluster
        func isHeldUp(_ member: VirtualMember) -> Bool {
            member.isDraining && cluster.clients.perform { users.readSlowly(from: member) }
        }
        try cluster.until("all are ready but who drains for slow readers", within: Self.recovery) {
            cluster.members.allSatisfy { $0.canServe || isHeldUp($0) }
        }
        try cluster.until("slow readers have what they were owed", within: Self.longestDrain) { !cluster.members.contains(where: isHeldUp) }
        try cluster.untilReady(within: Self.recovery)
    }

    private static let clockInterval = Duration.milliseconds(1_100)
    /// How often it is looked which leg runs where: a leg without any wait takes as long.
    private static let lookInterval = Duration.milliseconds(10)
    /// After the last fault: dials with back-off, snapshots, model files.
    private static let recovery = Duration.seconds(30)
    /// The limit that a process sets itself.
    private static let longestDrain = Duration.seconds(120)
    private static let settling = Duration.seconds(12)
    /// What is handed over ends with its request, and the other side hears of it at once.
    private static let handedOver = Duration.seconds(2)
    /// At each frontend.
    private static let probes = 2
    /// Past the users' patience: who hangs is told of by whoever waited for it.
    private static let longestRequest = SimulatedUsers.patience + .seconds(30)

    /// Everything drains, in the order in which work flows, and says that it ended well.
    private mutating func leave() throws {
        for role in [ClusterRole.frontend, .worker, .router] {
            for member in cluster.members(role) { member.drain() }
            try cluster.until("every \(role) has drained", within: .seconds(60)) { cluster.members(role).allSatisfy { !$0.isAlive } }
        }
        cluster.pass(.seconds(5))
        report.violations += Invariants.afterTheEnd(cluster)
    }

    private mutating func take(_ users: SimulatedUsers) {
        let tally = cluster.clients.perform { users.tally }
        report.requests = tally.begun
        report.complete = tally.complete
        report.left = tally.left
        report.broken = tally.broken
        report.errors = tally.errors
        report.tokens = tally.tokens
        report.violations += tally.violations
        report.trails = tally.suspects.prefix(Self.trails).map { (request: $0, lines: trail(of: $0)) }
        if tally.begun != tally.ended { report.violations.append("\(tally.begun) requests began, \(tally.ended) ended") }
        if tally.complete == 0 { report.violations.append("nothing was ever answered") }
    }

    /// Of so many requests it is told what befell them: more of one fault are of no use.
    private static let trails = 3, trailLines = 40

    /// What processes logged of a request, in order.
    private func trail(of request: String) -> [String] {
        // Answers carry the id, whose two halves a hyphen joins, behind a word for their kind.
        let id = request.split(separator: "-").suffix(2).joined(separator: "-")
        let lines = cluster.members.flatMap { member in member.log.filter { $0.contains(id) }.map { "\(member.name) \($0)" } }
        return Array(lines.suffix(Self.trailLines))
    }
}
