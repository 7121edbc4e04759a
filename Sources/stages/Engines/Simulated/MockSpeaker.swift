import ClusterModel

/// Decides what a simulated model says to a request: what has the form that the request gives, what its operator wrote, or sentences. All of it
/// follows from prompt, seed and choice, so that a request that goes on elsewhere says the same.
struct MockSpeaker {
    private let vocabulary: MockVocabulary?
    private let answers: MockAnswers?
    private let thoughts: MockThoughts?
    private let keepsConstraints: Bool

    init(_ configuration: MockConfiguration) {
        vocabulary = configuration.vocabulary
        answers = configuration.answers
        thoughts = configuration.thoughts
        keepsConstraints = configuration.keepsConstraints
    }

    /// One for each choice; nil if the output cannot have the form that is wanted.
    func texts(for request: EngineRequest) -> [MockText]? {
        let hash = MockText.promptHash(request.prompt, adapter: request.adapter)
        var texts = request.spokenChoices.map {
            MockText(promptHash: hash, seed: request.sampling.seed &+ UInt64($0.choice), vocabulary)
        }
        guard !request.embeds else { return texts }
        if let constraint = request.constraint {
            let read = request.readConstraint as? ConstrainedText
            guard keepsConstraints, let form = try? read ?? ConstrainedText(constraint) else { return nil }
            let isOpen = thoughts?.areOpen(after: request.prompt) ?? false
            for index in texts.indices {
                guard let tokens = spell(form.text(texts[index].draw(for: .constraint))) else { return nil }
                texts[index].say(MockWords(tokens: (isOpen ? thoughts?.closing ?? [] : []) + tokens, isBound: true))
            }
        } else if let candidates = answers?.candidates(for: request.prompt), !candidates.isEmpty {
            let isOpen = thoughts?.areOpen(after: request.prompt) ?? false
            for index in texts.indices {
                var draw = texts[index].draw(for: .answer)
                let answer = candidates[Int(draw.next() % UInt64(candidates.count))]
                texts[index].say(answer.words(thoughts: thoughts, isOpen: isOpen, mostThoughts: request.sampling.maxThinkingTokens))
            }
        }
        return texts
    }

    private func spell(_ text: [UInt8]) -> [TokenID]? {
        guard let vocabulary else { return text.map { TokenID($0) } }
        return vocabulary.spelling?.tokens(of: text)
    }
}

extension EngineRequest {
    /// A vector comes of the prompt alone: one choice stands for it, and never says anything.
    var spokenChoices: [EngineChoice] { embeds ? [EngineChoice(choice: 0, maxTokens: 1)] : choices }
}
