package import ClusterModel

/// Measures the speed of one placement by the requests that this router planned there.
///
/// Their lengths are known from whoever asked, never from the worker. Their durations are the worker's word, which no network delays; but one that
/// is much shorter than what passed on this router's clock between the same two events is not believed, and that time counts instead. It also counts
/// where the worker says nothing. A worker that praises itself thus gains the slack and no more, one that says nonsense gains nothing.
package struct LatencyMeter: Hashable, Sendable {
    package enum Verdict: String, CaseIterable, Sendable {
        case taken
        /// The router's clock, or a bound, counted instead of the worker's word.
        case corrected
        case ignored

        /// Among all cases.
        package var place: Int {
            switch self {
            case .taken: 0
            case .corrected: 1
            case .ignored: 2
            }
        }
    }

    package struct Limits: Hashable, Sendable {
        /// No stage of a request lasts longer: its first token is given up long before.
        package var longest = Duration.seconds(600)
        /// Beside twice what was said, so much may pass on the router's clock: events are gathered, and wait for those that were lost before them.
        package var slack = Duration.milliseconds(250)
        /// No engine is faster.
        package var promptToken = Duration.nanoseconds(200)
        package var step = Duration.microseconds(20)
        /// Without a measurement for so long the placement counts as unmeasured: what slowed it down may be over, and nobody would find out.
        package var lasting = Duration.seconds(120)

        package init() {}
    }

    private let limits: Limits
    private var model = LatencyModel()
    private var measuredAt: Instant?
    /// Durations that were taken, corrected or not.
    package private(set) var count: UInt64 = 0

    package init(limits: Limits = Limits()) { self.limits = limits }

    // MARK: What is seen

    /// Its prefill is done; `lease` as it was before. `reported` is 0 where the worker does not measure.
    package mutating func prefilled(_ lease: Lease, reported: Duration, at now: Instant) -> Verdict {
        // A decode leg's prompt was computed elsewhere: how long it took to come says nothing of this placement.
        guard lease.role != .decode, lease.isPredicted, let timing = lease.timing, timing.computedTokens > 0 else { return .ignored }
        guard let (took, verdict) = believed(reported, since: timing.startedAt, Self.least(timing.computedTokens, limits.promptToken), now)
        else { return .ignored }
        model.prefilled(tokens: timing.computedTokens, in: took)
        noted(now)
        return verdict
    }

    /// It has ended, after so many tokens of all its choices; `heldBlocks` by everybody there. `reported` is 0 where the worker does not measure.
    package mutating func ended(_ lease: Lease, outputTokens: UInt32, reported: Duration, heldBlocks: UInt64, at now: Instant) -> Verdict {
        guard let timing = lease.timing, timing.choices > 0 else { return .ignored }
        // Choices are decoded side by side, and each one's first token comes with the prefill.
        let steps = min(UInt64(outputTokens), timing.mostOutputTokens) / UInt64(timing.choices)
        guard steps > 1 else { return .ignored }
        let tokens = UInt32(clamping: steps - 1)
        guard let (took, verdict) = believed(reported, since: timing.prefilledAt ?? timing.startedAt, Self.least(tokens, limits.step), now)
        else { return .ignored }
        model.decoded(tokens: tokens, in: took, heldBlocks: heldBlocks)
        noted(now)
        return verdict
    }

    /// What so many of them take at least. A product of a duration is computed in software.
    private static func least(_ count: UInt32, _ each: Duration) -> Duration {
        .span(ofNanoseconds: each.inNanoseconds * Int64(count))
    }

    private mutating func noted(_ now: Instant) {
        measuredAt = now
        count += 1
    }

    private func believed(_ reported: Duration, since began: Instant?, _ shortest: Duration, _ now: Instant) -> (Duration, Verdict)? {
        let observed = began.map { $0.duration(to: now) } ?? .zero
        let isDoubted = reported <= .zero || reported > limits.longest || observed > reported + reported + limits.slack
        let took = isDoubted ? observed : reported
        guard took > .zero, took <= limits.longest else { return nil }
        // Without a word of the worker's there was nothing to correct.
        return (max(took, shortest), isDoubted && reported != .zero || took < shortest ? .corrected : .taken)
    }

    // MARK: What follows

    /// Nil: not measured, or too long ago.
    package func estimate(at now: Instant) -> LatencyEstimate? {
        guard let measuredAt, measuredAt.duration(to: now) < limits.lasting else { return nil }
        return model.estimate
    }

    /// Old measurements say nothing of what a placement does after a rest: the next ones begin anew.
    package mutating func expire(at now: Instant) {
        guard let measured = measuredAt, measured.duration(to: now) >= limits.lasting else { return }
        model = LatencyModel()
        measuredAt = nil
    }
}
