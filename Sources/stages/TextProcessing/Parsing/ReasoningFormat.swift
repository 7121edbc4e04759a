/// How a model sets apart what it thinks before it speaks.
package enum ReasoningFormat: String, Hashable, Sendable, CaseIterable {
    case think
    case thinking
    case mistral, seed, cohere, apertus, gemma
    case minimax
    case apriel
    case harmony

    /// The marker before a thought; nil: the form has its own parser.
    package var opener: String? {
        switch self {
        case .think: "<think>"
        case .thinking: "<thinking>"
        case .mistral: "[THINK]"
        case .seed: "<seed:think>"
        case .cohere: "<|START_THINKING|>"
        case .apertus: "<|inner_prefix|>"
        case .gemma: "<|channel>thought\n"
        case .minimax: "<mm:think>"
        case .apriel: "Here are my reasoning steps:\n"
        case .harmony: nil
        }
    }

    package var closer: String? {
        switch self {
        case .think: "</think>"
        case .thinking: "</thinking>"
        case .mistral: "[/THINK]"
        case .seed: "</seed:think>"
        case .cohere: "<|END_THINKING|>"
        case .apertus: "<|inner_suffix|>"
        case .gemma: "<channel|>"
        case .minimax: "</mm:think>"
        case .apriel: "[BEGIN FINAL RESPONSE]"
        case .harmony: nil
        }
    }

    /// At a prompt's end, what can tell whether it opens a thought: the marker, and white space behind it.
    package var mostOpeningBytes: Int { (opener?.utf8.count ?? 0) + TextLimits.heldSpaceBytes }

    /// Whether an answer to this prompt begins inside a thought, since the prompt itself has opened it.
    ///
    /// Models that leave the opening marker out altogether are the caller's to know.
    package func isOpen(after prompt: some BidirectionalCollection<UInt8>) -> Bool {
        guard let opener else { return false }
        let text = Array(prompt.suffix(mostOpeningBytes)).trimmed
        let marker = Array(opener.utf8).trimmed
        return text.suffix(marker.count).elementsEqual(marker)
    }
}
