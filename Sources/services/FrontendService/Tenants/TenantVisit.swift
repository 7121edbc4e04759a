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
    private var isEnded = false

    /// `account` nil: nobody is counted.
    init(_ tenant: Tenant, _ account: TenantAccount?, on loop: Loop) {
        self.tenant = tenant
        self.account = account
        self.loop = loop
    }

    /// Throws what this tenant may not ask for, and cuts what it may have less of.
    func permit(_ request: inout GenerationRequest) throws(DialectError) {
        guard tenant.sees(request.model) else { throw DialectError(ErrorBody(ServiceFailure.modelNotFound(request.model))) }
        if try tenant.permit(&request.hints) { account?.series.cutPriorities.increment() }
    }

    /// Before any router is asked: the tokens that it may take. Nil: it may.
    func reserve(_ prepared: [PreparedRequest]) -> ServiceFailure? {
        guard let account, !isEnded, !prepared.contains(where: \.isQuestion) else { return nil }
        var tokens = TenantTokens()
        for one in prepared { tokens.add(Self.tokens(of: one)) }
        if let failure = account.reserve(tokens, at: loop.now) { return failure }
        reserved = tokens
        return nil
    }

    /// The prompt once, and of each choice what the client wants at most; where it leaves that open, what answers have as a rule.
    static func tokens(of prepared: PreparedRequest) -> TenantTokens {
        let wanted = prepared.generation.sampling.maxTokens.map { Int($0) }
        let each = min(wanted ?? TenantLimits.openAnswerTokens, prepared.maxTokens)
        return TenantTokens(prompt: prepared.prompt.count, output: each * prepared.choices)
    }

    /// All that it asked for has ended, as the outcomes say. What never ran costs nothing; whoever leaves pays for the prompt.
    func end(_ outcomes: [RequestOutcome]) {
        var used = TenantTokens()
        for outcome in outcomes where outcome.usage.completionTokens > 0 || outcome.status < 400 || outcome.status == 499 {
            used.add(TenantTokens(prompt: outcome.usage.promptTokens, output: outcome.usage.completionTokens))
        }
        let status = outcomes.map(\.status).max() ?? 500
        // A question runs nowhere.
        end(status: status, reserved == TenantTokens() ? TenantTokens() : used)
    }

    /// It was turned away before it ran.
    func end(status: Int) { end(status: status, TenantTokens()) }

    private func end(status: Int, _ used: TenantTokens) {
        guard !isEnded else { return }
        isEnded = true
        guard let account else { return }
        account.settle(reserved, as: used, at: loop.now)
        account.leave()
        account.series.ended(TenantMetrics.Outcome(status: status))
    }

    /// For the head of the answer.
    var fields: [HTTPField] { account?.allowance(at: loop.now).fields ?? [] }
}
