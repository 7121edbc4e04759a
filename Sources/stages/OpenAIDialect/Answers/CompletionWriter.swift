package import ClusterModel
import JSONText

/// Answers of `/v1/completions`.
package struct CompletionWriter: AnswerWriter {
    package let delivery: Delivery
    package var chunkExtension: [UInt8] {
        get { frame.chunkExtension }
        set { frame.chunkExtension = newValue }
    }
    private var frame: AnswerFrame

    /// `created` is in seconds since 1970; `id` without the prefix `cmpl-`.
    package init(id: String, created: Int64, model: String, delivery: Delivery) {
        self.delivery = delivery
        frame = AnswerFrame(
            "cmpl", id: id, created: created, model: model, object: "text_completion", delivery: delivery)
    }

    /// Its first text opens a choice.
    package func appendOpening(choice: Int, usage: TokenUsage, to events: inout [UInt8]) {}

    package func appendText(choice: Int, _ text: RawSpan, logprobs: LogprobsBuffer?, usage: TokenUsage, to bytes: inout [UInt8]) {
        frame.beginChunk(choice, #","text":""#, to: &bytes)
        JSONWriter.appendEscaped(utf8: text, to: &bytes)
        if let logprobs {
            bytes.append(static: #"","logprobs":"#)
            logprobs.appendLegacy(to: &bytes)
            bytes.append(static: #","finish_reason":null}]"#)
        } else {
            bytes.append(static: #"","logprobs":null,"finish_reason":null}]"#)
        }
        frame.endChunk(usage, frame.chunkExtension, to: &bytes)
    }

    package func appendFinish(
        choice: Int, _ finish: AnswerFinish, usage: TokenUsage, extensionJSON: [UInt8]?, to bytes: inout [UInt8]
    ) {
        frame.beginChunk(choice, #","text":"","logprobs":null"#, to: &bytes)
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
            bytes.append(static: #","text":""#)
            JSONWriter.appendEscaped(utf8: choice.text.span.bytes, to: &bytes)
            bytes.append(static: #"","logprobs":"#)
            if let logprobs = choice.logprobs { logprobs.appendLegacy(to: &bytes) } else { bytes.append(static: "null") }
        }
    }
}
