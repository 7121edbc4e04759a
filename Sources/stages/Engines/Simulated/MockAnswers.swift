package import ClusterModel

/// One text that a simulated model says as it was told, in parts of tokens.
package struct MockAnswer: Hashable, Sendable {
    /// Before a thought, the thought, and behind it; all empty where there is none.
    package var opening: [TokenID] = []
    package var thought: [TokenID] = []
    package var closing: [TokenID] = []
    package var words: [TokenID] = []
    /// The token that ends it; nil: the model's own.
    package var end: TokenID?
    /// Said where one of these stands in the prompt; empty: where no other answer is called for.
    package var when: [[TokenID]] = []

    package init() {}

    /// The thought as far as it may go.
    func words(thoughts: MockThoughts?, isOpen: Bool, mostThoughts: UInt32?) -> MockWords {
        var tokens: [TokenID] = []
        if closing.isEmpty {
            // Whatever it says is meant to be heard.
            if isOpen { tokens += thoughts?.closing ?? [] }
        } else {
            if !isOpen { tokens += opening }
            tokens += thought.prefix(mostThoughts.map { Int($0) } ?? .max)
            tokens += closing
        }
        return MockWords(tokens: tokens + words, end: end)
    }
}

/// What a simulated model says as it was told, and to whom.
package struct MockAnswers: Hashable, Sendable {
    /// Tokens at the end of a prompt that are searched, and comparisons of tokens there: a millisecond.
    private static let searchedTokens = 65_536
    private static let comparisons = 1 << 20

    private struct Sign: Hashable {
        let tokens: [TokenID]
        let answer: Int
    }

    private let answers: [MockAnswer]
    /// By their last token, which the search for the last of them in a prompt begins with.
    private let signs: [TokenID: [Sign]]
    /// Said where no sign is found.
    private let plain: [Int]

    package init(_ answers: [MockAnswer]) {
        self.answers = answers
        plain = answers.indices.filter { answers[$0].when.isEmpty }
        var signs: [TokenID: [Sign]] = [:]
        for (index, answer) in answers.enumerated() {
            for tokens in answer.when { if let last = tokens.last { signs[last, default: []].append(Sign(tokens: tokens, answer: index)) } }
        }
        self.signs = signs
    }

    package var count: Int { answers.count }

    /// Those that may be said to a prompt: of the sign that stands last in it, and of the longest one there.
    func candidates(for prompt: [TokenID]) -> [MockAnswer] {
        var left = Self.comparisons
        for end in stride(from: prompt.count, to: max(0, prompt.count - Self.searchedTokens), by: -1) {
            guard let signs = signs[prompt[end - 1]] else { continue }
            var found: [Int] = [], longest = 0
            for sign in signs {
                left -= sign.tokens.count
                guard left > 0 else { return plain.map { answers[$0] } }
                let count = sign.tokens.count
                guard count >= longest, count <= end, prompt[(end - count)..<end].elementsEqual(sign.tokens) else { continue }
                if count > longest { found.removeAll() }
                longest = count
                if found.last != sign.answer { found.append(sign.answer) }
            }
            if !found.isEmpty { return found.map { answers[$0] } }
        }
        return plain.map { answers[$0] }
    }
}
