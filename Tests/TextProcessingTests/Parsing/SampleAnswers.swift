@testable import TextProcessing

/// Two calls of `f` in each form.
enum SampleAnswers {
    static let text: [ToolFormat: String] = [
        .hermes: object("<tool_call>\n", "arguments", "\n</tool_call>\n"),
        .llama3JSON: #"{"name": "f", "parameters": {"a": "}"}}; {"name": "f", "parameters": {}}"#,
        .forcedList: list("", "parameters", ""), .mistral: #"Well[TOOL_CALLS]f[ARGS]{"a": "}"}[TOOL_CALLS]f[CALL_ID]abc[ARGS]{}"#,
        .pythonic: #"[f(a="]", b={'c': [1, (2,), None]}), f()]"#,
        .liquid: #"Well<|tool_call_start|>[f(a="]"), f(b=-1.5)]<|tool_call_end|>"#,
        .deepseek: """
        <｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f
        ```json
        {"a": "}"}
        ```<｜tool▁call▁end｜>
        <｜tool▁call▁begin｜>f<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>
        """,
        .deepseekTags: """
        <｜DSML｜function_calls>
        <｜DSML｜invoke name="f">
        <｜DSML｜parameter name="a" string="true"><x></｜DSML｜parameter>
        <｜DSML｜parameter name="b" string="false">[1, {}]</｜DSML｜parameter>
        </｜DSML｜invoke>
        <｜DSML｜invoke name="f">
        </｜DSML｜invoke>
        </｜DSML｜function_calls>
        """,
        .qwen: """
        <tool_call>
        <function=f>
        <parameter=a>
        <x>
        </parameter>
        </function>
        </tool_call>
        <tool_call>
        <function=f>
        </function>
        </tool_call>
        """,
        .harmony: """
        <|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary to=functions.f <|constrain|>json<|message|>{"a": 1}<|call|>\
        <|start|>assistant to=functions.f<|channel|>commentary<|message|>{}<|call|>
        """,
        .kimi: """
        <|tool_calls_section_begin|><|tool_call_begin|>functions.f:0<|tool_call_argument_begin|>{"a": "}"}<|tool_call_end|>\
        <|tool_call_begin|>f:1<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|>
        """,
        .glm: "<tool_call>f\n<arg_key>a</arg_key>\n<arg_value><x></arg_value>\n</tool_call>\n<tool_call>f</tool_call>",
        .minimax: """
        <minimax:tool_call>
        <invoke name="f"><parameter name="a"><x></parameter>
        </invoke>
        <invoke name="f"></invoke>
        </minimax:tool_call>
        """,
        .seed: """
        <seed:tool_call>
        <function=f>
        <parameter=a><x></parameter>
        </function>
        </seed:tool_call><seed:tool_call><function=f></function></seed:tool_call>
        """,
        .nemotron: list("<TOOLCALL>", "arguments", "</TOOLCALL>"), .granite: list("<|tool_call|>", "arguments", ""),
        .cohere: #"<|START_ACTION|>[{"tool_call_id": "0", "tool_name": "f", "parameters": {"a": "]"}}, {"tool_name": "f"}]<|END_ACTION|>"#,
        .apertus: #"<|tools_prefix|>[{"f": {"a": "]"}}, {"f": {}}]<|tools_suffix|>"#,
        .toolCallsTag: list("<tool_calls>", "arguments", "</tool_calls>"),
        .functionary: #"<function=f>{"a": "<"}</function><function=f>{}</function>"#,
    ]

    private static func object(_ opener: String, _ arguments: String, _ closer: String) -> String {
        "\(opener){\"name\": \"f\", \"\(arguments)\": {\"a\": \"}\"}}\(closer)\(opener){\"\(arguments)\": {}, \"name\": \"f\"}\(closer)"
    }

    private static func list(_ opener: String, _ arguments: String, _ closer: String) -> String {
        "\(opener)[{\"name\": \"f\", \"\(arguments)\": {\"a\": \"]\"}}, {\"name\": \"f\", \"\(arguments)\": {}}]\(closer)"
    }
}
