import LoadGeneration

/// Prompts of 100,000 tokens that are given as tokens, so that nobody tokenizes: what blocks cost the processes, above all the router, which
/// looks each of them up, books it, and is told of it by its worker.
struct LongTokens: BenchmarkCase {
    let name = "long-tokens"
    private static let users = 4
    private static let contextLength = 131_072
    /// 0.02 of a core for each request a second.
    private static let routerMilliseconds = 20.0

    func run(_ settings: Settings) throws(BenchmarkFailure) -> [Figure] {
        let prompts = try BenchPrompts(folder: settings.model), measuring = LoadMeasuring(settings, prompts)
        var apus = try ApusSystem(settings, model: prompts.model)
        apus.contextLength = Self.contextLength
        let running = try RunningSystem(apus.system())
        var figures: [Figure] = []
        for load in [LiveLoad.longTokens(users: Self.users, isShared: false), .longTokens(users: Self.users, isShared: true)] {
            let outcome = try measuring.outcome(of: load, on: running)
            // Seconds of 1,000 requests are milliseconds of one.
            figures += outcome.parts.map { part in
                let isJudged = part == "router"
                return Figure(
                    "\(isJudged ? "T38: " : "")\(load.name): CPU of a request, \(part)", outcome.cpuPerThousand(of: part), "ms",
                    isJudged ? .atMost(Self.routerMilliseconds) : nil)
            }
            figures += [
                Figure("\(load.name): tokens of a prompt", outcome.promptTokens, ""),
                Figure("\(load.name): requests/s", outcome.requestsPerSecond, "/s"),
                Figure("\(load.name): end to end, p50", outcome.milliseconds(.endToEnd, 50), "ms"),
            ]
        }
        return figures
    }
}
