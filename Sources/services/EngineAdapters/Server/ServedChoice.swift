import ClusterModel
import Engines
import EventLoop

/// Whose choice it is.
@LoopActor
protocol ServedChoiceOwner: AnyObject {
    /// `part` says something new of the choice: tokens, its end, counts, or state for another server.
    func choice(_ choice: ServedChoice, said part: borrowing AnswerPart)
    /// The server has taken its question, and waits for the other server of the request.
    func choice(_ choice: ServedChoice, meets parameters: [UInt8])
    /// No more of its answer comes; nil: it ended as it should.
    func choice(_ choice: ServedChoice, ended problem: ServerProblem?)
}

/// One choice of a request: its question, and how far its answer is.
@LoopActor
final class ServedChoice: ServerAnswerOwner {
    let number: UInt8
    /// What the server knows it by.
    let id: String
    private(set) var question: ServerQuestion
    /// Of the next token, counted from the first token after the original prompt.
    private(set) var position: UInt32
    /// Tokens that may still come: what was asked for.
    private(set) var room: Int
    private(set) var produced: UInt32 = 0
    /// Found by the server; nil: it has not said.
    private(set) var cachedTokens: UInt32?
    private(set) var promptTokens: UInt32?
    /// Its last token was told.
    private(set) var isFinished = false
    /// Nothing more comes of it.
    private(set) var isOver = false
    private var answer: ServerAnswer?
    private weak var owner: (any ServedChoiceOwner)?
    private let vocabularySize: UInt32
    private var part = AnswerPart()
    /// What the text ended with, while its counts may still come.
    private var last = AnswerPart()
    /// Until when counts may come, or a server may say that it has taken the question.
    private var timer: TimerHandle?
    private let loop: Loop
    /// The last token, while an end that belongs to it may still come.
    private var held = AnswerPart()

    init(
        _ choice: EngineChoice, _ question: ServerQuestion, id: String, room: Int, vocabularySize: UInt32, loop: Loop,
        owner: any ServedChoiceOwner
    ) {
        self.loop = loop
        number = choice.choice
        self.id = id
        self.question = question
        self.room = room
        self.vocabularySize = vocabularySize
        self.owner = owner
        position = UInt32(clamping: choice.shown.count)
    }

    /// False where the server has as many requests as it may.
    func start(_ server: EngineServer) -> Bool {
        let answer = ServerAnswer(question, of: server, owner: self)
        self.answer = answer
        guard answer.start() else { return false }
        if question.meeting != nil {
            timer = loop.schedule(after: ServerLimits.taken) { [weak self] in
                self?.timer = nil
                self?.meet()
            }
        }
        return true
    }

    private func meet() {
        guard !isOver, let parameters = question.meeting else { return }
        question.meeting = nil
        owner?.choice(self, meets: parameters)
    }

    /// Nothing more is told of it; its answer goes on to its end.
    func leave(_ whenEnded: @escaping () -> Void) {
        guard !isOver, let answer else { return whenEnded() }
        isOver = true
        forgetTimer()
        owner = nil
        self.answer = nil
        answer.leave(whenEnded)
    }

    /// Nobody wants more of it. True if the server may still be working on it.
    @discardableResult
    func drop() -> Bool {
        guard !isOver else { return false }
        isOver = true
        owner = nil
        forgetTimer()
        if question.mustArrive { answer?.dropWhenSeen() } else { answer?.drop() }
        answer = nil
        return true
    }

    // MARK: ServerAnswerOwner

    func answerBegan(_ answer: ServerAnswer) { meet() }

    func answer(_ answer: ServerAnswer, said text: UnsafeRawBufferPointer) {
        guard !isOver else { return }
        do throws(ServerProblem) {
            part.removeAll()
            try question.reader.read(text, into: &part)
            try take()
        } catch {
            // A text that is whole is not spoilt by what follows it.
            if isFinished { settle() } else { fail(error) }
        }
    }

    func answer(_ answer: ServerAnswer, ended problem: ServerProblem?) {
        guard !isOver else { return }
        self.answer = nil
        if isFinished { return settle() }
        var problem = problem
        if problem == nil {
            do throws(ServerProblem) {
                part.removeAll()
                try question.reader.end(into: &part)
                try take()
                if !isOver { problem = .malformed("the answer ended before its text did") }
            } catch { problem = error }
        }
        over(problem)
    }

    // MARK: What is said

    private func take() throws(ServerProblem) {
        if let count = part.promptTokens { promptTokens = count }
        if let count = part.cachedTokens { cachedTokens = count }
        guard !isFinished || (part.tokens.isEmpty && part.finish == nil) else { throw .malformed("tokens came behind the end of a text") }
        guard part.tokens.count <= room else { throw .malformed("more tokens came than were asked for") }
        guard part.tokens.allSatisfy({ $0 < vocabularySize }) else { throw .malformed("a token is outside the vocabulary") }
        guard part.logprobs.isEmpty || part.logprobs.count == part.tokens.count else {
            throw .malformed("there are not as many logprobs as tokens")
        }
        room -= part.tokens.count
        if question.holdsLastToken { holdLast() }
        if part.finish != nil {
            isFinished = true
            swap(&last, &part)
            if question.countsFollow, promptTokens == nil, answer != nil { return waitForCounts() }
        } else if !isFinished {
            owner?.choice(self, said: part)
        }
        if isFinished, !question.countsFollow || promptTokens != nil || answer == nil { settle() }
    }

    private func waitForCounts() {
        timer = loop.schedule(after: ServerLimits.afterLast) { [weak self] in
            self?.timer = nil
            self?.settle()
        }
    }

    /// The text is whole, and its counts are known if they ever will be.
    private func settle() {
        guard !isOver else { return }
        owner?.choice(self, said: last)
        answer?.release()
        answer = nil
        over(nil)
    }

    /// The last token stays here until something follows it.
    private func holdLast() {
        guard !part.tokens.isEmpty || part.finish != nil else { return }
        if !held.tokens.isEmpty {
            part.tokens.insert(contentsOf: held.tokens, at: 0)
            part.logprobs.insert(contentsOf: held.logprobs, at: 0)
            held.removeAll()
        }
        guard part.finish == nil, let last = part.tokens.popLast() else { return }
        held.tokens.append(last)
        if let logprob = part.logprobs.popLast() { held.logprobs.append(logprob) }
    }

    /// So many tokens were told.
    func told(_ count: Int) {
        position += UInt32(clamping: count)
        produced += UInt32(clamping: count)
    }

    // MARK: Ends

    private func fail(_ problem: ServerProblem) {
        answer?.drop()
        answer = nil
        over(problem)
    }

    private func over(_ problem: ServerProblem?) {
        guard !isOver else { return }
        isOver = true
        forgetTimer()
        let told = owner
        owner = nil
        told?.choice(self, ended: problem)
    }
    private func forgetTimer() {
        loop.cancel(timer)
        timer = nil
    }
}
