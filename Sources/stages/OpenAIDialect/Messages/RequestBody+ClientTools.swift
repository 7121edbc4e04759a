import ClusterModel
import JSONText

// Tools of the Messages API that the client runs. Those that Anthropic's servers run, or that only its models know, are refused by name.
extension RequestBody {
    mutating func clientTools(into conversation: inout Conversation) throws(FieldFault) {
        for (index, element) in (try fields.array("tools", atMost: DialectLimits.tools) ?? []).enumerated() {
            do throws(FieldFault) { conversation.tools.append(try clientTool(element)) } catch { throw error.inside("tools", index) }
        }
        try clientToolChoice(into: &conversation)
    }

    /// In the form that templates print: OpenAI's.
    private mutating func clientTool(_ value: JSONValue) throws(FieldFault) -> ToolDefinition {
        var fields = try MessageBlocks.object(value)
        if let type = try fields.text("type", atMost: DialectLimits.json.bytes), type != "custom" {
            let word = FieldFault.quotable(type, atMost: DialectLimits.quotedName).map { "type '\($0)'" } ?? "any type but 'custom'"
            throw .unsupported("", "with \(word)")
        }
        guard let name = try fields.text("name", atMost: DialectLimits.name) else { throw .missing("name") }
        guard !name.isEmpty else { throw .value("name", expected: "a name") }
        let description = try fields.text("description", atMost: DialectLimits.json.bytes)
        guard let schema = fields.take("input_schema") else { throw .missing("input_schema") }
        guard schema.asObject != nil else { throw .type("input_schema", expected: "an object", got: schema) }
        let callers = try fields.texts("allowed_callers", atMost: DialectLimits.hintWords, bytes: 0...DialectLimits.label)
        if let callers, !callers.contains("direct") { throw .unsupported("allowed_callers", "without 'direct'") }
        for flag in ["strict", "eager_input_streaming", "defer_loading"] { _ = try fields.flag(flag) }
        _ = fields.take("input_examples")
        fields.listUnknown(in: "tools[].", into: &unknown)
        var function = JSONObject(), tool = JSONObject()
        function["name"] = .string(name)
        function["description"] = description.map { .string($0) }
        function["parameters"] = schema
        tool["type"] = "function"
        tool["function"] = .object(function)
        return ToolDefinition(name: name, json: String(decoding: JSONValue.object(tool).encoded(), as: UTF8.self))
    }

    private mutating func clientToolChoice(into conversation: inout Conversation) throws(FieldFault) {
        let name = "tool_choice"
        guard var choice = try fields.object(name) else { return }
        do throws(FieldFault) {
            switch try choice.text("type", atMost: DialectLimits.json.bytes) {
            case nil: throw .missing("type")
            case "auto"?: conversation.toolChoice = .automatic
            case "none"?: conversation.toolChoice = .none
            case "any"?:
                guard !conversation.tools.isEmpty else {
                    throw .value("type", expected: "no call to be required where there are no tools")
                }
                conversation.toolChoice = .required
            case "tool"?:
                guard let wanted = try choice.text("name", atMost: DialectLimits.name) else { throw .missing("name") }
                guard conversation.tools.contains(where: { $0.name == wanted }) else {
                    throw .value("name", expected: "the name of one of the tools")
                }
                conversation.toolChoice = .function(wanted)
            case let word?: throw .word("type", word, expected: ["auto", "any", "tool", "none"])
            }
            conversation.allowsParallelToolCalls = !(try choice.flag("disable_parallel_tool_use") ?? false)
        } catch { throw error.inside(name) }
        choice.listUnknown(in: "tool_choice.", into: &unknown)
    }
}
