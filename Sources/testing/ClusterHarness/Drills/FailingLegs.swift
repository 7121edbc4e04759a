import ClusterModel
import EventLoop
import Transport

/// One leg of split requests fails, or both, or what joins them, in every way and phase: partners are let go, and nobody waits for long.
enum FailingLegs {
    static let drill = VirtualDrill(
        "legs", proves: "T17",
        "a prefill or a decode worker fails, or both, or the transfer, in every way and phase, on both paths: partners are let go at once",
        [released, abandoned, told, silent, parted]
    ) { stage in try play(stage, LegCase.all[Int(stage.seed % UInt64(LegCase.all.count))]) }

    // MARK: Figures

    /// From the moment in which the frontend gives an attempt up until no worker that runs has anything of it.
    private static let released = DrillFigure("released", atMost: .milliseconds(200))
    /// The same where nothing passes between the two: a worker that does not hear that its state has arrived has the two seconds of silence, and
    /// the five in which a transfer may stand still.
    private static let abandoned = DrillFigure("released, parted", atMost: .milliseconds(7_200))
    // The longest wait for a part of a text, the first one among them. First of a failure that is told: a refusal, an error, a reset.
    private static let told = DrillFigure("wait, told", atMost: .seconds(1))
    /// Two seconds of silence are a death; then as above.
    private static let silent = DrillFigure("wait, silence", atMost: .seconds(3))
    /// The rendezvous of ten seconds is the longest that two workers may wait for each other; then as above.
    private static let parted = DrillFigure("wait, parted", atMost: .seconds(11))

    private static func wait(for failure: LegFailure) -> DrillFigure {
        if failure == .parted { return parted }
        return failure.isSilent ? silent : told
    }

    // MARK: Play

    private static let tokens = 20
    /// Within this all requests have come.
    private static let arrivals = Duration.milliseconds(200)
    private static let answers = Duration.seconds(60)
    /// How finely it is looked for a phase; the shortest one takes a way over the network.
    private static let look = Duration.microseconds(50)

    private static func play(_ stage: VirtualStage, _ leg: LegCase) throws {
        var shape = SplitCluster.shape(leg.path, prefill: 1, decode: 1)
        // Prompts take several steps, so that state leaves while it is computed.
        shape.workerOptions = [
            "--mock-hand-over", leg.path.rawValue, "--mock-prefill-token", "5us", "--mock-decode-step", "10ms", "--max-batched-tokens",
            "512",
        ]
        let cluster = try stage.open(shape, watchedEach: .milliseconds(1))
        // One of each role is well; of whoever stands beside it something may be wrong from the beginning.
        var second: [VirtualMember] = []
        for part in [ClusterShape.WorkerPart.prefill, .decode] {
            let faults = leg.target.parts.contains(part) ? faults(leg.failure, at: part, &stage.random) : []
            second.append(try cluster.addWorker(part, shape.workerOptions + faults))
        }
        try stage.whole()
        let count = stage.size == .whole ? 16 : 8
        for number in 0..<count {
            let request = ChatRequest.drill(number, tokens: tokens, prompt: stage.random.within(200...4_000), seed: stage.seed)
            // The last one comes late enough for every blow: where all came early, none would be left that is only just asked for.
            let after = stage.random.span(.zero, to: arrivals)
            stage.ask(request, after: number == count - 1 ? arrivals : after)
        }
        stage.describe(leg.words)
        if let phase = leg.phase { try strike(leg, phase, stage) }
        try stage.untilAnswered(within: answers)
        stage.measure(wait(for: leg.failure), stage.asked.map(\.waits.any).max() ?? .zero)
        // Where half of the cluster is not well, three attempts may not be enough. Who fails all the time, and gets all the work for it, may take
        // the last one of a few that were refused elsewhere.
        let isHalf = leg.target == .both && !leg.failure.isOfTheLink
        stage.judge(mayFail: isHalf || leg.failure.isOfTheWorker)
        let errors = stage.report.errors
        stage.require(isHalf || errors <= count / 8, "\(errors) of \(count) requests ended by errors")
        if leg.failure.isOfTheWorker { dismiss(second, in: cluster) }
        try stage.settle()
        stage.measure(leg.failure == .parted ? abandoned : released, stage.longestUnwanted)
    }

    private static func faults(
        _ failure: LegFailure, at part: ClusterShape.WorkerPart, _ random: inout SeededRandom
    ) -> [String] {
        switch failure {
        case .refused: ["--fault-refuse", "1"]
        // A prefill leg has one token of output.
        case .failed: ["--fault-fail-at-token", "\(random.within(part == .prefill ? 1...4 : 1...60))"]
        case .damaged: ["--fault-damage-exports", "1"]
        case .notStored: ["--fault-refuse-stores", "1"]
        case .killed, .gone, .frozen, .broken, .parted: []
        }
    }

    /// Nobody is to meet those again.
    private static func dismiss(_ workers: [VirtualMember], in cluster: VirtualCluster) {
        for worker in workers {
            if worker.isAlive { worker.kill() }
            cluster.remove(worker)
        }
    }

    // MARK: A blow at a moment

    private static func strike(_ leg: LegCase, _ phase: LegPhase, _ stage: VirtualStage) throws {
        let cluster = stage.cluster
        // Not always the first request.
        cluster.pass(stage.random.span(.zero, to: arrivals / 2))
        var known: (prefill: WorkerID?, decode: WorkerID?)?
        try stage.until("some request is in phase \(phase.rawValue)", within: .seconds(5), each: look) {
            known = LegScene(cluster).workers(in: phase)
            return known != nil
        }
        let prefill = victim(known?.prefill, .prefill, stage), decode = victim(known?.decode, .decode, stage)
        if leg.failure.isOfTheLink {
            part(prefill.name, decode.name, leg.failure, stage)
        } else {
            if leg.target != .decode { strike(prefill, leg.failure, stage) }
            if leg.target != .prefill { strike(decode, leg.failure, stage) }
        }
    }

    /// Where the request has no place yet, or has one no more, it is either of the two.
    private static func victim(_ known: WorkerID?, _ part: ClusterShape.WorkerPart, _ stage: VirtualStage) -> VirtualMember {
        let workers = stage.cluster.workers(part), any = stage.random.one(of: workers)
        return workers.first { $0.workerID == known } ?? any
    }

    private static func strike(_ worker: VirtualMember, _ failure: LegFailure, _ stage: VirtualStage) {
        switch failure {
        case .killed: worker.kill()
        case .gone: worker.kill(.silent)
        case .frozen:
            worker.freeze()
            stage.cluster.world.schedule(after: stage.random.span(.milliseconds(2_500), to: .seconds(8))) { worker.thaw() }
        case .refused, .failed, .damaged, .notStored, .broken, .parted: break
        }
    }

    private static func part(_ a: String, _ b: String, _ failure: LegFailure, _ stage: VirtualStage) {
        let fabric = stage.cluster.fabric
        guard failure == .parted else { return fabric.breakStreams(between: a, and: b, stage.random.flip() ? .reset : .closed) }
        fabric.partition(a, b)
        stage.cluster.world.schedule(after: stage.random.span(.milliseconds(500), to: .seconds(12))) { fabric.heal(a, b) }
    }
}
