import ClusterModel
import EventLoop
import HTTPServing
import OpenAIDialect
import ProcessKit
import Telemetry
import TextProcessing
import WireProtocol

/// Requests of clients as the frontend runs them: one that was prepared begins here, and is counted and told of when it has ended.
///
/// Whatever begins is run to its end, since every one that has begun ends in `run`.
@LoopActor
final class RequestRun {
    let id: RequestID
    let prepared: PreparedRequest
    let trace: RequestTrace
    private let frontend: Frontend
    private let record: RequestRecord
    private let isStreamed: Bool
    private let receivedAt: Instant
    private var flow: RequestFlow?
    private(set) var request: ClientRequest?
    /// Once it has ended.
    private(set) var outcome: RequestOutcome?

    /// - Parameter isStreamed: it opens a stream to its client.
    init(
        _ prepared: PreparedRequest, isStreamed: Bool, meter: RequestMeter, trace: RequestTrace, receivedAt: Instant, frontend: Frontend
    ) {
        id = frontend.begin(isStreamed: isStreamed)
        self.prepared = prepared
        self.trace = trace
        self.frontend = frontend
        self.isStreamed = isStreamed
        self.receivedAt = receivedAt
        trace.spans?.prepared(prepared, id)
        frontend.metrics.encoded(prepared.costs.memory)
        record = RequestRecord(prepared, id: id, meter: meter, receivedAt: receivedAt, frontend: frontend)
    }

    /// What it says goes into this answer; its choices are those behind what that has. From here on it hears of it when its client leaves.
    /// - Parameter echo: stands before the text of each choice.
    @discardableResult
    func answers(_ answer: ClientAnswer, before: Int, echo: [UInt8], session: ClientSession?) -> AnswerShare {
        let share = AnswerShare(
            of: answer, choices: prepared.choices, before: before, wantsLogprobs: prepared.sampling.topLogprobs != nil, echo: echo,
            record: record)
        answers(share, session: session)
        return share
    }

    /// What it says is nobody's but the caller's.
    func answersNobody(requestID: String) -> AnswerShare {
        let share = AnswerShare(record: record, requestID: requestID)
        answers(share, session: nil)
        return share
    }

    private func answers(_ share: AnswerShare, session: ClientSession?) {
        let request = ClientRequest(
            prepared, id: id, session: session, trace: trace, record: record, answer: share, receivedAt: receivedAt,
            limits: frontend.limits, frontend: frontend)
        self.request = request
        flow = RequestFlow(request)
    }

    @discardableResult
    func run(_ endpoint: StaticString) async -> RequestOutcome {
        guard let flow else { preconditionFailure("a request without an answer") }
        let outcome = await flow.run()
        ended(outcome, endpoint)
        return outcome
    }

    /// Not a part of what waits: a task keeps to its end room for all that it held once.
    @inline(never)
    private func ended(_ outcome: RequestOutcome, _ endpoint: StaticString) {
        self.outcome = outcome
        frontend.context.loop.reaches("answer ended, and not counted")
        frontend.end(isStreamed: isStreamed, tokens: outcome.usage.completionTokens)
        record.count(outcome)
        frontend.context.log.debug(
            "request ended",
            [
                "request": .text(id.description), "status": .integer(Int64(outcome.status)), "attempts": .integer(Int64(outcome.attempts)),
                "prompt_tokens": .count(prepared.prompt.count), "output_tokens": .count(outcome.usage.completionTokens),
                "after": .duration(outcome.total),
            ])
        // A question ran nowhere.
        if !prepared.isQuestion { frontend.publish?(record.slice(outcome)) }
        trace.spans?.ended(endpoint.description, prepared, outcome)
    }
}
