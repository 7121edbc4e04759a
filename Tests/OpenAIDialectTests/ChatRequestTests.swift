import ClusterModel
import OpenAIDialect
import Testing

@Suite("Chat requests") struct ChatRequestTests {
    @Test("the least body is enough, and leaves everything open")
    func least() throws {
        let request = try chat(chatBody(""))
        var expected = GenerationRequest(
            model: "m", prompt: .conversation(Conversation(messages: [ChatMessage(role: .user, content: .text("hi"))])))
        expected.choices = 1
        expected.calling = ToolCalling()
        #expect(request.generation == expected)
        #expect(request.delivery == Delivery())
        #expect(request.unknownFields == UnknownFields())
    }

    @Test("every sampling field has its place")
    func sampling() throws {
        let request = try chat(
            chatBody(
                """
                "temperature":0.5,"top_p":0.25,"top_k":40,"min_p":0.125,"presence_penalty":-2,"frequency_penalty":2,
                "repetition_penalty":1.5,"seed":-1,"max_tokens":5,"max_completion_tokens":7,"min_tokens":3,"ignore_eos":true,
                "stop":["a","b"],"stop_token_ids":[1,4294967295],"include_stop_str_in_output":true,"skip_special_tokens":false,
                "logit_bias":{"50":-100,"3":0.5},"logprobs":true,"top_logprobs":4,"n":16,"nvext":{"max_thinking_tokens":9}
                """)
        ).generation
        var expected = SamplingParameters()
        expected.temperature = 0.5
        expected.topP = 0.25
        expected.topK = 40
        expected.minP = 0.125
        expected.presencePenalty = -2
        expected.frequencyPenalty = 2
        expected.repetitionPenalty = 1.5
        expected.seed = .max
        expected.maxTokens = 7
        expected.minTokens = 3
        expected.maxThinkingTokens = 9
        expected.ignoresEndOfText = true
        expected.stopTexts = ["a", "b"]
        expected.stopTokens = [1, .max]
        expected.includesStop = true
        expected.showsSpecialTokens = true
        expected.logitBias = [TokenBias(token: 3, bias: 0.5), TokenBias(token: 50, bias: -100)]
        expected.topLogprobs = 4
        #expect(request.sampling == expected)
        #expect(request.choices == 16)
    }

    @Test("a member that is null is as if it were not there")
    func nulls() throws {
        let names = [
            "temperature", "top_p", "n", "stream", "stream_options", "stop", "max_tokens", "max_completion_tokens", "presence_penalty",
            "logit_bias", "logprobs", "top_logprobs", "user", "seed", "tools", "tool_choice", "parallel_tool_calls", "response_format",
            "nvext", "metadata", "store", "service_tier", "prompt_cache_key", "functions", "guided_json", "audio", "modalities",
            "chat_template_kwargs",
        ]
        let request = try chat(chatBody(names.map { "\"\($0)\":null" }.joined(separator: ",")))
        #expect(request == (try chat(chatBody(""))))
    }

    @Test("messages of every role and form")
    func messages() throws {
        let request = try chat(
            """
            {"model":"m","messages":[
              {"role":"system","content":"s","name":"boss"},
              {"role":"developer","content":[{"type":"text","text":"d1"},{"type":"text","text":""}]},
              {"role":"assistant","content":null,"reasoning_content":"hm","tool_calls":[
                {"id":"c1","type":"function","function":{"name":"f","arguments":"{\\"a\\":1}"}}]},
              {"role":"tool","content":"4","tool_call_id":"c1"},
              {"role":"assistant","refusal":"no"},
              {"role":"assistant","content":"yes","refusal":null,"audio":null}]}
            """)
        #expect(
            request.generation.prompt
                == .conversation(
                    Conversation(messages: [
                        ChatMessage(role: .system, content: .text("s"), name: "boss"),
                        ChatMessage(role: .developer, content: .parts([.text("d1"), .text("")])),
                        ChatMessage(
                            role: .assistant, content: .none, reasoning: "hm",
                            toolCalls: [ToolCall(id: "c1", name: "f", arguments: "{\"a\":1}")]),
                        ChatMessage(role: .tool, content: .text("4"), toolCallID: "c1"),
                        ChatMessage(role: .assistant, content: .text("no")),
                        ChatMessage(role: .assistant, content: .text("yes")),
                    ])))
    }

    @Test(
        "streams tell usage where they are asked to",
        arguments: [
            (#""stream":false"#, false, UsageReporting.none), (#""stream":true"#, true, .none),
            (#""stream":true,"stream_options":{"include_usage":true}"#, true, .atEnd),
            (#""stream":true,"stream_options":{"include_usage":true,"continuous_usage_stats":true}"#, true, .continuous),
            (#""stream":true,"stream_options":{"include_usage":false}"#, true, .none),
        ])
    func delivery(members: String, isStreamed: Bool, usage: UsageReporting) throws {
        let delivery = try chat(chatBody(members)).delivery
        #expect(delivery.isStreamed == isStreamed && delivery.usage == usage && !delivery.echoesPrompt)
    }

    @Test("hints of nvext, each in its place")
    func hints() throws {
        let request = try chat(
            chatBody(
                """
                "nvext":{"extra_fields":["worker_id","timing"],"annotations":["query_instance_id:7","token_ids"],
                "backend_instance_id":18446744073709551615,"prefill_worker_id":"0000000000000002","decode_worker_id":3,"dp_rank":4,"prefill_dp_rank":5,
                "agent_hints":{"priority":-6,"strict_priority":1,"osl":700,"speculative_prefill":true,"latency_sensitivity":0.5},
                "session_control":{"session_id":"s","action":"open","timeout":60},"request_timestamp_ms":1700000000000.5,
                "router_config_override":{"overlap_score_weight":0.5,"router_temperature":0,"assume_kv_reuse":false,
                "track_prefill_tokens":true},"greed_sampling":true}
                """)
        ).generation
        var expected = RoutingHints()
        expected.extraFields = ["worker_id", "timing"]
        expected.annotations = ["query_instance_id:7", "token_ids"]
        expected.backendInstance = WorkerID(.max)
        expected.prefillWorker = WorkerID(2)
        expected.decodeWorker = WorkerID(3)
        expected.rank = Rank(4)
        expected.prefillRank = Rank(5)
        expected.priority = -6
        expected.strictPriority = 1
        expected.expectedOutputTokens = 700
        expected.speculativePrefill = true
        expected.latencySensitivity = 0.5
        expected.session = SessionHint(id: "s", action: .open, timeoutSeconds: 60)
        expected.requestTimestampMilliseconds = 1_700_000_000_000.5
        expected.overrides.overlapWeight = 0.5
        expected.overrides.temperature = 0
        expected.overrides.assumesReuse = false
        expected.overrides.tracksPrefill = true
        #expect(request.hints == expected)
        #expect(request.hints.isQueryOnly && request.hints.wants("timing") && !request.hints.wants("token_ids"))
        #expect(request.sampling.temperature == 0)
    }

    @Test("a session alone follows its binding")
    func session() throws {
        #expect(
            try chat(chatBody(#""nvext":{"session_control":{"session_id":"x"}}"#)).generation.hints.session == SessionHint(id: "x"))
    }

    @Test("tokens of the client's own take the place of its messages")
    func tokenData() throws {
        #expect(try chat(chatBody(#""nvext":{"token_data":[3,0,4294967295]}"#)).generation.prompt == .tokens([3, 0, .max]))
    }

    @Test("fields that nobody knows are counted, and the first few named")
    func unknown() throws {
        let request = try chat(
            """
            {"model":"m","messages":[{"role":"user","content":"hi","cache_control":{}}],"colour":"low","odd name'":1,
            "stream_options":{"more":1},"nvext":{"later":1,"agent_hints":{"x":null}}}
            """)
        #expect(request.unknownFields.count == 6)
        #expect(
            request.unknownFields.names == [
                "messages[].cache_control", "stream_options.more", "nvext.agent_hints.x", "nvext.later", "colour", "?",
            ])
        let many = (0..<100).map { "\"f\($0)\":0" }.joined(separator: ",")
        let unknown = try chat(chatBody(many)).unknownFields
        #expect(unknown.count == 100 && unknown.names == (0..<16).map { "f\($0)" })
    }

    @Test("labels are kept, what is merely recorded elsewhere is accepted")
    func labels() throws {
        let request = try chat(
            chatBody(#""user":"u","prompt_cache_key":"k","metadata":{"a":"b"},"service_tier":"auto","store":true,"tools":[]"#))
        #expect(request.generation.user == "u" && request.generation.cacheKey == "k")
        #expect(request.unknownFields.count == 0)
    }

    @Test("a template is told to go on with the last message, and gets its arguments")
    func template() throws {
        let request = try chat(
            """
            {"model":"m","messages":[{"role":"assistant","content":"I"}],"continue_final_message":true,
            "chat_template_kwargs":{"thinking":false,"n":1.0}}
            """)
        let expected = Conversation(
            messages: [ChatMessage(role: .assistant, content: .text("I"))], addsGenerationPrompt: false, continuesLastMessage: true,
            templateArguments: #"{"thinking":false,"n":1.0}"#)
        #expect(request.generation.prompt == .conversation(expected))
        guard case .conversation(let other) = try chat(chatBody(#""add_generation_prompt":false"#)).generation.prompt else { return }
        #expect(!other.addsGenerationPrompt)
    }

    @Test("tools and forms of output are read; whether a model can is not known here")
    func tools() throws {
        let tool = #"{"type":"function","function":{"name":"f","description":"d","parameters":{"z":1,"a":2},"strict":true}}"#
        let members = """
            "tools":[\(tool)],"tool_choice":{"type":"function","function":{"name":"f"}},"parallel_tool_calls":false,
            "response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":{"type":"object"}}}
            """
        let request = try chat(chatBody(members)).generation
        guard case .conversation(let conversation) = request.prompt else { return }
        #expect(conversation.tools == [ToolDefinition(name: "f", json: tool)])
        #expect(conversation.toolChoice == .function("f") && !conversation.allowsParallelToolCalls)
        #expect(request.calling == ToolCalling(tools: conversation.tools, choice: .function("f"), allowsParallel: false))
        #expect(request.constraint == .jsonSchema(#"{"type":"object"}"#))
        #expect(try chat(chatBody(#""response_format":{"type":"json_object"}"#)).generation.constraint == .jsonObject)
        #expect(try chat(chatBody(#""response_format":{"type":"text"}"#)).generation.constraint == nil)
    }

    @Test("integers may be written with a fraction of zero, numbers without one")
    func spellings() throws {
        let sampling = try chat(chatBody(#""max_tokens":5.0,"seed":18446744073709551615,"temperature":1,"top_k":-1,"n":1e0"#)).generation
            .sampling
        #expect(sampling.maxTokens == 5 && sampling.seed == .max && sampling.temperature == 1 && sampling.topK == 0)
    }
}
