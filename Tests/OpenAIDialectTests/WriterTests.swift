import ClusterModel
import JSONText
import OpenAIDialect
import Testing

@Suite("Answers") struct WriterTests {
    private let usage = TokenUsage(promptTokens: 10, cachedTokens: 4, completionTokens: 3, reasoningTokens: 1)
    private let usageText =
        #""usage":{"prompt_tokens":10,"completion_tokens":3,"total_tokens":13,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":1}}"#
    private let head = #"{"id":"chatcmpl-7","object":"chat.completion.chunk","created":1700000000,"model":"a\"b","choices":["#
    private let legacyHead = #"{"id":"cmpl-7","object":"text_completion","created":1700000000,"model":"m","choices":["#

    private func chatWriter(_ usage: UsageReporting = .none, isStreamed: Bool = true) -> ChatCompletionWriter {
        var delivery = Delivery()
        delivery.usage = usage
        delivery.isStreamed = isStreamed
        return ChatCompletionWriter(id: "7", created: 1_700_000_000, model: "a\"b", delivery: delivery)
    }

    private func legacyWriter(_ usage: UsageReporting = .none, isStreamed: Bool = true) -> CompletionWriter {
        var delivery = Delivery()
        delivery.usage = usage
        delivery.isStreamed = isStreamed
        return CompletionWriter(id: "7", created: 1_700_000_000, model: "m", delivery: delivery)
    }

    /// One stream of one choice as a service writes it, without its last word.
    private func stream(_ writer: some AnswerWriter, finishExtension: [UInt8]? = nil) -> [String] {
        var writer = writer
        let all = events { bytes in
            writer.appendBeginning(usage: usage, to: &bytes)
            writer.appendOpening(choice: 1, usage: usage, to: &bytes)
            writer.appendText(choice: 1, "a\"\n€".utf8.span.bytes, logprobs: nil, usage: usage, to: &bytes)
            writer.appendFinish(choice: 1, AnswerFinish(.stopText), usage: usage, extensionJSON: finishExtension, to: &bytes)
            writer.appendEnd(usage: usage, at: 0, to: &bytes)
        }
        #expect(all.last == "[DONE]")
        return all.dropLast()
    }

    /// The data of the one event that is written.
    private func event(_ write: (inout [UInt8]) -> Void) -> String {
        let all = events(write)
        return all.count == 1 ? all[0] : "(\(all.count) events)"
    }

    @Test("a chat stream: role, text, finish")
    func chatStream() {
        #expect(
            stream(chatWriter()) == [
                head + #"{"index":1,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]}"#,
                head + #"{"index":1,"delta":{"content":"a\"\n€"},"logprobs":null,"finish_reason":null}]}"#,
                head + #"{"index":1,"delta":{},"logprobs":null,"finish_reason":"stop"}]}"#,
            ])
    }

    @Test("with usage at the end every other chunk says null, and the last one has no choices")
    func chatUsage() {
        let chunks = stream(chatWriter(.atEnd))
        #expect(chunks.count == 4 && chunks.dropLast().allSatisfy { $0.hasSuffix(#"}],"usage":null}"#) })
        #expect(chunks.last == head + "]," + usageText + "}")
    }

    @Test("continuous usage stands in every chunk")
    func continuousUsage() {
        let chunks = stream(chatWriter(.continuous))
        #expect(chunks.count == 4 && chunks.allSatisfy { $0.hasSuffix("]," + usageText + "}") })
    }

    @Test("nvext stands in every chunk with choices, and the finish chunk may have its own")
    func extensions() {
        var writer = chatWriter(.atEnd)
        writer.chunkExtension = Array(#"{"worker_id":{}}"#.utf8)
        let plain = stream(writer)
        #expect(plain.dropLast().allSatisfy { $0.hasSuffix(#","usage":null,"nvext":{"worker_id":{}}}"#) })
        #expect(!plain[3].contains("nvext"))
        let own = stream(writer, finishExtension: Array(#"{"timing":{}}"#.utf8))
        #expect(own[2].hasSuffix(#","nvext":{"timing":{}}}"#) && own[1] == plain[1])
        #expect(!stream(writer, finishExtension: [])[2].contains("nvext"))
    }

    @Test("a text completion's stream has no opening and keeps its own shape")
    func legacyStream() {
        #expect(
            stream(legacyWriter(.atEnd)) == [
                legacyHead + #"{"index":1,"text":"a\"\n€","logprobs":null,"finish_reason":null}],"usage":null}"#,
                legacyHead + #"{"index":1,"text":"","logprobs":null,"finish_reason":"stop"}],"usage":null}"#,
                legacyHead + "]," + usageText + "}",
            ])
    }

    @Test(
        "finish reasons in the API's words",
        arguments: [
            (FinishKind.endOfText, "stop"), (.stopToken, "stop"), (.stopText, "stop"), (.length, "length"),
            (.contentFilter, "content_filter"), (.toolCalls, "tool_calls"),
        ])
    func finishReasons(kind: FinishKind, word: String) {
        #expect(
            event { chatWriter().appendFinish(choice: 0, AnswerFinish(kind), usage: usage, extensionJSON: nil, to: &$0) }
                .hasSuffix(#""finish_reason":"\#(word)"}]}"#))
    }

    @Test("whole answers, with several choices")
    func bodies() {
        let choices = [
            CompletedChoice(index: 0, text: Array("x\ty".utf8), finish: AnswerFinish(.endOfText)),
            CompletedChoice(index: 1, text: [], finish: AnswerFinish(.length)),
        ]
        #expect(
            written { chatWriter(isStreamed: false).appendBody(choices, usage: usage, extensionJSON: [], at: 0, to: &$0) }
                == #"{"id":"chatcmpl-7","object":"chat.completion","created":1700000000,"model":"a\"b","choices":["#
                + #"{"index":0,"message":{"role":"assistant","content":"x\ty","refusal":null},"logprobs":null,"finish_reason":"stop"},"#
                + #"{"index":1,"message":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":"length"}],"#
                + usageText + "}")
        #expect(
            written { legacyWriter(isStreamed: false).appendBody(choices, usage: usage, extensionJSON: Array("{}".utf8), at: 0, to: &$0) }
                == legacyHead + #"{"index":0,"text":"x\ty","logprobs":null,"finish_reason":"stop"},"#
                + #"{"index":1,"text":"","logprobs":null,"finish_reason":"length"}],"# + usageText + #","nvext":{}}"#)
    }

    private var logprobs: LogprobsBuffer {
        var buffer = LogprobsBuffer()
        func spell(_ bytes: [UInt8]) -> (inout [UInt8]) -> Void { { $0 += bytes } }
        buffer.append(logprob: -0.5, spelling: spell(Array("é\"".utf8)))
        buffer.appendAlternative(logprob: -0.5, spelling: spell(Array("é\"".utf8)))
        buffer.appendAlternative(logprob: -.infinity, spelling: spell([0xFF]))
        buffer.appendAlternative(logprob: -3, spelling: spell([0xFE]))
        buffer.append(logprob: -1.25, spelling: spell([0xE2, 0x82]))
        return buffer
    }

    @Test("log probabilities in the chat API's shape")
    func chatLogprobs() {
        let text = event { chatWriter().appendText(choice: 0, "é".utf8.span.bytes, logprobs: logprobs, usage: usage, to: &$0) }
        #expect(
            text == head + #"{"index":0,"delta":{"content":"é"},"logprobs":{"content":["#
                + #"{"token":"é\"","logprob":-0.5,"bytes":[195,169,34],"top_logprobs":["#
                + #"{"token":"é\"","logprob":-0.5,"bytes":[195,169,34]},{"token":"�","logprob":-9999.0,"bytes":[255]},"#
                + #"{"token":"�","logprob":-3.0,"bytes":[254]}]},"#
                + #"{"token":"�","logprob":-1.25,"bytes":[226,130],"top_logprobs":[]}],"refusal":null},"finish_reason":null}]}"#)
        let choice = CompletedChoice(index: 0, text: [], finish: AnswerFinish(.length), logprobs: logprobs)
        let body = written { chatWriter(isStreamed: false).appendBody([choice], usage: usage, extensionJSON: [], at: 0, to: &$0) }
        #expect(body.contains(#""logprobs":{"content":[{"token":"#))
    }

    @Test("offsets count code points of the text, wherever tokens break, and nothing for what is not shown")
    func textOffsets() {
        func offsets(_ tokens: [([UInt8], Bool)], from start: Int = 0) -> String {
            var buffer = LogprobsBuffer(startingAt: start)
            for (bytes, isShown) in tokens { buffer.append(logprob: 0, isShown: isShown) { $0 += bytes } }
            let text = event { legacyWriter().appendText(choice: 0, RawSpan(), logprobs: buffer, usage: usage, to: &$0) }
            return text.split(separator: "\"text_offset\":[")[1].split(separator: "]")[0].description
        }
        // 😀 over three tokens, behind é over two.
        #expect(
            offsets([([0xC3], true), ([0xA9], true), ([0xF0, 0x9F], true), ([0x98], true), ([0x80, 0x61], true), ([0x62], true)])
                == "0,0,1,1,1,3")
        // What cannot become a code point is one replacement for each maximal part.
        #expect(offsets([([0xE2, 0x82], true), ([0x41], true), ([0x80, 0xFF], true), ([0x42], true)]) == "0,0,2,4")
        #expect(offsets([([0xF0], true), ([0x80], true), ([0xED, 0xA0], true), ([0x42], true)]) == "0,0,2,4")
        // Special tokens stand between without a place, also inside a code point.
        #expect(
            offsets(
                [
                    (Array("a".utf8), true), (Array("<|x|>".utf8), false), ([0xC3], true), (Array("<|x|>".utf8), false),
                    ([0xA9, 0x62], true),
                ], from: 5)
                == "5,6,6,6,6")
    }

    @Test("log probabilities in the older shape, offsets going on over chunks and no name twice")
    func legacyLogprobs() throws {
        var buffer = logprobs
        let first = event { legacyWriter().appendText(choice: 0, RawSpan(), logprobs: buffer, usage: usage, to: &$0) }
        #expect(
            first == legacyHead + #"{"index":0,"text":"","logprobs":{"tokens":["é\"","�"],"token_logprobs":[-0.5,-1.25],"#
                + #""top_logprobs":[{"é\"":-0.5,"�":-9999.0},{}],"text_offset":[0,2]},"finish_reason":null}]}"#)
        buffer.removeAll()
        #expect(buffer.isEmpty)
        buffer.append(logprob: 0) { $0.append(0x61) }
        let second = event { legacyWriter().appendText(choice: 0, RawSpan(), logprobs: buffer, usage: usage, to: &$0) }
        #expect(second.contains(#""tokens":["a"],"token_logprobs":[0.0],"top_logprobs":[{}],"text_offset":[2]"#))
        #expect((try? JSONValue(parsing: first)) != nil && (try? JSONValue(parsing: second)) != nil)
    }

    @Test("any text in any chunk is JSON that reads back as that text, on one line", arguments: 0..<100 as Range<UInt64>)
    func randomText(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var scalars = String.UnicodeScalarView()
        for _ in 0..<20 { scalars.append(UnicodeScalar(UInt32.random(in: 0...0x2FF, using: &random))!) }
        let text = String(scalars)
        let chunk = event { chatWriter(.continuous).appendText(choice: 0, text.utf8.span.bytes, logprobs: nil, usage: usage, to: &$0) }
        let value = try JSONValue(parsing: chunk)
        #expect(value["choices"]?[0]?["delta"]?["content"]?.asString.map { Array($0.utf8) } == Array(text.utf8))
        #expect(!chunk.utf8.contains(UInt8(ascii: "\n")) && !chunk.utf8.contains(UInt8(ascii: "\r")))
    }

    @Test("chunks grow no buffer that is large enough")
    func steady() {
        var writer = chatWriter(.continuous)
        writer.chunkExtension = Array(#"{"worker_id":{}}"#.utf8)
        var buffer: [UInt8] = []
        buffer.reserveCapacity(1024)
        let capacity = buffer.capacity
        for count in 0..<10_000 {
            buffer.removeAll(keepingCapacity: true)
            writer.appendText(
                choice: count % 16, "tok".utf8.span.bytes, logprobs: nil, usage: TokenUsage(completionTokens: count), to: &buffer)
        }
        #expect(buffer.capacity == capacity)
    }

    @Test("the nvext object tells what is known, and is nothing where nothing is")
    func responseExtension() {
        var response = ResponseExtension()
        #expect(response.json.isEmpty)
        response.workers = Array(#"{"decode_worker_id":7}"#.utf8)
        #expect(text(response.json) == #"{"worker_id":{"decode_worker_id":7}}"#)
        response.timing = Array(#"{"ttft_ms":1.5}"#.utf8)
        response.others = [.init(tokenIDs: [1, .max]), .init(name: "stages", json: Array("[]".utf8))]
        #expect(
            text(response.json)
                == #"{"worker_id":{"decode_worker_id":7},"timing":{"ttft_ms":1.5},"token_ids":[1,4294967295],"stages":[]}"#)
    }

    @Test("the list of models, and one of them")
    func models() {
        let base = ModelList.Model(id: "a/b\"", created: 5, contextLength: 4096)
        let adapter = ModelList.Model(id: "l", created: 6, owner: "me", contextLength: 8, parent: "a")
        let text = #"{"id":"a/b\"","object":"model","created":5,"owned_by":"apus","max_model_len":4096,"context_window":4096}"#
        #expect(written { base.append(to: &$0) } == text)
        #expect(
            written { ModelList([base, adapter]).append(to: &$0) }
                == #"{"object":"list","data":[\#(text),{"id":"l","object":"model","created":6,"owned_by":"me","max_model_len":8,"context_window":8,"parent":"a"}]}"#
        )
        #expect(written { ModelList([]).append(to: &$0) } == #"{"object":"list","data":[]}"#)
    }

    private let call = AnswerCall(index: 1, id: "call_\"1", name: "f")

    @Test("thoughts and calls stream as the API's clients join them: a call's head first, then pieces of its arguments")
    func calls() {
        let writer = chatWriter()
        #expect(
            events {
                writer.appendReasoning(choice: 0, "h\"m".utf8.span.bytes, usage: usage, to: &$0)
                writer.appendCall(choice: 0, call, usage: usage, to: &$0)
                writer.appendArguments(choice: 0, call: 1, #"{"a":1}"#.utf8.span.bytes, usage: usage, to: &$0)
            } == [
                head + #"{"index":0,"delta":{"reasoning_content":"h\"m"},"logprobs":null,"finish_reason":null}]}"#,
                head
                    + #"{"index":0,"delta":{"tool_calls":[{"index":1,"id":"call_\"1","type":"function","function":{"name":"f","arguments":""}}]},"logprobs":null,"finish_reason":null}]}"#,
                head
                    + #"{"index":0,"delta":{"tool_calls":[{"index":1,"function":{"arguments":"{\"a\":1}"}}]},"logprobs":null,"finish_reason":null}]}"#,
            ])
    }

    @Test("a whole answer tells thoughts and calls; who only calls has no content")
    func callBody() {
        var choice = CompletedChoice(index: 0, text: [], finish: AnswerFinish(.toolCalls))
        choice.reasoning = Array("hm".utf8)
        choice.calls = [CompletedChoice.Call(AnswerCall(index: 0, id: "a", name: "f")), CompletedChoice.Call(call)]
        choice.calls[0].arguments = Array(#"{"x":"y"}"#.utf8)
        let message = written { chatWriter(isStreamed: false).appendBody([choice], usage: usage, extensionJSON: [], at: 0, to: &$0) }
        #expect(
            message.contains(
                #""message":{"role":"assistant","content":null,"refusal":null,"reasoning_content":"hm","tool_calls":["#
                    + #"{"id":"a","type":"function","function":{"name":"f","arguments":"{\"x\":\"y\"}"}},"#
                    + #"{"id":"call_\"1","type":"function","function":{"name":"f","arguments":""}}]},"logprobs":null,"finish_reason":"tool_calls"}"#
            ))
        choice.text = Array("so".utf8)
        #expect(
            written { chatWriter(isStreamed: false).appendBody([choice], usage: usage, extensionJSON: [], at: 0, to: &$0) }.contains(
                #""content":"so","refusal""#))
    }

    @Test("the client's stop text is told where one ended the choice")
    func stopText() {
        let finish = AnswerFinish(.stopText, stopText: "E\"")
        #expect(
            event { legacyWriter().appendFinish(choice: 0, finish, usage: usage, extensionJSON: nil, to: &$0) }
                .hasSuffix(#""finish_reason":"stop","stop_reason":"E\""}]}"#))
    }

    @Test("a failure after the stream began is an event with the error's envelope")
    func failure() {
        let body = ErrorBody(ServiceFailure(.workerLost))
        #expect(event { chatWriter().appendFailure(body, to: &$0) } == written { body.append(to: &$0) })
    }
}
