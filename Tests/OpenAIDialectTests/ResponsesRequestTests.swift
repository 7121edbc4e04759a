import ClusterModel
import JSONText
import OpenAIDialect
import Testing

@Suite("Requests for responses") struct ResponsesRequestTests {
    private func read(_ json: String) throws(DialectError) -> ResponsesRequest { try ResponsesRequest(parsing: json.utf8.span.bytes) }
    private func body(_ members: String) -> String { #"{"model":"m","input":"hi""# + (members.isEmpty ? "" : ",\(members)") + "}" }

    private func conversation(_ json: String) throws -> Conversation {
        guard case .conversation(let conversation) = try read(json).generation.prompt else { throw Mistake() }
        return conversation
    }

    private func conversation(of input: String) throws -> [ChatMessage] {
        try conversation(#"{"model":"m","input":\#(input)}"#).messages
    }

    private struct Mistake: Error {}

    private func echo(_ members: String) throws -> JSONValue {
        try JSONValue(parsing: "{" + text(try read(body(members)).delivery.repeated) + "}")
    }

    private func error(_ json: String) -> DialectError? {
        do throws(DialectError) {
            _ = try read(json)
            return nil
        } catch { return error }
    }

    @Test("a text is a user's message, and instructions stand before it")
    func plain() throws {
        #expect(try conversation(body("")).messages == [ChatMessage(role: .user, content: .text("hi"))])
        #expect(
            try conversation(body(#""instructions":"be brief""#)).messages == [
                ChatMessage(role: .system, content: .text("be brief")), ChatMessage(role: .user, content: .text("hi")),
            ])
        #expect(try conversation(body(#""instructions":"""#)).messages.count == 1)
    }

    @Test("what an assistant thought, said and called in one turn is one message, and results are tools' messages")
    func turns() throws {
        let messages = try conversation(
            of: """
                [{"role":"user","content":[{"type":"input_text","text":"a"},{"type":"input_text","text":"b"}]},
                {"type":"reasoning","id":"rs_1","summary":[],"content":[{"type":"reasoning_text","text":"hm"}],"status":"completed"},
                {"type":"message","id":"msg_1","role":"assistant","status":"completed",
                 "content":[{"type":"output_text","text":"say","annotations":[],"logprobs":[]},{"type":"refusal","refusal":"no"}]},
                {"type":"function_call","id":"fc_1","call_id":"c1","name":"f","arguments":"{}","status":"completed"},
                {"type":"function_call","call_id":"c2","name":"g","arguments":"{\\"x\\":1}"},
                {"type":"function_call_output","call_id":"c1","output":"one"},
                {"type":"function_call_output","call_id":"c2","output":[{"type":"input_text","text":"two"}]},
                {"type":"reasoning","summary":[{"type":"summary_text","text":"in short"}],"encrypted_content":"xyz"},
                {"role":"assistant","content":"end"},
                {"role":"developer","content":"now"}]
                """)
        #expect(
            messages == [
                ChatMessage(role: .user, content: .parts([.text("a"), .text("b")])),
                ChatMessage(
                    role: .assistant, content: .parts([.text("say"), .text("no")]), reasoning: "hm",
                    toolCalls: [
                        ToolCall(id: "c1", name: "f", arguments: "{}"), ToolCall(id: "c2", name: "g", arguments: #"{"x":1}"#),
                    ]),
                ChatMessage(role: .tool, content: .text("one"), toolCallID: "c1"),
                ChatMessage(role: .tool, content: .parts([.text("two")]), toolCallID: "c2"),
                ChatMessage(role: .assistant, content: .text("end"), reasoning: "in short"),
                ChatMessage(role: .developer, content: .text("now")),
            ])
    }

    @Test("thoughts between calls belong to the turn; a text behind calls, and a second text, begin another")
    func severalThoughts() throws {
        func thought(_ text: String) -> String {
            #"{"type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":"\#(text)"}]}"#
        }
        let call = #"{"type":"function_call","call_id":"c","name":"f","arguments":""}"#, said = #"{"role":"assistant","content":"s"}"#
        let parsed = ToolCall(id: "c", name: "f", arguments: "")
        #expect(
            try conversation(of: "[\(thought("a")),\(call),\(thought("b")),\(call)]")
                == [ChatMessage(role: .assistant, content: .none, reasoning: "a\nb", toolCalls: [parsed, parsed])])
        #expect(
            try conversation(of: "[\(call),\(said),\(said),\(thought("c"))]") == [
                ChatMessage(role: .assistant, content: .none, toolCalls: [parsed]), ChatMessage(role: .assistant, content: .text("s")),
                ChatMessage(role: .assistant, content: .text("s")), ChatMessage(role: .assistant, content: .text(""), reasoning: "c"),
            ])
        // A thought that another service wrote in its own cipher says nothing here.
        #expect(
            try conversation(of: #"[{"role":"user","content":"x"},{"type":"reasoning","summary":[],"encrypted_content":"q"}]"#).count == 1)
    }

    @Test("a turn of thousands of thoughts is read in time that grows with its length")
    func manyThoughts() throws {
        let thought =
            #"{"type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":"\#(String(repeating: "x", count: 1_000))"}]}"#
        let input = "[" + [String](repeating: thought, count: 8_000).joined(separator: ",") + "]"
        #expect(try conversation(of: input).first?.reasoning?.utf8.count == 8_000 * 1_001 - 1)
    }

    @Test("tools in the flat form become those that templates know, and are told back with every member")
    func tools() throws {
        let members = """
            "tools":[{"type":"function","name":"f","strict":true,"description":null,"parameters":{"type":"object","properties":{}}},
            {"type":"function","description":"d","name":"g"}],"tool_choice":{"type":"function","name":"g"},"parallel_tool_calls":false
            """
        let conversation = try conversation(body(members))
        #expect(
            conversation.tools == [
                ToolDefinition(
                    name: "f",
                    json: #"{"type":"function","function":{"name":"f","strict":true,"parameters":{"type":"object","properties":{}}}}"#),
                ToolDefinition(name: "g", json: #"{"type":"function","function":{"description":"d","name":"g"}}"#),
            ])
        #expect(conversation.toolChoice == .function("g") && !conversation.allowsParallelToolCalls)
        let echo = try echo(members)
        #expect(
            text(echo["tools"]?.encoded() ?? [])
                == #"[{"type":"function","name":"f","description":null,"parameters":{"type":"object","properties":{}},"strict":true},"#
                + #"{"type":"function","name":"g","description":"d","parameters":null,"strict":false}]"#)
        #expect(text(echo["tool_choice"]?.encoded() ?? []) == #"{"type":"function","name":"g"}"#)
        #expect(echo["parallel_tool_calls"]?.asBool == false)
    }

    @Test("of tools only the allowed ones are told to the model", arguments: [("auto", ToolChoice.automatic), ("required", .required)])
    func allowedTools(mode: String, choice: ToolChoice) throws {
        let conversation = try conversation(
            body(
                """
                "tools":[{"type":"function","name":"f"},{"type":"function","name":"g"}],
                "tool_choice":{"type":"allowed_tools","mode":"\(mode)","tools":[{"type":"function","name":"g"}]}
                """))
        #expect(conversation.tools.map(\.name) == ["g"] && conversation.toolChoice == choice)
    }

    @Test(
        "the form of the output",
        arguments: [
            (#"{"format":{"type":"text"}}"#, OutputConstraint?.none),
            (#"{"format":{"type":"json_object"},"verbosity":"low"}"#, .jsonObject),
            (#"{"format":{"type":"json_schema","name":"n","strict":true,"schema":{"type":"object"}}}"#, .jsonSchema(#"{"type":"object"}"#)),
            ("{}", nil),
        ])
    func format(json: String, constraint: OutputConstraint?) throws {
        #expect(try read(body(#""text":\#(json)"#)).generation.constraint == constraint)
        #expect(try read(body(#""text":\#(json)"#)).delivery.fieldNames == .responses)
    }

    @Test("sampling, limits and log probabilities")
    func sampling() throws {
        let sampling = try read(
            body(#""temperature":0.5,"top_p":0.25,"max_output_tokens":7,"top_logprobs":3,"top_k":4,"seed":1,"stop":"x""#)
        ).generation.sampling
        #expect(sampling.temperature == 0.5 && sampling.topP == 0.25 && sampling.maxTokens == 7 && sampling.topLogprobs == 3)
        #expect(sampling.topK == 4 && sampling.seed == 1 && sampling.stopTexts == ["x"])
        #expect(
            try read(body(#""include":["message.output_text.logprobs","reasoning.encrypted_content"]"#)).generation.sampling.topLogprobs
                == 0)
        #expect(try read(body(#""top_logprobs":0"#)).generation.sampling.topLogprobs == nil)
    }

    @Test("how much is thought about is the template's affair, unless the client told its template itself")
    func effort() throws {
        #expect(
            try conversation(body(#""reasoning":{"effort":"low","summary":"auto"}"#)).templateArguments == #"{"reasoning_effort":"low"}"#)
        #expect(
            try conversation(body(#""reasoning":{"effort":"none"},"chat_template_kwargs":{"enable_thinking":true}"#)).templateArguments
                == #"{"enable_thinking":true,"reasoning_effort":"none","thinking":false}"#)
        #expect(try conversation(body(#""reasoning":{"effort":null}"#)).templateArguments == nil)
    }

    @Test("labels, hints and what is of no effect")
    func labels() throws {
        let request = try read(
            body(
                """
                "user":"u","safety_identifier":"s","prompt_cache_key":"k","metadata":{"a":"b"},"stream":true,"stream_options":{"include_obfuscation":false},
                "store":true,"truncation":"auto","service_tier":"flex","background":false,"max_tool_calls":2,"prompt_cache_retention":"24h",
                "prompt_cache_options":{"mode":"implicit"},"nvext":{"max_thinking_tokens":5,"greed_sampling":true},"new":1
                """))
        #expect(request.generation.user == "u" && request.generation.cacheKey == "k" && request.delivery.isStreamed)
        #expect(request.generation.sampling.maxThinkingTokens == 5 && request.generation.sampling.temperature == 0)
        #expect(request.unknownFields.names == ["new"])
        #expect(try read(body(#""safety_identifier":"s""#)).generation.user == "s")
        #expect(try read(body(#""nvext":{"token_data":[1,2]}"#)).generation.prompt == .tokens([1, 2]))
    }

    @Test("the answer repeats what holds")
    func repeated() throws {
        #expect(
            text(try read(body("")).delivery.repeated)
                == #""background":false,"instructions":null,"max_output_tokens":null,"max_tool_calls":null,"metadata":{},"model":"m","#
                + #""parallel_tool_calls":true,"previous_response_id":null,"prompt_cache_key":null,"reasoning":{"effort":null,"summary":null},"#
                + #""safety_identifier":null,"service_tier":"default","store":false,"temperature":null,"#
                + #""text":{"format":{"type":"text"},"verbosity":"medium"},"tool_choice":"auto","tools":[],"top_logprobs":0,"top_p":null,"#
                + #""truncation":"disabled","user":null"#)
        #expect(
            text(
                try read(
                    body(
                        """
                        "instructions":"i\\n","max_output_tokens":5,"max_tool_calls":1,"metadata":{"a":"\\"b"},"prompt_cache_key":"k","store":true,
                        "reasoning":{"effort":"high","summary":"auto"},"safety_identifier":"s","service_tier":"priority","temperature":0.7,
                        "text":{"format":{"type":"json_object"},"verbosity":"low"},"top_logprobs":2,"top_p":1,"truncation":"auto","user":"u"
                        """)
                ).delivery.repeated)
                == #""background":false,"instructions":"i\n","max_output_tokens":5,"max_tool_calls":1,"metadata":{"a":"\"b"},"model":"m","#
                + #""parallel_tool_calls":true,"previous_response_id":null,"prompt_cache_key":"k","reasoning":{"effort":"high","summary":null},"#
                + #""safety_identifier":"s","service_tier":"default","store":false,"temperature":0.7,"#
                + #""text":{"format":{"type":"json_object"},"verbosity":"low"},"tool_choice":"auto","tools":[],"top_logprobs":2,"top_p":1.0,"#
                + #""truncation":"disabled","user":"u""#)
    }

    // MARK: Refusals

    @Test(
        "errors name the field",
        arguments: [
            (#"{"model":"m"}"#, "input"), (#"{"input":"x"}"#, "model"), (#"{"model":"m","input":[]}"#, "input"),
            (#"{"model":"m","input":3}"#, "input"),
            (#"{"model":"m","input":[3]}"#, "input[0]"), (#"{"model":"m","input":[{}]}"#, "input[0].type"),
            (#"{"model":"m","input":[{"role":"tool","content":"x"}]}"#, "input[0].role"),
            (#"{"model":"m","input":[{"role":"user"}]}"#, "input[0].content"),
            (#"{"model":"m","input":[{"role":"user","content":[]}]}"#, "input[0].content"),
            (#"{"model":"m","input":[{"role":"user","content":[{"type":"input_image","image_url":"u"}]}]}"#, "input[0].content[0]"),
            (
                #"{"model":"m","input":[{"role":"user","content":[{"type":"input_text","text":"a"},{"type":"input_file"}]}]}"#,
                "input[0].content[1]"
            ),
            (#"{"model":"m","input":[{"role":"user","content":[{"type":"input_audio"}]}]}"#, "input[0].content[0]"),
            (#"{"model":"m","input":[{"role":"user","content":[{"type":"x"}]}]}"#, "input[0].content[0].type"),
            (#"{"model":"m","input":[{"role":"user","content":[{"type":"input_text"}]}]}"#, "input[0].content[0].text"),
            (#"{"model":"m","input":[{"type":"item_reference","id":"msg_1"}]}"#, "input[0]"),
            (#"{"model":"m","input":[{"id":"msg_1"}]}"#, "input[0]"),
            (#"{"model":"m","input":[{"type":"web_search_call"}]}"#, "input[0].type"),
            (#"{"model":"m","input":[{"type":"function_call","name":"f","arguments":""}]}"#, "input[0].call_id"),
            (#"{"model":"m","input":[{"type":"function_call","call_id":"c","arguments":""}]}"#, "input[0].name"),
            (#"{"model":"m","input":[{"type":"function_call","call_id":"c","name":"f","arguments":{}}]}"#, "input[0].arguments"),
            (#"{"model":"m","input":[{"type":"function_call_output","call_id":"c"}]}"#, "input[0].output"),
            (#"{"model":"m","input":[{"type":"function_call_output","output":"x"}]}"#, "input[0].call_id"),
            (#"{"model":"m","input":[{"type":"reasoning","summary":[{"type":"x","text":"y"}]}]}"#, "input[0].summary[0].type"),
            (#"{"model":"m","input":[{"type":"reasoning","content":[{"type":"reasoning_text"}]}]}"#, "input[0].content[0].text"),
        ])
    func items(json: String, param: String) {
        #expect(error(json)?.param == param, "\(json)")
        #expect(error(json)?.status == 400)
    }

    @Test(
        "errors of other fields name them too",
        arguments: [
            ("\"temperature\":3", "temperature"), ("\"top_logprobs\":21", "top_logprobs"), ("\"max_output_tokens\":0", "max_output_tokens"),
            ("\"max_tokens\":5", "max_tokens"), ("\"max_completion_tokens\":5", "max_completion_tokens"), ("\"n\":2", "n"),
            ("\"min_tokens\":5,\"max_output_tokens\":4", "min_tokens"), ("\"include\":[\"x\"]", "include[0]"),
            ("\"instructions\":1", "instructions"),
            ("\"previous_response_id\":\"r\"", "previous_response_id"), ("\"conversation\":\"c\"", "conversation"),
            ("\"prompt\":{\"id\":\"p\"}", "prompt"),
            ("\"background\":true", "background"),
            ("\"stream_options\":{\"include_obfuscation\":3}", "stream_options.include_obfuscation"),
            ("\"messages\":[{}]", "messages"), ("\"response_format\":{\"type\":\"json_object\"}", "response_format"),
            ("\"reasoning_effort\":\"x\"", "reasoning_effort"), ("\"include_reasoning\":false", "include_reasoning"),
            ("\"reasoning\":{\"effort\":\"x\"}", "reasoning.effort"),
            ("\"reasoning\":{\"summary\":\"x\"}", "reasoning.summary"), ("\"reasoning\":3", "reasoning"),
            ("\"truncation\":\"x\"", "truncation"),
            ("\"metadata\":{\"a\":1}", "metadata.*"), ("\"metadata\":[]", "metadata"), ("\"text\":{\"verbosity\":\"x\"}", "text.verbosity"),
            ("\"text\":{\"format\":{\"type\":\"x\"}}", "text.format.type"),
            ("\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"n\"}}", "text.format.schema"),
            ("\"text\":{\"format\":{\"type\":\"json_schema\",\"schema\":{}}}", "text.format.name"),
            ("\"text\":{\"format\":3}", "text.format"),
            ("\"tools\":[{\"type\":\"web_search\"}]", "tools[0].type"),
            ("\"tools\":[{\"type\":\"custom\",\"name\":\"x\"}]", "tools[0].type"),
            ("\"tools\":[{\"type\":\"x\"}]", "tools[0].type"), ("\"tools\":[{\"name\":\"x\"}]", "tools[0].type"),
            ("\"tools\":[{\"type\":\"function\"}]", "tools[0].name"),
            ("\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"parameters\":3}]", "tools[0].parameters"),
            ("\"tool_choice\":\"required\"", "tool_choice"), ("\"tool_choice\":{\"type\":\"function\",\"name\":\"f\"}", "tool_choice.name"),
            ("\"tool_choice\":{\"type\":\"web_search\"}", "tool_choice.type"),
            ("\"tool_choice\":{\"type\":\"allowed_tools\",\"mode\":\"auto\",\"tools\":[{\"type\":\"mcp\"}]}", "tool_choice.tools[0].type"),
            (
                "\"tools\":[{\"type\":\"function\",\"name\":\"f\"}],\"tool_choice\":{\"type\":\"allowed_tools\",\"mode\":\"required\",\"tools\":[]}",
                "tool_choice"
            ),
            ("\"moderation\":{\"model\":\"m\"}", "moderation"), ("\"nvext\":{\"use_raw_prompt\":true}", "nvext.use_raw_prompt"),
        ])
    func fields(members: String, param: String) {
        #expect(error(body(members))?.param == param, "\(members)")
        #expect(error(body(members))?.status == 400)
    }

    @Test("metadata is bounded as the API bounds it")
    func metadata() {
        func pairs(_ count: Int) -> String { (0..<count).map { "\"k\($0)\":\"v\"" }.joined(separator: ",") }
        #expect(error(body("\"metadata\":{\(pairs(16))}")) == nil)
        #expect(error(body("\"metadata\":{\(pairs(17))}"))?.param == "metadata")
        #expect(error(body("\"metadata\":{\"\(String(repeating: "k", count: 257))\":\"\"}"))?.param == "metadata")
        #expect(error(body("\"metadata\":{\"k\":\"\(String(repeating: "v", count: 2_049))\"}"))?.param == "metadata.*")
    }

    @Test("nothing that a client wrote in an item stands in an error but a short plain word")
    func quotes() {
        let secret = "my secret is 5"
        for json in [
            #"[{"type":"\#(secret)"}]"#, #"[{"role":"\#(secret)","content":"x"}]"#, #"[{"role":"user","content":[{"type":"\#(secret)"}]}]"#,
            #"[{"type":"reasoning","summary":[{"type":"\#(secret)"}]}]"#,
        ] { #expect(error(#"{"model":"m","input":\#(json)}"#)?.message.contains("secret") == false) }
    }
}

/// The list of fields that people read is the list that the code keeps, and what programs are told.
@Suite("List of fields of responses") struct ResponsesFieldListTests {
    private func read(_ name: String, _ value: String) throws(DialectError) -> ResponsesRequest {
        let rest = ["model": #","input":"x""#, "input": #","model":"m""#][name] ?? #","model":"m","input":"x""#
        return try ResponsesRequest(parsing: #"{"\#(name)":\#(value)\#(rest)}"#.utf8.span.bytes)
    }

    /// How the field is taken with one of many kinds of values: the codes of its refusals, and whether it is unknown.
    private func outcome(of name: String) -> (codes: Set<String?>, isUnknown: Bool) {
        var codes: Set<String?> = [], known = 0
        for value in ["true", "3", "\"x\"", "[[]]", #"["a"]"#, #"{"type":"json_object"}"#] {
            do throws(DialectError) { known += try read(name, value).unknownFields.names.contains(name) ? 0 : 1 } catch {
                known += 1
                codes.insert(error.code)
            }
        }
        return (codes, known == 0)
    }

    private func names(_ bold: String) throws -> [String] {
        try FieldListTests.names(bold).filter { !$0.contains(".") }
    }

    @Test("what is refused by name is refused by name")
    func refused() throws {
        let names = try names("Refused by name by responses")
        #expect(names.count > 15)
        for name in names { #expect(outcome(of: name).codes.contains("unsupported_parameter"), "\(name)") }
    }

    @Test("what is honoured or checked is known, and nothing else is")
    func known() throws {
        for name in try names("Honoured by responses") + names("Checked by responses") { #expect(!outcome(of: name).isUnknown, "\(name)") }
        #expect(outcome(of: "access_programs").isUnknown)
    }

    @Test("an answer repeats the temperature that holds, which is none where the best token is asked for")
    func greedy() throws {
        for (members, expected) in [(#""temperature":0.5"#, 0.5), (#""temperature":0.5,"nvext":{"greed_sampling":true}"#, 0)] {
            let request = try ResponsesRequest(parsing: #"{"model":"m","input":"x",\#(members)}"#.utf8.span.bytes)
            let echo = try JSONValue(parsing: "{\(text(request.delivery.repeated))}")
            #expect(echo["temperature"]?.asDouble == expected)
            #expect(request.generation.sampling.temperature == Float(expected))
        }
    }

    @Test("programs are told of the same fields")
    func described() throws {
        let document = try JSONValue(parsing: OpenAPIDocument.json(version: "1"))
        let members = document["components"]?["schemas"]?["ResponseRequest"]?["properties"]?.asObject?.names.map { $0 } ?? []
        let others: Set = ["suffix", "prompt_embeds", "best_of", "n", "verbosity"]
        let both = try ["Refused by name,", "Refused where", "Checked for"].flatMap { try FieldListTests.names($0) }.filter {
            !others.contains($0)
        }
        let listed = try names("Honoured by responses") + names("Checked by responses") + names("Refused by name by responses") + both
        let differences = Set(members).symmetricDifference(listed).sorted()
        #expect(differences == [])
        #expect(Set(members).count == members.count)
    }

    @Test("answers and events have the members that programs are told of")
    func answers() throws {
        let schemas = try JSONValue(parsing: OpenAPIDocument.json(version: "1"))["components"]?["schemas"]
        let request = try ResponsesRequest(parsing: #"{"model":"m","input":"x","stream":true}"#.utf8.span.bytes)
        var writer = ResponsesWriter(id: "1", created: 1, delivery: request.delivery), bytes: [UInt8] = []
        let usage = TokenUsage(), piece = "x".utf8.span.bytes
        writer.appendBeginning(usage: usage, to: &bytes)
        writer.appendReasoning(choice: 0, piece, usage: usage, to: &bytes)
        writer.appendText(choice: 0, piece, logprobs: nil, usage: usage, to: &bytes)
        writer.appendCall(choice: 0, AnswerCall(index: 0, id: "c", name: "f"), usage: usage, to: &bytes)
        writer.appendArguments(choice: 0, call: 0, piece, usage: usage, to: &bytes)
        writer.appendFinish(choice: 0, AnswerFinish(.length), usage: usage, extensionJSON: nil, to: &bytes)
        writer.appendEnd(usage: usage, at: 0, to: &bytes)
        writer.appendFailure(ErrorBody(ServiceFailure(.workerLost)), to: &bytes)
        var told: Set<String> = []
        for line in text(bytes).split(separator: "\n") where line.hasPrefix("data: ") {
            let event = try JSONValue(parsing: String(line.dropFirst(6))), type = event["type"]?.asString ?? ""
            let kinds = schemas?["ResponseEvent"]?["anyOf"]?.asArray ?? []
            let kind = try #require(kinds.first { $0["properties"]?["type"]?["enum"]?.asArray?.contains(.string(type)) == true }, "\(type)")
            func names(_ value: JSONValue?) -> Set<String> { Set(value?.asObject?.names.map { $0 } ?? []) }
            #expect(names(event) == names(kind["properties"]), "\(type)")
            if let response = event["response"] {
                #expect(names(response) == names(schemas?["Response"]?["properties"]).subtracting(["nvext"]), "\(type)")
            }
            told.insert(type)
        }
        #expect(told.count == 15)
    }
}
