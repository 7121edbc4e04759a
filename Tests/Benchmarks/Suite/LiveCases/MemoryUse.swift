import ClusterModel
import EventLoop
import LoadGeneration

/// Resident memory of a frontend, a router and a worker: before any load, after loads, with many streams open, and when those have ended.
struct MemoryUse: BenchmarkCase {
    let name = "memory"
    private static let idleMiB = 45.0, loadedMiB = 80.0, streamKiB = 24.0
    /// A token of each open stream comes so often: they are at rest in between.
    private static let stepMilliseconds = 1_000
    /// So many that no stream ends by itself while it is looked at.
    private static let streamTokens = 300
    /// All have begun by then, on a busy machine too.
    private static let beginLimit = Duration.seconds(60)
    /// From when all have begun until they are looked at.
    private static let lookAfter = Duration.seconds(2)
    /// What is given back is given back by then.
    private static let restMilliseconds: Int32 = 3_000

    func run(_ settings: Settings) throws(BenchmarkFailure) -> [Figure] {
        var figures = try afterLoads(settings, prompts: try BenchPrompts(folder: nil), name: "tokens are bytes", isJudged: true)
        if settings.model != nil {
            figures += try afterLoads(settings, prompts: try BenchPrompts(folder: settings.model), name: "with the model", isJudged: false)
        }
        return figures + (try openStreams(settings))
    }

    private func afterLoads(
        _ settings: Settings, prompts: BenchPrompts, name: String, isJudged: Bool
    ) throws(BenchmarkFailure) -> [Figure] {
        var apus = try ApusSystem(settings, model: prompts.model)
        apus.workers = 1
        let running = try RunningSystem(apus.system()), measuring = LoadMeasuring(settings, prompts)
        let idle = try Self.resident(running)
        var figures = [Figure("\(name): idle", idle.sum, "MiB", isJudged ? .atMost(Self.idleMiB) : nil)]
        figures += idle.parts.map { Figure("\(name): idle, \($0.part)", $0.mebibytes, "MiB") }
        for load in [LiveLoad.answers(users: 256), .streams(users: 256)] { _ = try measuring.outcome(of: load, on: running, turns: 1) }
        let loaded = try Self.resident(running)
        figures.append(Figure("\(name): after the loads of 256 users", loaded.sum, "MiB", isJudged ? .atMost(Self.loadedMiB) : nil))
        figures += loaded.parts.map { Figure("\(name): after those loads, \($0.part)", $0.mebibytes, "MiB") }
        return figures
    }

    private func openStreams(_ settings: Settings) throws(BenchmarkFailure) -> [Figure] {
        let count = settings.isQuick ? 1_000 : 4_000
        var apus = try ApusSystem(settings, model: nil)
        apus.workers = 1
        apus.sequences = 2 * count
        apus.pace = .milliseconds(Self.stepMilliseconds)
        let running = try RunningSystem(apus.system())
        // What the first requests of all bring along is no stream's.
        _ = try residentWith(64, on: running)
        let before = try Self.resident(running), open = try residentWith(count, on: running)
        Measuring.rest(milliseconds: Self.restMilliseconds)
        let after = try Self.resident(running)
        let taken = (open.sum - before.sum) * 1_024 / Double(count)
        var figures = [Figure("\(count) open streams: each", taken, "KiB", .atMost(Self.streamKiB))]
        figures += zip(open.parts, before.parts).map { open, before in
            Figure("\(count) open streams: each, \(open.part)", (open.mebibytes - before.mebibytes) * 1_024 / Double(count), "KiB")
        }
        return figures + [
            Figure("\(count) streams that were left: still resident", after.sum, "MiB", .atMost(Self.loadedMiB)),
            Figure("\(count) streams that were left: … before them", before.sum, "MiB"),
        ]
    }

    /// What is resident while so many streams are open and at rest; then their clients leave.
    private func residentWith(_ count: Int, on running: RunningSystem) throws(BenchmarkFailure) -> Resident {
        let load = LiveLoad.streams(users: count, outputTokens: Self.streamTokens)
        let form = load.form(try BenchPrompts(folder: nil), model: running.system.model), port = running.system.port
        let uses = running.processUses
        let ran = try LoopRun.value { loop -> (result: LoadResult, uses: ProcessUses.Uses?)? in
            guard let target = try? LoadTarget(parsing: "http://127.0.0.1:\(port)"),
                let run = try? LoadRun(
                    on: loop, sockets: EpollSockets(on: loop), target: target, address: target.host, form: form,
                    source: load.source(requests: count, seed: UInt64(count)), blockTokens: LiveLoad.blockTokens,
                    plan: load.plan(.seconds(600)), recorder: LoadRecorder())
            else { return nil }
            defer { run.close() }
            let seen = Promise<ProcessUses.Uses?>(on: loop)
            loop.spawn {
                while run.progress.begun < count, run.progress.failed == 0, run.elapsed < Self.beginLimit {
                    await loop.sleep(for: .milliseconds(50))
                }
                await loop.sleep(for: Self.lookAfter)
                seen.fulfil(run.progress.begun == count && run.progress.inFlight == count ? uses.now() : nil)
                run.stop()
            }
            guard let result = try? await run.run(), let uses = await seen.wait(until: loop.now + .seconds(1)) else { return nil }
            return (result, uses)
        }
        guard let ran, let open = ran.uses else {
            throw running.failure("not all of \(count) streams were open at once: \(ran?.result.firstFailure ?? "too slow")")
        }
        return Resident(open)
    }

    private static func resident(_ running: RunningSystem) throws(BenchmarkFailure) -> Resident {
        guard let uses = running.processUses.now() else { throw running.failure("a process ended") }
        return Resident(uses)
    }
}

/// What each process holds.
private struct Resident {
    let parts: [(part: String, mebibytes: Double)]

    init(_ uses: ProcessUses.Uses) { parts = uses.map { ($0.part.name, Double($0.use.residentBytes) / 1_048_576) } }

    var sum: Double { parts.map(\.mebibytes).reduce(0, +) }
}
