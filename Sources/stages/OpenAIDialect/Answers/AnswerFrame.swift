import ClusterModel
import JSONText

/// The parts that chunks and bodies of both APIs share, prepared once a request.
struct AnswerFrame: Sendable {
    /// Up to the index of a chunk's one choice.
    private let chunkPrefix: [UInt8]
    /// Up to the choices of a body, or of the chunk of a stream that has none.
    private let prefix: [UInt8]
    private let usage: UsageReporting
    var chunkExtension: [UInt8] = []

    /// The most bytes that stand beside id and model in what each answer begins with.
    private static let mostPrefixBytes = 128

    /// - Parameters:
    ///   - kind: stands before the id, with a dash.
    ///   - object: what it is called, by whether it is a stream or a body.
    init(_ kind: StaticString, id: String, created: Int64, model: String, object: StaticString, delivery: Delivery) {
        var prefix: [UInt8] = []
        prefix.reserveCapacity(id.utf8.count + model.utf8.count + Self.mostPrefixBytes)
        prefix.append(static: #"{"id":""#)
        prefix.append(static: kind)
        prefix.append(static: "-")
        JSONWriter.appendEscaped(id, to: &prefix)
        prefix.append(static: #"","object":""#)
        prefix.append(static: object)
        prefix.append(static: #"","created":"#)
        JSONWriter.appendDigits(UInt64(max(0, created)), to: &prefix)
        prefix.append(static: #","model":"#)
        JSONWriter.appendQuoted(model, to: &prefix)
        prefix.append(static: #","choices":["#)
        self.prefix = prefix
        // A body has no chunks.
        if delivery.isStreamed { prefix.append(static: #"{"index":"#) }
        chunkPrefix = prefix
        usage = delivery.usage
    }

    @inline(__always)
    func beginChunk(_ choice: Int, _ rest: StaticString, to bytes: inout [UInt8]) {
        EventFrame.begin(in: &bytes)
        bytes.append(contentsOf: chunkPrefix)
        JSONWriter.appendDigits(UInt64(choice), to: &bytes)
        bytes.append(static: rest)
    }

    /// Behind the choices.
    @inline(__always)
    func endChunk(_ usage: TokenUsage, _ extensionJSON: [UInt8], to bytes: inout [UInt8]) {
        switch self.usage {
        case .none: break
        case .atEnd: bytes.append(static: #","usage":null"#)
        case .continuous: usage.append(to: &bytes)
        }
        Self.appendExtension(extensionJSON, to: &bytes)
        bytes.append(UInt8(ascii: "}"))
        EventFrame.end(in: &bytes)
    }

    /// Behind the last choice: a chunk without choices where the client asked for usage, and the word that ends a stream.
    func appendEnd(_ usage: TokenUsage, to bytes: inout [UInt8]) {
        if self.usage != .none {
            EventFrame.begin(in: &bytes)
            bytes.append(contentsOf: prefix)
            bytes.append(UInt8(ascii: "]"))
            usage.append(to: &bytes)
            bytes.append(UInt8(ascii: "}"))
            EventFrame.end(in: &bytes)
        }
        EventFrame.appendDone(to: &bytes)
    }

    /// The end of a choice, its brace included.
    func appendFinish(_ finish: AnswerFinish, to bytes: inout [UInt8]) {
        bytes.append(static: #","finish_reason":""#)
        bytes.append(static: finish.kind.openAIName)
        bytes.append(UInt8(ascii: "\""))
        if let stop = finish.stopText {
            bytes.append(static: #","stop_reason":"#)
            JSONWriter.appendQuoted(stop, to: &bytes)
        }
        bytes.append(UInt8(ascii: "}"))
    }

    /// In place of what is missing of a stream.
    static func appendFailure(_ failure: ErrorBody, to bytes: inout [UInt8]) {
        EventFrame.begin(in: &bytes)
        failure.append(to: &bytes)
        EventFrame.end(in: &bytes)
    }

    func appendBody(
        _ choices: [CompletedChoice], _ usage: TokenUsage, _ extensionJSON: [UInt8], to bytes: inout [UInt8],
        content: (CompletedChoice, inout [UInt8]) -> Void
    ) {
        bytes.append(contentsOf: prefix)
        for (place, choice) in choices.enumerated() {
            bytes.append(static: place == 0 ? #"{"index":"# : #",{"index":"#)
            JSONWriter.appendDigits(UInt64(choice.index), to: &bytes)
            content(choice, &bytes)
            appendFinish(choice.finish, to: &bytes)
        }
        bytes.append(UInt8(ascii: "]"))
        usage.append(to: &bytes)
        Self.appendExtension(extensionJSON, to: &bytes)
        bytes.append(UInt8(ascii: "}"))
    }

    private static func appendExtension(_ json: [UInt8], to bytes: inout [UInt8]) {
        guard !json.isEmpty else { return }
        bytes.append(static: #","nvext":"#)
        bytes.append(contentsOf: json)
    }
}

extension TokenUsage {
    /// Appends `,"usage":{…}`.
    fileprivate func append(to bytes: inout [UInt8]) {
        func number(_ name: StaticString, _ value: Int, _ bytes: inout [UInt8]) {
            bytes.append(static: name)
            JSONWriter.appendDigits(UInt64(max(0, value)), to: &bytes)
        }
        number(#","usage":{"prompt_tokens":"#, promptTokens, &bytes)
        number(#","completion_tokens":"#, completionTokens, &bytes)
        number(#","total_tokens":"#, totalTokens, &bytes)
        number(#","prompt_tokens_details":{"cached_tokens":"#, cachedTokens, &bytes)
        number(#"},"completion_tokens_details":{"reasoning_tokens":"#, reasoningTokens, &bytes)
        bytes.append(static: "}}")
    }
}

extension FinishKind {
    var openAIName: StaticString {
        switch self {
        case .endOfText, .stopToken, .stopText: "stop"
        case .length: "length"
        case .contentFilter: "content_filter"
        case .toolCalls: "tool_calls"
        }
    }
}

extension [UInt8] {
    @inline(__always)
    mutating func append(static text: StaticString) {
        append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
}
