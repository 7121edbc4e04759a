import ClusterModel
import LoadGeneration

/// What came of a load: what its users saw, and what the servers used for it.
struct LoadOutcome: Sendable {
    /// Of all processes with one part in the system.
    struct Cost: Sendable {
        let part: String
        let isEngine: Bool
        var cpuSeconds: Double
        var residentBytes: Double
        var peakBytes: Double
    }

    let summary: LoadSummary
    let pieces: Int
    let seconds: Double
    let costs: [Cost]

    var requests: Double { Double(summary.counts.complete) }
    var requestsPerSecond: Double { requests / seconds }
    var tokensPerSecond: Double { Double(summary.counts.outputTokens) / seconds }
    /// As the servers count them, with what the chat template adds.
    var promptTokens: Double { Double(summary.counts.promptTokens) / requests }
    var cpuSeconds: Double { costs.map(\.cpuSeconds).reduce(0, +) }
    var cpuPerThousand: Double { cpuSeconds * 1_000 / requests }
    var servingCPUPerThousand: Double { costs.filter { !$0.isEngine }.map(\.cpuSeconds).reduce(0, +) * 1_000 / requests }
    var residentMiB: Double { costs.map(\.residentBytes).reduce(0, +) / 1_048_576 }
    var peakMiB: Double { costs.map(\.peakBytes).reduce(0, +) / 1_048_576 }
    var cpuMicrosecondsPerPiece: Double { cpuSeconds * 1e6 / Double(max(pieces, 1)) }

    func cpuPerThousand(of part: String) -> Double {
        costs.filter { $0.part == part }.map(\.cpuSeconds).reduce(0, +) * 1_000 / requests
    }

    /// Milliseconds; not a number where nothing was measured.
    func milliseconds(_ measure: LatencyMeasure, _ percent: Double) -> Double {
        summary[measure].percentile(percent).map { $0.inSeconds * 1e3 } ?? .nan
    }

    /// In the order in which the parts were started.
    var parts: [String] {
        var names: [String] = []
        for cost in costs where !names.contains(cost.part) { names.append(cost.part) }
        return names
    }
}
