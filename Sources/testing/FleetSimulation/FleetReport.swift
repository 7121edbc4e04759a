import Engines
import JSONText
package import LoadGeneration

/// What a simulated run is told as: what its clients saw, and what went on behind it.
package struct FleetReport {
    private let result: FleetSimulation.Result
    private let options: FleetOptions

    package init(_ result: FleetSimulation.Result, _ options: FleetOptions) {
        self.result = result
        self.options = options
    }

    private var figures: FleetFigures { result.figures }
    private var summary: LoadSummary { result.recorder.summary }

    /// Beside the other runs of a comparison.
    package func run(named name: String) -> Comparison.Run {
        Comparison.Run(
            name: name, summary: summary,
            figures: [
                .init(name: "hit_rate", title: "Hit", style: .share, value: figures.hitRate),
                .init(name: "request_skew", title: "Req skew", value: figures.requestSkew),
                .init(name: "prefill_skew", title: "Prefill skew", value: figures.prefillSkew),
                .init(
                    name: "queue_wait_p99", title: "Queue p99", style: .duration, value: figures.queueWaits.percentile(99)?.inSeconds),
            ])
    }

    package func report(title: String, of workload: Workload, facts more: [LoadReport.Fact] = []) -> LoadReport {
        var report = LoadReport(
            title: title, facts: facts(workload) + more, summary: summary, sections: [cache, queue, workers, decisions].compactMap { $0 })
        report.members = members
        return report
    }

    /// What was simulated, in words.
    package static func facts(of workload: Workload, _ options: FleetOptions) -> [LoadReport.Fact] {
        let fleet =
            options.isSplit
            ? "\(options.prefillWorkers) prefill + \(options.decodeWorkers) decode"
                + (options.workers > 0 ? " + \(options.workers) aggregated" : "") : "\(options.workers) workers"
        var facts: [LoadReport.Fact] = [
            .init("load", workload.source),
            .init("offered", "\(workload.requests.count) requests, \(decimals(workload.requestsPerSecond, 2)) a second"),
            .init(
                "fleet",
                fleet + (options.ranks > 1 ? " of \(options.ranks) ranks" : "")
                    + ", \(options.room.totalBlocks) blocks of \(options.blockSize) tokens each"),
        ]
        if options.routers > 1 {
            facts.append(
                .init(
                    "routers",
                    "\(options.routers), chosen by \(options.routerChoice.rawValue), hear of one another after "
                        + "\(decimals(options.syncDelay.inSeconds * 1e3, 1)) ms, \(decimals(options.syncLoss * 100, 1)) % never"))
        }
        if !options.faults.isEmpty { facts.append(.init("faults", "\(options.faults.count)")) }
        facts.append(.init("seed", "\(options.seed)"))
        return facts
    }

    private func facts(_ workload: Workload) -> [LoadReport.Fact] {
        Self.facts(of: workload, options) + [
            .init("policy", options.policy.name),
            .init("virtual time", "\(decimals(figures.duration.inSeconds, 1)) s, \(figures.steps) steps"),
        ]
    }

    // MARK: For programs

    private var members: [(name: String, value: JSONValue)] {
        [
            ("policy", .string(options.policy.name)),
            ("hit_rate", .double(figures.hitRate)), ("reachable_hit_rate", .double(figures.reachableHitRate)),
            ("request_skew", .double(figures.requestSkew)), ("prefill_skew", .double(figures.prefillSkew)),
            ("goodput", .double(summary.goodPerSecond ?? 0)), ("good_share", .double(summary.counts.goodShare ?? 0)),
            ("ttft_ms", percentiles(.firstToken)), ("itl_ms", percentiles(.betweenTokens)), ("tpot_ms", percentiles(.perToken)),
            ("e2e_ms", percentiles(.endToEnd)), ("queue_wait_ms", percentiles(figures.queueWaits)),
            (
                "events",
                [
                    "parked": JSONValue(whole: figures.parked), "shed": JSONValue(whole: figures.shed),
                    "overbooked": JSONValue(whole: figures.refused),
                    "moved": JSONValue(whole: figures.moved), "split": JSONValue(whole: figures.split),
                    "preempted": JSONValue(whole: figures.preempted),
                    "leases_left": JSONValue(whole: figures.leasesLeft),
                ]
            ),
            ("requests_by_worker", .array(figures.requests.map { JSONValue(whole: $0) })),
            ("prefill_tokens_by_worker", .array(figures.prefillTokens.map { JSONValue(whole: $0) })),
        ]
    }

    private func percentiles(_ measure: LatencyMeasure) -> JSONValue { percentiles(summary[measure]) }

    private func percentiles(_ histogram: LatencyHistogram) -> JSONValue {
        var object = JSONObject()
        for percent in [50, 90, 95, 99] {
            object["p\(percent)"] = histogram.percentile(Double(percent)).map { .double($0.inSeconds * 1e3) } ?? .null
        }
        return .object(object)
    }

    // MARK: For people

    private func table(_ rows: [[String]], _ columns: [String]) -> ReportTable {
        ReportTable(columns: columns.enumerated().map { .init($1, isNumber: $0 > 0) }, rows: rows)
    }

    private var cache: ReportSection {
        ReportSection(
            title: "Cache",
            note:
                "Of all blocks of all prompts. Reachable is what one cache without a bound would have found, asked in the order of arrival.",
            tables: [
                table(
                    [
                        [
                            NumberStyle.share.text(figures.hitRate), NumberStyle.share.text(figures.reachableHitRate),
                            decimals(figures.requestSkew, 3), decimals(figures.prefillSkew, 3),
                        ]
                    ], ["Hit", "Reachable", "Request skew", "Prefill skew"])
            ])
    }

    private var queue: ReportSection {
        let waits = figures.queueWaits
        func text(_ percent: Double) -> String { NumberStyle.duration.text(waits.percentile(percent)?.inSeconds) }
        return ReportSection(
            title: "At the routers",
            tables: [
                table(
                    [
                        [
                            "\(figures.parked)", text(50), text(99), "\(figures.shed)", "\(figures.refused)", "\(figures.moved)",
                            "\(figures.split)", "\(figures.preempted)",
                        ]
                    ], ["Parked", "Wait p50", "Wait p99", "Shed", "Overbooked", "Moved", "Split", "Preempted"])
            ])
    }

    /// Of more workers than a page has room for, those at the edges say the most.
    private static let shownWorkers = 32

    private var workers: ReportSection? {
        guard figures.requests.count <= Self.shownWorkers else { return nil }
        let names = figures.requests.indices.map { "worker \($0)" }
        let prefill = BarChart(
            title: "Tokens of prompts computed", axis: ChartAxis("tokens", style: .plain), categories: names,
            series: [.init("computed", figures.prefillTokens.map(Double.init))])
        let rows = figures.requests.indices.map { index in
            [
                names[index], "\(figures.requests[index])", NumberStyle.plain.text(Double(figures.prefillTokens[index])),
                NumberStyle.share.text(figures.busyShares[index]),
            ]
        }
        return ReportSection(
            title: "Workers that compute prompts",
            tables: [table(rows, ["Worker", "Requests", "Tokens computed", "Time in steps"])], charts: [.bars(prefill)])
    }

    private var decisions: ReportSection? {
        guard !figures.decisions.isEmpty else { return nil }
        return ReportSection(
            title: "Decisions, in real time",
            note: "The selection alone, of \(figures.decisions.count); the only figures here that another machine would not repeat.",
            tables: [
                table(
                    [[decimals(figures.decision(0.5), 1), decimals(figures.decision(0.9), 1), decimals(figures.decision(0.99), 1)]],
                    ["p50 µs", "p90 µs", "p99 µs"])
            ])
    }
}

extension JSONValue {
    fileprivate init(whole number: Int) { self = .number(JSONNumber(Int64(number))) }
}

/// With so many digits behind the point.
func decimals(_ value: Double, _ digits: Int) -> String {
    guard value.isFinite else { return "–" }
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    let rounded = Int64((value.magnitude * scale).rounded()), whole = rounded / Int64(scale)
    let rest = String(rounded % Int64(scale))
    let sign = value < 0 && rounded > 0 ? "-" : ""
    return sign + "\(whole)" + (digits > 0 ? "." + String(repeating: "0", count: digits - rest.count) + rest : "")
}
