import ClusterModel
import EventLoop
import ServiceRuntime
import WorkerService

/// A worker among others is lost, leaves, or stops with its sockets open, while streams run on it.
enum StreamDrills {
    enum Form: String, CaseIterable, Sendable {
        case whole
        /// The worker is one of two that decode, or now and then one of two that prefill.
        case split
    }

    private enum Blow: String, Sendable { case kill, drain, freeze }

    static let all: [VirtualDrill] = Form.allCases.flatMap { form in
        [
            drill(
                .kill, form, proves: "T10", "a worker with 200 live streams is killed: each goes on at another, token by token",
                [gap, released]),
            drill(
                .drain, form, proves: "T11",
                "a worker with 200 live streams is told to leave: they end there or go on elsewhere, none is cut",
                [gap, released, gone]),
            drill(
                .freeze, form, proves: "T12", "a worker with 200 live streams stops, its sockets open: it is noticed, and used again later",
                [detected, frozenGap, released]),
        ]
    }

    // MARK: Figures

    /// Between two parts of a text. The loss of a link is known at once, and what was shown is soon computed anew.
    private static let gap = DrillFigure("gap", atMost: .seconds(1))
    /// Two seconds of silence are a death; then as above.
    private static let frozenGap = DrillFigure("gap", atMost: .seconds(3))
    /// From the freeze until no frontend waits for anything there: two seconds of silence, and what was under way when it began.
    private static let detected = DrillFigure("detected", atMost: .milliseconds(2_010))
    /// A leg that its frontend has given up is gone from its worker: a cancel and a step of the engine.
    private static let released = DrillFigure("released", atMost: .milliseconds(200))
    /// From the order to leave until the process has ended; its limit is an option.
    private static let gone = DrillFigure("gone", atMost: nil)

    // MARK: Play

    private static let tokens = 40
    private static let step = Duration.milliseconds(40)
    /// Within this all requests have come.
    private static let arrivals = Duration.milliseconds(200)
    private static let answers = Duration.seconds(60)

    private static func drill(
        _ blow: Blow, _ form: Form, proves row: String, _ summary: String, _ figures: [DrillFigure]
    ) -> VirtualDrill {
        let name = form == .whole ? blow.rawValue : "\(blow.rawValue)-split"
        let where_ = form == .whole ? "" : ", prefill and decode apart"
        return VirtualDrill(name, proves: row, summary + where_, figures) { stage in try play(stage, blow, form) }
    }

    private static func play(_ stage: VirtualStage, _ blow: Blow, _ form: Form) throws {
        let drainLimit = stage.random.one(of: [Duration.seconds(60), .seconds(4), .seconds(1)])
        let (shape, path) = shape(stage, form, drainLimit)
        let cluster = try stage.open(shape, watchedEach: .milliseconds(5))
        // So many that each of the two workers has its share.
        let streams = 2 * (stage.size == .whole ? 200 : 6)
        for number in 0..<streams {
            let request = ChatRequest.drill(number, tokens: tokens, prompt: stage.random.within(60...400), seed: stage.seed)
            stage.ask(request, after: stage.random.span(.zero, to: arrivals))
        }
        let part = form == .whole ? ClusterShape.WorkerPart.aggregated : stage.random.below(4) == 0 ? .prefill : .decode
        try awaitMoment(stage, streams, at: part)
        let victim = stage.random.one(of: cluster.workers(part)), legs = victim.process.legs.open.count
        stage.describe("\(blow.rawValue) a worker (\(part.rawValue), \(path)) with \(legs) of \(streams) requests")
        stage.require(part == .prefill || legs > streams / 4, "only \(legs) streams were on it")
        switch blow {
        case .kill: victim.kill()
        case .drain: try drain(victim, within: drainLimit, stage)
        case .freeze: try freeze(victim, stage)
        }
        try stage.untilAnswered(within: answers)
        let longest = stage.asked.map(\.waits.between).max() ?? .zero
        stage.measure(blow == .freeze ? frozenGap : gap, longest)
        stage.judge()
        try stage.settle()
        stage.measure(released, stage.longestUnwanted)
    }

    private static func shape(_ stage: VirtualStage, _ form: Form, _ drainLimit: Duration) -> (ClusterShape, path: String) {
        var shape = ClusterShape(), path = "no hand-over"
        if form == .split {
            let way = stage.random.one(of: SplitCluster.Path.allCases)
            shape = SplitCluster.shape(way)
            shape.workerOptions = ["--mock-hand-over", way.rawValue]
            path = way.rawValue
        }
        shape.routers = stage.random.within(1...2)
        shape.frontends = stage.random.within(1...2)
        // All of them fit on the one that is left.
        shape.workerOptions += ["--mock-decode-step", "\(step.inMilliseconds)ms", "--mock-prefill-token", "2us", "--max-sequences", "2048"]
        shape.workerOptions += ["--drain-limit", "\(drainLimit.inMilliseconds)ms"]
        return (shape, path)
    }

    /// Any moment of the time in which all streams run; or for one that prefills, in which their prompts are computed.
    private static func awaitMoment(_ stage: VirtualStage, _ streams: Int, at part: ClusterShape.WorkerPart) throws {
        guard part != .prefill else { return stage.cluster.pass(stage.random.span(.zero, to: arrivals)) }
        try stage.until("all streams run", within: .seconds(10)) {
            stage.cluster.workers(part).reduce(0) { $0 + $1.process.legs.open.count(where: \.hasOutput) } == streams
        }
        stage.cluster.pass(stage.random.span(.zero, to: step * (tokens / 2)))
    }

    // MARK: Blows

    private static func drain(_ victim: VirtualMember, within limit: Duration, _ stage: VirtualStage) throws {
        let began = stage.cluster.world.now
        victim.drain()
        try stage.cluster.until("it has left", within: limit + .seconds(5)) { !victim.isAlive }
        let took = began.duration(to: stage.cluster.world.now)
        stage.measure(gone, took)
        stage.require(took <= limit, "it left after \(took.inWords), and had \(limit.inWords)")
        stage.require(victim.process.exitCode == .ok, "it ended with \(victim.process.exitCode.map { "\($0)" } ?? "nothing")")
    }

    private static func freeze(_ victim: VirtualMember, _ stage: VirtualStage) throws {
        let cluster = stage.cluster, began = cluster.world.now
        victim.freeze()
        cluster.world.schedule(after: stage.random.span(.milliseconds(2_500), to: .seconds(8))) { victim.thaw() }
        func waits() -> Bool {
            cluster.members(.frontend).contains { $0.process.asked?.legs.contains { $0.worker == victim.workerID } ?? false }
        }
        try stage.until("nobody waits for it", within: .seconds(10), each: .milliseconds(1)) { !waits() }
        stage.measure(detected, began.duration(to: cluster.world.now))
    }
}
