import ClusterModel
import JSONText

/// The object `message` of the Messages API, and the parts of it that events have too.
struct MessageFrame: Sendable {
    /// Up to the content.
    private let head: [UInt8]
    private let maxTokens: Int?

    init(id: String, model: String, maxTokens: Int?) {
        self.maxTokens = maxTokens
        var writer = JSONWriter()
        writer.beginObject()
        for (key, text) in [("id", "msg_" + id), ("type", "message"), ("role", "assistant"), ("model", model)] {
            writer.key(key)
            writer.string(text)
        }
        writer.key("content")
        writer.beginArray()
        head = writer.bytes
    }

    /// The event that begins a stream. What is cached is not known yet; the last event tells it.
    func appendStart(_ usage: TokenUsage, to events: inout [UInt8]) {
        EventFrame.begin(named: "message_start", in: &events)
        events.append(static: #"{"type":"message_start","message":"#)
        events.append(contentsOf: head)
        events.append(static: #"],"stop_reason":null,"stop_sequence":null"#)
        Self.append(usage, to: &events)
        events.append(static: "}}")
        EventFrame.end(in: &events)
    }

    func appendBody(
        _ choice: CompletedChoice, _ usage: TokenUsage, _ extensionJSON: [UInt8], showsReasoning: Bool, to bytes: inout [UInt8]
    ) {
        bytes.append(contentsOf: head)
        var isFirst = true
        for part in choice.parts {
            if case .reasoning = part, !showsReasoning { continue }
            if !isFirst { bytes.append(UInt8(ascii: ",")) }
            isFirst = false
            switch part {
            case .text(let range):
                bytes.append(static: #"{"type":"text","text":""#)
                JSONWriter.appendEscaped(utf8: choice.text.span.extracting(range).bytes, to: &bytes)
                bytes.append(static: #""}"#)
            case .reasoning(let range):
                bytes.append(static: #"{"type":"thinking","thinking":""#)
                JSONWriter.appendEscaped(utf8: choice.reasoning.span.extracting(range).bytes, to: &bytes)
                bytes.append(static: #"","signature":""}"#)
            case .call(let place):
                Self.append(choice.calls[place].call, to: &bytes)
                ToolUse.appendInput(choice.calls[place].arguments, to: &bytes)
                bytes.append(UInt8(ascii: "}"))
            }
        }
        bytes.append(static: "],")
        append(choice.finish, usage, to: &bytes)
        Self.append(usage, to: &bytes)
        Self.append(extension: extensionJSON, to: &bytes)
        bytes.append(UInt8(ascii: "}"))
    }

    /// A block up to its input.
    static func append(_ call: AnswerCall, to bytes: inout [UInt8]) {
        bytes.append(static: #"{"type":"tool_use","id":"#)
        JSONWriter.appendQuoted(ToolUse.clientID(call.id), to: &bytes)
        bytes.append(static: #","name":"#)
        JSONWriter.appendQuoted(call.name, to: &bytes)
        bytes.append(static: #","input":"#)
    }

    /// The members that tell how it ended.
    func append(_ finish: AnswerFinish, _ usage: TokenUsage, to bytes: inout [UInt8]) {
        bytes.append(static: #""stop_reason":""#)
        bytes.append(static: reason(finish.kind, usage))
        bytes.append(static: #"","stop_sequence":"#)
        if finish.kind == .stopText, let stop = finish.stopText {
            JSONWriter.appendQuoted(stop, to: &bytes)
        } else {
            bytes.append(static: "null")
        }
    }

    private func reason(_ kind: FinishKind, _ usage: TokenUsage) -> StaticString {
        switch kind {
        case .endOfText, .stopToken: "end_turn"
        case .stopText: "stop_sequence"
        // The context left less than was asked for.
        case .length: usage.completionTokens < maxTokens ?? 0 ? "model_context_window_exceeded" : "max_tokens"
        case .contentFilter: "refusal"
        case .toolCalls: "tool_use"
        }
    }

    /// Appends `,"usage":{…}`. Tokens of the prompt that were cached are no input tokens here; what fills a cache is not told apart.
    static func append(_ usage: TokenUsage, to bytes: inout [UInt8]) {
        func number(_ name: StaticString, _ value: Int, _ bytes: inout [UInt8]) {
            bytes.append(static: name)
            JSONWriter.appendDigits(UInt64(max(0, value)), to: &bytes)
        }
        number(#","usage":{"input_tokens":"#, usage.promptTokens - usage.cachedTokens, &bytes)
        number(#","cache_creation_input_tokens":0,"cache_read_input_tokens":"#, usage.cachedTokens, &bytes)
        number(#","output_tokens":"#, usage.completionTokens, &bytes)
        number(#","output_tokens_details":{"thinking_tokens":"#, usage.reasoningTokens, &bytes)
        bytes.append(static: "}}")
    }

    static func append(extension json: [UInt8], to bytes: inout [UInt8]) {
        guard !json.isEmpty else { return }
        bytes.append(static: #","nvext":"#)
        bytes.append(contentsOf: json)
    }
}
