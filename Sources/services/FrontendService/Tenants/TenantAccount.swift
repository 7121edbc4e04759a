import ClusterModel
import EventLoop
import OpenAIDialect
import Telemetry
import WireProtocol

/// What one tenant uses here, and what it is known to use at other frontends. Requests hold places and reserve tokens in it; what they really
/// used is settled at their end.
@LoopActor
final class TenantAccount {
    private(set) var tenant: Tenant
    let series: TenantSeries
    private(set) var running = 0
    /// At other frontends, as they last said.
    private(set) var runningElsewhere = 0
    private var bucket: TokenBucket?
    /// By requests that run here.
    private var reserved = TenantTokens()
    var reservedTokens: Int { reserved.all }
    /// What this frontend says: what ended requests used, and what running ones have reserved.
    private var total: TenantCharge
    /// As it was said last.
    private var said: TenantCharge

    init(_ tenant: Tenant, _ series: TenantSeries, at now: Instant) {
        self.tenant = tenant
        self.series = series
        bucket = tenant.tokensPerMinute.map { TokenBucket(tokensPerMinute: $0, burst: tenant.burstTokens, at: now) }
        total = TenantCharge(tenant: tenant.name, requests: 0, promptTokens: 0, outputTokens: 0, running: 0)
        said = total
    }

    /// The file has changed.
    func change(to tenant: Tenant, at now: Instant) {
        let isSameRate = tenant.tokensPerMinute == self.tenant.tokensPerMinute && tenant.burstTokens == self.tenant.burstTokens
        self.tenant = tenant
        guard !isSameRate else { return }
        bucket = tenant.tokensPerMinute.map {
            bucket?.changed(tokensPerMinute: $0, burst: tenant.burstTokens, at: now)
                ?? TokenBucket(tokensPerMinute: $0, burst: tenant.burstTokens, at: now)
        }
    }

    // MARK: Requests

    /// Places among those that run at once that are free.
    var freePlaces: Int { tenant.maxRunning.map { max(0, $0 - running - runningElsewhere) } ?? .max }

    /// A place among those that run at once; nil: there is none.
    func enter() -> ServiceFailure? {
        if let most = tenant.maxRunning, freePlaces == 0 {
            series.limited(by: .running)
            return ServiceFailure(
                .tenantLimit, detail: "This API key has \(most) requests running, which is its limit. Try again later.",
                retryAfterMilliseconds: TenantLimits.runningRetryMilliseconds)
        }
        running += 1
        total.requests += 1
        series.running.set(Double(running))
        return nil
    }

    func leave() {
        running -= 1
        series.running.set(Double(running))
    }

    /// Tokens of a request that is about to run.
    func reserve(_ tokens: TenantTokens, at now: Instant) -> ServiceFailure? {
        if let wait = bucket?.take(tokens.all, at: now) {
            series.limited(by: .tokens)
            return ServiceFailure(
                .tenantLimit, detail: "The token rate of this API key is used up. Try again later.",
                retryAfterMilliseconds: UInt32(clamping: wait.inMilliseconds))
        }
        reserved.add(tokens)
        add(tokens)
        return nil
    }

    /// A request that had reserved so many has used so many.
    func settle(_ reserved: TenantTokens, as used: TenantTokens, at now: Instant) {
        bucket?.charge(used.all - reserved.all, at: now)
        self.reserved.subtract(reserved)
        add(TenantTokens(prompt: used.prompt - reserved.prompt, output: used.output - reserved.output))
        series.promptTokens.increment(by: used.prompt)
        series.outputTokens.increment(by: used.output)
    }

    private func add(_ tokens: TenantTokens) {
        total.promptTokens = total.promptTokens.adding(tokens.prompt)
        total.outputTokens = total.outputTokens.adding(tokens.output)
    }

    // MARK: Other frontends

    /// Returns how many tokens were too much to be charged.
    func chargedElsewhere(_ news: PeerTotals.News, at now: Instant) -> Double {
        runningElsewhere = max(0, runningElsewhere + news.running)
        return bucket?.charge(others: news.tokens, at: now) ?? 0
    }

    /// What is said of it; nil if that was said before and need not be said again.
    func charge(again: Bool) -> TenantCharge? {
        total.running = UInt32(clamping: running)
        guard again || total != said else { return nil }
        said = total
        return total
    }

    /// What is said when this frontend stops: whatever still runs ends with it, and nobody says any more how much it used.
    var lastCharge: TenantCharge {
        var last = total
        last.running = 0
        last.promptTokens = last.promptTokens.adding(-reserved.prompt)
        last.outputTokens = last.outputTokens.adding(-reserved.output)
        return last
    }

    // MARK: What clients are told

    /// What is left of its limits.
    func allowance(at now: Instant) -> TenantAllowance {
        var allowance = TenantAllowance()
        if let most = tenant.maxRunning {
            let left = freePlaces
            allowance.requests = .init(
                limit: most, remaining: left, reset: left > 0 ? .zero : .milliseconds(TenantLimits.runningRetryMilliseconds))
        }
        if let rate = tenant.tokensPerMinute, let left = bucket?.remaining(at: now), let reset = bucket?.reset(at: now) {
            allowance.tokens = .init(limit: rate, remaining: left, reset: reset)
        }
        return allowance
    }
}

/// Tokens as tenants are charged for them.
struct TenantTokens: Hashable, Sendable {
    var prompt = 0
    var output = 0
    var all: Int { prompt + output }

    mutating func add(_ more: TenantTokens) {
        prompt += more.prompt
        output += more.output
    }

    mutating func subtract(_ fewer: TenantTokens) {
        prompt -= fewer.prompt
        output -= fewer.output
    }
}

extension UInt64 {
    fileprivate func adding(_ change: Int) -> UInt64 { UInt64(clamping: Int64(clamping: self) + Int64(change)) }
}
