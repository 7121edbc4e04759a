import ClusterModel
import OpenAIDialect
import TextProcessing

/// What a client wants to see of its prompt. Made with the prompt, since of a long one it is as much work; gone once it was written.
struct ShownPrompt: Sendable {
    /// Events that stand before a stream.
    private(set) var events: [UInt8] = []
    /// The text that stands before each answer; empty: none.
    private(set) var echo: [UInt8] = []

    init() {}

    var isEmpty: Bool { events.isEmpty && echo.isEmpty }

    /// `text` is that of the prompt, unless it was given as tokens.
    init(_ tokens: [TokenID], _ text: PromptText?, of model: ModelText, for generation: GenerationRequest, _ delivery: Delivery) {
        if delivery.isStreamed {
            if generation.hints.wants(.formattedPrompt), let text {
                PromptAnnotation.append(formattedPrompt: text.utf8.span.bytes, to: &events)
            }
            if generation.hints.wants(.tokenIDs) { PromptAnnotation.append(tokenIDs: tokens, to: &events) }
        }
        guard delivery.echoesPrompt else { return }
        if let text { echo = text.utf8 } else { model.decode(tokens.span, showsSpecials: true, into: &echo) }
    }
}
