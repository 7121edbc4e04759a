import ClusterModel
import EventLoop
import OpenAIDialect
import TextProcessing
import WireProtocol

/// All choices of one request, as tokens become the client's answer.
///
/// At steady state nothing is allocated: text and log probabilities go through buffers that are kept.
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
    private let answer: ClientAnswer
    private let vocabulary: Vocabulary
    /// Alternatives a token; nil where no log probabilities are wanted.
    private let topLogprobs: Int?
    private var text: [UInt8] = []
    private var logprobs = LogprobsBuffer()

    init(_ prepared: PreparedRequest, to answer: ClientAnswer) {
        let vocabulary = prepared.model.text.vocabulary
        choices = (0..<prepared.choices).map {
            ChoiceOutput(
                index: UInt8($0), vocabulary: vocabulary, sampling: prepared.generation.sampling, maxTokens: prepared.maxTokens)
        }
        unfinished = choices.count
        topLogprobs = prepared.sampling.topLogprobs.map(Int.init)
        self.vocabulary = vocabulary
        self.answer = answer
    }

    /// What became of a run.
    enum Outcome {
        case fine
        /// The choice has ended here; its worker does not know.
        case stopped(choice: UInt8)
        /// Tokens were lost on the way.
        case hole
    }

    /// Gives the client one run, and moves `place` past it. The link checked that the choice is one of this request's.
    func release(_ arrivals: borrowing Arrivals, at place: inout Place) -> Outcome {
        let run = arrivals.runs[place.run], choice = Int(run.choice), count = Int(run.count)
        let tokens = arrivals.tokens[place.token..<place.token + count], logprob = place.logprob
        place.run += 1
        place.token += count
        if !arrivals.logprobs.isEmpty { place.logprob += count }
        text.removeAll(keepingCapacity: true)
        switch choices[choice].release(run, of: tokens, to: &text) {
        case .nothing: return .fine
        case .hole: return .hole
        case .tokens(let skipped, let count, let finish):
            answer.usage.completionTokens += count
            if !choices[choice].isOpened {
                choices[choice].isOpened = true
                answer.open(choice: run.choice)
            }
            write(run.choice, tokens.dropFirst(skipped).prefix(count), arrivals, logprob + skipped)
            guard let finish else { return .fine }
            unfinished -= 1
            answer.finish(choice: run.choice, finish)
            return choices[choice].stoppedHere ? .stopped(choice: run.choice) : .fine
        }
    }

    private func write(_ choice: UInt8, _ tokens: ArraySlice<TokenID>, _ arrivals: borrowing Arrivals, _ first: Int) {
        guard let most = topLogprobs, first + tokens.count <= arrivals.logprobs.count else {
            return answer.text(choice: choice, text, logprobs: nil)
        }
        let entries = arrivals.logprobs[first..<first + tokens.count], vocabulary = vocabulary
        func fill(_ buffer: inout LogprobsBuffer) {
            for (token, entry) in zip(tokens, entries) {
                buffer.append(logprob: entry.chosen) { vocabulary.append(token, to: &$0) }
                for other in entry.top.prefix(most) {
                    buffer.appendAlternative(logprob: other.logprob) { vocabulary.append(other.token, to: &$0) }
                }
            }
        }
        guard answer.isStreamed else {
            answer.withBodyLogprobs(choice: choice, fill)
            return answer.text(choice: choice, text, logprobs: nil)
        }
        logprobs.removeAll()
        fill(&logprobs)
        answer.text(choice: choice, text, logprobs: logprobs)
    }
}
