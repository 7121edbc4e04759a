import ClusterModel
import JSONText
import OpenAIDialect
import Testing

@Suite("Answers of the Messages API") struct MessagesWriterTests {
    private let start = TokenUsage(promptTokens: 10)
    private let usage = TokenUsage(promptTokens: 10, cachedTokens: 4, completionTokens: 3, reasoningTokens: 1)
    private let startUsage =
        #""usage":{"input_tokens":10,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0,"output_tokens_details":{"thinking_tokens":0}}"#
    private let endUsage =
        #""usage":{"input_tokens":6,"cache_creation_input_tokens":0,"cache_read_input_tokens":4,"output_tokens":3,"output_tokens_details":{"thinking_tokens":1}}"#

    private func writer(maxTokens: UInt32 = 3, _ change: (inout Delivery) -> Void = { _ in }) -> MessagesWriter {
        var delivery = Delivery()
        change(&delivery)
        return MessagesWriter(id: "7", model: "a\"b", maxTokens: maxTokens, delivery: delivery)
    }

    private enum Piece { case text(String), thought(String), call(String, [String], isFollowed: Bool = true) }

    /// One stream as a service writes it.
    private func stream(
        _ pieces: [Piece], _ finish: AnswerFinish = AnswerFinish(.endOfText), by given: MessagesWriter? = nil, extensionJSON: [UInt8]? = nil
    ) -> String {
        var writer = given ?? writer(), calls = 0
        return written { events in
            writer.appendBeginning(usage: start, to: &events)
            writer.appendOpening(choice: 0, usage: usage, to: &events)
            for piece in pieces {
                switch piece {
                case .text(let text): writer.appendText(choice: 0, text.utf8.span.bytes, logprobs: nil, usage: usage, to: &events)
                case .thought(let text): writer.appendReasoning(choice: 0, text.utf8.span.bytes, usage: usage, to: &events)
                case .call(let name, let arguments, let isFollowed):
                    let call = AnswerCall(index: calls, id: "call_\(calls)", name: name, hasFollowedArguments: isFollowed)
                    writer.appendCall(choice: 0, call, usage: usage, to: &events)
                    for part in arguments {
                        writer.appendArguments(choice: 0, call: calls, part.utf8.span.bytes, usage: usage, to: &events)
                    }
                    writer.appendCallEnd(choice: 0, call: calls, usage: usage, to: &events)
                    calls += 1
                }
            }
            writer.appendFinish(choice: 0, finish, usage: usage, extensionJSON: extensionJSON, to: &events)
            writer.appendEnd(usage: usage, at: 0, to: &events)
        }
    }

    /// The data of the events between the ping and the message's end, and the events' names before that data.
    private func blocks(_ stream: String) -> [String] {
        let events = stream.split(separator: "\n\n").map { $0.split(separator: "\n") }
        for event in events {
            #expect(event.count == 2 && event[0].hasPrefix("event: ") && event[1].hasPrefix("data: "))
            let type = (try? JSONValue(parsing: String(event[1].dropFirst(6))))?["type"]?.asString
            #expect(type == String(event[0].dropFirst(7)), "the event's name is its type")
        }
        return events.dropFirst(2).dropLast(2).map { String($0[1].dropFirst(6)) }
    }

    @Test("a stream, byte by byte: start, ping, a block, the end")
    func textStream() {
        #expect(
            stream([.text("Hel"), .text("lo \"€\"\n")]) == #"""
                event: message_start
                data: {"type":"message_start","message":{"id":"msg_7","type":"message","role":"assistant","model":"a\"b","content":[],"stop_reason":null,"stop_sequence":null,\#(startUsage)}}

                event: ping
                data: {"type":"ping"}

                event: content_block_start
                data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

                event: content_block_delta
                data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hel"}}

                event: content_block_delta
                data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"lo \"€\"\n"}}

                event: content_block_stop
                data: {"type":"content_block_stop","index":0}

                event: message_delta
                data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},\#(endUsage)}

                event: message_stop
                data: {"type":"message_stop"}


                """#)
    }

    @Test("thought, text, call, text: each block is closed before the next one begins, and indexes have no gaps")
    func allKinds() {
        let events = blocks(
            stream(
                [.thought("hm"), .thought("."), .text("a"), .call("f", [" {", #""x":"\"1"}"#]), .text("b")], AnswerFinish(.toolCalls)))
        #expect(
            events == [
                #"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
                #"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}"#,
                #"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"."}}"#,
                #"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":""}}"#,
                #"{"type":"content_block_stop","index":0}"#,
                #"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}"#,
                #"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"a"}}"#,
                #"{"type":"content_block_stop","index":1}"#,
                #"{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"toolu_0","name":"f","input":{}}}"#,
                #"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{"}}"#,
                #"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"\"x\":\"\\\"1\"}"}}"#,
                #"{"type":"content_block_stop","index":2}"#,
                #"{"type":"content_block_start","index":3,"content_block":{"type":"text","text":""}}"#,
                #"{"type":"content_block_delta","index":3,"delta":{"type":"text_delta","text":"b"}}"#,
                #"{"type":"content_block_stop","index":3}"#,
            ])
    }

    /// What a client gets that puts the pieces of each call's input together.
    private func inputs(_ stream: String) -> [String] {
        var inputs: [String] = []
        for event in blocks(stream) {
            guard let event = try? JSONValue(parsing: event) else { continue }
            if event["content_block"]?["type"]?.asString == "tool_use" { inputs.append("") }
            if let piece = event["delta"]?["partial_json"]?.asString { inputs[inputs.count - 1] += piece }
        }
        return inputs
    }

    /// The input of a call in one body.
    private func input(_ pieces: [String]) throws -> JSONValue? {
        var choice = CompletedChoice(index: 0, text: [], finish: AnswerFinish(.toolCalls))
        choice.append(AnswerCall(index: 0, id: "Ab3", name: "f"))
        choice.calls[0].arguments = pieces.flatMap { Array($0.utf8) }
        let body = written { writer().appendBody([choice], usage: usage, extensionJSON: [], at: 0, to: &$0) }
        return try JSONValue(parsing: body)["content"]?[0]?["input"]
    }

    @Test(
        "control characters in strings are escaped, however the input was cut; streamed and whole alike",
        arguments: [
            ("{\"text\": \"a\nb\"}", #"{"text": "a\nb"}"#),
            (
                "{\n\t\"a\\\"\t\": [\"\\\\\", \"\r\u{0}\"]\n}",
                "{\n\t\"a\\\"\\t\": [\"\\\\\", \"\\r\\u0000\"]\n}"
            ),
            (#"{"a":"\\","b":1}"#, #"{"a":"\\","b":1}"#),
        ])
    func controlCharacters(written: String, told: String) throws {
        let letters = written.unicodeScalars.map { String(Character($0)) }
        for cut in 0...letters.count {
            let pieces = [letters[..<cut].joined(), letters[cut...].joined()]
            #expect(inputs(stream([.call("f", pieces)])) == [told])
        }
        #expect(inputs(stream([.call("f", [written]), .call("g", [written])])) == [told, told], "each call begins anew")
        #expect(inputs(stream([.call("f", [written], isFollowed: false)])) == [told])
        #expect(try input([written]) == JSONValue(parsing: told))
    }

    @Test("arguments that nobody has followed are told when they are whole, and as text if they are no object")
    func unfollowed() throws {
        let cases: [([String], String)] = [
            ([], "{}"), (["{a", ":1}"], #"{"INVALID_JSON":"{a:1}"}"#), ([#"{"a":"#, "1}"], #"{"a":1}"#),
            (["{", "\u{7}"], #"{"INVALID_JSON":"{\u0007"}"#),
        ]
        for (pieces, expected) in cases {
            let stream = stream([.call("f", pieces, isFollowed: false), .call("g", ["{}"], isFollowed: false)])
            #expect(inputs(stream) == [expected, "{}"])
            #expect(blocks(stream).filter { $0.contains("input_json_delta") }.count == 2, "one piece each")
            #expect(try input(pieces) == JSONValue(parsing: expected))
        }
    }

    @Test("calls are objects whatever the model wrote: nothing is an empty one, other things are text in one; streamed and whole alike")
    func inputs() throws {
        let cases: [([String], String)] = [
            ([], "{}"), ([" ", "\n"], "{}"), (["{", "}"], "{}"), ([#"{"a":"#, "1}"], #"{"a":1}"#),
            (["[1", ",\"2\"]"], #"{"INVALID_JSON":"[1,\"2\"]"}"#),
            (["no\n", "t"], #"{"INVALID_JSON":"no\nt"}"#), (["\t7"], #"{"INVALID_JSON":"7"}"#),
        ]
        for (pieces, expected) in cases {
            #expect(inputs(stream([.call("f", pieces)])) == [expected])
            // In one body blanks before other things than objects are part of the text.
            #expect(try input(pieces) == JSONValue(parsing: expected) || pieces == ["\t7"])
        }
    }

    @Test("input that broke off is told as far as it came in a stream, and as text in a body")
    func brokenInput() {
        #expect(inputs(stream([.call("f", [#"{"a": "b"#])], AnswerFinish(.length))) == [#"{"a": "b"#])
        var choice = CompletedChoice(index: 0, text: [], finish: AnswerFinish(.length))
        choice.append(AnswerCall(index: 0, id: "call_1", name: "f"))
        choice.calls[0].arguments = Array(#"{"a": "b"#.utf8)
        let body = written { writer().appendBody([choice], usage: usage, extensionJSON: [], at: 0, to: &$0) }
        #expect(body.contains(#""input":{"INVALID_JSON":"{\"a\": \"b"}"#))
    }

    @Test("a body has the blocks in the order in which they came")
    func body() {
        var choice = CompletedChoice(index: 0, text: [], finish: AnswerFinish(.stopText, stopText: "\"END"))
        choice.append(reasoning: "h".utf8.span.bytes)
        choice.append(reasoning: "m".utf8.span.bytes)
        choice.append(text: "a".utf8.span.bytes)
        choice.append(AnswerCall(index: 0, id: "call_x", name: "f"))
        choice.calls[0].arguments = Array("{ }".utf8)
        choice.append(text: "b\t".utf8.span.bytes)
        let extensionJSON = Array(#"{"worker_id":{}}"#.utf8)
        #expect(
            written { writer().appendBody([choice], usage: usage, extensionJSON: extensionJSON, at: 0, to: &$0) }
                == #"{"id":"msg_7","type":"message","role":"assistant","model":"a\"b","content":[{"type":"thinking","thinking":"hm","signature":""},"#
                + #"{"type":"text","text":"a"},{"type":"tool_use","id":"toolu_x","name":"f","input":{ }},{"type":"text","text":"b\t"}],"#
                + #""stop_reason":"stop_sequence","stop_sequence":"\"END",\#(endUsage),"nvext":{"worker_id":{}}}"#)
        let hidden = writer { $0.hidesReasoning = true }
        let body = written { hidden.appendBody([choice], usage: usage, extensionJSON: [], at: 0, to: &$0) }
        #expect(body.contains(#""content":[{"type":"text","text":"a"},"#) && !body.contains(#"type":"thinking"#))
    }

    @Test("thoughts that the client does not want to see are no blocks")
    func hiddenThoughts() {
        let events = blocks(stream([.thought("hm"), .text("a")], by: writer { $0.hidesReasoning = true }))
        #expect(events.count == 3 && events[0].contains(#""index":0,"content_block":{"type":"text""#))
    }

    @Test(
        "why it ended",
        arguments: [
            (FinishKind.endOfText, "end_turn"), (.stopToken, "end_turn"), (.stopText, "stop_sequence"), (.length, "max_tokens"),
            (.contentFilter, "refusal"), (.toolCalls, "tool_use"),
        ])
    func reasons(kind: FinishKind, word: String) {
        #expect(stream([], AnswerFinish(kind)).contains(#""delta":{"stop_reason":"\#(word)","stop_sequence":null}"#))
    }

    @Test("an answer that ends before the tokens that were asked for has filled the context")
    func contextFilled() {
        #expect(stream([], AnswerFinish(.length), by: writer(maxTokens: 4)).contains(#""stop_reason":"model_context_window_exceeded""#))
    }

    @Test("nvext stands beside the reason, the chunks' own where there is none for the end")
    func extensions() {
        var own = writer()
        own.chunkExtension = Array(#"{"worker_id":{}}"#.utf8)
        #expect(stream([.text("a")], by: own).contains(endUsage + #","nvext":{"worker_id":{}}}"#))
        #expect(
            stream([.text("a")], by: own, extensionJSON: Array(#"{"timing":{}}"#.utf8)).contains(endUsage + #","nvext":{"timing":{}}}"#))
        #expect(!stream([.text("a")], by: own, extensionJSON: []).contains("nvext"))
    }

    @Test("a failure in the midst of a stream is the last event")
    func failure() {
        var writer = writer()
        let events = written {
            writer.appendText(choice: 0, "a".utf8.span.bytes, logprobs: nil, usage: usage, to: &$0)
            writer.appendFailure(ErrorBody(ServiceFailure(.workerLost), requestID: "r"), to: &$0)
        }
        #expect(
            events.hasSuffix(
                #"""
                event: error
                data: {"type":"error","error":{"type":"overloaded_error","message":"The worker was lost, and no other could go on. Try again. (request id r)"},"request_id":"r"}


                """#))
    }

    @Test("a count is one number")
    func count() { #expect(written { TokenCount.append(12, to: &$0) } == #"{"input_tokens":12}"#) }
}
