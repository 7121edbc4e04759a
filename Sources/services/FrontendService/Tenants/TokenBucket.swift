import ClusterModel

/// What a tenant may use now of its tokens a minute. Full at first; it may be overdrawn by what nobody knew beforehand, and is then refilled
/// before anything more is taken out.
struct TokenBucket: Hashable, Sendable {
    private let perSecond: Double
    private(set) var burst: Double
    /// What requests of this frontend have left of it. Below 0 after one that needed more than a burst.
    private var level: Double
    /// Owed for what other frontends said. Held apart, so that its bound neither hides what is used here nor is used up by it.
    private var others = 0.0
    private var filledAt: Instant
    private var available: Double { level - others }

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
        new.level -= old.burst - old.level
        new.others = old.others
        return new
    }

    /// Takes so many out, or says after how long they would be there. What is more than the bucket can hold is taken when it is full, and the
    /// next one waits the longer: no request is refused for ever that the rate would allow.
    mutating func take(_ tokens: Int, at now: Instant) -> Duration? {
        fill(now)
        let needed = min(Double(tokens), burst)
        guard available >= needed else { return wait(for: needed) }
        level -= Double(tokens)
        return nil
    }

    /// Takes out what was used already; a negative number gives back.
    mutating func charge(_ tokens: Int, at now: Instant) {
        fill(now)
        level -= Double(tokens)
        let over = level - burst
        guard over > 0 else { return }
        level = burst
        others = max(0, others - over)
    }

    /// The same for what other frontends say: however wrong they are, nobody is shut out for longer than a bound. Returns what is beyond it and
    /// was not taken: whoever said it may not give it back either.
    mutating func charge(others tokens: Double, at now: Instant) -> Double {
        fill(now)
        guard tokens > 0 else {
            giveBack(-tokens)
            return 0
        }
        let all = others + tokens
        others = max(others, min(all, mostOfOthers))
        return all - others
    }

    mutating func remaining(at now: Instant) -> Int {
        fill(now)
        return Int(max(0, available.rounded(.down)))
    }

    /// Until it is full again.
    mutating func reset(at now: Instant) -> Duration {
        fill(now)
        return wait(for: burst)
    }

    /// A full bucket would be as far overdrawn as the rate makes up for in the longest time.
    private var mostOfOthers: Double { burst + perSecond * Double(TenantLimits.longestDebt.inMilliseconds) / 1_000 }

    private func wait(for tokens: Double) -> Duration {
        .milliseconds(Int64(min(max(0, (tokens - available) / perSecond * 1_000), 1e12).rounded(.up)))
    }

    private mutating func fill(_ now: Instant) {
        guard now > filledAt else { return }
        giveBack(perSecond * Double(filledAt.duration(to: now).inNanoseconds) / 1e9)
        filledAt = now
    }

    /// What is owed for others is paid first.
    private mutating func giveBack(_ tokens: Double) {
        let paid = min(others, tokens)
        others -= paid
        level = min(burst, level + tokens - paid)
    }
}
