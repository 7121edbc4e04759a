import LoadGeneration

/// What several systems came to under several loads, over all turns.
struct PeerResults {
    private struct Measure: Sendable {
        let title: String
        let unit: String
        let value: @Sendable (LoadOutcome) -> Double
    }

    private static let measures = [
        Measure(title: "req/s", unit: "/s") { $0.requestsPerSecond },
        Measure(title: "tokens/s", unit: "/s") { $0.tokensPerSecond },
        Measure(title: "CPU s/1k", unit: "s") { $0.cpuPerThousand },
        Measure(title: "no engine", unit: "s") { $0.servingCPUPerThousand },
        Measure(title: "e2e p50", unit: "ms") { $0.milliseconds(.endToEnd, 50) },
        Measure(title: "e2e p99", unit: "ms") { $0.milliseconds(.endToEnd, 99) },
        Measure(title: "TTFT p50", unit: "ms") { $0.milliseconds(.serviceFirstToken, 50) },
        Measure(title: "TTFT p99", unit: "ms") { $0.milliseconds(.serviceFirstToken, 99) },
        Measure(title: "RSS", unit: "MiB") { $0.residentMiB },
    ]
    private static let cpu = 2, p99 = 5
    private static let rates = 0...1

    let systems: [String]
    let loads: [String]
    private var outcomes: [String: [LoadOutcome]] = [:]

    init(systems: [String], loads: [String]) {
        self.systems = systems
        self.loads = loads
    }

    mutating func add(_ outcome: LoadOutcome, of load: String, system: String) {
        outcomes["\(load)\n\(system)", default: []].append(outcome)
    }

    /// The median over the turns; not a number: not measured.
    private func value(_ measure: Int, _ load: String, _ system: String) -> Double {
        (outcomes["\(load)\n\(system)"] ?? []).map(Self.measures[measure].value).median
    }

    /// How many times ours; of rates, how many times ours is theirs.
    private func ratio(_ measure: Int, _ load: String, _ system: String) -> Double {
        let ours = value(measure, load, PeerComparison.ours), theirs = value(measure, load, system)
        return Self.rates.contains(measure) ? ours / theirs : theirs / ours
    }

    // MARK: For people

    /// One a load: each figure, and in parentheses how many times better that of Apus is.
    func tables() -> String {
        loads.map { load in
            var rows = [["system"] + Self.measures.map { "\($0.title)\($0.unit == "ms" ? " ms" : $0.unit == "MiB" ? " MiB" : "")" }]
            rows += systems.map { system in [system] + Self.measures.indices.map { cell($0, load, system) } }
            let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
            let lines = rows.map { row in
                row.indices.map { row[$0] + String(repeating: " ", count: widths[$0] - row[$0].count) }.joined(separator: "  ")
            }
            return "\n\(load)\n" + lines.joined(separator: "\n") + "\n"
        }.joined() + "\n"
    }

    private func cell(_ measure: Int, _ load: String, _ system: String) -> String {
        let value = value(measure, load, system)
        guard value.isFinite else { return "–" }
        guard system != PeerComparison.ours, systems.contains(PeerComparison.ours) else { return NumberText.short(value) }
        let ratio = ratio(measure, load, system)
        return ratio.isFinite ? "\(NumberText.short(value)) (\(NumberText.short((ratio * 10).rounded() / 10))x)" : NumberText.short(value)
    }

    // MARK: For programs

    /// Those whose figure over ours is promised.
    func budgets() -> [Figure] {
        let promises: [(load: String, system: String, measure: Int, name: String, least: Double)] = [
            ("answers c64", "dynamo", Self.cpu, "CPU", 10), ("answers c64", "sglang-router", Self.cpu, "CPU", 1.5),
            ("streams c64", "dynamo", Self.cpu, "CPU", 10), ("streams c64", "sglang-router", Self.cpu, "CPU", 3.5),
            ("long prompts c16", "dynamo-fast", Self.cpu, "CPU", 6), ("one answer", "dynamo", Self.p99, "p99", 3),
            ("one stream", "dynamo", Self.p99, "p99", 3),
        ]
        return promises.compactMap { promise in
            let ratio = ratio(promise.measure, promise.load, promise.system)
            guard ratio.isFinite else { return nil }
            return Figure("\(promise.load): \(promise.name), \(promise.system) : apus", ratio, "x", .atLeast(promise.least))
        }
    }

    func figures() -> [Figure] {
        loads.flatMap { load in
            systems.flatMap { system in
                Self.measures.enumerated().flatMap { place, measure in
                    [
                        Figure("\(load): \(system): \(measure.title)", value(place, load, system), measure.unit),
                        Figure("\(load): \(system): \(measure.title), times ours", ratio(place, load, system), "x"),
                    ].filter { $0.measured.isFinite }
                }
            }
        }
    }
}
