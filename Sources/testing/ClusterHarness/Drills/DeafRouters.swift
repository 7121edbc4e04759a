import ClusterModel
import EventLoop
import WorkerService

/// Routers that stop for half a minute, their sockets open: nobody reads what workers tell them, and no stream is to notice.
enum DeafRouters {
    static let drill = VirtualDrill(
        "deaf", proves: "T21", "every router stops for 30 s while streams run: tokens come at the same pace, and then it is told anew",
        [caughtUp]
    ) { stage in try play(stage) }

    /// From the end of the pause until every router believes of every worker what that has, and every link stands.
    private static let caughtUp = DrillFigure("caught up", atMost: .seconds(5))
    private static let pause = Duration.seconds(30)
    /// Of a worker's pace.
    private static let mostChange = 0.02

    private static let step = Duration.milliseconds(40), before = Duration.seconds(4)

    private static func play(_ stage: VirtualStage) throws {
        var shape = ClusterShape()
        shape.routers = stage.random.within(1...2)
        shape.frontends = 2
        shape.workerOptions = ["--mock-decode-step", "\(step.inMilliseconds)ms", "--mock-prefill-token", "2us", "--max-sequences", "512"]
        let cluster = try stage.open(shape, watchedEach: .milliseconds(50))
        let streams = stage.size == .whole ? 120 : 8
        // Longer than the pause, and blocks are filled all the time.
        let tokens = Int((pause + before * 3).inMilliseconds / step.inMilliseconds)
        for number in 0..<streams { stage.ask(.drill(number, tokens: tokens, prompt: stage.random.within(60...300), seed: stage.seed)) }
        try stage.until("all streams run", within: .seconds(10)) { running(cluster) == streams }
        cluster.pass(.seconds(1))
        let hearing = pace(cluster, over: before)
        for router in cluster.members(.router) { router.freeze() }
        let deaf = pace(cluster, over: pause)
        for router in cluster.members(.router) { router.thaw() }
        let change = abs(deaf / hearing - 1)
        stage.describe(
            "\(streams) streams, \(rounded(hearing)) tokens/s before, \(rounded(deaf)) while \(shape.routers) routers stood still")
        stage.require(running(cluster) == streams, "only \(running(cluster)) of \(streams) streams run still")
        stage.require(change <= mostChange, "the pace changed by \(change)")
        let began = cluster.world.now
        // Streams go on, and so do events: what routers have can be compared with the truth when they are over.
        try stage.until("every router is in step", within: .seconds(10), each: .milliseconds(5)) { cluster.missing.isEmpty }
        stage.measure(caughtUp, began.duration(to: cluster.world.now))
        try stage.untilAnswered(within: .seconds(60))
        stage.require(EventDrills.untilTrue(stage, within: .seconds(2)) != nil, "routers are wrong: \(EventDrills.errors(cluster))")
        let longest = stage.asked.map(\.waits.between).max() ?? .zero
        stage.require(longest <= step * 3, "a stream waited \(longest.inWords) for its next token")
        stage.judge()
        try stage.settle()
    }

    private static func running(_ cluster: VirtualCluster) -> Int {
        cluster.members(.worker).reduce(0) { $0 + $1.process.legs.open.count(where: \.hasOutput) }
    }

    /// Tokens a second of all workers.
    private static func pace(_ cluster: VirtualCluster, over span: Duration) -> Double {
        let before = EventDrills.sum("apus_worker_output_tokens_total", .worker, cluster)
        cluster.pass(span)
        return Double(EventDrills.sum("apus_worker_output_tokens_total", .worker, cluster) - before) / (Double(span.inMilliseconds) / 1_000)
    }

    private static func rounded(_ pace: Double) -> Int { Int(pace.rounded()) }
}
