import ClusterModel
import EventLoop
import HTTPServing
import OpenAIDialect

/// What one request says, on its way into the answer of its client: as a rule all of it, of a list of prompts some of the choices.
///
/// A request that no client waits for has a share of no answer: what it says is dropped.
@LoopActor
final class AnswerShare {
    private let answer: ClientAnswer?
    let record: RequestRecord
    let requestID: String?
    /// Its first choice among those of the answer.
    private let firstChoice: Int
    var usage = TokenUsage() { didSet { answer?.usage.replace(oldValue, with: usage) } }
    /// What is told beside the answer, on every chunk.
    var told = ResponseExtension() {
        didSet {
            chunkExtension = told.json
            answer?.tellsAnew(self)
        }
    }
    private(set) var chunkExtension: [UInt8] = []
    /// More of it, told once: on the first chunk that ends a choice, or in the body.
    var toldAtEnd: [ResponseExtension.Member] = []
    /// Told with each text: what the client wants to see before its answer.
    private let echo: [UInt8]
    /// Keeps what the first choice says, for whoever wants to know it afterwards.
    var transcript: AnswerTranscript?
    /// Of a request for one.
    var embedding: [UInt8] = []
    /// Called once if nobody is left to hear what it says.
    var whenGone: (@LoopActor () -> Void)?
    /// How the request ended, if not well: it failed, or another one of the same answer did.
    private(set) var failure: ErrorBody?

    /// Of one client's answer; the choices are those behind what it has.
    init(of answer: ClientAnswer, choices: Int, before: Int, wantsLogprobs: Bool, echo: [UInt8], record: RequestRecord) {
        self.answer = answer
        requestID = answer.requestID
        self.record = record
        self.echo = echo
        firstChoice = before
        answer.add(self)
        guard !answer.takesPieces else { return }
        for choice in before..<before + choices {
            answer.bodies.append(
                CompletedChoice(
                    index: choice, text: echo, finish: AnswerFinish(.length),
                    logprobs: wantsLogprobs ? LogprobsBuffer() : nil))
        }
    }

    /// Of no answer. `requestID` is told where a failure is ours.
    init(record: RequestRecord, requestID: String?) {
        answer = nil
        self.requestID = requestID
        echo = []
        firstChoice = 0
        self.record = record
    }

    var isStreamed: Bool { answer?.isStreamed ?? false }
    var takesPieces: Bool { answer?.takesPieces ?? false }
    var hasBegun: Bool { answer?.hasBegun ?? false }
    var isGone: Bool { answer?.isGone ?? false }
    var cookie: HTTPField? {
        get { answer?.cookie }
        set { answer?.cookie = newValue }
    }

    func begin() { answer?.begin() }

    // MARK: What it says

    func open(choice: UInt8) {
        guard let answer, answer.isStreamed else { return }
        let index = index(choice)
        answer.event(of: self) { $0.appendOpening(choice: index, usage: $1, to: &$2) }
        guard !echo.isEmpty else { return }
        // As long as its prompt.
        answer.event(of: self, isBulk: true) { [echo] in $0.appendText(choice: index, echo.span.bytes, logprobs: nil, usage: $1, to: &$2) }
    }

    func text(choice: UInt8, _ text: RawSpan, logprobs: LogprobsBuffer?) {
        if choice == 0 { transcript?.says(text) }
        guard let answer else { return }
        let index = index(choice)
        guard answer.takesPieces else { return answer.bodies[index].append(text: text) }
        guard !text.isEmpty || logprobs != nil else { return }
        // Twenty alternatives with each token are many times its text.
        answer.event(of: self, isBulk: logprobs != nil) { $0.appendText(choice: index, text, logprobs: logprobs, usage: $1, to: &$2) }
    }

    func reasoning(choice: UInt8, _ text: RawSpan) {
        if choice == 0 { transcript?.thinks(text) }
        guard let answer else { return }
        let index = index(choice)
        guard answer.takesPieces else { return answer.bodies[index].append(reasoning: text) }
        answer.event(of: self) { $0.appendReasoning(choice: index, text, usage: $1, to: &$2) }
    }

    func call(choice: UInt8, _ call: AnswerCall) {
        if choice == 0 { transcript?.calls(call) }
        guard let answer else { return }
        let index = index(choice)
        guard answer.takesPieces else { return answer.bodies[index].append(call) }
        answer.event(of: self) { $0.appendCall(choice: index, call, usage: $1, to: &$2) }
    }

    /// More of what the call says that began last.
    func arguments(choice: UInt8, call: Int, _ text: RawSpan) {
        if choice == 0 { transcript?.calls(with: text) }
        guard let answer else { return }
        let index = index(choice)
        guard answer.takesPieces else {
            let last = answer.bodies[index].calls.indices.last
            if let last { answer.bodies[index].calls[last].arguments.append(text) }
            return
        }
        answer.event(of: self) { $0.appendArguments(choice: index, call: call, text, usage: $1, to: &$2) }
    }

    func callEnded(choice: UInt8, call: Int) {
        guard let answer, answer.takesPieces else { return }
        let index = index(choice)
        answer.event(of: self) { $0.appendCallEnd(choice: index, call: call, usage: $1, to: &$2) }
    }

    /// Log probabilities of an answer in one body gather here.
    func withBodyLogprobs(choice: UInt8, _ change: (inout LogprobsBuffer) -> Void) {
        let index = index(choice)
        guard let answer, var buffer = answer.bodies[index].logprobs else { return }
        answer.bodies[index].logprobs = nil  // one owner, so that appending does not copy
        change(&buffer)
        answer.bodies[index].logprobs = buffer
    }

    private func index(_ choice: UInt8) -> Int { firstChoice + Int(choice) }

    // MARK: How it ends

    func finish(choice: UInt8, _ finish: AnswerFinish) {
        guard let answer else { return }
        let index = index(choice)
        guard answer.isStreamed else {
            guard answer.takesPieces else {
                answer.bodies[index].finish = finish
                return
            }
            return answer.event(of: self) { $0.appendFinish(choice: index, finish, usage: $1, extensionJSON: nil, to: &$2) }
        }
        record.choiceEnds()
        let last = toldWithEnd
        toldAtEnd = []
        // What is told with it may be a prompt's tokens, or a decision among thousands of workers.
        answer.event(of: self, isBulk: true) { $0.appendFinish(choice: index, finish, usage: $1, extensionJSON: last, to: &$2) }
    }

    /// On each chunk that ends a choice, since each of them is a finish; in a body once.
    var toldWithEnd: [UInt8] {
        var all = told
        all.others += toldAtEnd
        record.tellTimes(in: &all)
        return all.json
    }

    /// Every choice has finished.
    func end() { answer?.ended(self) }

    /// The answer ends with it, whatever others have said or would say.
    func fail(_ failure: ErrorBody) {
        self.failure = failure
        answer?.failed(self, failure)
    }

    /// Another request of the answer has failed, and the client was told.
    func abandon(after failure: ErrorBody) {
        self.failure = self.failure ?? failure
        whenGone?()
    }

    /// Whatever became of the request: it says nothing after this.
    func close() {
        whenGone = nil
        answer?.close(self)
    }

    // MARK: Room

    var isBackedUp: Bool { answer?.isBackedUp ?? false }
    func roomToWrite(until deadline: Instant) async { await answer?.roomToWrite(until: deadline) }
}

extension [UInt8] {
    fileprivate mutating func append(_ text: RawSpan) { text.withUnsafeBytes { append(contentsOf: $0) } }
}
