import ClusterModel

/// What a tenant may use now of its tokens a minute. Full at first; it may be overdrawn by what nobody knew beforehand, and is then refilled
/// before anything more is taken out.
struct TokenBucket: Hashable, Sendable {
    private let perSecond: Double
    private(set) var burst: Double
    private var level: Double
    private var filledAt: Instant

    init(tokensPerMinute: Int, burst: Int?, at now: Instant) {
        perSecond = Double(tokensPerMinute) / 60
        self.burst = Double(burst ?? tokensPerMinute)
        level = self.burst
        filledAt = now
    }

    /// Another rate from now on; what was used stays used.
    func changed(tokensPerMinute: Int, burst: Int?, at now: Instant) -> TokenBucket {
        var old = self
        old.fill(now)
        var new = TokenBucket(tokensPerMinute: tokensPerMinute, burst: burst, at: now)
        new.level -= max(0, old.burst - old.level)
        return new
    }

    /// Takes so many out, or says after how long they would be there. What is more than the bucket can hold is taken when it is full, and the
    /// next one waits the longer: no request is refused for ever that the rate would allow.
    mutating func take(_ tokens: Int, at now: Instant) -> Duration? {
        fill(now)
        let needed = min(Double(tokens), burst)
        guard level >= needed else { return wait(for: needed) }
        level -= Double(tokens)
        return nil
    }

    /// Takes out what was used already; a negative number gives back.
    mutating func charge(_ tokens: Int, at now: Instant) {
        fill(now)
        level = min(level - Double(tokens), burst)
    }

    /// The same for what other frontends say: however wrong they are, nobody is shut out for longer than a bound.
    mutating func charge(others tokens: Double, at now: Instant) {
        fill(now)
        level = min(max(level - tokens, min(level, leastLevel)), burst)
    }

    mutating func remaining(at now: Instant) -> Int {
        fill(now)
        return Int(max(0, level.rounded(.down)))
    }

    /// Until it is full again.
    mutating func reset(at now: Instant) -> Duration {
        fill(now)
        return wait(for: burst)
    }

    private var leastLevel: Double { -perSecond * Double(TenantLimits.longestDebt.inMilliseconds) / 1_000 }

    private func wait(for tokens: Double) -> Duration {
        .milliseconds(Int64(min(max(0, (tokens - level) / perSecond * 1_000), 1e12).rounded(.up)))
    }

    private mutating func fill(_ now: Instant) {
        guard now > filledAt else { return }
        let seconds = Double(filledAt.duration(to: now).inNanoseconds) / 1e9
        level = min(burst, level + perSecond * seconds)
        filledAt = now
    }
}
