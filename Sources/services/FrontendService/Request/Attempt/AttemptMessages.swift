import ClusterModel
import EventLoop
import Scheduling
import WireProtocol

/// What an attempt asks a router and a worker: the request's own part, and what earlier attempts add to it.
struct AttemptMessages {
    private let prepared: PreparedRequest
    private let id: RequestID
    private let deadline: Instant
    private let limits: FrontendLimits
    /// Clients' priorities begin at 0.
    private static let behindAll: Float = -1
    var pool: Digest { prepared.model.card.digest }

    init(_ prepared: PreparedRequest, id: RequestID, deadline: Instant, limits: FrontendLimits) {
        self.prepared = prepared
        self.id = id
        self.deadline = deadline
        self.limits = limits
    }

    /// What decides which router is asked: the same in each attempt, and in every frontend.
    func routerKey(session: SessionKey?) -> UInt64 {
        // The blocks past the prefix play no part; most prompts are shorter.
        let prefix = prepared.hashes.prefix(Int(RouterChoice.prefixTokens / max(prepared.model.card.blockSize, 1)) + 1)
        return RouterChoice.key(
            session: session.map { ($0.tenant, $0.id) }, sequenceHashes: prefix.map(\.rawValue), blockSize: prepared.model.card.blockSize,
            otherwise: id)
    }

    func question(
        _ question: Placing.Question, _ choices: [ChoiceOutput], _ history: AttemptHistory, barred: [UInt64],
        unreachable: [UInt64], patience: Duration, at now: Instant
    ) -> RouteEntry {
        let shown = choices.reduce(0) { $1.isFinished ? $0 : max($0, $1.shown.count) }
        var entry = RouteEntry()
        entry.counter = id.counter
        entry.attempt = question.attempt
        entry.task = prepared.task
        entry.wish = question.wish
        entry.queryOnly = prepared.isQuestion
        entry.choices = UInt8(prepared.choices)
        entry.model = prepared.generation.model
        // The prompt was made for this card: another pool could not run it.
        entry.pool = PoolRef(digest: pool)
        entry.blockSize = prepared.model.card.blockSize
        entry.tokenCount = UInt32(prepared.prompt.count + shown)
        entry.maxTokens = left(of: prepared.sampling.maxTokens, choices)
        entry.sequenceHashes = hashes(choices)
        entry.loRA = prepared.adapter
        entry.needs = prepared.needs
        entry.tenant = prepared.tenant.name
        entry.tenantWeight = prepared.tenant.weight
        entry.remainingMilliseconds = now.duration(to: deadline).wireMilliseconds
        // 0 would mean the router's own limit.
        entry.queueMilliseconds = max(1, patience.wireMilliseconds)
        entry.blockHashNanoseconds = prepared.costs.hashing.wireNanoseconds  // sequence hashes are made in the same pass
        entry.options = RoutingOptions(prepared.generation.hints)
        entry.options.preferred = question.preferred
        entry.options.excludedWorkers = Self.merged(barred.sorted(), history.excluded.sorted())
        entry.options.unreachableWorkers = Self.merged(unreachable, history.unreachable)
        entry.overbooked = Array(history.overbooked.suffix(Limits.overbookedReports))
        return entry
    }

    /// What the worker of a leg is asked for. All legs of an attempt begin where it began: what one of them has produced since, the other one
    /// repeats.
    @LoopActor
    func entry(
        _ leg: AttemptLeg, of attempt: UInt8, routerID: UInt64, _ released: ReleasedAnswer, at now: Instant
    ) -> GenerateEntry {
        var entry = GenerateEntry()
        entry.counter = id.counter
        entry.attempt = attempt
        entry.task = prepared.task
        entry.choices = UInt8(prepared.choices)
        entry.leg = leg.task
        entry.rank = leg.placement.rank
        entry.lease = leg.placement.lease
        entry.routerID = routerID
        // A request is refused for this once at most, and never where it was not placed by load, has no prompt to compute, or ends of it.
        let isRefusable = prepared.isSpeculative || attempt == 1 && Int(attempt) < limits.attempts
        entry.refuseOverbooked = isRefusable && leg.router != nil && leg.task != .decode
        entry.waitingTokens = leg.placement.waitingTokens
        entry.streamNumber = leg.placement.streamNumber
        entry.remainingMilliseconds = now.duration(to: deadline).wireMilliseconds
        entry.silenceMilliseconds = limits.silence.wireMilliseconds
        entry.pool = pool
        entry.loRA = prepared.adapter
        entry.salt = prepared.tenant.salt?.bytes ?? []
        entry.priority = prepared.isSpeculative ? Self.behindAll : prepared.enginePriority
        entry.promptTokens = prepared.prompt
        entry.sampling = prepared.sampling
        entry.constraint = prepared.generation.constraint.map(Constraint.init)
        entry.expectedOutputTokens = prepared.generation.hints.expectedOutputTokens
        if released.isContinued { entry.continuation = released.choices.map { continued($0, from: released.origin(of: $0.index)) } }
        return entry
    }

    private func continued(_ choice: ChoiceOutput, from origin: Int) -> ContinuedChoice {
        let shown = UInt32(origin), most = prepared.sampling.maxTokens, least = prepared.sampling.minTokens
        return ContinuedChoice(
            choice: choice.index, finished: choice.isFinished, shownTokens: Array(choice.shown.prefix(origin)),
            remainingMaxTokens: most == 0 ? 0 : most - min(most, shown), remainingMinTokens: least - min(least, shown),
            penaltyOrigin: UInt32(prepared.prompt.count), logprobOffset: shown, stopState: [])
    }

    /// Of the choice that may still grow the most; 0 stays what it means.
    private func left(of most: UInt32, _ choices: [ChoiceOutput]) -> UInt32 {
        guard most > 0 else { return 0 }
        let shown = choices.reduce(most) { $1.isFinished ? $0 : min($0, UInt32($1.shown.count)) }
        return most - shown
    }

    /// Of the prompt; of several choices the continuations have no blocks in common.
    private func hashes(_ choices: [ChoiceOutput]) -> [UInt64] {
        var hashes = prepared.hashes
        if choices.count == 1, !choices[0].shown.isEmpty {
            prepared.hasher.extend(&hashes, toCover: (prepared.prompt + choices[0].shown).span)
        }
        return hashes.prefix(Limits.promptBlocks).map(\.rawValue)
    }

    private static func merged(_ some: [UInt64], _ more: [UInt64]) -> [UInt64] {
        guard !more.isEmpty else { return some }
        // The ones that this request met come first, should there be more than a message names.
        return Array((more + some.filter { !more.contains($0) }).prefix(Limits.workerIDs)).sorted()
    }
}
