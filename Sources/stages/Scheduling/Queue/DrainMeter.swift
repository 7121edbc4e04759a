import ClusterModel

/// How fast a queue empties: tokens of newcomers placed out of it a second, over the time in which some were parked. The last seconds count most.
struct DrainMeter: Sendable {
    private var tokens = 0.0
    private var waited = 0.0
    /// Where the present step began.
    private var step: Instant
    private var last: Instant

    init(at now: Instant) {
        step = now
        last = now
    }

    /// Before anything changes: the time since the last call passed with newcomers parked, or without.
    mutating func pass(to now: Instant, isWaiting: Bool) {
        guard now > last else { return }
        var left = now.nanoseconds - step.nanoseconds
        let width = QueueLimits.meterStep.inNanoseconds
        var from = last
        while left >= width {
            let end = step + QueueLimits.meterStep
            if isWaiting { waited += Self.seconds(from, end) }
            from = end
            tokens *= QueueLimits.meterDecay
            waited *= QueueLimits.meterDecay
            step = end
            left -= width
            // After so long nothing is left of what was.
            if left > Self.forgotten * width {
                self = DrainMeter(at: now)
                if isWaiting { waited = Self.longest }
                return
            }
        }
        if isWaiting { waited += Self.seconds(from, now) }
        last = now
    }

    mutating func placed(_ count: UInt32) { tokens += Double(count) }

    /// Tokens a second; nil until something was parked for long enough, and while nothing is placed.
    var rate: Double? {
        guard waited >= Double(QueueLimits.meterLeast.inNanoseconds) / 1e9, tokens >= 1 else { return nil }
        return tokens / waited
    }

    /// Steps after which 7/8 of 7/8 of … is nothing.
    private static let forgotten: Int64 = 256
    /// What endless waiting adds up to, with its decay.
    private static let longest = 1 / (1 - QueueLimits.meterDecay)

    private static func seconds(_ from: Instant, _ to: Instant) -> Double { Double(to.nanoseconds - from.nanoseconds) / 1e9 }
}
