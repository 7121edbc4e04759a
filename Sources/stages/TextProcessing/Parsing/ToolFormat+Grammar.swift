extension ToolFormat {
    /// The forms as the models' own templates write them.
    var grammar: ToolGrammar {
        switch self {
        case .hermes: .json(JSONCallStyle(openers: ["<tool_call>"], closer: "</tool_call>"))
        case .llama3JSON: .json(JSONCallStyle(openers: ["<|python_tag|>"], isBare: true))
        case .forcedList: .json(JSONCallStyle(openers: [], isBare: true))
        case .nemotron: .json(JSONCallStyle(openers: ["<TOOLCALL>"], closer: "</TOOLCALL>"))
        case .granite: .json(JSONCallStyle(openers: ["<|tool_call|>"]))
        case .cohere: .json(JSONCallStyle(openers: ["<|START_ACTION|>"], closer: "<|END_ACTION|>"))
        case .apertus: .json(JSONCallStyle(openers: ["<|tools_prefix|>"], closer: "<|tools_suffix|>", isKeyedByName: true))
        case .toolCallsTag: .json(JSONCallStyle(openers: ["<tool_calls>"], closer: "</tool_calls>"))
        case .mistral: .mistral
        case .pythonic: .pythonic(opener: nil, closer: nil)
        case .liquid: .pythonic(opener: "<|tool_call_start|>", closer: "<|tool_call_end|>")
        case .harmony: .harmony
        case .deepseek, .kimi, .functionary: .headed(headed)
        case .deepseekTags, .qwen, .glm, .minimax, .seed: .tagged(tagged)
        }
    }

    private var headed: HeadedCallStyle {
        switch self {
        case .deepseek:
            HeadedCallStyle(
                openers: ["<｜tool▁calls▁begin｜>"], callOpener: "<｜tool▁call▁begin｜>", nameEnds: ["<｜tool▁sep｜>"],
                callCloser: "<｜tool▁call▁end｜>", closer: "<｜tool▁calls▁end｜>", name: .fenced)
        case .kimi:
            HeadedCallStyle(
                openers: ["<|tool_calls_section_begin|>"], callOpener: "<|tool_call_begin|>", nameEnds: ["<|tool_call_argument_begin|>"],
                callCloser: "<|tool_call_end|>", closer: "<|tool_calls_section_end|>", name: .numbered)
        default: HeadedCallStyle(openers: ["<function="], nameEnds: [">"], callCloser: "</function>")
        }
    }

    private var tagged: TaggedCallStyle {
        switch self {
        case .deepseekTags:
            TaggedCallStyle(
                openers: ["<｜DSML｜function_calls>", "<｜DSML｜tool_calls>"], callOpener: "<｜DSML｜invoke name=\"", nameEnds: ["\">"],
                parameterOpener: "<｜DSML｜parameter name=\"",
                keyEnds: [("\" string=\"true\">", .string), ("\" string=\"false\">", .json), ("\">", .schema)],
                valueEnds: ["</｜DSML｜parameter>"], callCloser: "</｜DSML｜invoke>",
                closers: ["</｜DSML｜function_calls>", "</｜DSML｜tool_calls>"])
        case .glm:
            TaggedCallStyle(
                openers: ["<tool_call>"], nameEnds: ["<arg_key>", "</tool_call>"], parameterOpener: "<arg_key>",
                keyEnds: [("</arg_key>", .schema)], valueOpener: "<arg_value>", valueEnds: ["</arg_value>"], callCloser: "</tool_call>")
        case .minimax:
            TaggedCallStyle(
                openers: ["<minimax:tool_call>"], callOpener: "<invoke name=\"", nameEnds: ["\">"], parameterOpener: "<parameter name=\"",
                keyEnds: [("\">", .schema)], valueEnds: ["</parameter>"], callCloser: "</invoke>", closers: ["</minimax:tool_call>"])
        case .seed:
            TaggedCallStyle(
                openers: ["<seed:tool_call>"], callOpener: "<function=", nameEnds: [">"], parameterOpener: "<parameter=",
                keyEnds: [(">", .schema)], valueEnds: ["</parameter>"], callCloser: "</function>", closers: ["</seed:tool_call>"])
        default:
            // Some models forget the outer tag.
            TaggedCallStyle(
                openers: ["<tool_call>", "<function="], callOpener: "<function=", nameEnds: [">"], parameterOpener: "<parameter=",
                keyEnds: [(">", .schema)], valueEnds: ["\n</parameter>", "</parameter>"], skipsLineEnd: true, callCloser: "</function>",
                closers: ["</tool_call>"])
        }
    }
}
