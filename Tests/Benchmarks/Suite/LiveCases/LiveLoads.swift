import LoadGeneration

/// A frontend, a router and four workers under loads of one kind, some of which are judged by what they cost all processes together.
struct LiveLoads: BenchmarkCase {
    let name: String
    var pace = ApusSystem.Pace.none
    /// The most that 1,000 requests may cost, in seconds of processor time; nil: shown, and judged by nobody.
    let loads: [(load: LiveLoad, budget: Double?)]

    static let answers = LiveLoads(name: "answers", loads: [(.answers(users: 64), 0.07), (.answers(users: 256), nil)])
    static let streams = LiveLoads(name: "streams", loads: [(.streams(users: 64), 0.30), (.streams(users: 256), nil)])
    static let longPrompts = LiveLoads(name: "long-prompts", loads: [(.longPrompts(users: 16), 0.25), (.longPrompts(users: 64), nil)])

    func run(_ settings: Settings) throws(BenchmarkFailure) -> [Figure] {
        let prompts = try BenchPrompts(folder: settings.model), measuring = LoadMeasuring(settings, prompts)
        let running = try RunningSystem(ApusSystem(settings, model: prompts.model).system())
        var figures: [Figure] = []
        for (load, budget) in loads {
            figures += Self.figures(try measuring.outcome(of: load, on: running), load, budget: budget)
        }
        return figures
    }

    static func figures(_ outcome: LoadOutcome, _ load: LiveLoad, budget: Double?) -> [Figure] {
        let name = load.name
        var figures = [
            Figure("\(name): CPU of 1,000 requests", outcome.cpuPerThousand, "s", budget.map { .atMost($0) })
        ]
        figures += outcome.parts.map { Figure("\(name): … of it \($0)", outcome.cpuPerThousand(of: $0), "s") }
        figures += [
            Figure("\(name): requests/s", outcome.requestsPerSecond, "/s"),
            Figure("\(name): tokens/s", outcome.tokensPerSecond, "/s"),
            Figure("\(name): tokens of a prompt", outcome.promptTokens, ""),
            Figure("\(name): end to end, p50", outcome.milliseconds(.endToEnd, 50), "ms"),
            Figure("\(name): end to end, p99", outcome.milliseconds(.endToEnd, 99), "ms"),
        ]
        if load.streams {
            figures += [
                Figure("\(name): first token, p50", outcome.milliseconds(.serviceFirstToken, 50), "ms"),
                Figure("\(name): first token, p99", outcome.milliseconds(.serviceFirstToken, 99), "ms"),
                Figure("\(name): between pieces, p50", outcome.milliseconds(.betweenPieces, 50), "ms"),
                Figure("\(name): between pieces, p99", outcome.milliseconds(.betweenPieces, 99), "ms"),
                Figure("\(name): CPU of a piece", outcome.cpuMicrosecondsPerPiece, "µs"),
            ]
        }
        figures.append(Figure("\(name): resident", outcome.residentMiB, "MiB"))
        figures.append(Figure("\(name): resident, peaks", outcome.peakMiB, "MiB"))
        return figures
    }
}
