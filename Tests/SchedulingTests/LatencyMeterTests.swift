import ClusterModel
import Scheduling
import Testing

@Suite("The latency meter")
struct LatencyMeterTests {
    private static let life = WorkerLife(worker: WorkerID(1), generation: Generation(1))

    /// Started at 10 s with 1,000 tokens to compute, and its prefill done at 11 s if it `isDecoding`.
    private static func lease(
        computed: UInt32 = 1_000, choices: UInt8 = 1, most: UInt64 = 1_000, isDecoding: Bool = false
    ) -> Lease {
        var lease = Lease(number: 1, life: life, rank: Rank(0), promptTokens: 1_000)
        lease.timing = LegTiming(promptTokens: 1_000, mostOutputTokens: most, choices: choices)
        lease.timing?.startedAt = at(10)
        lease.timing?.computedTokens = computed
        if isDecoding {
            lease.isPredicted = false
            lease.timing?.prefilledAt = at(11)
        }
        return lease
    }

    private static func at(_ seconds: Double) -> Instant { Instant(nanoseconds: Int64(seconds * 1e9)) }
    private static func seconds(_ seconds: Double) -> Duration { .nanoseconds(Int64(seconds * 1e9)) }

    struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        /// Seconds, as the worker said, and on the router's clock.
        let said: Double
        let passed: Double
        /// Milliseconds for the thousand tokens; nil: nothing was measured.
        let measured: Float?
        let verdict: LatencyMeter.Verdict
    }

    static let rows = [
        Row(testDescription: "the worker's word", said: 0.5, passed: 0.6, measured: 500, verdict: .taken),
        Row(testDescription: "events that came together say nothing against it", said: 0.5, passed: 0, measured: 500, verdict: .taken),
        Row(testDescription: "as much as the slack allows", said: 0.5, passed: 1.25, measured: 500, verdict: .taken),
        Row(testDescription: "more than that", said: 0.5, passed: 1.26, measured: 1_260, verdict: .corrected),
        Row(testDescription: "no word", said: 0, passed: 0.7, measured: 700, verdict: .taken),
        Row(testDescription: "no word, no time", said: 0, passed: 0, measured: nil, verdict: .ignored),
        Row(testDescription: "a clock that ran backwards", said: 0, passed: -1, measured: nil, verdict: .ignored),
        Row(testDescription: "ages, within a moment", said: 1e9, passed: 0.3, measured: 300, verdict: .corrected),
        Row(testDescription: "ages, on both clocks", said: 1e9, passed: 601, measured: nil, verdict: .ignored),
        Row(testDescription: "faster than any machine", said: 1e-9, passed: 0.1, measured: 0.2, verdict: .corrected),
    ]

    @Test("a prefill counts as long as the table says", arguments: rows)
    func prefill(_ row: Row) {
        var meter = LatencyMeter()
        let verdict = meter.prefilled(Self.lease(), reported: Self.seconds(row.said), at: Self.at(10 + row.passed))
        #expect(verdict == row.verdict)
        let estimate = meter.estimate(at: Self.at(10 + row.passed))
        #expect(estimate.map { ($0.prefillToken * 1_000 * 10).rounded() / 10 } == row.measured)
        #expect(meter.count == (row.measured == nil ? 0 : 1))
    }

    @Test("steps are counted by choice, the first tokens come with the prefill, and no more count than were asked for")
    func decode() throws {
        func step(_ lease: Lease, _ tokens: UInt32, in span: Double) -> Float? {
            var meter = LatencyMeter()
            _ = meter.ended(lease, outputTokens: tokens, reported: Self.seconds(span), heldBlocks: 5, at: Self.at(11 + span))
            return meter.estimate(at: Self.at(12)).map { ($0.step * 100).rounded() / 100 }
        }
        #expect(step(Self.lease(isDecoding: true), 11, in: 0.1) == 10)
        #expect(step(Self.lease(choices: 4, isDecoding: true), 44, in: 0.1) == 10)
        #expect(step(Self.lease(most: 11, isDecoding: true), .max, in: 0.1) == 10)
        #expect(step(Self.lease(isDecoding: true), 1, in: 0.1) == nil && step(Self.lease(isDecoding: true), 0, in: 0.1) == nil)
        var foreign = Self.lease(isDecoding: true)
        foreign.timing = nil
        #expect(step(foreign, 11, in: 0.1) == nil)
        // A decode leg has no prefill of its own: it began when it started.
        var meter = LatencyMeter()
        let verdict = meter.ended(Self.lease(), outputTokens: 11, reported: .zero, heldBlocks: 0, at: Self.at(10.1))
        #expect(verdict == .taken)
        #expect(abs(try #require(meter.estimate(at: Self.at(11))).step - 10) < 0.01)
    }

    @Test("what was measured is known, the rest is not; after two minutes without a measurement nothing is")
    func parts() {
        var meter = LatencyMeter(), now = Self.at(11)
        func known(_ at: Instant) -> [Bool] { meter.estimate(at: at).map { [$0.knowsPrefill, $0.knowsStep] } ?? [] }
        _ = meter.prefilled(Self.lease(), reported: .seconds(1), at: now)
        #expect(known(now) == [true, false])
        now = Self.at(12)
        _ = meter.ended(Self.lease(isDecoding: true), outputTokens: 11, reported: .seconds(1), heldBlocks: 0, at: now)
        #expect(known(now) == [true, true] && known(Self.at(131.9)) == [true, true])
        #expect(known(Self.at(132)) == [])
        meter.expire(at: Self.at(132))
        // What comes then is a beginning.
        _ = meter.prefilled(Self.lease(), reported: .milliseconds(200), at: Self.at(10.2))
        #expect(meter.estimate(at: Self.at(10.2)).map { ($0.prefillToken * 1_000).rounded() } == 200)
    }

    @Test("a prefill is measured once, whatever a worker repeats, and only what it had to compute counts")
    func once() {
        var table = LeaseTable(), meter = LatencyMeter(), lease = Lease(number: 1, life: Self.life, rank: Rank(0), promptTokens: 1_000)
        lease.timing = LegTiming(promptTokens: 1_000, mostOutputTokens: 10, choices: 1)
        let isBooked = table.book(lease, at: Self.at(9))
        #expect(isBooked)
        // The worker's own idea of the prompt's length is none of the meter's.
        lease.promptTokens = .max
        lease.timing = nil
        _ = table.accepted(lease)
        _ = table.started(1, of: Self.life, rank: Rank(0), cachedTokens: 600, at: Self.at(10))
        _ = table.started(1, of: Self.life, rank: Rank(0), cachedTokens: 0, at: Self.at(12))
        #expect(table[1]?.timing?.startedAt == Self.at(10) && table[1]?.timing?.computedTokens == 400)
        for second in [11.0, 13] {
            guard let before = table[1] else { break }
            let verdict = meter.prefilled(before, reported: .zero, at: Self.at(second))
            #expect(verdict == (second == 11 ? .taken : .ignored))
            _ = table.prefilled(1, of: Self.life, at: Self.at(second))
        }
        #expect(table[1]?.timing?.prefilledAt == Self.at(11) && meter.count == 1)
        _ = table.accepted(lease)
        #expect(table[1]?.timing?.prefilledAt == Self.at(11))
    }
}
