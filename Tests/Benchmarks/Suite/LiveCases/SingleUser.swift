import LoadGeneration

/// One user who asks again and again, on a machine that does nothing else: what a request takes when nobody is in its way.
struct SingleUser: BenchmarkCase {
    let name = "latency"
    private static let p50Milliseconds = 0.40

    func run(_ settings: Settings) throws(BenchmarkFailure) -> [Figure] {
        let prompts = try BenchPrompts(folder: settings.model), measuring = LoadMeasuring(settings, prompts)
        let running = try RunningSystem(ApusSystem(settings, model: prompts.model).system())
        var figures: [Figure] = []
        for streams in [false, true] {
            let load = LiveLoad.single(streams: streams), outcome = try measuring.outcome(of: load, on: running)
            figures += [
                Figure("\(load.name): end to end, p50", outcome.milliseconds(.endToEnd, 50), "ms", .atMost(Self.p50Milliseconds)),
                Figure("\(load.name): end to end, p99", outcome.milliseconds(.endToEnd, 99), "ms"),
                Figure("\(load.name): CPU of 1,000 requests", outcome.cpuPerThousand, "s"),
            ]
            if streams {
                figures.append(Figure("\(load.name): first token, p50", outcome.milliseconds(.serviceFirstToken, 50), "ms"))
                figures.append(Figure("\(load.name): first token, p99", outcome.milliseconds(.serviceFirstToken, 99), "ms"))
            }
        }
        return figures
    }
}
