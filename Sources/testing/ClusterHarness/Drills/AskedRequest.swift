import ClusterModel

/// A request of a drill, and its answer once it has one.
struct AskedRequest {
    let request: ChatRequest
    let at: Instant
    let pending: PendingReply

    /// Engines fail on purpose, too.
    private static let honest = AnswerJudge.honest.union(["engine_failed"])

    var reply: ChatReply? { pending.reply }

    /// The longest time without any of its text, and the longest between two parts of it.
    var waits: (any: Duration, between: Duration) {
        // The first event says who speaks; when it comes is no matter to a reader.
        guard let times = reply?.http.eventTimes.dropFirst(), let first = times.first else { return (reply?.http.took ?? .zero, .zero) }
        let between = zip(times, times.dropFirst()).map { $1 - $0 }.max() ?? .zero
        return (max(first, between), between)
    }

    /// When the first of its text came; nil: none did.
    var firstToken: Duration? { reply.flatMap { $0.http.eventTimes.dropFirst().first } }

    /// Told to come back later, before anything was done for it.
    var isRefused: Bool { reply.map { [429, 503].contains($0.http.status) } ?? false }
    /// And when.
    var isAdvised: Bool { (1...120).contains(reply?.http["retry-after"].flatMap(Int.init) ?? 0) }

    /// What is wrong with its answer: nil if it is the model's, or an honest error where that may be.
    func objection(mayFail: Bool) -> String? {
        guard let reply else { return "no end" }
        let expected = ExpectedText.choices(of: request)
        for (index, choice) in reply.answer.choices.enumerated() {
            guard index < expected.count, expected[index].starts(with: choice.text.utf8) else { return "not what the model says" }
        }
        if reply.http.ending == .left { return nil }
        if reply.isTypedError {
            return mayFail && Self.honest.contains(reply.answer.failure?.code ?? "") ? nil : "an error"
        }
        guard reply.isComplete else { return "neither an answer nor an error" }
        let texts = reply.answer.choices.map { Array($0.text.utf8) }
        guard texts == expected, reply.answer.choices.allSatisfy({ $0.finishReason == "length" }) else {
            return "it ended before the model does"
        }
        return nil
    }
}
