import ClusterModel

/// What came of one run, or of several hosts' parts of it: counts, and distributions that merge without loss.
package struct LoadSummary: Equatable, Sendable {
    /// Kinds of failures that are told apart: more than any server has, fewer than a hostile one could invent.
    static let mostKinds = 32
    /// Longer names of kinds are cut.
    static let kindBytes = 64
    /// Tenants that are told apart: a table that people read.
    static let mostTenants = 64

    package let limits: GoodputLimits
    /// Summaries that this one is made of.
    package internal(set) var parts = 1
    package internal(set) var counts = RequestCounts()
    package internal(set) var series = RunSeries()
    var histograms = LatencyMeasure.allCases.map { _ in LatencyHistogram() }
    var failures = BoundedTally<String, UInt64>(limit: LoadSummary.mostKinds, zero: 0)
    var tenants = BoundedTally<UInt32, RequestCounts>(limit: LoadSummary.mostTenants, zero: RequestCounts())
    /// From the begin of the run; hosts that are merged are taken to have begun together.
    package internal(set) var firstDue: Duration?
    package internal(set) var lastDue: Duration?
    package internal(set) var lastEnd: Duration?

    package init(limits: GoodputLimits = GoodputLimits()) { self.limits = limits }

    package subscript(measure: LatencyMeasure) -> LatencyHistogram { histograms[measure.rawValue] }

    /// Failures by kind, by name; nil stands for kinds beyond the limit.
    package var failuresByKind: [(kind: String?, count: UInt64)] {
        failures.sorted.map { ($0.key, $0.value) } + (failures.other.map { [(nil, $0)] } ?? [])
    }

    /// By number; nil stands for tenants beyond the limit.
    package var countsByTenant: [(tenant: UInt32?, counts: RequestCounts)] {
        tenants.sorted.map { ($0.key, $0.value) } + (tenants.other.map { [(nil, $0)] } ?? [])
    }

    // MARK: Rates

    /// From the first request that was due to the last end: with what a server owed when the load ended.
    package var span: Duration {
        guard let firstDue, let lastEnd else { return .zero }
        return max(.zero, lastEnd - firstDue)
    }

    /// Requests offered a second while they were; nil: at one moment.
    package var offeredPerSecond: Double? {
        guard let firstDue, let lastDue, lastDue > firstDue, counts.offered > UInt64(parts) else { return nil }
        // Each host's first request ends no gap between two.
        return Double(counts.offered - UInt64(parts)) / ((lastDue - firstDue).inSeconds)
    }

    package var completePerSecond: Double? { perSecond(counts.complete) }
    /// Goodput: requests within their limits a second.
    package var goodPerSecond: Double? { perSecond(counts.good) }
    package var outputTokensPerSecond: Double? { perSecond(counts.outputTokens) }
    package var promptTokensPerSecond: Double? { perSecond(counts.promptTokens) }

    private func perSecond(_ count: UInt64) -> Double? { span > .zero ? Double(count) / span.inSeconds : nil }

    // MARK: Many hosts

    /// Adds what another host measured under the same limits. Exact: the sum is what one host would have measured.
    package mutating func merge(_ other: LoadSummary) throws(SummaryMergeError) {
        guard limits.inMicroseconds == other.limits.inMicroseconds else { throw .differentLimits(limits, other.limits) }
        parts += other.parts
        counts.merge(other.counts)
        series.merge(other.series)
        for index in histograms.indices { histograms[index].merge(other.histograms[index]) }
        failures.merge(other.failures) { $0 += $1 }
        tenants.merge(other.tenants) { $0.merge($1) }
        firstDue = [firstDue, other.firstDue].compactMap { $0 }.min()
        lastDue = [lastDue, other.lastDue].compactMap { $0 }.max()
        lastEnd = [lastEnd, other.lastEnd].compactMap { $0 }.max()
    }
}

/// Why two summaries are not one.
package enum SummaryMergeError: Error, Hashable, CustomStringConvertible {
    case differentLimits(GoodputLimits, GoodputLimits)

    package var description: String {
        switch self {
        case .differentLimits(let one, let other):
            "the goodput limits differ, so good requests cannot be summed up: \(one) and \(other)"
        }
    }
}

extension Duration {
    package var inSeconds: Double { Double(inNanoseconds) / 1e9 }
}
