import ClusterModel

/// How a model's answers are to be read: made once per model, shared by all parsers of its answers.
package struct AnswerFormat: Sendable {
    package let tools: ToolFormat?
    package let reasoning: ReasoningFormat?
    /// Special tokens of the vocabulary that are markers of these forms: a detokenizer must show them, and say where they stand.
    package let visibleSpecials: VisibleSpecials
    let spelling: MarkerSpelling

    package init(tools: ToolFormat?, reasoning: ReasoningFormat?, vocabulary: Vocabulary) {
        let specials = Self.specials(of: tools, reasoning, among: vocabulary.specials)
        self.init(tools: tools, reasoning: reasoning, specials: specials.map(\.text), VisibleSpecials(specials.map(\.token)))
    }

    /// For a vocabulary whose special tokens are these; none: every marker is spelled as text.
    init(tools: ToolFormat?, reasoning: ReasoningFormat?, specials: [String], _ visible: VisibleSpecials = .none) {
        self.tools = tools
        self.reasoning = reasoning
        visibleSpecials = visible
        spelling = MarkerSpelling(specials: specials)
    }

    /// Whether there is nothing to tell apart.
    package var isPlain: Bool { tools == nil && reasoning == nil }

    /// Whether the arguments of calls are followed as JSON while they come. Those of gpt-oss end with its own marker, whatever they are.
    package var followsArguments: Bool { !isHarmony }

    var isHarmony: Bool { tools == .harmony || reasoning == .harmony }

    private static func specials(
        of tools: ToolFormat?, _ reasoning: ReasoningFormat?, among specials: [(text: String, token: TokenID)]
    ) -> [(text: String, token: TokenID)] {
        let isHarmony = tools == .harmony || reasoning == .harmony
        let markers =
            (isHarmony ? HarmonyParser.markers : tools?.grammar.markers ?? []) + [reasoning?.opener, reasoning?.closer].compactMap(\.self)
        let texts = markers.map { Array($0.utf8) }
        // A special token may be a part of a marker only. A single letter or two are no marker's distinction.
        return specials.filter { special in
            let text = Array(special.text.utf8)
            return text.count > 2 && texts.contains { Self.contains($0, text) }
        }
    }

    private static func contains(_ whole: [UInt8], _ part: [UInt8]) -> Bool {
        guard part.count <= whole.count else { return false }
        return (0...whole.count - part.count).contains { whole[$0..<$0 + part.count].elementsEqual(part) }
    }
}
