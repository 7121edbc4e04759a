import JSONText

/// One item of a response's output while it grows. Its texts are kept as they stand in JSON, since they are told up to five times.
struct ResponseItem: Sendable {
    enum Kind: Sendable { case message, reasoning, call }

    enum Status: Sendable {
        case inProgress, completed, incomplete

        var name: StaticString {
            switch self {
            case .inProgress: "in_progress"
            case .completed: "completed"
            case .incomplete: "incomplete"
            }
        }
    }

    /// Nil: no item is open.
    private(set) var kind: Kind?
    private(set) var id = ""
    /// Where it is, as events tell it: `,"item_id":…,"output_index":…` and, of items with parts, `,"content_index":0`.
    private(set) var place: [UInt8] = []
    /// What is said, thought, or given to a function.
    private var text: [UInt8] = []
    /// With commas between them.
    private var logprobs: [UInt8] = []
    /// The same, of what came before any item: told with the first text, if that is what comes first.
    private var earlyLogprobs: [UInt8] = []
    /// `,"call_id":…`
    private var callID: [UInt8] = []
    /// `,"name":…`
    private var name: [UInt8] = []

    /// Begins anew, with the memory that is there.
    mutating func open(_ kind: Kind, response: String, index: Int, call newCall: AnswerCall? = nil) {
        self.kind = kind
        text.removeAll(keepingCapacity: true)
        logprobs.removeAll(keepingCapacity: true)
        if kind != .message { earlyLogprobs.removeAll() }
        callID.removeAll(keepingCapacity: true)
        name.removeAll(keepingCapacity: true)
        place.removeAll(keepingCapacity: true)
        let prefix =
            switch kind {
            case .message: "msg_"
            case .reasoning: "rs_"
            case .call: "fc_"
            }
        id = prefix + response + "_\(index)"
        place.append(static: #","item_id":"#)
        JSONWriter.appendQuoted(id, to: &place)
        place.append(static: #","output_index":"#)
        JSONWriter.appendDigits(UInt64(index), to: &place)
        if kind != .call { place.append(static: #","content_index":0"#) }
        guard let newCall else { return }
        callID.append(static: #","call_id":"#)
        JSONWriter.appendQuoted(newCall.id, to: &callID)
        name.append(static: #","name":"#)
        JSONWriter.appendQuoted(newCall.name, to: &name)
    }

    mutating func close() {
        kind = nil
        earlyLogprobs.removeAll()
    }

    /// Adds to the text, and appends what was added to `event` where there is one.
    mutating func append(_ more: RawSpan, to event: inout [UInt8], isTold: Bool) {
        let start = text.count
        JSONWriter.appendEscaped(utf8: more, to: &text)
        if isTold { event.append(contentsOf: text[start...]) }
    }

    /// Of a text that has not come yet.
    mutating func keep(_ early: LogprobsBuffer) { Self.append(early, to: &earlyLogprobs) }

    mutating func append(_ more: LogprobsBuffer?, to event: inout [UInt8], isTold: Bool) {
        var fresh = earlyLogprobs
        earlyLogprobs.removeAll()
        if let more { Self.append(more, to: &fresh) }
        guard !fresh.isEmpty else { return }
        if !logprobs.isEmpty { logprobs.append(UInt8(ascii: ",")) }
        logprobs.append(contentsOf: fresh)
        if isTold { event.append(contentsOf: fresh) }
    }

    private static func append(_ more: LogprobsBuffer, to list: inout [UInt8]) {
        if !list.isEmpty, !more.isEmpty { list.append(UInt8(ascii: ",")) }
        more.appendTokens(to: &list)
    }

    // MARK: As JSON

    func appendText(to bytes: inout [UInt8]) { bytes.append(contentsOf: text) }
    func appendName(to bytes: inout [UInt8]) { bytes.append(contentsOf: name) }
    func appendLogprobs(to bytes: inout [UInt8]) { bytes.append(contentsOf: logprobs) }

    /// Of an item that has parts, its only one.
    func appendPart(to bytes: inout [UInt8]) {
        bytes.append(static: kind == .message ? #"{"type":"output_text","text":""# : #"{"type":"reasoning_text","text":""#)
        bytes.append(contentsOf: text)
        guard kind == .message else { return bytes.append(static: #""}"#) }
        bytes.append(static: #"","annotations":[],"logprobs":["#)
        bytes.append(contentsOf: logprobs)
        bytes.append(static: "]}")
    }

    /// The item that has just begun is without its part, which comes in an event of its own.
    func append(_ status: Status, to bytes: inout [UInt8]) {
        guard let kind else { return }
        bytes.append(static: #"{"id":"#)
        JSONWriter.appendQuoted(id, to: &bytes)
        bytes.append(static: #","type":""#)
        switch kind {
        case .message: bytes.append(static: #"message","role":"assistant"#)
        case .reasoning: bytes.append(static: #"reasoning","summary":[]"#)
        case .call: bytes.append(static: "function_call")
        }
        bytes.append(static: kind == .reasoning ? #","status":""# : #"","status":""#)
        bytes.append(static: status.name)
        bytes.append(UInt8(ascii: "\""))
        if kind == .call {
            bytes.append(contentsOf: callID)
            bytes.append(contentsOf: name)
            bytes.append(static: #","arguments":""#)
            bytes.append(contentsOf: text)
            return bytes.append(static: #""}"#)
        }
        bytes.append(static: #","content":["#)
        if status != .inProgress { appendPart(to: &bytes) }
        bytes.append(static: "]}")
    }
}
