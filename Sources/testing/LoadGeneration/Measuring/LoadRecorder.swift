import ClusterModel

/// Gathers what becomes of the requests of one run.
///
/// Recording costs a few additions in memory that has its size from the begin, so that the core which sends and receives can measure as well.
package struct LoadRecorder: Sendable {
    package private(set) var summary: LoadSummary

    package var limits: GoodputLimits { summary.limits }
    package var outcomes: Int { Int(summary.counts.offered) }

    package init(limits: GoodputLimits = GoodputLimits()) { summary = LoadSummary(limits: limits) }

    /// A piece of an answer came so long after the one before it, with so many tokens; the first piece ends no gap.
    ///
    /// Counts once between pieces, and between tokens as `tokens` gaps that sum up to this one.
    package mutating func gap(_ duration: Duration, tokens: UInt32 = 1) {
        guard tokens > 0 else { return }
        let microseconds = duration.roundedMicroseconds
        summary.histograms[LatencyMeasure.betweenPieces.rawValue].record(microseconds: microseconds, times: 1)
        guard tokens > 1 else {
            return summary.histograms[LatencyMeasure.betweenTokens.rawValue].record(microseconds: microseconds, times: 1)
        }
        let (share, rest) = microseconds.quotientAndRemainder(dividingBy: UInt64(tokens))
        summary.histograms[LatencyMeasure.betweenTokens.rawValue].record(microseconds: share, times: UInt64(tokens) - rest)
        summary.histograms[LatencyMeasure.betweenTokens.rawValue].record(microseconds: share + 1, times: rest)
    }

    /// Every request of the load ends here once, also those that failed or were never sent: what is left out makes the rest look better.
    package mutating func ended(_ outcome: RequestOutcome) {
        let isGood = summary.limits.holds(outcome)
        summary.counts.add(outcome, isGood: isGood)
        summary.tenants.update(outcome.tenant) { $0.add(outcome, isGood: isGood) }
        summary.firstDue = min(summary.firstDue ?? outcome.due, outcome.due)
        summary.lastDue = max(summary.lastDue ?? outcome.due, outcome.due)
        summary.lastEnd = max(summary.lastEnd ?? outcome.ended, outcome.ended)
        // Nanoseconds once, and from there plain integers: arithmetic with durations is that of 128 bits.
        let due = outcome.due.inNanoseconds, sent = outcome.sent.inNanoseconds, end = outcome.ended.inNanoseconds
        let first = outcome.firstToken?.inNanoseconds
        record(.sendDelay, sent - due)
        if let first {
            record(.firstToken, first - due)
            record(.serviceFirstToken, first - sent)
        }
        summary.series.add(outcome.end, outputTokens: outcome.outputTokens, due: due, sent: sent, firstToken: first, ended: end)
        switch outcome.end {
        case .complete:
            record(.endToEnd, end - due)
            if let first, outcome.outputTokens > 1 { record(.perToken, (end - first) / Int64(outcome.outputTokens - 1)) }
        case .failed(let kind):
            record(.untilFailure, end - due)
            summary.failures.update(kind.cut(toBytes: LoadSummary.kindBytes)) { $0 += 1 }
        case .left, .unsent: break
        }
    }

    @inline(__always)
    private mutating func record(_ measure: LatencyMeasure, _ nanoseconds: Int64) {
        summary.histograms[measure.rawValue].record(microseconds: nanoseconds.roundedMicroseconds, times: 1)
    }
}

extension String {
    /// At most so many bytes of whole characters; most texts are short and stay what they are.
    fileprivate func cut(toBytes limit: Int) -> String {
        guard utf8.count > limit else { return self }
        var text = self
        while text.utf8.count > limit - 3 { text.removeLast() }
        return text + "…"
    }
}
