import LoadGeneration
import ServiceRuntime

/// The trace that the index replays and that simulated fleets are offered.
enum RequestTrace {
    /// Mooncake's conversation trace (FAST'25): 12,031 requests in blocks of 512 tokens.
    private static let conversations = "Tests/Fixtures/traces/mooncake-conversation.jsonl.zst"

    static func workload(_ settings: Settings) throws(BenchmarkFailure) -> Workload {
        let path = settings.trace ?? conversations
        do {
            let file = try FileReader.system.read(path, TraceLimits.fileBytes)
            return try TraceReader().read(file, name: path.split(separator: "/").last.map(String.init) ?? path)
        } catch { throw BenchmarkFailure("\(path): \(error)") }
    }

    /// The blocks of each prompt.
    static func prompts(_ settings: Settings) throws(BenchmarkFailure) -> [[UInt64]] {
        let prompts = try workload(settings).requests.map { $0.blocks.map(SeededNumbers.mixed) }
        guard prompts.contains(where: { !$0.isEmpty }) else { throw BenchmarkFailure("the trace says nothing of blocks") }
        return prompts
    }
}
