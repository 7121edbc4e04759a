extension ToolFormat {
    /// The form that a chat template teaches or writes, found by the markers in its source; nil: none that is known here.
    package static func detected(inTemplate source: String) -> ToolFormat? {
        let source = TemplateSource(source)
        return signs.first { sign in sign.texts.allSatisfy { source.contains($0) } }?.format
    }

    /// The most telling first: some templates speak of markers that belong to another form.
    private static let signs: [(format: ToolFormat, texts: [String])] = [
        (.harmony, ["<|channel|>", "<|message|>", "<|call|>"]),
        (.deepseekTags, ["｜DSML｜", "invoke name="]),
        (.deepseek, ["<｜tool▁calls▁begin｜>", "<｜tool▁sep｜>"]),
        (.mistral, ["[TOOL_CALLS]"]),
        (.kimi, ["<|tool_calls_section_begin|>", "<|tool_call_argument_begin|>"]),
        (.seed, ["<seed:tool_call>", "<function="]),
        (.minimax, ["<minimax:tool_call>", "<invoke name="]),
        (.apertus, ["<|tools_prefix|>", "<|tools_suffix|>"]),
        (.cohere, ["<|START_ACTION|>", "tool_name"]),
        (.nemotron, ["<TOOLCALL>"]),
        (.liquid, ["<|tool_call_start|>"]),
        (.liquid, ["List of tools: "]),
        (.granite, ["<|tool_call|>", "JSON list"]),
        (.toolCallsTag, ["<tool_calls>", "</tool_calls>"]),
        (.glm, ["<tool_call>", "<arg_key>", "<arg_value>"]),
        (.qwen, ["<tool_call>", "<function=", "<parameter="]),
        (.hermes, ["<tool_call>", "</tool_call>", "{\"name\": ", "arguments"]),
        (.functionary, ["<function=", "</function>"]),
        (.llama3JSON, ["{\"name\": function name, \"parameters\""]),
        (.llama3JSON, ["<|python_tag|>", "\"parameters\""]),
        (.pythonic, ["func_name1(params_name1=params_value1"]),
    ]
}

extension ReasoningFormat {
    /// The form that a chat template writes thoughts in, or opens for them; nil: none that is known here.
    package static func detected(inTemplate source: String) -> ReasoningFormat? {
        let source = TemplateSource(source)
        return signs.first { sign in sign.texts.allSatisfy { source.contains($0) } }?.format
    }

    private static let signs: [(format: ReasoningFormat, texts: [String])] = [
        (.harmony, ["<|channel|>", "<|message|>", "analysis"]),
        (.mistral, ["[THINK]", "[/THINK]"]),
        (.seed, ["<seed:think>"]),
        (.minimax, ["<mm:think>"]),
        (.cohere, ["<|START_THINKING|>", "<|END_THINKING|>"]),
        (.apertus, ["<|inner_prefix|>", "<|inner_suffix|>"]),
        (.gemma, ["<|channel>thought", "<channel|>"]),
        (.apriel, ["Here are my reasoning steps:", "[BEGIN FINAL RESPONSE]"]),
        // Some only take the end apart from past answers.
        (.think, ["</think>"]),
        (.think, ["<think>"]),
        (.thinking, ["<thinking>", "</thinking>"]),
    ]
}

/// A template's source, searched for what its strings say: `\"` and `\n` inside them are what they stand for.
private struct TemplateSource {
    private let bytes: [UInt8]

    init(_ source: String) {
        var bytes: [UInt8] = []
        var isEscaped = false
        for byte in source.utf8 {
            if isEscaped {
                bytes.append(byte == UInt8(ascii: "n") ? 0x0A : byte)
            } else if byte != UInt8(ascii: "\\") {
                bytes.append(byte)
            }
            isEscaped = !isEscaped && byte == UInt8(ascii: "\\")
        }
        self.bytes = bytes
    }

    /// Linear: a template may be as long as its file, and markers are short.
    func contains(_ text: String) -> Bool {
        let part = Array(text.utf8)
        guard let first = part.first, part.count <= bytes.count else { return false }
        return bytes.withUnsafeBufferPointer { whole in
            for start in 0...whole.count - part.count where whole[start] == first {
                if part.indices.allSatisfy({ whole[start + $0] == part[$0] }) { return true }
            }
            return false
        }
    }
}
