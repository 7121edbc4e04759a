package import ClusterModel
import JSONText

/// Answers of `/v1/chat/completions`.
package struct ChatCompletionWriter: AnswerWriter {
    package let delivery: Delivery
    package var opensChoices: Bool { true }
    package var chunkExtension: [UInt8] {
        get { frame.chunkExtension }
        set { frame.chunkExtension = newValue }
    }
    private var frame: AnswerFrame

    /// `created` is in seconds since 1970; `id` without the prefix `chatcmpl-`.
    package init(id: String, created: Int64, model: String, delivery: Delivery) {
        self.delivery = delivery
        frame = AnswerFrame(
            id: "chatcmpl-" + id, created: created, model: model, chunkObject: "chat.completion.chunk", bodyObject: "chat.completion",
            usage: delivery.usage)
    }

    package func appendOpening(choice: Int, usage: TokenUsage, to bytes: inout [UInt8]) {
        frame.beginChunk(choice, #","delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]"#, to: &bytes)
        frame.endChunk(usage, frame.chunkExtension, to: &bytes)
    }

    package func appendText(choice: Int, _ text: RawSpan, logprobs: LogprobsBuffer?, usage: TokenUsage, to bytes: inout [UInt8]) {
        frame.beginChunk(choice, #","delta":{"content":""#, to: &bytes)
        JSONWriter.appendEscaped(utf8: text, to: &bytes)
        if let logprobs {
            bytes.append(static: #""},"logprobs":"#)
            logprobs.appendChat(to: &bytes)
            bytes.append(static: #","finish_reason":null}]"#)
        } else {
            bytes.append(static: #""},"logprobs":null,"finish_reason":null}]"#)
        }
        frame.endChunk(usage, frame.chunkExtension, to: &bytes)
    }

    package func appendFinish(
        choice: Int, _ reason: FinishKind, usage: TokenUsage, extensionJSON: [UInt8]?, to bytes: inout [UInt8]
    ) {
        frame.beginChunk(choice, #","delta":{},"logprobs":null,"finish_reason":""#, to: &bytes)
        bytes.append(static: reason.openAIName)
        bytes.append(static: #""}]"#)
        frame.endChunk(usage, extensionJSON ?? frame.chunkExtension, to: &bytes)
    }

    package func appendUsage(_ usage: TokenUsage, to bytes: inout [UInt8]) { frame.appendUsageChunk(usage, to: &bytes) }

    package func appendBody(_ choices: [CompletedChoice], usage: TokenUsage, extensionJSON: [UInt8], to bytes: inout [UInt8]) {
        frame.appendBody(choices, usage, extensionJSON, to: &bytes) { choice, bytes in
            bytes.append(static: #","message":{"role":"assistant","content":""#)
            JSONWriter.appendEscaped(utf8: choice.text.span.bytes, to: &bytes)
            bytes.append(static: #"","refusal":null},"logprobs":"#)
            if let logprobs = choice.logprobs { logprobs.appendChat(to: &bytes) } else { bytes.append(static: "null") }
        }
    }
}
