import LoadGeneration

/// Streams whose engine takes exactly 10 ms a token: what a chunk costs when each is a turn, a message and a send of its own; beside a server in C
/// that only writes such chunks.
struct PacedStreams: BenchmarkCase {
    let name = "paced"
    private static let stepMilliseconds = 10
    private static let load = LiveLoad.streams(users: 64)

    func run(_ settings: Settings) throws(BenchmarkFailure) -> [Figure] {
        let prompts = try BenchPrompts(folder: settings.model)
        var apus = try ApusSystem(settings, model: prompts.model)
        apus.pace = .milliseconds(Self.stepMilliseconds)
        let outcome = try LoadMeasuring(settings, prompts).outcome(of: Self.load, on: try RunningSystem(apus.system()))
        let chunks = Double(max(outcome.pieces, 1))
        let twin = try PacedEvents.chunkMicroseconds(inC: true, streams: Self.load.users, settings)
        let parts = outcome.parts.map { part in
            Figure("… of it \(part)", outcome.cpuPerThousand(of: part) * outcome.requests / 1_000 * 1e6 / chunks, "µs")
        }
        return [Figure("CPU a chunk, all processes", outcome.cpuMicrosecondsPerPiece, "µs")] + parts + [
            Figure("CPU a chunk, C", twin, "µs"),
            Figure("CPU a chunk, all processes : C", outcome.cpuMicrosecondsPerPiece / twin, "x", .atMost(1.3)),
            Figure("chunks/s", chunks / outcome.seconds, "/s"),
            Figure("first token, p50", outcome.milliseconds(.serviceFirstToken, 50), "ms"),
            Figure("first token, p99", outcome.milliseconds(.serviceFirstToken, 99), "ms"),
            Figure("between chunks, p50", outcome.milliseconds(.betweenPieces, 50), "ms"),
            Figure("between chunks, p99", outcome.milliseconds(.betweenPieces, 99), "ms"),
        ]
    }
}
