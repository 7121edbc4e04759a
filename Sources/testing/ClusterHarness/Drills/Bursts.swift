import ClusterModel
import EventLoop

/// Traffic of the shape of Azure's trace of code completions, ten times as fast: 26 requests a second in the mean, and now and then 67 in a tenth
/// of one.
enum Bursts {
    static let drill = VirtualDrill(
        "burst", proves: "T30",
        "bursts of 67 requests in a tenth of a second on 26 a second: none is lost, and none refused while there is room",
        [drained]
    ) { stage in try play(stage) }

    /// From the end of a burst until nothing waits for a place: one burst is some seconds of the workers' time.
    private static let drained = DrillFigure("drained", atMost: .seconds(3))

    private static let haste = 10.0
    private static let mean = 2.57, burst = 67
    /// Of the trace, in which a second may have as many as a burst.
    private static let period = 60.0
    private static let second = Duration.seconds(1) / haste
    /// Prompts are a tenth of the trace's, since nothing here depends on their length but time: median 1,469 tokens, 5,194 at the 90th percentile.
    private static let promptTokens = [(0.5, 30...147), (0.9, 147...519), (1.0, 519...743)]
    private static let outputTokens = [(0.5, 2...13), (0.9, 13...55), (1.0, 55...252)]
    private static let smallQueue = 12

    private static func play(_ stage: VirtualStage) throws {
        var shape = ClusterShape()
        shape.frontends = stage.random.within(1...2)
        shape.workers = [.aggregated, .aggregated]
        shape.workerOptions = ["--mock-prefill-token", "100us", "--mock-decode-step", "1ms", "--max-batched-tokens", "1024"]
        // Every other run has a queue into which no burst fits.
        let isSmall = stage.seed.isMultiple(of: 2), most = isSmall ? smallQueue : 5_000
        shape.routerOptions = ["--queue-entries", "\(most)"]
        let cluster = try stage.open(shape, watchedEach: .milliseconds(50))
        let arrivals = arrivals(minutes: stage.size == .whole ? 20 : 3, &stage.random), began = cluster.world.now
        for (number, at) in arrivals.enumerated() { stage.ask(request(number, stage), after: at) }
        let watch = QueueWatch(cluster.member("router-1"), most: most)
        let end = (arrivals.last ?? .zero) + .seconds(30)
        // At each event, so that no moment is missed in which the queue is full.
        try cluster.until("every request has ended", within: end) {
            watch.look(at: cluster.world.now)
            return stage.isAnswered
        }
        judge(stage, watch, began, isSmall)
        stage.judge(mayFail: isSmall)
        try stage.settle()
    }

    private static func judge(_ stage: VirtualStage, _ watch: QueueWatch, _ began: Instant, _ isSmall: Bool) {
        let refused = stage.asked.filter(\.isRefused)
        stage.describe("\(stage.asked.count) requests, at most \(watch.longest) wait, \(refused.count) refused by a queue of \(watch.most)")
        stage.require(watch.longest > 0, "nothing ever waited")
        stage.require(isSmall == !refused.isEmpty, "\(refused.count) are refused")
        let hasty = refused.filter { one in !watch.wasFull(from: one.at, to: one.at + (one.reply?.http.took ?? .zero)) }
        stage.require(hasty.isEmpty, "\(hasty.count) are refused while there is room")
        stage.measure(drained, watch.longestWait)
    }

    // MARK: Traffic

    /// A burst each minute of the trace, and the rest of the mean spread over it.
    private static func arrivals(minutes: Int, _ random: inout SeededRandom) -> [Duration] {
        let minute = second * period, others = Int(mean * period) - burst
        return (0..<minutes).flatMap { number -> [Duration] in
            let from = minute * number, burstAt = from + random.span(.zero, to: minute - second)
            return (0..<burst).map { _ in burstAt + random.span(.zero, to: second) }
                + (0..<others).map { _ in from + random.span(.zero, to: minute) }
        }.sorted()
    }

    private static func request(_ number: Int, _ stage: VirtualStage) -> ChatRequest {
        .drill(number, tokens: draw(outputTokens, &stage.random), prompt: draw(promptTokens, &stage.random), seed: stage.seed)
    }

    private static func draw(_ shares: [(upTo: Double, range: ClosedRange<Int>)], _ random: inout SeededRandom) -> Int {
        let place = Double(random.below(1_000)) / 1_000
        return random.within((shares.first { place < $0.upTo } ?? shares[shares.count - 1]).range)
    }
}
