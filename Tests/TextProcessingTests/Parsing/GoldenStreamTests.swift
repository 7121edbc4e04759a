import ClusterModel
import Testing

@testable import TextProcessing

@Suite("Golden streams of tool calls") struct GoldenStreamTests {
    private typealias Call = ParsedAnswer.Call

    /// Nested, with braces, quotes and markers inside strings.
    private static let hard =
        #"{"a": {"b": [1, -2.5e3, {"c": "}]\"</tool_call> [TOOL_CALLS] 😀 é\u00e9\\"}], "d": null}, "e": [], "f": true}"#

    @Test("hermes: calls between words, with all that JSON can hold")
    func hermes() {
        let text =
            "Let me see.\n<tool_call>\n{\"name\": \"get\", \"arguments\": \(Self.hard)}\n</tool_call>\n<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>"
        #expect(parse(text, .hermes).parts == [.content("Let me see.\n"), .call(Call("get", Self.hard)), .call(Call("now", "{}"))])
    }

    @Test("hermes: arguments before the name, compact JSON, no arguments, words behind")
    func hermesVariants() {
        #expect(
            parse(#"<tool_call>{"arguments":{"x":1},"name":"f"}</tool_call> and more"#, .hermes).parts == [
                .call(Call("f", #"{"x":1}"#)), .content(" and more"),
            ])
        let twice = #"<tool_call>{"name": "f", "arguments": {"a": 1}, "arguments": {"b": 2}, "name": "g"}</tool_call>"#
        #expect(parse(twice, .hermes).parts == [.call(Call("f", #"{"a": 1}"#))])
        #expect(parse("<tool_call>\n{\"name\": \"f\"}\n</tool_call>\n", .hermes).parts == [.call(Call("f", "{}"))])
        #expect(
            parse(#"<tool_call>{"id": 12, "name" : "f\u00e9" , "x":[1], "arguments" : {"y" : 2} , "z":3 }</tool_call>"#, .hermes).parts == [
                .call(Call("fé", #"{"y" : 2}"#, id: "12"))
            ])
    }

    @Test(
        "hermes: what is no call is content, as it was",
        arguments: [
            "<tool_call>not json</tool_call>", "<tool_call>{\"name\": \"f\", \"arguments\"", "<tool_call>\n{\"nome\": 1}\n</tool_call>",
            "<tool_call", "<tool_call>", "a < b <tool_cal", "<tool_call>{\"name\": 7, \"arguments\": {}}</tool_call>",
            "<tool_call></tool_call>",
            "<tool_call>{\"name\": \"\", \"arguments\": {}}</tool_call>", " ", "x\n",
        ])
    func hermesContent(text: String) { #expect(parse(text, .hermes).parts == [.content(text)]) }

    @Test("a tool that is not in the list is content, the call behind it a call")
    func unknownTool() {
        let tools = ToolList([ToolDefinition(name: "known", json: "{}")])
        let text =
            "<tool_call>{\"name\": \"other\", \"arguments\": {}}</tool_call>\n<tool_call>{\"name\": \"known\", \"arguments\": {}}</tool_call>"
        #expect(
            parse(text, .hermes, list: tools).parts == [
                .content("<tool_call>{\"name\": \"other\", \"arguments\": {}}</tool_call>\n"), .call(Call("known", "{}")),
            ])
    }

    @Test("a call that breaks off ends as it is")
    func brokenOff() {
        #expect(parse(#"<tool_call>{"name": "f", "arguments": {"a": "b"#, .hermes).parts == [.call(Call("f", #"{"a": "b"#))])
        #expect(
            parse(#"<tool_call>{"name": "f", "arguments": {"a": b}}</tool_call>"#, .hermes).parts == [
                .call(Call("f", #"{"a": "#)), .content("b}}</tool_call>"),
            ])
        #expect(
            parse(#"<tool_call>{"name": "f", "arguments": {}} oops"#, .hermes).parts == [.call(Call("f", "{}")), .content(" oops")])
    }

    @Test("what is no number does not go out as one")
    func numbers() {
        #expect(
            parse(#"<tool_call>{"name": "f", "arguments": {"a": 1.2.3e}}</tool_call>"#, .hermes).parts == [
                .call(Call("f", #"{"a": 1.2"#)), .content(".3e}}</tool_call>"),
            ])
        #expect(parse("[TOOL_CALLS]f[ARGS]{\"a\": [-0, 1.50E+01]}", .mistral).parts == [.call(Call("f", "{\"a\": [-0, 1.50E+01]}"))])
    }

    @Test("a special token inside a name is no part of it")
    func strayed() {
        let marker = TaggedText("[TOOL_CALLS]", specials: ["[TOOL_CALLS]"]).symbols, half = TaggedText("[AR", specials: ["[AR"]).symbols
        let format = AnswerFormat(tools: .mistral, reasoning: nil, specials: ["[TOOL_CALLS]", "[ARGS]"])
        let text = marker + TaggedText("f").symbols + half + TaggedText("{}").symbols
        #expect(
            ParserUnderTest(make: { AnswerParser(format, tools: .any) }, text: TaggedText(text)).parsed().parts == [
                .content("[TOOL_CALLS]f[AR{}")
            ])
    }

    @Test("a marker that comes instead of another one is found all the same")
    func instead() {
        let call = #"<tool_call>{"name": "f", "arguments": {}}"#
        #expect(
            parse(call + call + "\n</tool_carl>", .hermes).parts == [
                .call(Call("f", "{}")), .call(Call("f", "{}")), .content("\n</tool_carl>"),
            ])
        #expect(
            parse(#"[TOOL_CALLS]f[TOOL_CALLS]g[ARGS]{}"#, .mistral, specials: ["[TOOL_CALLS]", "[ARGS]"]).parts == [
                .content("[TOOL_CALLS]f"), .call(Call("g", "{}")),
            ])
        #expect(
            parse("<tool_call><function=f><parameter=a>1</parameter></fun<tool_call><function=g></function></tool_call>", .qwen).parts == [
                .call(Call("f", #"{"a":"1""#)), .content("</fun"), .call(Call("g", "{}")),
            ])
        #expect(
            parse("<tool_call><function=f<tool_call><function=g></function></tool_call>", .qwen, specials: ["<tool_call>", "</tool_call>"])
                .parts == [
                    .content("<tool_call><function=f"), .call(Call("g", "{}")),
                ])
        #expect(
            parse("<|tool_call_start|>[f()]<|tool_call_start|>[g()]<|tool_call_end|>", .liquid).calls == [Call("f", "{}"), Call("g", "{}")])
        #expect(
            parse(
                "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>{}<｜tool▁call▁begin｜>g<｜tool▁sep｜>{}<｜tool▁calls▁end｜>!", .deepseek
            ).parts == [.call(Call("f", "{}")), .call(Call("g", "{}")), .content("!")])
    }

    @Test("llama3_json: bare, behind its tag, several")
    func llama() {
        let call = #"{"name": "f", "parameters": {"a": 1}}"#
        #expect(parse(call, .llama3JSON).parts == [.call(Call("f", #"{"a": 1}"#))])
        #expect(parse("\n<|python_tag|>" + call + "; " + call, .llama3JSON).calls.count == 2)
        #expect(parse(call + ";\n" + call + "\n" + call, .llama3JSON).parts.count == 3)
        #expect(parse("[" + call + ", " + call + "]", .llama3JSON).parts.count == 2)
        #expect(parse("I say " + call, .llama3JSON).parts == [.content("I say " + call)])
        #expect(parse(call + " done", .llama3JSON).parts == [.call(Call("f", #"{"a": 1}"#)), .content(" done")])
        for text in [#"{"name": "Ada", "age": 36}"#, #"{"a": 1}"#, "[1, 2]", "{", #"{"name": "f", "par"#, "[]"] {
            let tools = ToolList([ToolDefinition(name: "f", json: "{}")])
            #expect(parse(text, .llama3JSON, list: tools).parts == [.content(text)])
        }
    }

    @Test("mistral: an array of calls with ids, and names with markers")
    func mistral() {
        let specials = ["[TOOL_CALLS]", "[ARGS]", "[CALL_ID]"]
        for specials in [[], specials] {
            #expect(
                parse(
                    #"[TOOL_CALLS][{"name": "f", "arguments": {"a": "]"}, "id": "123456789"}, {"name": "g", "arguments": {}, "id": "abc"}]"#,
                    .mistral, specials: specials
                ).parts == [.call(Call("f", #"{"a": "]"}"#)), .call(Call("g", "{}"))])
            #expect(
                parse(
                    #"Sure.[TOOL_CALLS]f[ARGS]{"a": {"b": "[ARGS"}}[TOOL_CALLS]g[CALL_ID]abcdefghi[ARGS]{}"#, .mistral, specials: specials
                ).parts
                    == [.content("Sure."), .call(Call("f", #"{"a": {"b": "[ARGS"}}"#)), .call(Call("g", "{}", id: "abcdefghi"))])
            #expect(parse(#"[TOOL_CALLS]f{"a": 1}"#, .mistral, specials: specials).parts == [.call(Call("f", #"{"a": 1}"#))])
            #expect(parse("[TOOL_CALLS]", .mistral, specials: specials).parts == [.content("[TOOL_CALLS]")])
            #expect(parse("[TOOL_CALLS][]", .mistral, specials: specials).parts == [.content("[TOOL_CALLS][]")])
        }
    }

    @Test("a special token's text that is spelled in letters is text")
    func spelledSpecial() {
        let format = AnswerFormat(tools: .mistral, reasoning: nil, specials: ["[TOOL_CALLS]", "[ARGS]"])
        let text = "[TOOL_CALLS]f[ARGS]{}"
        let under = ParserUnderTest(make: { AnswerParser(format, tools: .any) }, text: TaggedText(text))
        #expect(under.parsed().parts == [.content(text)])
        // And where only the opener is the token, the name goes on to the brace.
        let mixed = TaggedText("[TOOL_CALLS]", specials: ["[TOOL_CALLS]"]).symbols + TaggedText("f[ARGS]{}").symbols
        #expect(
            ParserUnderTest(make: { AnswerParser(format, tools: .any) }, text: TaggedText(mixed)).parsed().calls == [Call("f[ARGS]", "{}")])
    }

    @Test("pythonic: Python's literals become JSON")
    func pythonic() {
        #expect(
            parse(
                #"[f(a=1, b='it\'s "x"', c=[1, 2.5, -3,], d={'k': None, "l": (True, False)}, e="é😀\n\x41\u00e9"), g(), h.i(x=.5)]"#,
                .pythonic
            ).parts == [
                .call(
                    Call(
                        "f",
                        #"{"a":1,"b":"it's \"x\"","c":[1,2.5,-3],"d":{"k":null,"l":[true,false]},"e":"é😀\nAé"}"#)),
                .call(Call("g", "{}")), .call(Call("h.i", #"{"x":0.5}"#)),
            ])
        #expect(
            parse("Now<|tool_call_start|>[f(city='Oslo')]<|tool_call_end|>ok", .liquid).parts == [
                .content("Now"), .call(Call("f", #"{"city":"Oslo"}"#)), .content("ok"),
            ])
        for text in ["[1, 2]", "[see (this)]", "[link](http://x)", "[f(1)]", "[f(a", "[", "[]", "text [f(a=1)]", "[f(a+b=2)]"] {
            #expect(parse(text, .pythonic).parts == [.content(text)])
        }
        #expect(parse("[f(a=1, b=x)]", .pythonic).parts == [.call(Call("f", #"{"a":1,"b":"#)), .content(")]")])
        #expect(parse(#"[f(a="\ud83d\ude00", b="\ud83d", c='\q')]"#, .pythonic).calls == [Call("f", #"{"a":"😀","b":"�","c":"\\q"}"#)])
    }

    @Test("deepseek: with and without fences")
    func deepseek() {
        let specials = ["<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "<｜tool▁call▁end｜>", "<｜tool▁calls▁end｜>"]
        let old =
            "Hm.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n```json\n{\"a\": \"```\"}\n```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>g\n```json\n{}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>"
        let new =
            "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>{\"a\": 1}<｜tool▁call▁end｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>"
        for specials in [[], specials] {
            #expect(
                parse(old, .deepseek, specials: specials).parts == [
                    .content("Hm."), .call(Call("f", #"{"a": "```"}"#)), .call(Call("g", "{}")),
                ])
            #expect(parse(new, .deepseek, specials: specials).parts == [.call(Call("f", #"{"a": 1}"#)), .call(Call("function", "{}"))])
        }
        #expect(parse("<｜tool▁calls", .deepseek).parts == [.content("<｜tool▁calls")])
    }

    @Test("kimi: the written id names the tool; functionary: a name and its arguments in one tag")
    func headed() {
        #expect(
            parse(
                "<|tool_calls_section_begin|><|tool_call_begin|>functions.f.x:0<|tool_call_argument_begin|>{\"a\":1}<|tool_call_end|><|tool_call_begin|>functions.g:1<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|>",
                .kimi
            ).parts == [.call(Call("f.x", #"{"a":1}"#, id: "functions.f.x:0")), .call(Call("g", "{}", id: "functions.g:1"))])
        #expect(
            parse(#"x <function=f>{"a": 1}</function><function=g>{}</function>"#, .functionary).parts == [
                .content("x "), .call(Call("f", #"{"a": 1}"#)), .call(Call("g", "{}")),
            ])
    }

    private static let typed = ToolList([
        ToolDefinition(
            name: "f",
            json: #"""
                {"type":"function","function":{"name":"f","parameters":{"properties":{"s":{"type":"string"},"i":{"type":"integer"},
                "b":{"type":"boolean"},"o":{"type":"object"},"l":{"type":"array"},"u":{"anyOf":[{"type":"string"},{"type":"null"}]}}}}}
                """#)
    ])

    @Test("qwen: values take the types of the schema")
    func qwen() {
        let text =
            "I will.\n\n<tool_call>\n<function=f>\n<parameter=s>\n12\n\"q\" </p>\n\n</parameter>\n<parameter=i>\n12\n</parameter>\n<parameter=b>\nTrue\n</parameter>\n<parameter=o>\n{\"k\": [1]}\n</parameter>\n<parameter=l>\nno list\n</parameter>\n<parameter=u>\nnull\n</parameter>\n<parameter=x>\n3\n</parameter>\n</function>\n</tool_call>\n<tool_call>\n<function=f>\n</function>\n</tool_call>"
        #expect(
            parse(text, .qwen, list: Self.typed).parts == [
                .content("I will.\n\n"),
                .call(
                    Call(
                        "f",
                        #"{"s":"12\n\"q\" </p>\n","i":12,"b":true,"o":{"k": [1]},"l":"no list","u":null,"x":"3"}"#)),
                .call(Call("f", "{}")),
            ])
        #expect(parse("<function=f><parameter=s>a</parameter></function></tool_call>", .qwen).calls == [Call("f", #"{"s":"a"}"#)])
        #expect(parse("<tool_call>\n<function=f>\n<parameter=s>\nab", .qwen).calls == [Call("f", #"{"s":"ab"#)])
        #expect(
            parse("<tool_call>\n<function=g>\n</function>", .qwen, list: Self.typed).parts == [
                .content("<tool_call>\n<function=g>\n</function>")
            ])
    }

    @Test("tags of other models")
    func tags() {
        let glm =
            "<tool_call>f\n<arg_key>s</arg_key>\n<arg_value>x</arg_value>\n<arg_key>i</arg_key>\n<arg_value>7</arg_value>\n</tool_call>\n<tool_call>f</tool_call>"
        #expect(parse(glm, .glm, list: Self.typed).parts == [.call(Call("f", #"{"s":"x","i":7}"#)), .call(Call("f", "{}"))])
        let minimax =
            "<minimax:tool_call>\n<invoke name=\"f\"><parameter name=\"s\">\nx</parameter>\n</invoke>\n<invoke name=\"f\">\n</invoke>\n</minimax:tool_call>"
        #expect(parse(minimax, .minimax, list: Self.typed).parts == [.call(Call("f", #"{"s":"\nx"}"#)), .call(Call("f", "{}"))])
        let dsml =
            "a\n\n<｜DSML｜function_calls>\n<｜DSML｜invoke name=\"f\">\n<｜DSML｜parameter name=\"s\" string=\"true\">5</｜DSML｜parameter>\n<｜DSML｜parameter name=\"z\" string=\"false\">[1, 2]</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜function_calls>"
        for specials in [[], ["｜DSML｜"]] {
            #expect(
                parse(dsml, .deepseekTags, list: Self.typed, specials: specials).parts == [
                    .content("a\n\n"), .call(Call("f", #"{"s":"5","z":[1, 2]}"#)),
                ])
        }
        let seed = "<seed:tool_call>\n<function=f>\n<parameter=s>v</parameter>\n</function>\n</seed:tool_call>"
        #expect(parse(seed, .seed).parts == [.call(Call("f", #"{"s":"v"}"#))])
    }

    @Test("lists of objects in other models' markers")
    func lists() {
        let list = #"[{"name": "f", "arguments": {"a": 1}}, {"name": "g", "arguments": {}}]"#
        let calls = [Call("f", #"{"a": 1}"#), Call("g", "{}")]
        #expect(parse("<TOOLCALL>\(list)</TOOLCALL>", .nemotron).calls == calls)
        #expect(parse("<|tool_call|>\(list)", .granite).calls == calls)
        #expect(parse("<tool_calls>\(list)</tool_calls>", .toolCallsTag).calls == calls)
        #expect(
            parse(
                "<tool_calls>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n{\"name\": \"g\", \"arguments\": {}}\n</tool_calls>",
                .toolCallsTag
            ).calls == calls)
        #expect(parse(#"<|tools_prefix|>[{"f": {"a": 1}}, {"g": {}}]<|tools_suffix|>"#, .apertus).calls == calls)
        #expect(
            parse(#"<|START_ACTION|>[ {"tool_call_id": "0", "tool_name": "f", "parameters": {"a": 1}} ]<|END_ACTION|>"#, .cohere).calls == [
                Call("f", #"{"a": 1}"#, id: "0")
            ])
        #expect(parse(list, .forcedList).calls == calls)
    }

    @Test("harmony: channels, recipients, several messages")
    func harmony() {
        let text =
            "<|channel|>analysis<|message|>Let me <think>.<|end|><|start|>assistant<|channel|>commentary to=functions.f <|constrain|>json<|message|> {\"a\": \"<|\"} <|call|>"
        let answer: [ParsedAnswer.Part] = [.reasoning("Let me <think>."), .call(Call("f", #"{"a": "<|"}"#))]
        for specials in [[], HarmonyParser.markers] {
            #expect(parse(text, .harmony, .harmony, specials: specials).parts == answer)
            #expect(
                parse(
                    "<|start|>assistant to=functions.g<|channel|>commentary json<|message|><|call|><|start|>assistant<|channel|>final<|message|>Hi.<|return|>",
                    .harmony, .harmony, specials: specials
                ).parts == [.call(Call("g", "{}")), .content("Hi.")])
            #expect(
                parse(
                    "<|channel|>commentary<|message|>First.<|end|><|start|>assistant<|channel|>final<|message|>Hi", .harmony,
                    specials: specials
                )
                .parts == [.content("First.Hi")])
        }
        #expect(parse("just words", .harmony, specials: HarmonyParser.markers).parts == [.content("just words")])
        let long = String(repeating: "word ", count: 100)
        #expect(parse(long, .harmony, specials: HarmonyParser.markers).parts == [.content(long)])
        #expect(
            parse("<|channel|>commentary to=functions.nope<|message|>{}<|call|>", .harmony, list: ToolList([])).parts == [
                .content("<|channel|>commentary to=functions.nope<|message|>{}")
            ])
    }

    @Test("harmony: markers that lead to no message are words, and no more of them wait than of a call")
    func harmonyMarkers() {
        for specials in [[], HarmonyParser.markers] {
            #expect(parse("<|channel|><|channel|>", .harmony, specials: specials).parts == [.content("<|channel|><|channel|>")])
            #expect(parse("<|channel|> <|end|>", .harmony, specials: specials).parts == [.content("<|channel|> ")])
            #expect(parse(" \n<|end|> ", .harmony, specials: specials).parts == [])
        }
        let marker = "<|channel|>", many = String(repeating: marker, count: TextLimits.heldCallBytes / marker.utf8.count + 2)
        let under = ParserUnderTest(make: { AnswerParser(.spelled(.harmony), tools: .any) }, text: TaggedText(many))
        let outcome = under.run(cuts: Array(stride(from: 0, to: many.utf8.count, by: 1000)))
        #expect(outcome.answer.parts == [.content(many)])
        #expect(outcome.mostHeld <= TextLimits.heldCallBytes + marker.utf8.count)
    }

    @Test("hermes and qwen: a closer that was forgotten does not hide the next opener")
    func forgottenClosers() {
        let call = #"<tool_call>{"name":"f","arguments":{}}"#,
            wanted: [ParsedAnswer.Part] = [.call(Call("f", "{}")), .call(Call("f", "{}"))]
        let tagged = "<tool_call>\n<function=f>\n</function>\n"
        for specials in [[], ["<tool_call>", "</tool_call>"]] {
            #expect(parse(call + call + "</tool_call>", .hermes, specials: specials).parts == wanted)
            #expect(parse(call + "</too" + call, .hermes, specials: specials).calls.count == 2)
            #expect(parse(tagged + tagged + "</tool_call>", .qwen, specials: specials).parts == wanted)
        }
    }
}
