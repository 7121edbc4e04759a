import ClusterModel
import EventLoop

/// More is asked for than the workers can do, up to ten times as much: they stay busy, and whoever has to go is told at once.
enum Overload {
    static let drill = VirtualDrill(
        "overload", proves: "T26", "one, two, five and ten times what two workers can do is asked of them, then half of it",
        [firstToken, refused, normal]
    ) { stage in try play(stage) }

    /// What frontends are told: nobody is to wait longer for a place.
    private static let patience = Duration.seconds(2)
    /// The 99th percentile at each load, of those that were let in.
    private static let firstToken = DrillFigure("p99 to the first token", atMost: patience * 2)
    /// Until 429 or 503.
    private static let refused = DrillFigure("refused", atMost: .milliseconds(10))
    /// From the end of the highest load until requests find the cluster as they found it before.
    private static let normal = DrillFigure("normal again", atMost: .seconds(2))

    private static let tokenTime = Duration.microseconds(500)
    /// The default queue is sixteen full steps of all workers: a second here.
    private static let options = [
        "--mock-prefill-token", "\(tokenTime.inMicroseconds)us", "--mock-decode-step", "1ms", "--max-batched-tokens", "128",
        "--max-sequences", "64",
    ]
    private static let promptBytes = 170
    /// Of each load; until it is steady.
    private static let settling = Duration.seconds(1)
    private static let leastShare = 0.95

    private struct Phase {
        let load: Double
        let asked: Range<Int>
        let from: Instant
        let to: Instant
    }

    private static func play(_ stage: VirtualStage) throws {
        var shape = ClusterShape()
        shape.frontends = stage.random.within(1...2)
        shape.workers = [.aggregated, .aggregated]
        shape.workerOptions = options
        shape.frontendOptions = ["--queue-limit", "\(patience.inMilliseconds)ms"]
        _ = try stage.open(shape, watchedEach: .milliseconds(50))
        let span = Duration.seconds(stage.size == .whole ? 60 : 4), capacity = try capacity(stage, workers: shape.workers.count)
        let phases = [0.5, 1, 2, 5, 10, 0.5].map { play($0, of: capacity, for: span, stage) }
        try stage.untilAnswered(within: .seconds(30))
        judge(phases, capacity, stage)
        stage.judge(mayFail: true)
        try stage.settle()
    }

    /// Requests a second, by the tokens of one.
    private static func capacity(_ stage: VirtualStage, workers: Int) throws -> Double {
        let one = stage.ask(request(0, stage))
        try stage.untilAnswered(within: .seconds(5))
        guard let tokens = one.reply?.answer.usage?.promptTokens, tokens > 0 else { throw Unmet("a first request is answered") }
        return Double(workers) / (Double(tokens) * Double(tokenTime.inNanoseconds) / 1e9)
    }

    private static func request(_ number: Int, _ stage: VirtualStage) -> ChatRequest {
        .drill(number, tokens: 2, prompt: promptBytes, seed: stage.seed)
    }

    /// Requests come when they come, in the mean at that rate.
    private static func play(_ load: Double, of capacity: Double, for span: Duration, _ stage: VirtualStage) -> Phase {
        let from = stage.cluster.world.now, to = from + span, first = stage.asked.count
        let longest = Duration.nanoseconds(Int64(2e9 / (load * capacity)))
        while true {
            stage.cluster.pass(stage.random.span(.zero, to: longest))
            guard stage.cluster.world.now < to else { break }
            stage.ask(request(stage.asked.count, stage))
        }
        return Phase(load: load, asked: first..<stage.asked.count, from: from, to: to)
    }

    // MARK: What came of it

    private static func judge(_ phases: [Phase], _ capacity: Double, _ stage: VirtualStage) {
        let rates = phases.map { rate(of: $0, stage) }, peak = rates.max() ?? 0
        var words: [String] = []
        for (phase, rate) in zip(phases, rates) {
            let asked = stage.asked[phase.asked], refused = asked.filter(\.isRefused)
            words.append("\(phase.load)x: \(Int(rate * 10) / 10)/s, \(refused.count) of \(asked.count) refused")
            stage.measure(firstToken, percentile(99, asked.compactMap(\.firstToken)))
            for one in refused { stage.measure(Self.refused, one.reply?.http.took ?? .seconds(1_000)) }
            let unadvised = refused.count { !$0.isAdvised }
            stage.require(unadvised == 0, "\(unadvised) of \(refused.count) refusals at \(phase.load)x say not when to come back")
            // Behind an overload what it left is refused, too, for as long as it may take until all is normal again.
            let left = phase.asked.lowerBound == phases[0].asked.lowerBound ? Duration.zero : normal.limit ?? .zero
            let late = refused.count { $0.at >= phase.from + left }
            if phase.load < 1 { stage.require(late < asked.count / 20, "\(late) are refused at \(phase.load)x") }
            if phase.load > 4 { stage.require(!refused.isEmpty, "nobody is refused at \(phase.load)x") }
        }
        for (phase, rate) in zip(phases, rates) where phase.load >= 10 {
            stage.require(rate >= leastShare * peak, "at \(phase.load)x only \(rate) a second are answered, and \(peak) at best")
        }
        stage.describe("\(Int(capacity * 10) / 10) requests a second can be done; " + words.joined(separator: "; "))
        guard let before = phases.first, let after = phases.last else { return }
        stage.measure(normal, untilNormal(after, as: before, stage))
    }

    /// Answered in time, a second.
    private static func rate(of phase: Phase, _ stage: VirtualStage) -> Double {
        let from = phase.from + settling
        // Whatever its load was that asked for it: the one before this may have left work.
        let good = stage.asked.count { one in
            guard let reply = one.reply, reply.isComplete, let first = one.firstToken, first <= patience * 2 else { return false }
            let end = one.at + reply.http.took
            return from <= end && end < phase.to
        }
        return Double(good) / (Double(from.duration(to: phase.to).inNanoseconds) / 1e9)
    }

    /// When the last request came that was refused, or waited for longer than is usual.
    private static func untilNormal(_ phase: Phase, as before: Phase, _ stage: VirtualStage) -> Duration {
        let usual = percentile(99, stage.asked[before.asked].compactMap(\.firstToken)) * 2
        let last = stage.asked[phase.asked].last { one in one.isRefused || one.firstToken.map { $0 > usual } ?? true }
        return last.map { phase.from.duration(to: $0.at) } ?? .zero
    }

    private static func percentile(_ percent: Int, _ spans: [Duration]) -> Duration {
        let sorted = spans.sorted()
        return sorted.isEmpty ? .zero : sorted[min(sorted.count - 1, sorted.count * percent / 100)]
    }
}
