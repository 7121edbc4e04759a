import ClusterModel
import JSONText

extension RequestBody {
    /// Tools and how they may be called. Whether a model can is not known here.
    mutating func tools(into conversation: inout Conversation) throws(FieldFault) {
        for (index, element) in (try fields.array("tools", atMost: DialectLimits.tools) ?? []).enumerated() {
            do throws(FieldFault) { conversation.tools.append(try tool(element)) } catch { throw error.inside("tools", index) }
        }
        try toolChoice(into: &conversation)
        conversation.allowsParallelToolCalls = try fields.flag("parallel_tool_calls") ?? true
    }

    private mutating func tool(_ value: JSONValue) throws(FieldFault) -> ToolDefinition {
        guard let object = value.asObject else { throw .type("", expected: "an object", got: value) }
        var fields = try ObjectReader(object)
        try fields.functionType()
        guard var function = try fields.object("function") else { throw .missing("function") }
        do throws(FieldFault) {
            guard let name = try function.text("name", atMost: DialectLimits.name) else { throw .missing("name") }
            guard !name.isEmpty else { throw .value("name", expected: "a name") }
            _ = try function.text("description", atMost: DialectLimits.json.bytes)
            _ = try function.object("parameters")
            return ToolDefinition(name: name, json: String(decoding: value.encoded(), as: UTF8.self))
        } catch { throw error.inside("function") }
    }

    private mutating func toolChoice(into conversation: inout Conversation) throws(FieldFault) {
        let name = "tool_choice"
        switch fields.take(name) {
        case nil: break
        case .string("auto")?: conversation.toolChoice = .automatic
        case .string("none")?: conversation.toolChoice = .none
        case .string("required")?: conversation.toolChoice = .required
        case .string(let word)?: throw .word(name, word, expected: ["none", "auto", "required"])
        case .object(let object)?:
            do throws(FieldFault) {
                var choice = try ObjectReader(object)
                try choice.functionType()
                guard var function = try choice.object("function") else { throw .missing("function") }
                do throws(FieldFault) {
                    guard let wanted = try function.text("name", atMost: DialectLimits.name) else { throw .missing("name") }
                    conversation.toolChoice = .function(wanted)
                } catch { throw error.inside("function") }
            } catch { throw error.inside(name) }
        case let value?: throw .type(name, expected: "a string or an object", got: value)
        }
        switch conversation.toolChoice {
        case .automatic, .none: break
        case .required where conversation.tools.isEmpty: throw .value(name, expected: "no call to be required where there are no tools")
        case .function(let wanted) where !conversation.tools.contains { $0.name == wanted }:
            throw .value(name, expected: "the name of one of the tools")
        case .required, .function: break
        }
    }

    /// The form that the whole output must have.
    mutating func constraint() throws(FieldFault) -> OutputConstraint? {
        let name = "response_format"
        guard var format = try fields.object(name) else { return nil }
        do throws(FieldFault) {
            guard let type = try format.text("type", atMost: DialectLimits.json.bytes) else { throw .missing("type") }
            let constraint: OutputConstraint
            switch type {
            case "text": return nil
            case "json_object": constraint = .jsonObject
            case "json_schema": constraint = .jsonSchema(try Self.schema(&format))
            default: throw .word("type", type, expected: ["text", "json_object", "json_schema"])
            }
            format.listUnknown(in: "response_format.", into: &unknown)
            return constraint
        } catch { throw error.inside(name) }
    }

    private static func schema(_ format: inout ObjectReader) throws(FieldFault) -> String {
        guard var wrapper = try format.object("json_schema") else { throw .missing("json_schema") }
        do throws(FieldFault) { return try schema(named: &wrapper) } catch { throw error.inside("json_schema") }
    }

    /// A schema that stands beside its name.
    static func schema(named fields: inout ObjectReader) throws(FieldFault) -> String {
        guard try fields.text("name", atMost: DialectLimits.name) != nil else { throw .missing("name") }
        _ = try fields.flag("strict")
        _ = try fields.text("description", atMost: DialectLimits.json.bytes)
        return try schema(of: &fields)
    }

    /// The member `schema`, as text.
    static func schema(of fields: inout ObjectReader) throws(FieldFault) -> String {
        guard let schema = fields.take("schema") else { throw .missing("schema") }
        guard schema.asObject != nil else { throw .type("schema", expected: "an object", got: schema) }
        let text = schema.encoded()
        guard text.count <= DialectLimits.schemaBytes else {
            throw .value("schema", expected: "at most \(DialectLimits.schemaBytes) bytes", code: "string_above_max_length")
        }
        return String(decoding: text, as: UTF8.self)
    }
}
