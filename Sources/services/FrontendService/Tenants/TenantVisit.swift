import ClusterModel
import EventLoop
import HTTPServing
import OpenAIDialect
import Telemetry

/// One request of a tenant, from its key to its end: it holds a place, then tokens, and gives back what it did not use.
///
/// It ends once, whoever says so first; whoever made it sees to that.
@LoopActor
final class TenantVisit {
    /// As it was when the request came; a file that changes meanwhile is for later ones.
    let tenant: Tenant
    private let account: TenantAccount?
    private let loop: Loop
    private var reserved = TenantTokens()
    /// That it holds among those that run at once.
    private var places = 1
    private var isEnded = false

    /// `account` nil: nobody is counted.
    init(_ tenant: Tenant, _ account: TenantAccount?, on loop: Loop) {
        self.tenant = tenant
        self.account = account
        self.loop = loop
    }

    /// Throws what this tenant may not ask for, and cuts what it may have less of.
    /// - Parameters:
    ///   - header: one that says where it is to run.
    ///   - prompts: of its list; all of them run at once.
    func permit(_ request: inout GenerationRequest, pinnedBy header: StaticString?, prompts: Int) throws(DialectError) {
        guard tenant.sees(request.model) else { throw DialectError(ErrorBody(ServiceFailure.modelNotFound(request.model))) }
        if try tenant.permit(&request.hints, pinnedBy: header) { account?.series.cutPriorities.increment() }
        // There will never be so many places, however often it is tried.
        if let most = tenant.maxRunning, prompts > most {
            throw DialectError(
                message: "Invalid 'prompt': this API key may have \(most) requests running, and each prompt of a list is one.",
                param: "prompt", code: "array_above_max_length")
        }
    }

    /// Takes as many places as are free, up to so many, for what can run one after the other as well. At least the one that it has.
    func places(upTo most: Int) -> Int {
        guard let account, !isEnded else { return most }
        while places < most, account.freePlaces > 0, account.enter() == nil { places += 1 }
        return places
    }

    /// Before any router is asked: the tokens that its requests may take, and a place for each of those that run at once. Nil: it may.
    func reserve(_ prepared: OneOrMore<PreparedRequest>, atOnce: Int) -> ServiceFailure? {
        guard let account, !isEnded, !prepared.contains(where: \.isQuestion) else { return nil }
        while places < atOnce {
            if let failure = account.enter() { return failure }
            places += 1
        }
        var tokens = TenantTokens()
        for one in prepared { tokens.add(Self.tokens(of: one)) }
        if let failure = account.reserve(tokens, at: loop.now) { return failure }
        reserved = tokens
        loop.reaches("tenant charged, request not begun")
        return nil
    }

    /// The prompt once, and of each choice what the client wants at most; where it leaves that open, what answers have as a rule.
    static func tokens(of prepared: PreparedRequest) -> TenantTokens {
        let wanted = prepared.generation.sampling.maxTokens.map { Int($0) }
        let each = min(wanted ?? TenantLimits.openAnswerTokens, prepared.maxTokens)
        return TenantTokens(prompt: prepared.prompt.count, output: each * prepared.choices)
    }

    /// All that it asked for has ended, as the outcomes say.
    func end(_ outcomes: some Sequence<RequestOutcome>) {
        var used = TenantTokens(), worst: Int?
        for outcome in outcomes {
            used.add(outcome.charged)
            worst = max(worst ?? 0, outcome.status)
        }
        // A question runs nowhere.
        end(status: worst ?? 500, reserved == TenantTokens() ? TenantTokens() : used)
    }

    /// It was turned away before it ran.
    func end(status: Int) { end(status: status, TenantTokens()) }

    private func end(status: Int, _ used: TenantTokens) {
        guard !isEnded else { return }
        isEnded = true
        guard let account else { return }
        account.settle(reserved, as: used, at: loop.now)
        for _ in 0..<places { account.leave() }
        account.series.ended(TenantMetrics.Outcome(status: status))
    }

    /// For the head of the answer.
    var fields: [HTTPField] { account?.allowance(at: loop.now).fields ?? [] }
}

extension RequestOutcome {
    /// What no worker has taken costs nothing, nor what failed before a token came of it. Whoever leaves a worker that computes for it pays for the
    /// prompt and for what came.
    fileprivate var charged: TenantTokens {
        let isCharged = usage.completionTokens > 0 || status < 400 || status == 499 && wasTaken
        return isCharged ? TenantTokens(prompt: usage.promptTokens, output: usage.completionTokens) : TenantTokens()
    }
}
