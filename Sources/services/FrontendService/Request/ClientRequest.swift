import ClusterModel
import EventLoop
import HTTPServing
import OpenAIDialect
import ProcessKit
import RequestTracking
import WireProtocol

/// One client's request, as everyone on its way sees it: what it is, who is told, and what its attempts have taught.
@LoopActor
final class ClientRequest {
    let frontend: Frontend
    let prepared: PreparedRequest
    let id: RequestID
    let active: ActiveRequest
    let answer: AnswerShare
    let limits: FrontendLimits
    let released: ReleasedAnswer
    let messages: AttemptMessages
    let session: RequestSession?
    let trace: RequestTrace
    let record: RequestRecord
    /// Of the whole, whatever happens.
    let deadline: Instant
    var history = AttemptHistory()
    /// Told at once when the client leaves.
    var whenClientGone: (@LoopActor () -> Void)?
    /// A worker said what it found cached.
    private(set) var cachedTokensFound = false

    init(
        _ prepared: PreparedRequest, id: RequestID, session: ClientSession?, trace: RequestTrace, record: RequestRecord,
        answer: AnswerShare, receivedAt: Instant, limits: FrontendLimits, frontend: Frontend
    ) {
        self.frontend = frontend
        self.prepared = prepared
        self.id = id
        self.trace = trace
        self.record = record
        self.answer = answer
        self.session = session.map { RequestSession($0, frontend.sessions) }
        self.limits = limits
        deadline = receivedAt + limits.total
        released = ReleasedAnswer(prepared, to: answer, on: frontend.context.loop)
        messages = AttemptMessages(prepared, id: id, deadline: deadline, limits: limits)
        active = ActiveRequest(
            counter: id.counter, choices: prepared.choices, maxTokens: prepared.maxTokens,
            wantsLogprobs: prepared.sampling.topLogprobs != nil, wantsEmbedding: prepared.task == .embed,
            loop: frontend.context.loop)
        answer.usage.promptTokens = prepared.prompt.count
    }

    var loop: Loop { frontend.context.loop }
    var isClientGone: Bool { active.isClientGone }
    var isLate: Bool { loop.now >= deadline }

    /// Another attempt begins.
    func begin(attempt: UInt8) {
        active.begin(attempt: attempt)
        released.beginAttempt()
        record.beginsAttempt()
        // What was told of an earlier one is no longer true.
        answer.toldAtEnd = []
        trace.spans?.beginsAttempt(attempt)
    }

    /// Cut off, or gone by itself: whatever waits for this request is told at once.
    func clientGone() {
        guard !isClientGone else { return }
        active.clientGone()
        whenClientGone?()
        session?.clientGone()
    }

    /// A worker has found so much of the prompt.
    func found(cachedTokens: UInt32) {
        cachedTokensFound = true
        answer.usage.cachedTokens = min(Int(cachedTokens), prepared.prompt.count)
    }

    // MARK: What the client is told beside its answer

    /// The head of a stream waits for no decode leg, which may have no place yet: then the client's session is told without one.
    func beginAnswer() {
        if answer.isStreamed, !answer.hasBegun, answer.cookie == nil, let session {
            answer.cookie = frontend.sessions.cookieField(for: session.client, at: nil)
        }
        answer.begin()
    }

    /// Why this attempt runs where it does, by the router that decided last.
    func tellDecision(of router: RouterClient, _ attempt: UInt8) async {
        guard let decision = await router.explain(id, attempt: attempt, ordinals: true) else { return }
        answer.toldAtEnd = [.init(name: "decision", json: decision.json)]
    }

    /// Told with every chunk from now on: where the prompt is computed and where the tokens come from.
    func tellWorkers() { if prepared.wantsWorker { answer.told.workers = record.tracker.workerInfo?.json ?? [] } }
}
