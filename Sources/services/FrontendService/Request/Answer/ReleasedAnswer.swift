import ClusterModel
import EventLoop
import OpenAIDialect
import TextProcessing
import WireProtocol

/// All choices of one request, as tokens become the client's answer: through the forms in which its model thinks and calls, where it has any.
///
/// At steady state nothing is allocated: text, events and log probabilities go through buffers that are kept.
@LoopActor
final class ReleasedAnswer {
    /// Where the next run of some arrivals begins.
    struct Place {
        var run = 0
        var token = 0
        var logprob = 0
    }

    private(set) var choices: [ChoiceOutput]
    /// Choices that have not finished.
    private(set) var unfinished: Int
    private let answer: AnswerShare
    private let vocabulary: Vocabulary
    private let showsSpecials: Bool
    /// Alternatives a token; nil where no log probabilities are wanted.
    private let topLogprobs: Int?
    private var text: [UInt8] = []
    /// The parts of it that are special tokens.
    private var marks: [Range<Int>] = []
    private var events = AnswerEvents()
    /// Of each choice; empty where the text is the answer.
    private var readings: [ChoiceReading]
    private let loop: Loop
    /// Of each choice, where log probabilities are wanted and streamed: its own place in its own text.
    private var logprobs: [LogprobsBuffer]
    /// Of each choice, where the present attempt began.
    private var origins: [Int]
    /// Frames of the decode leg that came before the prefill leg's token that belongs before them. Bounded by what a leg may send.
    private var kept = Arrivals()

    init(_ prepared: PreparedRequest, to answer: AnswerShare, on loop: Loop) {
        self.loop = loop
        let vocabulary = prepared.model.text.vocabulary, sampling = prepared.generation.sampling
        let hidden = HiddenStops(tokens: prepared.model.text.endTokens)
        let count = prepared.choices, visible = prepared.form?.format.visibleSpecials ?? .none
        choices = []
        choices.reserveCapacity(count)
        for index in 0..<count {
            choices.append(
                ChoiceOutput(
                    index: UInt8(index), vocabulary: vocabulary, sampling: sampling, visible: visible, hidden: hidden,
                    maxTokens: prepared.maxTokens))
        }
        readings = prepared.form.map { [ChoiceReading](repeating: ChoiceReading($0), count: count) } ?? []
        showsSpecials = sampling.showsSpecialTokens
        unfinished = count
        origins = [Int](repeating: 0, count: count)
        topLogprobs = prepared.sampling.topLogprobs.map(Int.init)
        self.vocabulary = vocabulary
        self.answer = answer
        logprobs = topLogprobs == nil ? [] : [LogprobsBuffer](repeating: LogprobsBuffer(), count: count)
    }

    /// What became of a run.
    enum Outcome {
        case fine
        /// The choice has ended here; its worker does not know.
        case stopped(choice: UInt8)
        /// Tokens were lost on the way.
        case hole
    }

    // MARK: Attempts

    /// Another attempt goes on from what was shown.
    func beginAttempt() {
        for index in choices.indices { origins[index] = choices[index].shown.count }
        dropKept()
    }

    /// How many tokens of a choice were shown when the present attempt began.
    func origin(of choice: UInt8) -> Int { origins[Int(choice)] }

    /// An earlier attempt has shown something, or in this one a choice has ended already that a leg yet to begin need not have.
    var isContinued: Bool { origins.contains { $0 > 0 } || choices.contains(where: \.isFinished) }

    /// Runs that wait for the prefill leg's token.
    var keptRuns: Int { kept.runs.count }

    /// What is kept belongs to an attempt that is over.
    func dropKept() { kept.clear() }

    /// True for a run behind the first token of this attempt, where that is not there yet and another leg sends it too.
    private func mayFollow(_ run: Arrivals.Run) -> Bool {
        run.leg == .decode && choices[Int(run.choice)].shown.count == origins[Int(run.choice)]
    }

    /// What was kept, if some of it can be released now: in exchange for `batch`, which is used up.
    func takeKept(_ batch: inout Arrivals) -> Bool {
        guard kept.runs.contains(where: { choices[Int($0.choice)].shown.count > origins[Int($0.choice)] }) else { return false }
        batch.clear()
        swap(&batch, &kept)
        return true
    }

    // MARK: Tokens

    /// Gives the client one run, and moves `place` past it. The link checked that the choice is one of this request's.
    /// - Parameter isOwed: another leg has yet to send the first token of this attempt.
    func release(_ arrivals: borrowing Arrivals, at place: inout Place, isOwed: Bool) -> Outcome {
        let run = arrivals.runs[place.run], choice = Int(run.choice), count = Int(run.count)
        let tokens = arrivals.tokens[place.token..<place.token + count], logprob = place.logprob
        place.run += 1
        place.token += count
        if run.hasLogprobs { place.logprob += count }
        text.removeAll(keepingCapacity: true)
        marks.removeAll(keepingCapacity: true)
        switch choices[choice].release(run, of: tokens, to: &text, marks: &marks) {
        case .nothing: return .fine
        case .hole:
            guard isOwed, mayFollow(run) else { return .hole }
            kept.append(run, tokens, arrivals.logprobs[logprob..<place.logprob])
            return .fine
        case .tokens(let skipped, let count, let finish):
            answer.usage.completionTokens += count
            if !choices[choice].isOpened {
                choices[choice].isOpened = true
                answer.open(choice: run.choice)
            }
            read(run, count, isLast: finish != nil)
            write(run, tokens.dropFirst(skipped).prefix(count), arrivals, logprob + skipped)
            guard let finish else { return .fine }
            unfinished -= 1
            answer.finish(choice: run.choice, AnswerFinish(kind(finish, of: choice), stopText: choices[choice].stopText))
            return choices[choice].stoppedHere ? .stopped(choice: run.choice) : .fine
        }
    }

    /// A model that has called and then ended waits for results, whoever ended it: a client's stop text may be what closes a call.
    private func kind(_ finish: FinishKind, of choice: Int) -> FinishKind {
        guard !readings.isEmpty, readings[choice].hasCalled else { return finish }
        switch finish {
        case .endOfText, .stopToken, .stopText: return .toolCalls
        case .length, .contentFilter, .toolCalls: return finish
        }
    }

    /// What the text says, thinks and calls, into `events`.
    private func read(_ run: Arrivals.Run, _ count: Int, isLast: Bool) {
        guard !readings.isEmpty else { return }
        let choice = Int(run.choice), wasThinking = readings[choice].isThinking
        events.removeAll()
        readings[choice].append(text, marks: marks, isLast: isLast, into: &events)
        // The marker that opens a thought is part of it, and so is the one that ends it.
        if wasThinking || readings[choice].isThinking { answer.usage.reasoningTokens += count }
    }

    /// `logprobs` are told with the first piece of what is said, or beside it.
    private func tell(choice: UInt8, logprobs: LogprobsBuffer?) {
        guard !readings.isEmpty else {
            let text = text
            return answer.text(choice: choice, text.span.bytes, logprobs: logprobs)
        }
        var untold = logprobs
        for event in events.list {
            let piece = events.text(of: event).span.bytes
            switch event.kind {
            case .content:
                answer.text(choice: choice, piece, logprobs: untold)
                untold = nil
            case .reasoning: answer.reasoning(choice: choice, piece)
            case .callBegan(let index, let name, let id):
                if let call = readings[Int(choice)].call(index, named: name, id: id, using: &loop.random) {
                    answer.call(choice: choice, call)
                }
            case .arguments(let index):
                if readings[Int(choice)].tells(index) { answer.arguments(choice: choice, call: index, piece) }
            case .callEnded(let index):
                if readings[Int(choice)].tells(index) { answer.callEnded(choice: choice, call: index) }
            }
        }
        if let untold { answer.text(choice: choice, RawSpan(), logprobs: untold) }
    }

    private func write(_ run: Arrivals.Run, _ tokens: ArraySlice<TokenID>, _ arrivals: borrowing Arrivals, _ first: Int) {
        let choice = run.choice
        guard let most = topLogprobs, run.hasLogprobs else { return tell(choice: choice, logprobs: nil) }
        let entries = arrivals.logprobs[first..<first + tokens.count], vocabulary = vocabulary, showsSpecials = showsSpecials
        func fill(_ buffer: inout LogprobsBuffer) {
            for (token, entry) in zip(tokens, entries) {
                let isShown = showsSpecials || !vocabulary.isSpecial(token)
                buffer.append(logprob: entry.chosen, isShown: isShown) { vocabulary.append(token, to: &$0) }
                for other in entry.top.prefix(most) {
                    buffer.appendAlternative(logprob: other.logprob) { vocabulary.append(other.token, to: &$0) }
                }
            }
        }
        guard answer.takesPieces else {
            answer.withBodyLogprobs(choice: choice, fill)
            return tell(choice: choice, logprobs: nil)
        }
        logprobs[Int(choice)].removeAll()
        fill(&logprobs[Int(choice)])
        tell(choice: choice, logprobs: logprobs[Int(choice)])
    }
}
