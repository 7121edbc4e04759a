import ClusterModel
import Engines
import ServiceRuntime
import TextProcessing

/// Turns what an operator wrote for a mock into the tokens of its model. The operator's words may name special tokens.
struct SpokenTokens {
    private let text: ModelText
    private let reasoning: ReasoningFormat?

    /// `reasoning` is how the model writes thoughts; nil: it has none, and what thinks in a file is written in the commonest way.
    init(_ text: ModelText, _ reasoning: ReasoningFormat?) {
        self.text = text
        self.reasoning = reasoning
    }

    /// Of a mock without the files of a model.
    static func bytes() throws(TextError) -> ModelText {
        let file = MockConfiguration.tokenizerFile
        return try ModelText.make(files: [file.name: file.bytes])
    }

    /// How the model begins and ends thoughts; nil where it has none, or no pair of markers for them.
    func thoughts() throws(ValueProblem) -> MockThoughts? {
        guard let opener = reasoning?.opener else { return nil }
        let (_, closing) = Self.marks(reasoning)
        let blanks = ["", "\n", "\n\n"]
        var openings: [[TokenID]] = []
        for blank in blanks { openings.append(try tokens(Self.trimmed(opener) + blank, "the reasoning format")) }
        return MockThoughts(openings: openings, closing: try tokens(closing, "the reasoning format"))
    }

    func answers(_ file: MockAnswersFile) throws(ValueProblem) -> MockAnswers {
        var answers: [MockAnswer] = []
        for written in file.answers { answers.append(try answer(written)) }
        return MockAnswers(answers)
    }

    private func answer(_ written: MockAnswersFile.Answer) throws(ValueProblem) -> MockAnswer {
        var answer = MockAnswer(), says = written.says
        let (opening, closing) = Self.marks(reasoning ?? .think)
        if let thinks = written.thinks {
            answer.opening = try tokens(opening, written.place)
            answer.thought = try tokens(thinks, written.place)
            answer.closing = try tokens(closing, written.place)
        } else if let parts = thought(in: says) {
            answer.opening = try tokens(parts.opening, written.place)
            answer.thought = try tokens(parts.thought, written.place)
            answer.closing = try tokens(parts.closing, written.place)
            says = parts.rest
        }
        answer.words = try tokens(says, written.place)
        if let last = answer.words.last, text.endTokens.contains(last) { answer.end = answer.words.removeLast() }
        for sign in written.when {
            // A word has other tokens behind a blank, and a mark before the end of a line.
            for spelling in [sign, " " + sign, sign + "\n", " " + sign + "\n"] {
                let tokens = try tokens(spelling, "\(written.place): when")
                if !tokens.isEmpty, !answer.when.contains(tokens) { answer.when.append(tokens) }
            }
        }
        return answer
    }

    /// A thought that the operator wrote out with its markers, as the first thing of an answer.
    private func thought(in says: String) -> (opening: String, thought: String, closing: String, rest: String)? {
        guard let format = reasoning, let opener = format.opener, let closer = format.closer, says.hasPrefix(opener) else { return nil }
        let behind = says.dropFirst(opener.count)
        guard let end = behind.place(of: closer) else { return nil }
        return (opener, String(behind[..<end.lowerBound]), closer, String(behind[end.upperBound...]))
    }

    /// With the blanks that models write around thoughts.
    private static func marks(_ format: ReasoningFormat?) -> (opening: String, closing: String) {
        guard let opener = format?.opener, let closer = format?.closer else {
            return ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>")
        }
        return (opener.hasSuffix("\n") ? opener : opener + "\n", "\n" + closer + "\n\n")
    }

    private static func trimmed(_ text: String) -> String { text.hasSuffix("\n") ? String(text.dropLast()) : text }

    private func tokens(_ words: String, _ place: String) throws(ValueProblem) -> [TokenID] {
        var prompt = PromptText(), tokens: [TokenID] = []
        prompt.append(template: words)
        do throws(TextError) { try text.tokenizer.encode(prompt, atMost: .max, into: &tokens) } catch {
            throw ValueProblem("\(place): the model's tokenizer fails on it: \(error)", remedy: "write it in another way")
        }
        return tokens
    }
}
