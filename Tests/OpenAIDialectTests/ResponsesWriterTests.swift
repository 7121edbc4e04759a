import ClusterModel
import JSONText
import OpenAIDialect
import Testing

@Suite("Responses") struct ResponsesWriterTests {
    private let usage = TokenUsage(promptTokens: 10, cachedTokens: 4, completionTokens: 3, reasoningTokens: 1)
    private let usageText =
        #""usage":{"input_tokens":10,"input_tokens_details":{"cache_write_tokens":0,"cached_tokens":4},"output_tokens":3,"#
        + #""output_tokens_details":{"reasoning_tokens":1},"total_tokens":13}"#

    private static let end: Int64 = 1_700_000_009

    private func writer(streamed: Bool = true, repeated: String = #""model":"m""#) -> ResponsesWriter {
        var delivery = Delivery()
        delivery.isStreamed = streamed
        delivery.repeated = Array(repeated.utf8)
        return ResponsesWriter(id: "7", created: 1_700_000_000, delivery: delivery)
    }

    private func head(_ status: String, error: String = "null", incomplete: String = "null") -> String {
        #"{"id":"resp_7","object":"response","created_at":1700000000,"status":"\#(status)","completed_at":\#(status == "completed" ? "\(Self.end)" : "null"),"error":\#(error),"#
            + #""incomplete_details":\#(incomplete),"model":"m","output":["#
    }

    private enum Piece {
        case text(String), thought(String), call(String, String), arguments(String), callEnd
    }

    private func write(_ pieces: [Piece], to writer: inout ResponsesWriter, _ bytes: inout [UInt8]) {
        var call = -1
        for piece in pieces {
            switch piece {
            case .text(let text): writer.appendText(choice: 0, text.utf8.span.bytes, logprobs: nil, usage: usage, to: &bytes)
            case .thought(let text): writer.appendReasoning(choice: 0, text.utf8.span.bytes, usage: usage, to: &bytes)
            case .call(let id, let name):
                call += 1
                writer.appendCall(choice: 0, AnswerCall(index: call, id: id, name: name), usage: usage, to: &bytes)
            case .arguments(let text):
                writer.appendArguments(choice: 0, call: call, text.utf8.span.bytes, usage: usage, to: &bytes)
            case .callEnd: writer.appendCallEnd(choice: 0, call: call, usage: usage, to: &bytes)
            }
        }
    }

    /// A whole stream as a service writes it: names and data of its events.
    private func stream(
        _ pieces: [Piece], _ finish: FinishKind = .endOfText, extensionJSON: [UInt8]? = nil, writer: ResponsesWriter? = nil
    ) -> [(name: String, data: String)] {
        var writer = writer ?? self.writer(), bytes: [UInt8] = []
        writer.appendBeginning(usage: usage, to: &bytes)
        writer.appendOpening(choice: 0, usage: usage, to: &bytes)
        write(pieces, to: &writer, &bytes)
        writer.appendFinish(choice: 0, AnswerFinish(finish), usage: usage, extensionJSON: extensionJSON, to: &bytes)
        writer.appendEnd(usage: usage, at: Self.end, to: &bytes)
        return events(bytes)
    }

    private func events(_ bytes: [UInt8]) -> [(name: String, data: String)] {
        text(bytes).split(separator: "\n\n").map { event in
            let lines = event.split(separator: "\n", omittingEmptySubsequences: false)
            let isWhole = lines.count == 2 && lines[0].hasPrefix("event: ") && lines[1].hasPrefix("data: ")
            return isWhole ? (String(lines[0].dropFirst(7)), String(lines[1].dropFirst(6))) : ("?", String(event))
        }
    }

    private func expect(_ events: [(name: String, data: String)], _ lines: [(String, String)], at place: SourceLocation = #_sourceLocation)
    {
        #expect(events.map(\.name) == lines.map(\.0), sourceLocation: place)
        for (number, (event, line)) in zip(events, lines).enumerated() {
            #expect(event.data == #"{"type":"\#(line.0)","sequence_number":\#(number),\#(line.1)}"#, sourceLocation: place)
        }
    }

    // MARK: Streams

    @Test("a text, byte by byte")
    func textStream() {
        let place = #""item_id":"msg_7_0","output_index":0,"content_index":0"#
        let part = #"{"type":"output_text","text":"a\"\n€","annotations":[],"logprobs":[]}"#
        let item = #"{"id":"msg_7_0","type":"message","role":"assistant","status":"completed","content":[\#(part)]}"#
        expect(
            stream([.text("a\""), .text("\n€"), .text("")]),
            [
                ("response.created", #""response":\#(head("in_progress"))],"usage":null}"#),
                ("response.in_progress", #""response":\#(head("in_progress"))],"usage":null}"#),
                (
                    "response.output_item.added",
                    #""output_index":0,"item":{"id":"msg_7_0","type":"message","role":"assistant","status":"in_progress","content":[]}"#
                ),
                ("response.content_part.added", place + #","part":{"type":"output_text","text":"","annotations":[],"logprobs":[]}"#),
                ("response.output_text.delta", place + #","delta":"a\"","logprobs":[]"#),
                ("response.output_text.delta", place + #","delta":"\n€","logprobs":[]"#),
                ("response.output_text.done", place + #","text":"a\"\n€","logprobs":[]"#),
                ("response.content_part.done", place + #","part":\#(part)"#),
                ("response.output_item.done", #""output_index":0,"item":\#(item)"#),
                ("response.completed", #""response":\#(head("completed"))\#(item)],\#(usageText)}"#),
            ])
    }

    @Test("thoughts, a text and calls are items in the order in which they came")
    func allItems() {
        let thought =
            #"{"id":"rs_7_0","type":"reasoning","summary":[],"status":"completed","content":[{"type":"reasoning_text","text":"hm"}]}"#
        let said =
            #"{"id":"msg_7_1","type":"message","role":"assistant","status":"completed","#
            + #""content":[{"type":"output_text","text":"I look","annotations":[],"logprobs":[]}]}"#
        let first =
            #"{"id":"fc_7_2","type":"function_call","status":"completed","call_id":"call_a","name":"f","arguments":"{\"x\":1}"}"#
        let second = #"{"id":"fc_7_3","type":"function_call","status":"completed","call_id":"call_b","name":"g","arguments":""}"#
        let thoughtPlace = #""item_id":"rs_7_0","output_index":0,"content_index":0"#
        let saidPlace = #""item_id":"msg_7_1","output_index":1,"content_index":0"#
        let events = stream(
            [
                .thought("h"), .thought("m"), .text("I look"), .call("call_a", "f"), .arguments("{\"x\""), .arguments(":1}"), .callEnd,
                .call("call_b", "g"), .callEnd,
            ], .toolCalls)
        expect(
            events,
            [
                ("response.created", #""response":\#(head("in_progress"))],"usage":null}"#),
                ("response.in_progress", #""response":\#(head("in_progress"))],"usage":null}"#),
                (
                    "response.output_item.added",
                    #""output_index":0,"item":{"id":"rs_7_0","type":"reasoning","summary":[],"status":"in_progress","content":[]}"#
                ),
                ("response.content_part.added", thoughtPlace + #","part":{"type":"reasoning_text","text":""}"#),
                ("response.reasoning_text.delta", thoughtPlace + #","delta":"h""#),
                ("response.reasoning_text.delta", thoughtPlace + #","delta":"m""#),
                ("response.reasoning_text.done", thoughtPlace + #","text":"hm""#),
                ("response.content_part.done", thoughtPlace + #","part":{"type":"reasoning_text","text":"hm"}"#),
                ("response.output_item.done", #""output_index":0,"item":\#(thought)"#),
                (
                    "response.output_item.added",
                    #""output_index":1,"item":{"id":"msg_7_1","type":"message","role":"assistant","status":"in_progress","content":[]}"#
                ),
                ("response.content_part.added", saidPlace + #","part":{"type":"output_text","text":"","annotations":[],"logprobs":[]}"#),
                ("response.output_text.delta", saidPlace + #","delta":"I look","logprobs":[]"#),
                ("response.output_text.done", saidPlace + #","text":"I look","logprobs":[]"#),
                (
                    "response.content_part.done",
                    saidPlace + #","part":{"type":"output_text","text":"I look","annotations":[],"logprobs":[]}"#
                ),
                ("response.output_item.done", #""output_index":1,"item":\#(said)"#),
                (
                    "response.output_item.added",
                    #""output_index":2,"item":{"id":"fc_7_2","type":"function_call","status":"in_progress","call_id":"call_a","name":"f","arguments":""}"#
                ),
                ("response.function_call_arguments.delta", #""item_id":"fc_7_2","output_index":2,"delta":"{\"x\"""#),
                ("response.function_call_arguments.delta", #""item_id":"fc_7_2","output_index":2,"delta":":1}""#),
                ("response.function_call_arguments.done", #""item_id":"fc_7_2","output_index":2,"arguments":"{\"x\":1}","name":"f""#),
                ("response.output_item.done", #""output_index":2,"item":\#(first)"#),
                (
                    "response.output_item.added",
                    #""output_index":3,"item":{"id":"fc_7_3","type":"function_call","status":"in_progress","call_id":"call_b","name":"g","arguments":""}"#
                ),
                ("response.function_call_arguments.done", #""item_id":"fc_7_3","output_index":3,"arguments":"","name":"g""#),
                ("response.output_item.done", #""output_index":3,"item":\#(second)"#),
                ("response.completed", #""response":\#(head("completed"))\#(thought),\#(said),\#(first),\#(second)],\#(usageText)}"#),
            ])
    }

    @Test(
        "an answer that was cut off is incomplete, and so is the item that was open",
        arguments: [(FinishKind.length, "max_output_tokens"), (.contentFilter, "content_filter")])
    func incomplete(finish: FinishKind, reason: String) throws {
        let events = stream([.thought("h"), .text("x")], finish)
        #expect(events.last?.name == "response.incomplete")
        let response = try JSONValue(parsing: events.last?.data ?? "")["response"]
        #expect(response?["status"]?.asString == "incomplete" && response?["incomplete_details"]?["reason"]?.asString == reason)
        #expect(response?["output"]?.asArray?.map { $0["status"]?.asString } == ["completed", "incomplete"])
        #expect(response?["usage"]?["output_tokens"]?.asInt == 3)
    }

    @Test("an answer without a word is a message without one")
    func empty() throws {
        let events = stream([])
        let output = try JSONValue(parsing: events.last?.data ?? "")["response"]?["output"]
        #expect(output?.asArray?.count == 1 && output?[0]?["content"]?[0]?["text"]?.asString == "")
        #expect(events.map(\.name).contains("response.output_item.added"))
    }

    @Test("a stream that fails says so, and ends as a response that failed with what there was of it")
    func failure() {
        var writer = writer(), bytes: [UInt8] = []
        writer.appendBeginning(usage: usage, to: &bytes)
        write([.text("half")], to: &writer, &bytes)
        let start = bytes.count
        writer.appendFailure(ErrorBody(ServiceFailure(.workerLost)), to: &bytes)
        let events = events(Array(bytes[start...]))
        let message = "The worker was lost, and no other could go on. Try again."
        let item =
            #"{"id":"msg_7_0","type":"message","role":"assistant","status":"incomplete","#
            + #""content":[{"type":"output_text","text":"half","annotations":[],"logprobs":[]}]}"#
        #expect(events.map(\.name) == ["error", "response.failed"])
        #expect(events[0].data == #"{"type":"error","sequence_number":5,"code":"worker_lost","message":"\#(message)","param":null}"#)
        #expect(
            events[1].data
                == #"{"type":"response.failed","sequence_number":6,"response":"#
                + head("failed", error: #"{"code":"server_error","message":"\#(message)"}"#) + item + #"],"usage":null}}"#)
    }

    @Test("nvext stands on responses: what is known when they are written")
    func extensions() {
        var writer = writer()
        writer.chunkExtension = Array(#"{"worker_id":{}}"#.utf8)
        let plain = stream([.text("x")], writer: writer),
            timed = stream([.text("x")], extensionJSON: Array(#"{"timing":{}}"#.utf8), writer: writer)
        #expect(plain.filter { $0.data.hasSuffix(#","nvext":{"worker_id":{}}}}"#) }.map(\.name).count == 3)
        #expect(plain.filter { $0.data.contains("nvext") }.count == 3)
        #expect(timed.last?.data.hasSuffix(#"\#(usageText),"nvext":{"timing":{}}}}"#) == true)
    }

    // MARK: Log probabilities

    private func logprobs(_ token: String) -> LogprobsBuffer {
        var buffer = LogprobsBuffer()
        buffer.append(logprob: -0.5) { $0 += Array(token.utf8) }
        buffer.appendAlternative(logprob: -1) { $0.append(0x7A) }
        return buffer
    }

    @Test("log probabilities go with the text, and those of thoughts and calls with nothing")
    func logprobs() throws {
        func told(_ token: String) -> String {
            #"{"token":"\#(token)","logprob":-0.5,"bytes":[\#(token.utf8.map { "\($0)" }.joined(separator: ","))],"#
                + #""top_logprobs":[{"token":"z","logprob":-1.0,"bytes":[122]}]}"#
        }
        for streamed in [true, false] {
            var writer = writer(streamed: streamed), bytes: [UInt8] = []
            writer.appendReasoning(choice: 0, "h".utf8.span.bytes, usage: usage, to: &bytes)
            writer.appendText(choice: 0, RawSpan(), logprobs: logprobs("h"), usage: usage, to: &bytes)
            writer.appendText(choice: 0, "a".utf8.span.bytes, logprobs: logprobs("a"), usage: usage, to: &bytes)
            writer.appendText(choice: 0, RawSpan(), logprobs: logprobs("b"), usage: usage, to: &bytes)
            writer.appendFinish(choice: 0, AnswerFinish(.endOfText), usage: usage, extensionJSON: nil, to: &bytes)
            let events = events(bytes)
            #expect(events.isEmpty != streamed)
            if streamed {
                let deltas = events.filter { $0.name == "response.output_text.delta" }.map(\.data)
                #expect(deltas.count == 2)
                #expect(deltas.first?.hasSuffix(#""delta":"a","logprobs":[\#(told("a"))]}"#) == true)
                #expect(deltas.last?.hasSuffix(#""delta":"","logprobs":[\#(told("b"))]}"#) == true)
                #expect(
                    events.contains {
                        $0.name == "response.output_text.done"
                            && $0.data.hasSuffix(#""text":"a","logprobs":[\#(told("a")),\#(told("b"))]}"#)
                    })
            }
            let body = written { writer.appendBody([], usage: usage, extensionJSON: [], at: 0, to: &$0) }
            #expect(body.contains(#""text":"a","annotations":[],"logprobs":[\#(told("a")),\#(told("b"))]}"#))
        }
    }

    @Test("log probabilities before the first text wait for it, and go where a thought or a call comes first", arguments: [true, false])
    func earlyLogprobs(streamed: Bool) throws {
        func told(_ body: (inout ResponsesWriter, inout [UInt8]) -> Void) throws -> (deltas: [[String?]], item: [String?]?) {
            var writer = writer(streamed: streamed), bytes: [UInt8] = []
            body(&writer, &bytes)
            writer.appendFinish(choice: 0, AnswerFinish(.endOfText), usage: usage, extensionJSON: nil, to: &bytes)
            func tokens(_ value: JSONValue?) -> [String?] { value?.asArray?.map { $0["token"]?.asString } ?? [] }
            let deltas = events(bytes).filter { $0.name == "response.output_text.delta" }
            let whole = try JSONValue(parsing: written { writer.appendBody([], usage: usage, extensionJSON: [], at: 0, to: &$0) })
            let message = whole["output"]?.asArray?.last { $0["type"]?.asString == "message" }
            return (
                try deltas.map { tokens(try JSONValue(parsing: $0.data)["logprobs"]) },
                message.map { tokens($0["content"]?[0]?["logprobs"]) }
            )
        }
        let bracket = try told { writer, bytes in
            writer.appendText(choice: 0, RawSpan(), logprobs: logprobs("["), usage: usage, to: &bytes)
            writer.appendText(choice: 0, RawSpan(), logprobs: logprobs("x"), usage: usage, to: &bytes)
            writer.appendText(choice: 0, "[xy".utf8.span.bytes, logprobs: logprobs("y"), usage: usage, to: &bytes)
            writer.appendText(choice: 0, "z".utf8.span.bytes, logprobs: logprobs("z"), usage: usage, to: &bytes)
        }
        #expect(bracket.deltas == (streamed ? [["[", "x", "y"], ["z"]] : []) && bracket.item == ["[", "x", "y", "z"])
        let marker = try told { writer, bytes in
            writer.appendText(choice: 0, RawSpan(), logprobs: logprobs("<"), usage: usage, to: &bytes)
            writer.appendReasoning(choice: 0, "h".utf8.span.bytes, usage: usage, to: &bytes)
            writer.appendText(choice: 0, "a".utf8.span.bytes, logprobs: logprobs("a"), usage: usage, to: &bytes)
        }
        #expect(marker.deltas == (streamed ? [["a"]] : []) && marker.item == ["a"])
        let behindCall = try told { writer, bytes in
            write([.call("c", "f"), .arguments("{}"), .callEnd], to: &writer, &bytes)
            writer.appendText(choice: 0, RawSpan(), logprobs: logprobs(">"), usage: usage, to: &bytes)
            writer.appendText(choice: 0, "b".utf8.span.bytes, logprobs: logprobs("b"), usage: usage, to: &bytes)
        }
        #expect(behindCall.deltas == (streamed ? [["b"]] : []) && behindCall.item == ["b"])
    }

    // MARK: Bodies

    @Test("a body is what the last event of a stream says of the same pieces", arguments: [FinishKind.endOfText, .length, .toolCalls])
    func body(finish: FinishKind) throws {
        let pieces: [Piece] = [.thought("t"), .text("x"), .call("c", "f"), .arguments("{}"), .callEnd, .text("y"), .thought("z")]
        var writer = writer(streamed: false), nothing: [UInt8] = []
        write(pieces, to: &writer, &nothing)
        writer.appendFinish(choice: 0, AnswerFinish(finish), usage: usage, extensionJSON: nil, to: &nothing)
        #expect(nothing.isEmpty)
        let extensionJSON = Array("{\"a\":1}".utf8)
        let body = written { writer.appendBody([], usage: usage, extensionJSON: extensionJSON, at: Self.end, to: &$0) }
        #expect(stream(pieces, finish, extensionJSON: extensionJSON).last?.data.hasSuffix(#""response":\#(body)}"#) == true)
    }

    /// All that the API's published types demand, and the members without which older clients fail.
    private static let members = [
        "id", "object", "created_at", "status", "background", "error", "incomplete_details", "instructions", "max_output_tokens",
        "max_tool_calls", "metadata", "model", "output", "parallel_tool_calls", "previous_response_id", "reasoning", "service_tier",
        "store",
        "temperature", "text", "tool_choice", "tools", "top_logprobs", "top_p", "truncation", "usage", "user", "completed_at",
        "prompt_cache_key", "safety_identifier",
    ]

    @Test("every member that the API's types have is there, in events and in bodies")
    func required() throws {
        let request = try ResponsesRequest(parsing: #"{"model":"m","input":"x","stream":true}"#.utf8.span.bytes)
        let writer = ResponsesWriter(id: "1", created: 1, delivery: request.delivery)
        let events = stream([.thought("t"), .text("x"), .call("c", "f"), .arguments("{}"), .callEnd], writer: writer)
        for event in events where event.data.contains(#""response":"#) {
            let names = try JSONValue(parsing: event.data)["response"]?.asObject?.names.map { $0 } ?? []
            #expect(Set(names) == Set(Self.members) && names.count == Self.members.count, "\(event.name)")
        }
        let items: [String: Set] = [
            "message": ["id", "type", "role", "status", "content"], "reasoning": ["id", "type", "summary", "content", "status"],
            "function_call": ["id", "type", "call_id", "name", "arguments", "status"],
        ]
        for event in events {
            guard let item = try JSONValue(parsing: event.data)["item"]?.asObject, let type = item["type"]?.asString else { continue }
            #expect(Set(item.names.map { $0 }) == items[type], "\(event.name)")
        }
    }

    // MARK: Any text, any size

    @Test(
        "any pieces are events that read back, with numbers without a hole and every item begun and ended",
        arguments: 0..<50 as Range<UInt64>)
    func anyPieces(seed: UInt64) throws {
        var random = SeededRandom(seed: seed), pieces: [Piece] = [], said = ""
        for _ in 0..<30 {
            let text = String(String.UnicodeScalarView((0..<4).map { _ in UnicodeScalar(UInt32.random(in: 0...0x2FF, using: &random))! }))
            switch Int.random(in: 0..<4, using: &random) {
            case 0: pieces.append(.thought(text))
            case 1: pieces += [.call("c", "f"), .arguments(text), .callEnd]
            case 2: pieces += [.call("c", "f"), .callEnd]
            default:
                pieces.append(.text(text))
                said += text
            }
        }
        let events = try stream(pieces).map { try JSONValue(parsing: $0.data) }
        #expect(events.map { $0["sequence_number"]?.asInt } == Array(0..<events.count))
        var open: Int?, next = 0, heard = ""
        for event in events {
            let type = event["type"]?.asString ?? "", index = event["output_index"]?.asInt
            switch type {
            case "response.output_item.added":
                #expect(open == nil && index == next)
                open = index
            case "response.output_item.done":
                #expect(open == index && index == next)
                open = nil
                next += 1
            case "response.output_text.delta":
                #expect(index == open)
                heard += event["delta"]?.asString ?? ""
            default: if let index { #expect(index == open, "\(type)") }
            }
        }
        #expect(open == nil && heard.utf8.elementsEqual(said.utf8))
        #expect(events.last?["response"]?["output"]?.asArray?.count == next)
    }

    @Test("deltas grow no buffer that is large enough")
    func steady() {
        var writer = writer(), buffer: [UInt8] = []
        buffer.reserveCapacity(1024)
        let capacity = buffer.capacity
        for _ in 0..<10_000 {
            buffer.removeAll(keepingCapacity: true)
            writer.appendText(choice: 0, "tok".utf8.span.bytes, logprobs: nil, usage: usage, to: &buffer)
        }
        #expect(buffer.capacity == capacity)
    }
}
