import ClusterModel
import EventLoop
import LoadGeneration

/// Puts loads on a running system from this process, and sees what that costs it.
struct LoadMeasuring {
    let prompts: BenchPrompts
    let warmUp: Duration
    let window: Duration
    let turns: Int

    init(_ settings: Settings, _ prompts: BenchPrompts) {
        self.prompts = prompts
        warmUp = settings.isQuick ? .milliseconds(300) : .seconds(3)
        window = settings.isQuick ? .milliseconds(1_000) : .seconds(6)
        turns = settings.turns
    }

    /// The window in the middle of several, by what the servers used.
    func outcome(of load: LiveLoad, on running: RunningSystem, turns: Int? = nil) throws(BenchmarkFailure) -> LoadOutcome {
        _ = try run(load, on: running, for: warmUp, seed: 0)
        var outcomes: [LoadOutcome] = []
        for turn in 1...(turns ?? self.turns) { outcomes.append(try run(load, on: running, for: window, seed: UInt64(turn))) }
        outcomes.sort { $0.cpuPerThousand < $1.cpuPerThousand }
        return outcomes[(outcomes.count - 1) / 2]
    }

    private func run(
        _ load: LiveLoad, on running: RunningSystem, for window: Duration, seed: UInt64
    ) throws(BenchmarkFailure) -> LoadOutcome {
        let form = load.form(prompts, model: running.system.model), port = running.system.port
        let before = running.processUses.now()
        let result = try LoopRun.value { loop -> LoadResult? in
            guard let target = try? LoadTarget(parsing: "http://127.0.0.1:\(port)"),
                let run = try? LoadRun(
                    on: loop, sockets: EpollSockets(on: loop), target: target, address: target.host, form: form,
                    source: load.source(seed: seed), blockTokens: LiveLoad.blockTokens, plan: load.plan(window), recorder: LoadRecorder())
            else { return nil }
            defer { run.close() }
            return try? await run.run()
        }
        let after = running.processUses.now()
        guard let result else { throw BenchmarkFailure("the load \(load.name) cannot be made here") }
        let counts = result.recorder.summary.counts, failed = result.progress.failed + result.progress.unsent
        guard failed == 0, counts.complete > 0 else {
            throw running.failure(
                "\(running.system.name), \(load.name): \(failed) requests failed: \(result.firstFailure ?? "nothing was answered")")
        }
        guard let before, let after, let costs = ProcessUses.costs(before, after) else {
            throw running.failure("a process of \(running.system.name) ended under the load \(load.name)")
        }
        return LoadOutcome(
            summary: result.recorder.summary, pieces: result.progress.pieces, seconds: result.elapsed.inSeconds, costs: costs)
    }
}
