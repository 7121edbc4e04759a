import ClusterModel
import EventLoop
import Glibc
import LoadGeneration

/// Resident memory of a frontend, a router and a worker: before any load, after loads, with many streams open, and when those have ended.
struct MemoryUse: BenchmarkCase {
    let name = "memory"
    private static let idleMiB = 45.0, loadedMiB = 80.0, streamKiB = 24.0
    /// Tokens of a stream, one a step of the engine: streams are at rest in between, and all are open for as many steps, less one.
    private static let streamTokens = 5
    /// In steps: all are open and none has ended yet.
    private static let lookAfter = 3.5
    /// What is given back is given back by then.
    private static let restSeconds: UInt32 = 3

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
        let step = settings.isQuick ? 500 : 1_000
        apus.pace = .milliseconds(step)
        let running = try RunningSystem(apus.system())
        // What the first requests of all bring along is no stream's.
        try open(64, step, on: running, nil)
        let before = try Self.resident(running)
        var open: Resident?
        try self.open(count, step, on: running) { open = $0 }
        sleep(Self.restSeconds)
        let after = try Self.resident(running)
        guard let open else { throw running.failure("not all of \(count) streams were open at once") }
        let taken = (open.sum - before.sum) * 1_024 / Double(count)
        var figures = [Figure("\(count) open streams: each", taken, "KiB", .atMost(Self.streamKiB))]
        figures += zip(open.parts, before.parts).map { open, before in
            Figure("\(count) open streams: each, \(open.part)", (open.mebibytes - before.mebibytes) * 1_024 / Double(count), "KiB")
        }
        return figures + [
            Figure("\(count) streams that have ended: still resident", after.sum, "MiB", .atMost(Self.loadedMiB)),
            Figure("\(count) streams that have ended: … before them", before.sum, "MiB"),
        ]
    }

    /// Opens so many streams, all at once; tells what is resident when they are at rest.
    private func open(
        _ count: Int, _ stepMilliseconds: Int, on running: RunningSystem, _ tell: ((Resident) -> Void)?
    ) throws(BenchmarkFailure) {
        let load = LiveLoad.streams(users: count, outputTokens: Self.streamTokens)
        let form = load.form(try BenchPrompts(folder: nil), model: running.system.model), port = running.system.port
        let uses = running.processUses
        let ran = try LoopRun.value { loop -> (result: LoadResult, inFlight: Int, uses: ProcessUses.Uses?)? in
            guard let target = try? LoadTarget(parsing: "http://127.0.0.1:\(port)"),
                let run = try? LoadRun(
                    on: loop, sockets: EpollSockets(on: loop), target: target, address: target.host, form: form,
                    source: load.source(requests: count, seed: UInt64(count)), blockTokens: LiveLoad.blockTokens,
                    plan: load.plan(.seconds(120)), recorder: LoadRecorder())
            else { return nil }
            defer { run.close() }
            var inFlight = 0, seen: ProcessUses.Uses?
            loop.schedule(after: .milliseconds(stepMilliseconds) * Self.lookAfter) {
                inFlight = run.progress.inFlight
                seen = uses.now()
            }
            guard let result = try? await run.run() else { return nil }
            return (result, inFlight, seen)
        }
        guard let ran, ran.result.progress.complete == count, ran.result.progress.failed == 0 else {
            throw running.failure("of \(count) streams not all were answered: \(ran?.result.firstFailure ?? "")")
        }
        if let uses = ran.uses, ran.inFlight == count { tell?(Resident(uses)) }
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
