import ClusterModel
import JSONText

extension RequestBody {
    /// Tools in the flat form of this API, turned into the form that templates know, and how they may be called.
    mutating func flatTools(into conversation: inout Conversation, echo: inout ResponseEcho) throws(FieldFault) {
        for (index, element) in (try fields.array("tools", atMost: DialectLimits.tools) ?? []).enumerated() {
            do throws(FieldFault) { conversation.tools.append(try flatTool(element, &echo)) } catch { throw error.inside("tools", index) }
        }
        try flatToolChoice(into: &conversation, &echo)
        conversation.allowsParallelToolCalls = try fields.flag("parallel_tool_calls") ?? true
        echo.allowsParallelToolCalls = conversation.allowsParallelToolCalls
    }

    /// Tools that other services run themselves.
    private static let hostedTools: Set = [
        "web_search", "web_search_2025_08_26", "web_search_preview", "web_search_preview_2025_03_11", "file_search", "computer",
        "computer_use", "computer_use_preview", "code_interpreter", "mcp", "image_generation", "local_shell", "shell", "custom",
        "namespace",
        "tool_search", "apply_patch", "programmatic_tool_calling",
    ]

    private func flatTool(_ value: JSONValue, _ echo: inout ResponseEcho) throws(FieldFault) -> ToolDefinition {
        guard let object = value.asObject else { throw .type("", expected: "an object", got: value) }
        var fields = try ObjectReader(object)
        guard let type = try fields.text("type", atMost: DialectLimits.json.bytes) else { throw .missing("type") }
        if Self.hostedTools.contains(type) {
            throw .unsupported("type", "with '\(type)': the only tools here are functions that the client runs itself")
        }
        guard type == "function" else { throw .word("type", type, expected: ["function"]) }
        guard let name = try fields.text("name", atMost: DialectLimits.name) else { throw .missing("name") }
        guard !name.isEmpty else { throw .value("name", expected: "a name") }
        let description = try fields.text("description", atMost: DialectLimits.json.bytes)
        _ = try fields.object("parameters")
        let isStrict = try fields.flag("strict")
        var function = JSONObject()
        // Templates print what they are given: members stay in the client's order, and what says nothing goes.
        for member in object.members where member.name != "type" && !member.value.isNull { function[member.name] = member.value }
        let parameters = function["parameters"] ?? .null
        echo.tools.append(
            [
                "type": "function", "name": .string(name), "description": description.map { .string($0) } ?? .null,
                "parameters": parameters, "strict": .bool(isStrict ?? false),
            ])
        let definition: JSONValue = ["type": "function", "function": .object(function)]
        return ToolDefinition(name: name, json: String(decoding: definition.encoded(), as: UTF8.self))
    }

    private mutating func flatToolChoice(into conversation: inout Conversation, _ echo: inout ResponseEcho) throws(FieldFault) {
        let name = "tool_choice"
        guard let value = fields.take(name) else { return }
        switch value {
        case .string("auto"): conversation.toolChoice = .automatic
        case .string("none"): conversation.toolChoice = .none
        case .string("required"): conversation.toolChoice = .required
        case .string(let word): throw .word(name, word, expected: ["none", "auto", "required"])
        case .object(let object):
            do throws(FieldFault) { try choice(of: object, into: &conversation) } catch { throw error.inside(name) }
        default: throw .type(name, expected: "a string or an object", got: value)
        }
        echo.toolChoice = value
        guard case .required = conversation.toolChoice, conversation.tools.isEmpty else { return }
        throw .value(name, expected: "no call to be required where there are no tools")
    }

    private func choice(of object: JSONObject, into conversation: inout Conversation) throws(FieldFault) {
        var choice = try ObjectReader(object)
        guard let type = try choice.text("type", atMost: DialectLimits.json.bytes) else { throw .missing("type") }
        switch type {
        case "function": conversation.toolChoice = .function(try Self.nameOfTool(&choice, conversation))
        case "allowed_tools":
            guard let mode = try choice.word("mode", of: ["auto", "required"]) else { throw .missing("mode") }
            guard let elements = try choice.array("tools", atMost: DialectLimits.tools) else { throw .missing("tools") }
            var allowed: Set<String> = []
            for (index, element) in elements.enumerated() {
                do throws(FieldFault) {
                    guard let object = element.asObject else { throw .type("", expected: "an object", got: element) }
                    var tool = try ObjectReader(object)
                    guard try tool.word("type", of: ["function"]) != nil else { throw .missing("type") }
                    allowed.insert(try Self.nameOfTool(&tool, conversation))
                } catch { throw error.inside("tools", index) }
            }
            // A model that is not told of a tool does not call it.
            conversation.tools.removeAll { !allowed.contains($0.name) }
            conversation.toolChoice = mode == "required" ? .required : .automatic
        default: throw .word("type", type, expected: ["function", "allowed_tools"])
        }
    }

    private static func nameOfTool(_ fields: inout ObjectReader, _ conversation: Conversation) throws(FieldFault) -> String {
        guard let name = try fields.text("name", atMost: DialectLimits.name) else { throw .missing("name") }
        guard conversation.tools.contains(where: { $0.name == name }) else {
            throw .value("name", expected: "the name of one of the tools")
        }
        return name
    }

    /// The form that the whole output must have.
    mutating func textForm(echo: inout ResponseEcho) throws(FieldFault) -> OutputConstraint? {
        guard var text = try fields.object("text") else { return nil }
        do throws(FieldFault) {
            // How long answers are is the model's own affair.
            echo.verbosity = try text.word("verbosity", of: ["low", "medium", "high"])
            guard let value = text.take("format") else {
                text.listUnknown(in: "text.", into: &unknown)
                return nil
            }
            text.listUnknown(in: "text.", into: &unknown)
            guard let object = value.asObject else { throw .type("format", expected: "an object", got: value) }
            echo.format = value
            do throws(FieldFault) { return try Self.form(object, &unknown) } catch { throw error.inside("format") }
        } catch { throw error.inside("text") }
    }

    private static func form(_ object: JSONObject, _ unknown: inout UnknownFields) throws(FieldFault) -> OutputConstraint? {
        var format = try ObjectReader(object)
        guard let type = try format.text("type", atMost: DialectLimits.json.bytes) else { throw .missing("type") }
        let constraint: OutputConstraint?
        switch type {
        case "text": constraint = nil
        case "json_object": constraint = .jsonObject
        case "json_schema": constraint = .jsonSchema(try schema(named: &format))
        default: throw .word("type", type, expected: ["text", "json_object", "json_schema"])
        }
        format.listUnknown(in: "text.format.", into: &unknown)
        return constraint
    }
}
