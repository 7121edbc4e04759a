package import ClusterModel
import JSONText

/// Answers of `/v1/chat/completions`.
package struct ChatCompletionWriter: AnswerWriter {
    package let delivery: Delivery
    package var chunkExtension: [UInt8] {
        get { frame.chunkExtension }
        set { frame.chunkExtension = newValue }
    }
    private var frame: AnswerFrame

    /// `created` is in seconds since 1970; `id` without the prefix `chatcmpl-`.
    package init(id: String, created: Int64, model: String, delivery: Delivery) {
        self.delivery = delivery
        frame = AnswerFrame(
            "chatcmpl", id: id, created: created, model: model,
            object: delivery.isStreamed ? "chat.completion.chunk" : "chat.completion", delivery: delivery)
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

    package func appendReasoning(choice: Int, _ text: RawSpan, usage: TokenUsage, to bytes: inout [UInt8]) {
        frame.beginChunk(choice, #","delta":{"reasoning_content":""#, to: &bytes)
        JSONWriter.appendEscaped(utf8: text, to: &bytes)
        endDelta(#""}"#, usage, to: &bytes)
    }

    package func appendCall(choice: Int, _ call: AnswerCall, usage: TokenUsage, to bytes: inout [UInt8]) {
        frame.beginChunk(choice, #","delta":{"tool_calls":[{"index":"#, to: &bytes)
        JSONWriter.appendDigits(UInt64(call.index), to: &bytes)
        bytes.append(UInt8(ascii: ","))
        Self.append(call, to: &bytes)
        endDelta(#""}}]}"#, usage, to: &bytes)
    }

    package func appendArguments(choice: Int, call: Int, _ text: RawSpan, usage: TokenUsage, to bytes: inout [UInt8]) {
        frame.beginChunk(choice, #","delta":{"tool_calls":[{"index":"#, to: &bytes)
        JSONWriter.appendDigits(UInt64(call), to: &bytes)
        bytes.append(static: #","function":{"arguments":""#)
        JSONWriter.appendEscaped(utf8: text, to: &bytes)
        endDelta(#""}}]}"#, usage, to: &bytes)
    }

    private func endDelta(_ end: StaticString, _ usage: TokenUsage, to bytes: inout [UInt8]) {
        bytes.append(static: end)
        bytes.append(static: #","logprobs":null,"finish_reason":null}]"#)
        frame.endChunk(usage, frame.chunkExtension, to: &bytes)
    }

    /// Up to the text of the arguments.
    private static func append(_ call: AnswerCall, to bytes: inout [UInt8]) {
        bytes.append(static: #""id":"#)
        JSONWriter.appendQuoted(call.id, to: &bytes)
        bytes.append(static: #","type":"function","function":{"name":"#)
        JSONWriter.appendQuoted(call.name, to: &bytes)
        bytes.append(static: #","arguments":""#)
    }

    package func appendFinish(
        choice: Int, _ finish: AnswerFinish, usage: TokenUsage, extensionJSON: [UInt8]?, to bytes: inout [UInt8]
    ) {
        frame.beginChunk(choice, #","delta":{},"logprobs":null"#, to: &bytes)
        frame.appendFinish(finish, to: &bytes)
        bytes.append(UInt8(ascii: "]"))
        frame.endChunk(usage, extensionJSON ?? frame.chunkExtension, to: &bytes)
    }

    package func appendEnd(usage: TokenUsage, at seconds: Int64, to events: inout [UInt8]) { frame.appendEnd(usage, to: &events) }

    package func appendFailure(_ failure: ErrorBody, to events: inout [UInt8]) { AnswerFrame.appendFailure(failure, to: &events) }

    package func appendBody(
        _ choices: [CompletedChoice], usage: TokenUsage, extensionJSON: [UInt8], at seconds: Int64, to bytes: inout [UInt8]
    ) {
        frame.appendBody(choices, usage, extensionJSON, to: &bytes) { choice, bytes in
            Self.appendMessage(choice, to: &bytes)
            bytes.append(static: #","logprobs":"#)
            if let logprobs = choice.logprobs { logprobs.appendChat(to: &bytes) } else { bytes.append(static: "null") }
        }
    }

    private static func appendMessage(_ choice: CompletedChoice, to bytes: inout [UInt8]) {
        bytes.append(static: #","message":{"role":"assistant","content":"#)
        // Who calls and says nothing has no content, rather than an empty one.
        if choice.text.isEmpty, !choice.calls.isEmpty {
            bytes.append(static: "null")
        } else {
            bytes.append(UInt8(ascii: "\""))
            JSONWriter.appendEscaped(utf8: choice.text.span.bytes, to: &bytes)
            bytes.append(UInt8(ascii: "\""))
        }
        bytes.append(static: #","refusal":null"#)
        if !choice.reasoning.isEmpty {
            bytes.append(static: #","reasoning_content":""#)
            JSONWriter.appendEscaped(utf8: choice.reasoning.span.bytes, to: &bytes)
            bytes.append(UInt8(ascii: "\""))
        }
        for (place, call) in choice.calls.enumerated() {
            bytes.append(static: place == 0 ? #","tool_calls":[{"# : ",{")
            append(call.call, to: &bytes)
            JSONWriter.appendEscaped(utf8: call.arguments.span.bytes, to: &bytes)
            bytes.append(static: #""}}"#)
        }
        if !choice.calls.isEmpty { bytes.append(UInt8(ascii: "]")) }
        bytes.append(UInt8(ascii: "}"))
    }
}
