package import ClusterModel
import JSONText

/// What a client wants to see of its prompt before the answer: `nvext.annotations`. Each is an event with a name and a comment, which readers of
/// data pass over.
package enum PromptAnnotation: String, Sendable, CaseIterable {
    case formattedPrompt = "formatted_prompt"
    case tokenIDs = "token_ids"

    /// `text` is valid UTF-8.
    package static func append(formattedPrompt text: RawSpan, to events: inout [UInt8]) {
        events.append(static: "event: formatted_prompt\n: \"")
        JSONWriter.appendEscaped(utf8: text, to: &events)
        events.append(static: "\"\n\n")
    }

    package static func append(tokenIDs tokens: [TokenID], to events: inout [UInt8]) {
        events.append(static: "event: token_ids\n: ")
        TokenList.append(tokens, to: &events)
        events.append(static: "\n\n")
    }
}

extension RoutingHints {
    package func wants(_ annotation: PromptAnnotation) -> Bool { annotations.contains(annotation.rawValue) }
}
