package import ClusterModel
import JSONText

/// Answers of Anthropic's `/v1/messages`: blocks of text, thoughts and calls, in the order in which the model writes them.
///
/// A stream has one block open at a time; it begins with the first piece of its kind and ends with the first of another one. Signatures of
/// thoughts are empty, since nobody here has to be shown that a thought is the model's own.
package struct MessagesWriter: AnswerWriter {
    /// What of the open call's arguments has come.
    private enum Arguments {
        /// Blanks at most.
        case none
        /// The beginning of an object: told as it comes.
        case object(JSONStringPlace)
        /// Anything else: told as text in an object.
        case other
        /// What nobody has followed, so that it may turn out to be no JSON: told once it is whole, since what was told cannot be taken back.
        case withheld
    }

    private enum Block {
        case text, thinking
        case call(Arguments)
    }

    package let delivery: Delivery
    package var chunkExtension: [UInt8] = []
    package var errorStyle: ErrorStyle { .anthropic }
    private let frame: MessageFrame
    /// Of the open block, or of the next one.
    private var index = 0
    private var open: Block?
    private var scratch: [UInt8] = []
    /// Arguments of the open call that are not told yet.
    private var withheld: [UInt8] = []

    /// `id` without the prefix `msg_`. `maxTokens` is what the client asked for.
    package init(id: String, model: String, maxTokens: UInt32?, delivery: Delivery) {
        self.delivery = delivery
        frame = MessageFrame(id: id, model: model, maxTokens: maxTokens.map(Int.init))
    }

    // MARK: Stream

    package mutating func appendBeginning(usage: TokenUsage, to events: inout [UInt8]) {
        frame.appendStart(usage, to: &events)
        EventFrame.begin(named: "ping", in: &events)
        events.append(static: #"{"type":"ping"}"#)
        EventFrame.end(in: &events)
    }

    /// Its first piece opens a block.
    package mutating func appendOpening(choice: Int, usage: TokenUsage, to events: inout [UInt8]) {}

    package mutating func appendText(choice: Int, _ text: RawSpan, logprobs: LogprobsBuffer?, usage: TokenUsage, to events: inout [UInt8]) {
        guard !text.isEmpty else { return }
        if case .text? = open {} else { begin(.text, #"{"type":"text","text":""}"#, &events) }
        delta(#"{"type":"text_delta","text":""#, text, &events)
    }

    package mutating func appendReasoning(choice: Int, _ text: RawSpan, usage: TokenUsage, to events: inout [UInt8]) {
        guard !text.isEmpty, !delivery.hidesReasoning else { return }
        if case .thinking? = open {} else { begin(.thinking, #"{"type":"thinking","thinking":"","signature":""}"#, &events) }
        delta(#"{"type":"thinking_delta","thinking":""#, text, &events)
    }

    package mutating func appendCall(choice: Int, _ call: AnswerCall, usage: TokenUsage, to events: inout [UInt8]) {
        end(&events)
        open = .call(call.hasFollowedArguments ? .none : .withheld)
        withheld.removeAll(keepingCapacity: true)
        beginStart(&events)
        MessageFrame.append(call, to: &events)
        events.append(static: #"{}}}"#)
        EventFrame.end(in: &events)
    }

    package mutating func appendArguments(choice: Int, call: Int, _ text: RawSpan, usage: TokenUsage, to events: inout [UInt8]) {
        guard case .call(let arguments)? = open else { return }
        switch arguments {
        case .object(let place): objectArguments(text, place, &events)
        case .other: otherArguments(text, isFirst: false, &events)
        case .withheld: text.withUnsafeBytes { withheld.append(contentsOf: $0) }
        case .none:
            guard let first = text.firstIndex(where: { !ToolUse.isBlank($0) }) else { return }
            let rest = text.extracting(first..<text.byteCount)
            if rest.unsafeLoad(as: UInt8.self) == UInt8(ascii: "{") {
                objectArguments(rest, JSONStringPlace(), &events)
            } else {
                open = .call(.other)
                otherArguments(rest, isFirst: true, &events)
            }
        }
    }

    package mutating func appendCallEnd(choice: Int, call: Int, usage: TokenUsage, to events: inout [UInt8]) {
        if case .call? = open { end(&events) }
    }

    package mutating func appendFinish(
        choice: Int, _ finish: AnswerFinish, usage: TokenUsage, extensionJSON: [UInt8]?, to events: inout [UInt8]
    ) {
        end(&events)
        EventFrame.begin(named: "message_delta", in: &events)
        events.append(static: #"{"type":"message_delta","delta":{"#)
        frame.append(finish, usage, to: &events)
        events.append(UInt8(ascii: "}"))
        MessageFrame.append(usage, to: &events)
        MessageFrame.append(extension: extensionJSON ?? chunkExtension, to: &events)
        events.append(UInt8(ascii: "}"))
        EventFrame.end(in: &events)
    }

    package mutating func appendEnd(usage: TokenUsage, at seconds: Int64, to events: inout [UInt8]) {
        EventFrame.begin(named: "message_stop", in: &events)
        events.append(static: #"{"type":"message_stop"}"#)
        EventFrame.end(in: &events)
    }

    /// The open block is left open: what it lacks never came.
    package mutating func appendFailure(_ failure: ErrorBody, to events: inout [UInt8]) {
        EventFrame.begin(named: "error", in: &events)
        failure.append(.anthropic, to: &events)
        EventFrame.end(in: &events)
    }

    // MARK: Blocks of a stream

    private static let argumentsDelta: StaticString = #"{"type":"input_json_delta","partial_json":""#

    private mutating func begin(_ block: Block, _ json: StaticString, _ events: inout [UInt8]) {
        end(&events)
        open = block
        beginStart(&events)
        events.append(static: json)
        events.append(UInt8(ascii: "}"))
        EventFrame.end(in: &events)
    }

    /// Up to the block itself.
    private func beginStart(_ events: inout [UInt8]) {
        EventFrame.begin(named: "content_block_start", in: &events)
        events.append(static: #"{"type":"content_block_start","index":"#)
        JSONWriter.appendDigits(UInt64(index), to: &events)
        events.append(static: #","content_block":"#)
    }

    /// `kind` is open up to the inside of its text.
    private func delta(_ kind: StaticString, _ text: RawSpan, _ events: inout [UInt8]) {
        EventFrame.begin(named: "content_block_delta", in: &events)
        events.append(static: #"{"type":"content_block_delta","index":"#)
        JSONWriter.appendDigits(UInt64(index), to: &events)
        events.append(static: #","delta":"#)
        events.append(static: kind)
        JSONWriter.appendEscaped(utf8: text, to: &events)
        events.append(static: #""}}"#)
        EventFrame.end(in: &events)
    }

    private mutating func objectArguments(_ text: RawSpan, _ place: JSONStringPlace, _ events: inout [UInt8]) {
        var place = place
        scratch.removeAll(keepingCapacity: true)
        place.append(text, to: &scratch)
        delta(Self.argumentsDelta, scratch.span.bytes, &events)
        open = .call(.object(place))
    }

    /// Escaped twice: as text in an object that itself is told as text.
    private mutating func otherArguments(_ text: RawSpan, isFirst: Bool, _ events: inout [UInt8]) {
        scratch.removeAll(keepingCapacity: true)
        if isFirst { scratch.append(contentsOf: ToolUse.invalidBeginning) }
        JSONWriter.appendEscaped(utf8: text, to: &scratch)
        delta(Self.argumentsDelta, scratch.span.bytes, &events)
    }

    private mutating func end(_ events: inout [UInt8]) {
        switch open {
        case nil: return
        case .text?, .call(.object)?: break
        case .thinking?: delta(#"{"type":"signature_delta","signature":""#, RawSpan(), &events)
        // Clients that read nothing as JSON would fail.
        case .call(.none)?: delta(Self.argumentsDelta, "{}".utf8.span.bytes, &events)
        case .call(.other)?:
            let rest = ToolUse.invalidEnd
            delta(Self.argumentsDelta, rest.span.bytes, &events)
        case .call(.withheld)?:
            scratch.removeAll(keepingCapacity: true)
            ToolUse.appendInput(withheld, to: &scratch)
            delta(Self.argumentsDelta, scratch.span.bytes, &events)
        }
        EventFrame.begin(named: "content_block_stop", in: &events)
        events.append(static: #"{"type":"content_block_stop","index":"#)
        JSONWriter.appendDigits(UInt64(index), to: &events)
        events.append(UInt8(ascii: "}"))
        EventFrame.end(in: &events)
        index += 1
        open = nil
    }

    // MARK: One body

    package func appendBody(
        _ choices: [CompletedChoice], usage: TokenUsage, extensionJSON: [UInt8], at seconds: Int64, to bytes: inout [UInt8]
    ) {
        guard let choice = choices.first else { return }
        frame.appendBody(choice, usage, extensionJSON, showsReasoning: !delivery.hidesReasoning, to: &bytes)
    }
}

extension RawSpan {
    fileprivate func firstIndex(where matches: (UInt8) -> Bool) -> Int? {
        for index in 0..<byteCount where matches(unsafeLoad(fromByteOffset: index, as: UInt8.self)) { return index }
        return nil
    }
}
