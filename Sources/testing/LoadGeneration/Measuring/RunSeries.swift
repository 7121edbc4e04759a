import ClusterModel

/// What happened when: a run cut into equal spans, at most `mostSpans` of them. When it gets longer, two neighbours become one, so that an hour costs
/// no more than a minute, and no point of a chart is made up of less than the others.
package struct RunSeries: Equatable, Sendable {
    /// One span of the run, from `index` times the series' width.
    package struct Span: Equatable, Sendable {
        /// Requests sent.
        package internal(set) var begun: UInt64 = 0
        /// Of those that were sent, whatever their end.
        package internal(set) var ended: UInt64 = 0
        /// Failed, or never sent.
        package internal(set) var failed: UInt64 = 0
        /// Output tokens: a request's are spread evenly from its first one to its end.
        package internal(set) var tokens: UInt64 = 0
        /// Requests that had a first token, by when they were due.
        package internal(set) var firstTokens: UInt64 = 0

        var isEmpty: Bool { self == Span() }

        mutating func merge(_ other: Span) {
            begun += other.begun
            ended += other.ended
            failed += other.failed
            tokens += other.tokens
            firstTokens += other.firstTokens
        }
    }

    /// As wide as a chart has points to show, and few enough to keep a distribution in each (900 KiB in all).
    static let mostSpans = 256
    static let narrowest = Duration.milliseconds(100)
    /// Up to here doubling reaches every duration that is told apart (292 years) without overflow.
    static let mostDoublings = 28
    static var scale: HistogramScale { .coarse }

    private static let slotCount = scale.slotCount

    package private(set) var width: Duration
    private var widthNanoseconds: Int64
    private var all: [Span]
    /// One histogram of the time to the first token a span, one after another.
    private var firstTokenCounts: [UInt32]
    private var used = 0

    init() { self.init(doublings: 0) }

    init(doublings: Int) {
        width = RunSeries.narrowest * (1 << min(doublings, RunSeries.mostDoublings))
        widthNanoseconds = width.inNanoseconds
        all = Array(repeating: Span(), count: RunSeries.mostSpans)
        firstTokenCounts = Array(repeating: 0, count: RunSeries.mostSpans * RunSeries.slotCount)
    }

    /// From the begin of the run to the last span in which anything happened.
    package var spans: ArraySlice<Span> { all[..<used] }

    /// A percentile of the time to the first token of the requests due in one span, to 3 %; nil: there was none.
    package func firstToken(_ percent: Double, inSpan index: Int) -> Duration? {
        guard index < used, all[index].firstTokens > 0 else { return nil }
        let rank = RunSeries.scale.rank(percent, of: all[index].firstTokens), slots = slots(ofSpan: index)
        var seen: UInt64 = 0, place = slots.lowerBound
        while true {
            seen += UInt64(firstTokenCounts[place])
            if seen >= rank || place == slots.upperBound - 1 { break }
            place += 1
        }
        return Duration(measuredMicroseconds: RunSeries.scale.highest(of: place - slots.lowerBound))
    }

    // MARK: Recording

    /// In nanoseconds from the begin of the run; what lies before it counts as at its begin.
    mutating func add(
        _ end: RequestOutcome.End, outputTokens: UInt32, due: Int64, sent: Int64, firstToken: Int64?, ended: Int64
    ) {
        let ended = max(0, ended)
        cover(max(ended, sent, due))
        let last = place(of: ended)
        if end == .unsent {
            all[last].failed += 1
        } else {
            all[place(of: max(0, sent))].begun += 1
            all[last].ended += 1
            if case .failed = end { all[last].failed += 1 }
        }
        if let firstToken {
            let span = place(of: max(0, due))
            all[span].firstTokens += 1
            let slot = RunSeries.scale.slot(of: min((firstToken - due).roundedMicroseconds, HistogramScale.longestMicroseconds))
            let place = span * RunSeries.slotCount + slot
            firstTokenCounts[place] = RunSeries.sum(firstTokenCounts[place], 1)
        }
        if outputTokens > 0 { spread(UInt64(outputTokens), from: min(ended, max(0, firstToken ?? ended)), to: ended) }
    }

    private mutating func spread(_ tokens: UInt64, from begin: Int64, to end: Int64) {
        let first = place(of: begin), last = place(of: end)
        guard first < last else { return all[last].tokens += tokens }
        let tokensPerNanosecond = Double(tokens) / Double(end - begin)
        var given: UInt64 = 0
        for span in first..<last {
            let upToHere = min(tokens, UInt64(Double(Int64(span + 1) * widthNanoseconds - begin) * tokensPerNanosecond))
            all[span].tokens += upToHere - given
            given = upToHere
        }
        all[last].tokens += tokens - given
    }

    /// Makes the spans wide enough for a moment.
    private mutating func cover(_ nanoseconds: Int64) {
        while nanoseconds / widthNanoseconds >= Int64(RunSeries.mostSpans) { widen() }
        used = max(used, Int(nanoseconds / widthNanoseconds) + 1)
    }

    private func place(of nanoseconds: Int64) -> Int { min(Int(nanoseconds / widthNanoseconds), RunSeries.mostSpans - 1) }
    private func slots(ofSpan index: Int) -> Range<Int> {
        index * RunSeries.slotCount..<(index + 1) * RunSeries.slotCount
    }

    private mutating func widen() {
        for index in 0..<RunSeries.mostSpans / 2 {
            let left = all[2 * index], right = all[2 * index + 1]
            all[index] = left
            all[index].merge(right)
            let to = slots(ofSpan: index).lowerBound, from = slots(ofSpan: 2 * index).lowerBound, slotCount = RunSeries.slotCount
            for slot in 0..<slotCount {
                firstTokenCounts[to + slot] = RunSeries.sum(firstTokenCounts[from + slot], firstTokenCounts[from + slotCount + slot])
            }
        }
        let half = RunSeries.mostSpans / 2
        for index in half..<RunSeries.mostSpans { all[index] = Span() }
        for slot in slots(ofSpan: half).lowerBound..<firstTokenCounts.count { firstTokenCounts[slot] = 0 }
        widthNanoseconds *= 2
        width = .nanoseconds(widthNanoseconds)
        used = (used + 1) / 2
    }

    private static func sum(_ left: UInt32, _ right: UInt32) -> UInt32 {
        let (sum, overflow) = left.addingReportingOverflow(right)
        return overflow ? .max : sum
    }

    // MARK: Merging and writing

    mutating func merge(_ other: RunSeries) {
        var other = other
        while widthNanoseconds < other.widthNanoseconds { widen() }
        while other.widthNanoseconds < widthNanoseconds { other.widen() }
        for index in 0..<other.used { all[index].merge(other.all[index]) }
        for slot in 0..<slots(ofSpan: other.used).lowerBound {
            firstTokenCounts[slot] = RunSeries.sum(firstTokenCounts[slot], other.firstTokenCounts[slot])
        }
        used = max(used, other.used)
    }

    /// The lowest value and the count of each slot of one span's times to the first token that is not empty.
    func filledSlots(ofSpan index: Int) -> [(lowestMicroseconds: UInt64, count: UInt64)] {
        firstTokenCounts[slots(ofSpan: index)].enumerated().filter { $0.element > 0 }.map {
            (RunSeries.scale.lowest(of: $0.offset), UInt64($0.element))
        }
    }

    /// For the reader: a span as it was written; false if its parts disagree.
    mutating func append(_ span: Span, firstTokens: [(lowestMicroseconds: UInt64, count: UInt64)]) -> Bool {
        guard used < RunSeries.mostSpans else { return false }
        var previous = -1, total: UInt64 = 0
        for (lowest, count) in firstTokens {
            guard lowest <= HistogramScale.longestMicroseconds, count > 0, let narrow = UInt32(exactly: count) else { return false }
            let slot = RunSeries.scale.slot(of: lowest)
            guard slot > previous, RunSeries.scale.lowest(of: slot) == lowest else { return false }
            firstTokenCounts[slots(ofSpan: used).lowerBound + slot] = narrow
            total += count
            previous = slot
        }
        guard total == span.firstTokens else { return false }
        all[used] = span
        used += 1
        return true
    }
}
