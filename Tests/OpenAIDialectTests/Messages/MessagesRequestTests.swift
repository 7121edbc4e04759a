import ClusterModel
import JSONText
import OpenAIDialect
import Testing

func messages(
    _ json: String, for purpose: MessagesRequest.Purpose = .answer, stripsPreamble: Bool = true
) throws(DialectError) -> MessagesRequest {
    try MessagesRequest(parsing: json.utf8.span.bytes, for: purpose, stripsPreamble: stripsPreamble)
}

/// A body with one message of a user's and these members more.
func messagesBody(_ members: String = "") -> String {
    #"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]"# + (members.isEmpty ? "" : ",\(members)") + "}"
}

@Suite("Requests of the Messages API") struct MessagesRequestTests {
    private func conversation(_ turns: String, _ members: String = "") throws -> Conversation {
        let tail = members.isEmpty ? "" : "," + members
        let request = try messages(#"{"model":"m","max_tokens":9,"messages":\#(turns)\#(tail)}"#)
        guard case .conversation(let conversation) = request.generation.prompt else {
            Issue.record("no conversation")
            return Conversation(messages: [])
        }
        return conversation
    }

    private func conversation(with members: String) throws -> Conversation {
        try conversation(#"[{"role":"user","content":"hi"}]"#, members)
    }

    @Test("what it asks for reaches the sampling")
    func sampling() throws {
        let request = try messages(
            messagesBody(
                #""temperature":0.5,"top_p":0.9,"top_k":40,"stop_sequences":["a","b","c","d","e"],"stream":true,"metadata":{"user_id":"u"}"#
            ))
        let sampling = request.generation.sampling
        #expect(sampling.maxTokens == 9 && sampling.fitsContext && sampling.temperature == 0.5 && sampling.topP == 0.9)
        #expect(sampling.topK == 40 && sampling.stopTexts == ["a", "b", "c", "d", "e"])
        #expect(request.delivery.isStreamed && request.generation.user == "u" && request.generation.choices == 1)
        #expect(request.unknownFields.count == 0)
    }

    @Test("messages stay as they are, and one block of text is that text")
    func plain() throws {
        let read = try conversation(
            #"""
            [{"role":"user","content":"a"},{"role":"user","content":[{"type":"text","text":"b","cache_control":{"type":"ephemeral"}}]},
            {"role":"assistant","content":[{"type":"text","text":"c","citations":null},{"type":"text","text":"d"}]},
            {"role":"system","content":"e"},{"role":"user","content":"f"}]
            """#)
        #expect(read.messages.map(\.role) == [.user, .user, .assistant, .system, .user])
        #expect(read.messages.map(\.content) == [.text("a"), .text("b"), .parts([.text("c"), .text("d")]), .text("e"), .text("f")])
        #expect(read.addsGenerationPrompt && !read.continuesLastMessage)
    }

    @Test("a system prompt is the first message, in whichever form it comes; an empty one is none")
    func system() throws {
        let one = try conversation(with: #""system":"be kind""#)
        #expect(one.messages.first == ChatMessage(role: .system, content: .text("be kind")) && one.messages.count == 2)
        let blocks = try conversation(
            with: #""system":[{"type":"text","text":"a","cache_control":{"type":"ephemeral","ttl":"1h"}},{"type":"text","text":"b"}]"#)
        #expect(blocks.messages.first?.content == .parts([.text("a"), .text("b")]))
        for none in [#""system":"""#, #""system":[]"#, #""system":null"#, #""system":[{"type":"text","text":""}]"#] {
            #expect(try conversation(with: none).messages.count == 1)
        }
    }

    @Test("the line about billing is left out wherever it begins the system prompt, unless a deployment wants it")
    func preamble() throws {
        let line = "x-anthropic-billing-header: cc_version=2.1.0; cch=f00d1;"
        func system(_ json: String, _ strips: Bool = true) throws -> MessageContent? {
            let request = try messages(messagesBody(#""system":\#(json)"#), stripsPreamble: strips)
            guard case .conversation(let conversation) = request.generation.prompt else { return nil }
            return conversation.messages.first { $0.role == .system }?.content
        }
        let block = #"[{"type":"text","text":"\#(line)"},{"type":"text","text":"be kind"}]"#
        #expect(try system(block) == .text("be kind"))
        #expect(try system(block, false) == .parts([.text(line), .text("be kind")]))
        #expect(try system(#""\#(line)\r\n\nbe kind\n""#) == .text("be kind\n"))
        #expect(try system(#""\#(line)""#) == nil)
        #expect(
            try system(#"[{"type":"text","text":"be kind"},{"type":"text","text":"\#(line)"}]"#) == .parts([.text("be kind"), .text(line)]))
        #expect(try system(#""be \#(line)""#) == .text("be " + line))
    }

    @Test("results of tools are messages of their own, in their order, and text stays on its side of them")
    func toolResults() throws {
        let read = try conversation(
            #"""
            [{"role":"user","content":"q"},
            {"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":""},{"type":"redacted_thinking","data":"x"},
             {"type":"text","text":"look"},{"type":"tool_use","id":"toolu_abc","name":"f","input":{"b":1.50,"a":[]}},
             {"type":"tool_use","id":"other","name":"g","input":{},"caller":{"type":"direct"}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_abc","content":"one"},
             {"type":"tool_result","tool_use_id":"other","is_error":true,"content":[{"type":"text","text":"two"},{"type":"text","text":"2"}]},
             {"type":"text","text":"and"},{"type":"tool_result","tool_use_id":"third"},{"type":"text","text":"now"}]}]
            """#)
        #expect(read.messages.map(\.role) == [.user, .assistant, .tool, .tool, .user, .tool, .user])
        let assistant = read.messages[1]
        #expect(assistant.reasoning == "hm" && assistant.content == .text("look"))
        #expect(
            assistant.toolCalls == [
                ToolCall(id: "abc", name: "f", arguments: #"{"b":1.50,"a":[]}"#), ToolCall(id: "other", name: "g", arguments: "{}"),
            ])
        #expect(read.messages[2...].map(\.toolCallID) == ["abc", "other", nil, "third", nil])
        #expect(
            read.messages[2...].map(\.content) == [
                .text("one"), .parts([.text("Error: two"), .text("2")]), .text("and"), .text(""), .text("now"),
            ])
    }

    @Test("an error says so once", arguments: [("", "Error"), ("no", "Error: no"), ("Error: no", "Error: no"), ("ErrorType", "ErrorType")])
    func errors(text: String, expected: String) throws {
        let read = try conversation(
            #"[{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","is_error":true,"content":"\#(text)"}]}]"#)
        #expect(read.messages == [ChatMessage(role: .tool, content: .text(expected), toolCallID: "a")])
    }

    @Test("what a model wrote for arguments comes back to it as it was")
    func invalidInput() throws {
        let read = try conversation(
            #"""
            [{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":{"INVALID_JSON":"{\"a\": tru"}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"?"}]}]
            """#)
        #expect(read.messages.first?.toolCalls.first?.arguments == #"{"a": tru"#)
    }

    @Test("an answer that the client has begun is gone on with; an empty beginning is none")
    func prefill() throws {
        let begun = try conversation(#"[{"role":"user","content":"q"},{"role":"assistant","content":"It is "}]"#)
        #expect(begun.continuesLastMessage && !begun.addsGenerationPrompt && begun.messages.last?.content == .text("It is "))
        for empty in [#""""#, "[]", #"" \n""#, #"[{"type":"text","text":""}]"#] {
            let read = try conversation(#"[{"role":"user","content":"q"},{"role":"assistant","content":\#(empty)}]"#)
            #expect(read.messages.count == 1 && read.addsGenerationPrompt && !read.continuesLastMessage, "\(empty)")
        }
    }

    @Test("tools reach templates in the form that they know")
    func tools() throws {
        let read = try conversation(
            with: #"""
                "tools":[{"name":"f","description":"does","input_schema":{"type":"object","properties":{}},"cache_control":{"type":"ephemeral"}},
                {"type":"custom","name":"g","input_schema":{"type":"object"},"strict":true,"eager_input_streaming":null,"input_examples":[{}]}],
                "tool_choice":{"type":"tool","name":"g","disable_parallel_tool_use":true}
                """#)
        #expect(
            read.tools == [
                ToolDefinition(
                    name: "f",
                    json:
                        #"{"type":"function","function":{"name":"f","description":"does","parameters":{"type":"object","properties":{}}}}"#),
                ToolDefinition(name: "g", json: #"{"type":"function","function":{"name":"g","parameters":{"type":"object"}}}"#),
            ])
        #expect(read.toolChoice == .function("g") && !read.allowsParallelToolCalls)
    }

    @Test("how tools may be called", arguments: [("auto", ToolChoice.automatic), ("any", .required), ("none", .none)])
    func toolChoice(word: String, choice: ToolChoice) throws {
        let read = try conversation(with: #""tools":[{"name":"f","input_schema":{}}],"tool_choice":{"type":"\#(word)"}"#)
        #expect(read.toolChoice == choice && read.allowsParallelToolCalls)
    }

    @Test("thinking sets its budget and tells the template")
    func thinking() throws {
        let on = try messages(messagesBody(#""thinking":{"type":"enabled","budget_tokens":2048}"#))
        #expect(on.generation.sampling.maxThinkingTokens == 2048 && !on.delivery.hidesReasoning)
        let cases: [(String, String?)] = [
            (#""thinking":{"type":"enabled","budget_tokens":1024}"#, #"{"enable_thinking":true,"thinking":true}"#),
            (#""thinking":{"type":"disabled"}"#, #"{"enable_thinking":false,"thinking":false}"#),
            (
                #""thinking":{"type":"adaptive"},"output_config":{"effort":"max"}"#,
                #"{"enable_thinking":true,"thinking":true,"reasoning_effort":"max"}"#
            ),
            (#""thinking":{"type":"between_tools"}"#, #"{"enable_thinking":true,"thinking":true}"#),
            (#""output_config":{"effort":"low"}"#, #"{"reasoning_effort":"low"}"#), (#""thinking":null"#, nil),
        ]
        for (members, arguments) in cases { #expect(try conversation(with: members).templateArguments == arguments) }
        #expect(try messages(messagesBody(#""thinking":{"type":"adaptive","display":"omitted"}"#)).delivery.hidesReasoning)
        let own = try messages(messagesBody(#""thinking":{"type":"enabled","budget_tokens":2048},"nvext":{"max_thinking_tokens":5}"#))
        #expect(own.generation.sampling.maxThinkingTokens == 5)
    }

    @Test("a schema binds the output, in either place")
    func schema() throws {
        let format = #"{"type":"json_schema","schema":{"type":"object"}}"#
        for members in [#""output_config":{"format":\#(format)}"#, #""output_format":\#(format)"#] {
            #expect(try messages(messagesBody(members)).generation.constraint == .jsonSchema(#"{"type":"object"}"#))
        }
    }

    @Test("nvext is read as for chats")
    func extensions() throws {
        let request = try messages(messagesBody(#""nvext":{"extra_fields":["worker_id"],"token_data":[1,2]}"#))
        #expect(request.generation.hints.wants("worker_id") && request.generation.prompt == .tokens([1, 2]))
    }

    @Test("what asks for nothing, or is somebody else's, is accepted; the rest is counted")
    func accepted() throws {
        let members = #"""
            "service_tier":"auto","speed":"fast","inference_geo":"eu","cache_control":{"type":"ephemeral"},"diagnostics":{},"container":null,
            "mcp_servers":[],"context_management":{"edits":[{"type":"clear_thinking_20251015","keep":"all"}]}
            """#
        #expect(try messages(messagesBody(members)).unknownFields.count == 0)
        #expect(try messages(messagesBody(#""novelty":1"#)).unknownFields.names == ["novelty"])
    }

    @Test("a count needs no number of tokens")
    func count() throws {
        let body = #"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#
        #expect(try messages(body, for: .count).generation.sampling.maxTokens == nil)
        #expect(throws: DialectError.self) { try messages(body) }
    }
}
