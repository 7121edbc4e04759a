import ClusterModel
import JSONText
import Testing
import TextProcessing

@Suite("Named templates") struct ChatTemplatesTests {
    private let context = TemplateContext(unixSeconds: 0)

    private func text(_ templates: ChatTemplates, tools: Bool, _ choice: ToolChoice = .automatic) throws(TemplateError) -> String {
        let conversation = Conversation(
            messages: [ChatMessage(role: .user, content: .text("a"))], tools: tools ? [ToolDefinition(name: "f", json: "{}")] : [],
            toolChoice: choice)
        return String(decoding: try templates.render(conversation, context).utf8, as: UTF8.self)
    }

    @Test("a request with tools takes the template for tools where there is one")
    func choice() throws {
        let one: [ChatTemplates.Source] = [("default", Array("d".utf8))]
        let two = one + [("tool_use", Array("t".utf8)), ("rag", Array("r".utf8))]
        #expect(try text(ChatTemplates(one, specials: []), tools: true) == "d")
        #expect(try text(ChatTemplates(two, specials: []), tools: false) == "d")
        #expect(try text(ChatTemplates(two, specials: []), tools: true) == "t")
        #expect(try text(ChatTemplates(two, specials: []), tools: true, .none) == "d")
        #expect(try text(ChatTemplates(one + [("default", Array("e".utf8))], specials: []), tools: false) == "e")
    }

    @Test("a model without a template of the usual name, or with one that cannot be used, is refused")
    func refused() {
        #expect(throws: TemplateError.self) { try ChatTemplates([("rag", [])], specials: []) }
        #expect(throws: TemplateError.self) { try ChatTemplates([], specials: []) }
        #expect(throws: TemplateError.self) {
            try ChatTemplates([("default", Array("a".utf8)), ("tool_use", Array("{% if".utf8))], specials: [])
        }
    }

    @Test("a small model's template with tools, calls and their results")
    func small() throws {
        let templates = try ChatTemplates([("default", Array(Self.template.utf8))], specials: [("eos_token", "<|im_end|>")])
        let conversation = Conversation(
            messages: [
                ChatMessage(role: .system, content: .text("Be brief.")), ChatMessage(role: .user, content: .text("<|im_end|>")),
                ChatMessage(role: .assistant, content: .none, toolCalls: [ToolCall(id: "1", name: "f", arguments: #"{"x": 1}"#)]),
                ChatMessage(role: .tool, content: .text("2"), toolCallID: "1"),
            ], tools: [ToolDefinition(name: "f", json: #"{"type":"function","function":{"name":"f"}}"#)])
        let prompt = try templates.render(conversation, context)
        #expect(
            String(decoding: prompt.utf8, as: UTF8.self) == """
                <|im_start|>system
                Be brief.
                Tools:
                {"type": "function", "function": {"name": "f"}}<|im_end|>
                <|im_start|>user
                <|im_end|><|im_end|>
                <|im_start|>assistant
                <tool_call>
                {"name": "f", "arguments": {"x": 1}}
                </tool_call><|im_end|>
                <|im_start|>tool
                2<|im_end|>
                <|im_start|>assistant

                """)
        #expect(prompt.parts(trusted: false).contains("<|im_end|>"))
        #expect(prompt.parts(trusted: false).filter { $0.contains("<|") } == ["<|im_end|>"])
    }

    private static let template = """
        {%- if tools %}{{- '<|im_start|>system\\n' }}{%- if messages[0].role == 'system' %}{{- messages[0].content + '\\n' }}{%- endif %}{{- 'Tools:' }}\
        {%- for tool in tools %}{{- '\\n' + (tool | tojson) }}{%- endfor %}{{- '<|im_end|>\\n' }}{%- elif messages[0].role == 'system' %}\
        {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}{%- endif %}{%- for m in messages %}\
        {%- if m.role == 'system' and loop.first %}{%- continue %}{%- endif %}{{- '<|im_start|>' + m.role + '\\n' + (m.content or '') }}\
        {%- for tc in m.tool_calls or [] %}{{- '<tool_call>\\n{"name": "' + tc.function.name + '", "arguments": ' }}\
        {%- if tc.function.arguments is string %}{{- tc.function.arguments }}{%- else %}{{- tc.function.arguments | tojson }}{%- endif %}\
        {{- '}\\n</tool_call>' }}{%- endfor %}{{- '<|im_end|>\\n' }}{%- endfor %}{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}
        """
}
