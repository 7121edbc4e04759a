import ClusterModel
import EventLoop
import JSONText

/// Holds what clients saw against what the model says, and against what may go wrong honestly.
@LoopActor
struct AnswerJudge {
    private(set) var tally = AnswerTally()
    private let patience: Duration

    init(patience: Duration) { self.patience = patience }

    /// What a good request may end with while things go wrong.
    nonisolated static let honest: Set = [
        "no_worker", "worker_lost", "draining", "timeout", "overloaded", "quarantined", "queue_full", "queue_timeout",
        "deadline_unreachable", "transfer_failed", "capacity",
    ]
    /// The same of a tenant with limits.
    private static let limited = "rate_limit_exceeded"
    private static let quarantined = "quarantined"

    mutating func begun(_ asked: AskedOnce) -> AskedOnce {
        tally.begun += 1
        tally.lives[.init(frontend: asked.frontend.name, number: asked.life), default: .init()].begun += asked.parts
        return asked
    }

    // MARK: Text

    /// - Parameter mustHold: nothing is wrong any more.
    mutating func judge(_ reply: ChatReply, to request: ChatRequest, of asked: AskedOnce, mustHold: Bool = false) {
        var problems: [String] = []
        let expected = ExpectedText.said(to: request)
        for (index, choice) in reply.answer.choices.enumerated() {
            guard index < expected.count else {
                problems.append("more choices than were asked for")
                break
            }
            // A stream shows whole code points, and these texts are plain.
            let text = Array(choice.text.utf8)
            if !expected[index].bytes.starts(with: text) { problems.append("choice \(index) is not what the model says") }
            if choice.finishReason != nil, text.count != expected[index].bytes.count {
                problems.append("choice \(index) ended with tokens missing")
            }
        }
        problems += reply.violations
        if mustHold, !reply.isComplete { problems.append("not whole with nothing wrong any more") }
        let isWhole = reply.isComplete
        if isWhole {
            if reply.answer.choices.count != request.choices {
                problems.append("\(reply.answer.choices.count) choices of \(request.choices)")
            }
            problems += usageProblems(reply.answer.usage, expected, of: request)
        }
        let form = "\(request.isPlain ? "text" : "chat")\(request.streams ? "" : ", unary")\(request.wantsObject ? ", object" : "")"
        let failure = reply.answer.failure.map { $0.code ?? $0.type }
        let most = expected.reduce(0) { $0 + $1.tokens }
        close(
            reply.http, of: asked, isWhole: isWhole, failure: failure, tokens: (request.stop.isEmpty ? most : 0)...most,
            problems: problems, words: "\(form)\(request.stop.isEmpty ? "" : ", stopped"): \(reply.summary)", id: reply.answer.id)
    }

    /// What is stopped costs the tokens up to the stop, and those that came before it was known.
    private func usageProblems(_ usage: ChatAnswer.Usage?, _ expected: [ExpectedText.Choice], of request: ChatRequest) -> [String] {
        guard let usage else { return ["no usage"] }
        let most = expected.reduce(0) { $0 + $1.tokens }, prompt = ExpectedText.tokens(of: request).count
        let least = request.stop.isEmpty ? most : expected.reduce(0) { $0 + $1.bytes.count }, used = usage.completionTokens
        var problems: [String] = []
        if !(least...most).contains(used) { problems.append("usage says \(used) tokens, of \(least) to \(most)") }
        if usage.promptTokens != prompt { problems.append("usage says \(usage.promptTokens) tokens of prompt, of \(prompt)") }
        if let cached = usage.cachedTokens, !(0...prompt).contains(cached) {
            problems.append("usage says \(cached) cached tokens, of a prompt of \(prompt)")
        }
        return problems
    }

    // MARK: Vectors

    mutating func judge(_ reply: EmbeddingReply, of asked: AskedOnce) {
        var problems: [String] = []
        if reply.isWhole {
            if reply.vectors.count != reply.inputs.count { problems.append("\(reply.vectors.count) vectors of \(reply.inputs.count)") }
            for (input, vector) in zip(reply.inputs, reply.vectors) where vector != ExpectedText.vector(of: input, model: reply.model) {
                problems.append("a vector is not that of its input")
            }
        }
        close(
            reply.http, of: asked, isWhole: reply.isWhole, failure: reply.failure, tokens: 0...0, problems: problems,
            words: "embeddings: \(reply.summary)", id: nil)
    }

    // MARK: Errors

    /// What clients go by before they try again, where the answer had not begun: `proto-spec/06-errors.md#failure-codes`.
    private static func adviceProblems(_ http: ClientReply, _ failure: String) -> [String] {
        guard !http.isStream else { return [] }
        let status =
            switch failure {
            case limited, "queue_full": 429
            case "timeout": 504
            case quarantined: 500
            default: 503
            }
        var problems: [String] = []
        if http.status != status { problems.append("\(failure) with status \(http.status)") }
        let wait = http["retry-after"].flatMap { Int($0) }
        // What fails workers is not to be tried again.
        let isAdvised = failure == quarantined ? http["x-should-retry"] == "false" : wait.map { (1...120).contains($0) } ?? false
        if !isAdvised { problems.append("\(failure) without what to do about it") }
        return problems
    }

    // MARK: The end of each

    /// - Parameter tokens: that a frontend may have given out for it: so many if it is whole, at most so many whatever became of it.
    private mutating func close(
        _ http: ClientReply, of asked: AskedOnce, isWhole: Bool, failure: String?, tokens: ClosedRange<Int>, problems: [String],
        words: String, id: String?
    ) {
        var problems = problems
        let frontend = asked.frontend
        // It may have come only to a later life, where nobody knew of it when it began.
        for number in asked.life..<frontend.lives {
            tally.lives[.init(frontend: frontend.name, number: number + 1), default: .init()].begun += asked.parts
        }
        for number in asked.life...frontend.lives {
            tally.lives[.init(frontend: frontend.name, number: number), default: .init()].mostTokens += tokens.upperBound
        }
        switch http.ending {
        case .answered where isWhole:
            tally.complete += 1
            tally.tokens += tokens.lowerBound
            if frontend.lives == asked.life {
                let life = AnswerTally.Life(frontend: frontend.name, number: asked.life)
                tally.lives[life, default: .init()].complete += asked.parts
                tally.lives[life, default: .init()].tokens += tokens.lowerBound
            }
        case .answered:
            guard let failure else {
                tally.broken += 1
                problems.append("neither an answer nor an error")
                break
            }
            tally.count(error: failure)
            // The requests are good, so nothing may be blamed on them; and what a client may try again must say so.
            let isLimit = failure == Self.limited && asked.tenant?.hasLimits ?? false
            if isLimit || Self.honest.contains(failure) {
                problems += Self.adviceProblems(http, failure)
            } else {
                problems.append("an error that is not the client's fault, nor a fault's")
            }
        case .left: tally.left += 1
        case .broken, .malformed:
            tally.broken += 1
            if !frontend.wasDisturbed(from: asked.began, to: frontend.now) {
                problems.append("broken, with nothing wrong between client and frontend")
            }
        case .hung:
            tally.broken += 1
            problems.append("no end after \(patience)")
        }
        guard !problems.isEmpty else { return }
        tally.violations += problems.map { "\(frontend.name), \(words): \($0)" }
        if let suspect = id ?? http["x-request-id"] { tally.suspects.append(suspect) }
    }
}
