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
        warmUp = settings.isQuick ? .milliseconds(400) : .seconds(3)
        window = settings.isQuick ? .milliseconds(1_200) : .seconds(6)
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
        let form = load.form(prompts, model: running.system.model), port = running.system.port, uses = running.processUses
        let ran = try LoopRun.value { loop -> (result: LoadResult, before: ProcessUses.Uses, after: ProcessUses.Uses)? in
            guard let target = try? LoadTarget(parsing: "http://127.0.0.1:\(port)"),
                let run = try? LoadRun(
                    on: loop, sockets: EpollSockets(on: loop), target: target, address: target.host, form: form,
                    source: load.source(seed: seed), blockTokens: LiveLoad.blockTokens, plan: load.plan(window), recorder: LoadRecorder())
            else { return nil }
            defer { run.close() }
            guard let before = uses.now(), let result = try? await run.run(), let after = uses.now() else { return nil }
            return (result, before, after)
        }
        guard let ran else { throw running.failure("a process of \(running.system.name) ended under the load \(load.name)") }
        let counts = ran.result.recorder.summary.counts
        guard ran.result.progress.failed + ran.result.progress.unsent == 0, counts.complete > 0 else {
            let reason = ran.result.firstFailure ?? "nothing was answered"
            throw running.failure("\(running.system.name), \(load.name): \(ran.result.progress.failed) requests failed: \(reason)")
        }
        guard let costs = ProcessUses.costs(ran.before, ran.after) else {
            throw running.failure("a process of \(running.system.name) ended under the load \(load.name)")
        }
        return LoadOutcome(
            summary: ran.result.recorder.summary, pieces: ran.result.progress.pieces, seconds: ran.result.elapsed.inSeconds, costs: costs)
    }
}
