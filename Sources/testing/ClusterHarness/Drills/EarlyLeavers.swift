import ClusterModel
import EventLoop
import WireProtocol
import WorkerService

/// Clients of very long prompts leave while these are computed, and others wait behind them.
enum EarlyLeavers {
    static let drill = VirtualDrill(
        "cancel", proves: "T16",
        "clients leave before their first token, with prompts of 128k tokens: prefill stops, whoever waits goes on",
        [stopped, follower]
    ) { stage in try play(stage) }

    /// A chunk of prefill: what an engine that is told in its middle still computes.
    private static let chunk = Duration.milliseconds(41)
    /// From the client's leave until no worker computes for it: the rest of a chunk, and the way over the frontend.
    private static let stopped = DrillFigure("stopped", atMost: .milliseconds(100))
    /// From the leave until the next request at that worker is computed: the same chunk, its own one, and the way.
    private static let follower = DrillFigure("follower", atMost: chunk + .milliseconds(5) + .milliseconds(3))
    /// Then nothing of it is anywhere.
    private static let rest = Duration.seconds(1)

    private static let tokenTime = Duration.microseconds(5)

    private enum Path: String, CaseIterable { case concurrent, sequential, none }

    private struct Extent {
        let promptTokens: Int
        let rounds: Int

        init(_ size: DrillSize) { (promptTokens, rounds) = size == .whole ? (128 << 10, 2) : (24 << 10, 1) }

        /// While the prompt is read, placed and computed, and before its first token.
        var time: Duration { EarlyLeavers.tokenTime * promptTokens * 9 / 10 }
    }

    private static func play(_ stage: VirtualStage) throws {
        let path = stage.random.one(of: Path.allCases), extent = Extent(stage.size)
        let way: SplitCluster.Path = path == .sequential ? .sequential : .concurrent
        // One worker a leg: whoever comes second waits behind the long prompt.
        var shape = SplitCluster.shape(way, prefill: 1, decode: 1)
        if path == .none { shape.workers = [.aggregated] }
        shape.workerOptions = [
            "--mock-hand-over", way.rawValue, "--context-length", "140000", "--blocks", "65536", "--mock-decode-step", "10ms",
            "--mock-prefill-token", "\(tokenTime.inMicroseconds)us",
        ]
        _ = try stage.open(shape, watchedEach: .milliseconds(5))
        var waited = 0
        for round in 0..<extent.rounds {
            if try play(round, extent, stage) { waited += 1 }
        }
        stage.describe("\(extent.rounds) leave, hand-over \(path.rawValue), \(waited) others waited behind them")
        stage.judge()
        try stage.settle()
    }

    /// True if somebody waited behind it.
    private static func play(_ round: Int, _ extent: Extent, _ stage: VirtualStage) throws -> Bool {
        let cluster = stage.cluster, workers = cluster.members(.worker)
        var conduct = ClientConduct()
        let stay = stage.random.span(.zero, to: extent.time)
        conduct.leavesAfter = stay
        conduct.leavesAbruptly = stage.random.flip()
        let leaver = stage.ask(.drill(2 * round, tokens: 20, prompt: extent.promptTokens, seed: stage.seed), conduct)
        let short = ChatRequest.drill(2 * round + 1, tokens: 8, prompt: stage.random.within(100...1_000), seed: stage.seed)
        stage.ask(short, after: stage.random.span(.zero, to: stay))
        try cluster.until("the client leaves", within: stay + .seconds(5)) { leaver.reply != nil }
        stage.require(leaver.reply?.http.ending == .left, "the client did not leave: \(leaver.reply?.summary ?? "")")
        stage.require(leaver.reply?.answer.choices.isEmpty ?? false, "the client left behind its first token")

        let left = cluster.world.now, end = left + rest
        func isLong(_ leg: OpenLeg) -> Bool { leg.promptTokens >= extent.promptTokens }
        func waits() -> Bool {
            workers.contains { $0.process.legs.open.contains { !isLong($0) && $0.leg != .decode && !$0.hasStarted } }
        }
        func isComputed() -> Bool {
            workers.contains { worker in
                let legs = worker.process.legs
                return (legs.open + legs.closing).contains(where: isLong)
            }
        }
        let wasWaiting = waits() && isComputed()
        var isWaiting = wasWaiting, wasComputed = isComputed()
        while cluster.world.now < end {
            cluster.pass(.microseconds(200))
            let passed = left.duration(to: cluster.world.now)
            // It may come to its worker only now, for what was under way.
            if isComputed() {
                wasComputed = true
            } else if wasComputed {
                stage.measure(stopped, passed)
                wasComputed = false
            }
            if isWaiting, !waits() {
                stage.measure(follower, passed)
                isWaiting = false
            }
        }
        stage.require(!isWaiting, "whoever waited behind it waits on")
        stage.require(!wasComputed, "it is computed on")
        for member in cluster.members {
            for held in member.process.held { stage.violated("\(member.name), \(rest) after the client left: \(held)") }
        }
        return wasWaiting
    }
}
