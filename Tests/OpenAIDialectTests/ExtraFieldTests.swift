import ClusterModel
import JSONText
import OpenAIDialect
import Testing

@Suite("Fields of newer clients and of other servers")
struct ExtraFieldTests {
    private func arguments(_ members: String) throws -> String? {
        guard case .conversation(let conversation) = try chat(chatBody(members)).generation.prompt else { return nil }
        return conversation.templateArguments
    }

    private func fault(_ json: String) -> DialectError? {
        do throws(DialectError) {
            _ = try chat(json)
            return nil
        } catch { return error }
    }

    @Test("the effort of thinking is given to the template, unless the client gives it there itself")
    func effort() throws {
        #expect(try arguments(#""reasoning_effort":"high""#) == #"{"reasoning_effort":"high"}"#)
        #expect(
            try arguments(#""reasoning_effort":"none","chat_template_kwargs":{"a":1,"thinking":true}"#)
                == #"{"a":1,"thinking":true,"reasoning_effort":"none","enable_thinking":false}"#)
        #expect(
            try arguments(#""reasoning_effort":"high","chat_template_kwargs":{"reasoning_effort":"low"}"#) == #"{"reasoning_effort":"low"}"#
        )
        #expect(fault(chatBody(#""reasoning_effort":"a lot""#))?.param == "reasoning_effort")
        #expect(try arguments(#""reasoning_effort":null"#) == nil)
    }

    @Test("documents are given to the template")
    func documents() throws {
        #expect(try arguments(#""documents":[{"text":"t"}]"#) == #"{"documents":[{"text":"t"}]}"#)
        #expect(fault(chatBody(#""documents":["t"]"#))?.param == "documents[0]")
    }

    @Test("tokens for thinking are limited by either name; the routers' extension comes first")
    func thinking() throws {
        #expect(try chat(chatBody(#""thinking_token_budget":5"#)).generation.sampling.maxThinkingTokens == 5)
        #expect(try chat(chatBody(#""nvext":{"max_thinking_tokens":0}"#)).generation.sampling.maxThinkingTokens == 0)
        #expect(
            try completion(completionBody(#""thinking_token_budget":5,"nvext":{"max_thinking_tokens":7}"#)).generation.sampling
                .maxThinkingTokens
                == 7)
        for value in ["-1", "4294967296", "1.5", "\"3\""] {
            #expect(fault(chatBody(#""nvext":{"max_thinking_tokens":\#(value)}"#))?.param == "nvext.max_thinking_tokens", "\(value)")
        }
    }

    @Test("a raw prompt is the one text of the one message, and nothing else can be one")
    func rawPrompt() throws {
        let raw = #""nvext":{"use_raw_prompt":true}"#
        #expect(try chat(chatBody(raw)).generation.prompt == .text("hi"))
        for messages in [
            #"[{"role":"user","content":"a"},{"role":"user","content":"b"}]"#, #"[{"role":"system","content":"a"}]"#,
            #"[{"role":"user","content":[{"type":"text","text":"a"}]}]"#,
        ] { #expect(fault(#"{"model":"m","messages":\#(messages),\#(raw)}"#)?.param == "nvext.use_raw_prompt", "\(messages)") }
        #expect(fault(chatBody(raw + #","tools":[{"function":{"name":"f"}}]"#))?.param == "nvext.use_raw_prompt")
    }

    @Test("where media lie is checked to the end, and counted as what means nothing")
    func mediaRouting() throws {
        let good =
            #"{"routing_token_ids":[1,2],"block_mm_infos":[null,{"mm_objects":[{"mm_hash":18446744073709551615,"offsets":[[0,4]]}]}]}"#
        let unknown = try chat(chatBody(#""nvext":{"mm_routing_info":\#(good)}"#)).unknownFields
        #expect(unknown.names == ["nvext.mm_routing_info"] && unknown.count == 1)
        for (bad, path) in [
            ("3", ""), (#"{"routing_token_ids":["a"]}"#, ".routing_token_ids[0]"), (#"{"block_mm_infos":[3]}"#, ".block_mm_infos[0]"),
            (#"{"block_mm_infos":[{"mm_objects":[{}]}]}"#, ".block_mm_infos[0].mm_objects[0].mm_hash"),
            (
                #"{"block_mm_infos":[null,{"mm_objects":[{"mm_hash":1,"offsets":[[1]]}]}]}"#,
                ".block_mm_infos[1].mm_objects[0].offsets[0]"
            ),
        ] { #expect(fault(chatBody(#""nvext":{"mm_routing_info":\#(bad)}"#))?.param == "nvext.mm_routing_info" + path, "\(bad)") }
    }

    @Test("a search is refused even if none of its options are given; a value that asks for nothing is not")
    func askingNothing() {
        #expect(fault(chatBody(#""web_search_options":{}"#))?.code == "unsupported_parameter")
        // No alternatives at all are something, too.
        #expect(fault(chatBody(#""prompt_logprobs":0"#))?.param == "prompt_logprobs")
        #expect(fault(chatBody(#""functions":[],"regex":"","return_token_ids":false"#)) == nil)
        #expect(fault(chatBody(#""include_reasoning":true,"add_special_tokens":false"#)) == nil)
        #expect(fault(chatBody(#""include_reasoning":false"#))?.param == "include_reasoning")
    }

    // MARK: Tokens

    private func tokenize(_ json: String) throws(DialectError) -> TokenizeRequest { try TokenizeRequest(parsing: json.utf8.span.bytes) }

    private func tokenFault(_ json: String) -> DialectError? {
        do throws(DialectError) {
            _ = try tokenize(json)
            return nil
        } catch { return error }
    }

    @Test("a text is tokenized with the model's own tokens around it, a conversation without")
    func tokenizeDefaults() throws {
        let text = try tokenize(#"{"prompt":"hi"}"#)
        #expect(text.model == nil && text.prompt == .text("hi") && text.addsSpecialTokens && !text.wantsTexts)
        let chat = try tokenize(#"{"model":"m","messages":[{"role":"user","content":"hi"}],"return_token_strs":true}"#)
        #expect(chat.model == "m" && !chat.addsSpecialTokens && chat.wantsTexts)
        #expect(try !tokenize(#"{"prompt":"hi","add_special_tokens":false}"#).addsSpecialTokens)
    }

    @Test(
        "what cannot be tokenized is refused by field",
        arguments: [
            (#"{}"#, "prompt"), (#"{"prompt":3}"#, "prompt"), (#"{"prompt":"a","messages":[]}"#, "prompt"),
            (#"{"messages":[]}"#, "messages"), (#"{"messages":[{"role":"user"}]}"#, "messages[0].content"),
            (#"{"prompt":"a","model":""}"#, "model"), (#"{"prompt":"a","return_token_strs":1}"#, "return_token_strs"),
            (#"{"messages":[{"role":"user","content":"hi"}],"chat_template":"x"}"#, "chat_template"),
        ])
    func tokenizeFaults(_ json: String, _ param: String) { #expect(tokenFault(json)?.param == param) }

    @Test("tokens whose text is asked for are token ids")
    func detokenize() throws {
        #expect(try DetokenizeRequest(parsing: #"{"tokens":[1,2]}"#.utf8.span.bytes).tokens == [1, 2])
        for (json, param) in [(#"{}"#, "tokens"), (#"{"tokens":[-1]}"#, "tokens[0]"), (#"{"tokens":["a"]}"#, "tokens[0]")] {
            do throws(DialectError) {
                _ = try DetokenizeRequest(parsing: json.utf8.span.bytes)
                Issue.record("\(json) was read")
            } catch { #expect(error.param == param) }
        }
    }

    @Test("lists of tokens are written with or without their texts")
    func tokenList() {
        #expect(
            written { TokenList([1, 22], contextLength: 8, texts: ["a\"", "€"]).append(to: &$0) }
                == #"{"count":2,"max_model_len":8,"tokens":[1,22],"token_strs":["a\"","€"]}"#)
        #expect(
            written { TokenList([], contextLength: 8).append(to: &$0) } == #"{"count":0,"max_model_len":8,"tokens":[],"token_strs":null}"#)
        #expect(
            written { TokenList([], contextLength: 8, texts: []).append(to: &$0) }
                == #"{"count":0,"max_model_len":8,"tokens":[],"token_strs":[]}"#)
        #expect(written { TokenList.append(prompt: "a\n".utf8.span.bytes, to: &$0) } == #"{"prompt":"a\n"}"#)
    }

    @Test("annotations are events of a name and a comment of one line")
    func annotations() {
        #expect(
            written { PromptAnnotation.append(formattedPrompt: "a\n\"b".utf8.span.bytes, to: &$0) }
                == "event: formatted_prompt\n: \"a\\n\\\"b\"\n\n")
        #expect(written { PromptAnnotation.append(tokenIDs: [1, 2], to: &$0) } == "event: token_ids\n: [1,2]\n\n")
    }
}
