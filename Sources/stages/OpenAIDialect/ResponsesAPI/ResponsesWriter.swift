package import ClusterModel
import JSONText

/// Answers of `/v1/responses`: a list of items, which stand in the order in which the model produced them.
///
/// The body of an answer is put together from the same pieces as a stream, so that both say the same.
package struct ResponsesWriter: AnswerWriter {
    package let delivery: Delivery
    package var gathersBody: Bool { true }
    package var repeatsItself: Bool { true }
    package var chunkExtension: [UInt8] = []
    private let id: String
    private let frame: ResponseFrame
    /// Of the next event.
    private var sequence: UInt64 = 0
    /// Items that are done, as JSON with commas between them.
    private var output: [UInt8] = []
    /// So many items are done.
    private var done = 0
    private var item = ResponseItem()
    private var finish = FinishKind.endOfText
    private var lastExtension: [UInt8]?

    /// `created` is in seconds since 1970; `id` without its prefix.
    package init(id: String, created: Int64, delivery: Delivery) {
        self.id = id
        self.delivery = delivery
        frame = ResponseFrame(id: id, created: created, repeated: delivery.repeated)
    }

    // MARK: Pieces

    package mutating func appendBeginning(usage: TokenUsage, to events: inout [UInt8]) {
        for name in ["response.created", "response.in_progress"] as [StaticString] { appendEvent(name, .inProgress, to: &events) }
    }

    package mutating func appendOpening(choice: Int, usage: TokenUsage, to events: inout [UInt8]) {}

    /// Log probabilities without a text are those of a character that is not whole yet, if a message is open. Before all items they are of what
    /// is the beginning of a message, or of a thought or a call; behind another item they are of what ends that.
    package mutating func appendText(
        choice: Int, _ text: RawSpan, logprobs: LogprobsBuffer?, usage: TokenUsage, to events: inout [UInt8]
    ) {
        if item.kind != .message {
            guard !text.isEmpty else {
                if done == 0, item.kind == nil, let logprobs { item.keep(logprobs) }
                return
            }
            open(.message, to: &events)
        } else if text.isEmpty, logprobs == nil {
            return
        }
        let isTold = delivery.isStreamed
        if isTold { beginDelta("response.output_text.delta", to: &events) }
        item.append(text, to: &events, isTold: isTold)
        if isTold { events.append(static: #"","logprobs":["#) }
        item.append(logprobs, to: &events, isTold: isTold)
        guard isTold else { return }
        events.append(UInt8(ascii: "]"))
        endEvent(to: &events)
    }

    package mutating func appendReasoning(choice: Int, _ text: RawSpan, usage: TokenUsage, to events: inout [UInt8]) {
        guard !text.isEmpty else { return }
        if item.kind != .reasoning { open(.reasoning, to: &events) }
        appendDelta("response.reasoning_text.delta", text, to: &events)
    }

    package mutating func appendCall(choice: Int, _ call: AnswerCall, usage: TokenUsage, to events: inout [UInt8]) {
        open(.call, call, to: &events)
    }

    package mutating func appendArguments(choice: Int, call: Int, _ text: RawSpan, usage: TokenUsage, to events: inout [UInt8]) {
        guard item.kind == .call, !text.isEmpty else { return }
        appendDelta("response.function_call_arguments.delta", text, to: &events)
    }

    package mutating func appendCallEnd(choice: Int, call: Int, usage: TokenUsage, to events: inout [UInt8]) {
        if item.kind == .call { close(.completed, to: &events) }
    }

    package mutating func appendFinish(
        choice: Int, _ finish: AnswerFinish, usage: TokenUsage, extensionJSON: [UInt8]?, to events: inout [UInt8]
    ) {
        self.finish = finish.kind
        lastExtension = extensionJSON
        // Clients look for a message even where the model had nothing to say.
        if done == 0, item.kind == nil { open(.message, to: &events) }
        close(incompleteReason == nil ? .completed : .incomplete, to: &events)
    }

    // MARK: Ends

    package mutating func appendEnd(usage: TokenUsage, at seconds: Int64, to events: inout [UInt8]) {
        let isWhole = incompleteReason == nil
        appendEvent(
            isWhole ? "response.completed" : "response.incomplete", ending(at: seconds), usage: usage,
            extensionJSON: lastExtension, to: &events)
    }

    /// As an event by itself, and as the end that every stream of this API has.
    package mutating func appendFailure(_ failure: ErrorBody, to events: inout [UInt8]) {
        beginEvent("error", to: &events)
        func member(_ name: StaticString, _ text: String?) {
            events.append(static: name)
            if let text { JSONWriter.appendQuoted(text, to: &events) } else { events.append(static: "null") }
        }
        member(#","code":"#, failure.code)
        member(#","message":"#, failure.message)
        member(#","param":"#, failure.param)
        endEvent(to: &events)
        keepItem(.incomplete)
        item.close()
        appendEvent("response.failed", .failed(failure), to: &events)
    }

    package func appendBody(
        _ choices: [CompletedChoice], usage: TokenUsage, extensionJSON: [UInt8], at seconds: Int64, to bytes: inout [UInt8]
    ) {
        append(ending(at: seconds), usage: usage, extensionJSON: extensionJSON, to: &bytes)
    }

    // MARK: Items

    private mutating func open(_ kind: ResponseItem.Kind, _ call: AnswerCall? = nil, to events: inout [UInt8]) {
        close(.completed, to: &events)
        item.open(kind, response: id, index: done, call: call)
        guard delivery.isStreamed else { return }
        beginEvent("response.output_item.added", to: &events)
        appendIndex(to: &events)
        item.append(.inProgress, to: &events)
        endEvent(to: &events)
        if kind != .call { appendPart("response.content_part.added", to: &events) }
    }

    /// The item that is open, if one is, is whole or will never be.
    private mutating func close(_ status: ResponseItem.Status, to events: inout [UInt8]) {
        guard let kind = item.kind else { return }
        if delivery.isStreamed { appendDone(kind, to: &events) }
        let start = keepItem(status)
        if delivery.isStreamed {
            beginEvent("response.output_item.done", to: &events)
            appendIndex(to: &events)
            events.append(contentsOf: output[start...])
            endEvent(to: &events)
        }
        item.close()
        done += 1
    }

    /// Puts the open item among those that are done, and says where it begins there.
    @discardableResult
    private mutating func keepItem(_ status: ResponseItem.Status) -> Int {
        if item.kind != nil, !output.isEmpty { output.append(UInt8(ascii: ",")) }
        let start = output.count
        item.append(status, to: &output)
        return start
    }

    private mutating func appendDone(_ kind: ResponseItem.Kind, to events: inout [UInt8]) {
        switch kind {
        case .message: beginEvent("response.output_text.done", to: &events)
        case .reasoning: beginEvent("response.reasoning_text.done", to: &events)
        case .call: beginEvent("response.function_call_arguments.done", to: &events)
        }
        events.append(contentsOf: item.place)
        events.append(static: kind == .call ? #","arguments":""# : #","text":""#)
        item.appendText(to: &events)
        events.append(UInt8(ascii: "\""))
        if kind == .call { item.appendName(to: &events) }
        if kind == .message {
            events.append(static: #","logprobs":["#)
            item.appendLogprobs(to: &events)
            events.append(UInt8(ascii: "]"))
        }
        endEvent(to: &events)
        if kind != .call { appendPart("response.content_part.done", to: &events) }
    }

    private mutating func appendPart(_ name: StaticString, to events: inout [UInt8]) {
        beginEvent(name, to: &events)
        events.append(contentsOf: item.place)
        events.append(static: #","part":"#)
        item.appendPart(to: &events)
        endEvent(to: &events)
    }

    // MARK: Events

    @inline(__always)
    private mutating func beginEvent(_ name: StaticString, to events: inout [UInt8]) {
        EventFrame.begin(named: name, in: &events)
        events.append(static: #"{"type":""#)
        events.append(static: name)
        events.append(static: #"","sequence_number":"#)
        JSONWriter.appendDigits(sequence, to: &events)
        sequence += 1
    }

    @inline(__always)
    private func endEvent(to events: inout [UInt8]) {
        events.append(UInt8(ascii: "}"))
        EventFrame.end(in: &events)
    }

    private func appendIndex(to events: inout [UInt8]) {
        events.append(static: #","output_index":"#)
        JSONWriter.appendDigits(UInt64(done), to: &events)
        events.append(static: #","item":"#)
    }

    /// Up to the text.
    private mutating func beginDelta(_ name: StaticString, to events: inout [UInt8]) {
        beginEvent(name, to: &events)
        events.append(contentsOf: item.place)
        events.append(static: #","delta":""#)
    }

    private mutating func appendDelta(_ name: StaticString, _ text: RawSpan, to events: inout [UInt8]) {
        let isTold = delivery.isStreamed
        if isTold { beginDelta(name, to: &events) }
        item.append(text, to: &events, isTold: isTold)
        guard isTold else { return }
        events.append(UInt8(ascii: "\""))
        endEvent(to: &events)
    }

    private mutating func appendEvent(
        _ name: StaticString, _ state: ResponseFrame.State, usage: TokenUsage? = nil, extensionJSON: [UInt8]? = nil,
        to events: inout [UInt8]
    ) {
        beginEvent(name, to: &events)
        events.append(static: #","response":"#)
        append(state, usage: usage, extensionJSON: extensionJSON ?? chunkExtension, to: &events)
        endEvent(to: &events)
    }

    /// Why the answer is not whole.
    private var incompleteReason: StaticString? {
        switch finish {
        case .length: "max_output_tokens"
        case .contentFilter: "content_filter"
        case .endOfText, .stopToken, .stopText, .toolCalls: nil
        }
    }

    private func ending(at seconds: Int64) -> ResponseFrame.State {
        incompleteReason.map { .incomplete($0) } ?? .completed(at: seconds)
    }

    private func append(_ state: ResponseFrame.State, usage: TokenUsage?, extensionJSON: [UInt8], to bytes: inout [UInt8]) {
        frame.append(state, output: output, usage, extensionJSON, to: &bytes)
    }
}
