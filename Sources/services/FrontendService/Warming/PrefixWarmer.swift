import ClusterModel
import Concurrency
import EventLoop
import OpenAIDialect
import ProcessKit
import RequestTracking
import Telemetry
import WireProtocol

/// Has the beginning of conversations' next turns computed while their users think: `nvext.agent_hints.speculative_prefill`.
///
/// For nobody's sake at the moment: such a request waits for no place, yields to every other one, ends soon, and is dropped wherever it would
/// hold something up. No client's metrics count it.
@LoopActor
final class PrefixWarmer {
    private unowned let frontend: Frontend
    private let outcomes: CounterFamily
    /// Of those that run, where they hear that nobody wants them.
    private var shares: [AnswerShare] = []
    /// Prompts that are being made.
    private var preparing = 0
    /// Whose they are: of each tenant one at a time, so that none has them all.
    private var tenants: Set<String> = []
    private let gone = Flag()

    private enum Outcome: String, CaseIterable { case done, needless, failed, dropped, abandoned }

    init(_ frontend: Frontend, registry: MetricsRegistry) {
        self.frontend = frontend
        outcomes = registry.counterFamily(
            "apus_frontend_speculative_prefills_total",
            help:
                "Next turns of conversations that clients wanted to be computed ahead: done, needless since all was cached, failed or without a place, dropped for want of room, or abandoned.",
            labels: ["outcome"])
        for outcome in Outcome.allCases { _ = outcomes.labels(outcome.rawValue) }
    }

    /// Whether an answer to it is kept for this.
    static func wants(_ prepared: PreparedRequest, _ session: ClientSession?) -> Bool {
        guard prepared.generation.hints.speculativePrefill == true, case .conversation = prepared.generation.prompt else { return false }
        // Of several answers nobody knows yet which one goes on; a session that was closed goes on with none.
        return prepared.choices == 1 && !prepared.isQuestion && session?.action != .close
    }

    var running: Int { preparing + shares.count }

    /// The turn has been answered well. Returns at once.
    func warm(after request: ClientRequest, _ answer: AnswerTranscript) {
        let tenant = request.prepared.tenant
        guard !frontend.isDraining, running < frontend.limits.speculativePrefills, !tenants.contains(tenant.name) else {
            return count(.dropped)
        }
        let workers = request.record.tracker.workerInfo, loop = frontend.context.loop
        let isSplit = workers?.prefillWorker != nil && workers?.prefillWorker != workers?.decodeWorker
        let place = isSplit ? nil : workers?.decodeWorker.map { PlacementRef(workerID: $0.rawValue, rank: workers?.decodeRank?.rawValue) }
        let turn = NextTurn(
            model: request.prepared.model, tenant: tenant, generation: request.prepared.generation, answer: answer,
            known: isSplit ? request.prepared.prompt : request.prepared.prompt + request.released.choices[0].shown,
            unixSeconds: loop.wallClockMilliseconds / 1_000, gone: gone)
        preparing += 1
        if !tenant.name.isEmpty { tenants.insert(tenant.name) }
        loop.spawn { [self] in
            defer { tenants.remove(tenant.name) }
            let prepared = await prepare(turn)
            preparing -= 1
            guard let prepared else { return }
            guard !frontend.isDraining else { return count(.abandoned) }
            await run(prepared, place)
        }
    }

    private func prepare(_ turn: NextTurn) async -> PreparedRequest? {
        // About what the template and the tokenizer cost; only a simulation asks.
        let cost = Duration.nanoseconds(Int64(turn.known.count) * 200)
        let result: Result<PreparedRequest?, DialectError>
        do throws(WorkPool.Full) {
            result = try await frontend.context.loop.offload(to: frontend.context.pool, virtualCost: cost) {
                Result(catching: { () throws(DialectError) -> PreparedRequest? in try turn.prepare() })
            }
        } catch {
            count(.dropped)
            return nil
        }
        switch result {
        case .success(let prepared):
            if prepared == nil { count(.needless) }
            return prepared
        case .failure:
            count(gone.isRaised ? .abandoned : .failed)
            return nil
        }
    }

    private func run(_ prepared: PreparedRequest, _ place: PlacementRef?) async {
        let id = frontend.drawID(), now = frontend.context.loop.now
        let record = RequestRecord(prepared, id: id, meter: nil, receivedAt: now, frontend: frontend)
        let share = AnswerShare(record: record, requestID: nil)
        let request = ClientRequest(
            prepared, id: id, session: nil, trace: RequestTrace(), record: record, answer: share, receivedAt: now,
            limits: frontend.limits.speculative, frontend: frontend)
        request.history = AttemptHistory(preferring: place)
        shares.append(share)
        let outcome = await RequestFlow(request).run()
        shares.removeAll { $0 === share }
        if outcome.cachedTokensFound {
            // A worker has begun it: its tenant pays for what was not there.
            let usage = outcome.usage
            let computed = TenantTokens(prompt: usage.promptTokens - usage.cachedTokens, output: usage.completionTokens)
            frontend.tenants.charge(computed, to: prepared.tenant)
        }
        count(outcome.status == 200 ? .done : outcome.status == 499 ? .abandoned : .failed)
    }

    /// The frontend leaves: whatever runs is cancelled, and nothing new begins.
    func giveUp() {
        gone.raise()
        for share in shares { share.whenGone?() }
    }

    private func count(_ outcome: Outcome) { outcomes.labels(outcome.rawValue).increment() }
}
