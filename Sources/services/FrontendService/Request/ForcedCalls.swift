import ClusterModel
import JSONText
import OpenAIDialect

/// The schema of what an engine is made to write where its client demands a call.
enum ForcedCalls {
    /// Where schemas keep what their parts refer to, from the root of the document.
    private static let definitions = ["$defs", "definitions"]

    static func schema(_ conversation: Conversation) throws(DialectError) -> String {
        let schema: JSONValue
        if case .function(let name) = conversation.toolChoice, let tool = conversation.tools.first(where: { $0.name == name }) {
            schema = parameters(of: tool)
        } else {
            schema = try list(of: conversation)
        }
        return String(decoding: schema.encoded(), as: UTF8.self)
    }

    /// Any object where a tool says nothing of its arguments.
    private static func parameters(of tool: ToolDefinition) -> JSONValue {
        let definition = try? JSONValue(parsing: tool.json)
        let function = definition?["function"] ?? definition
        guard let parameters = function?["parameters"], parameters.asObject != nil else { return ["type": "object"] }
        return parameters
    }

    /// An array of `{"name", "parameters"}`, each of one of the tools. What their schemas share moves to the root, where references look for it.
    private static func list(of conversation: Conversation) throws(DialectError) -> JSONValue {
        var calls: [JSONValue] = [], root = JSONObject()
        for tool in conversation.tools {
            var own = parameters(of: tool).asObject ?? JSONObject()
            for place in definitions {
                var all = root[place]?.asObject ?? JSONObject()
                for member in own[place]?.asObject?.members ?? [] { try add(member, to: &all) }
                if !all.isEmpty { root[place] = .object(all) }
                own[place] = nil
            }
            calls.append(
                [
                    "type": "object", "properties": ["name": ["const": .string(tool.name)], "parameters": .object(own)],
                    "required": ["name", "parameters"], "additionalProperties": false,
                ])
        }
        root["type"] = "array"
        root["minItems"] = 1
        if !conversation.allowsParallelToolCalls { root["maxItems"] = 1 }
        root["items"] = ["anyOf": .array(calls)]
        return .object(root)
    }

    private static func add(_ member: JSONObject.Member, to all: inout JSONObject) throws(DialectError) {
        guard let same = all[member.name] else { return all[member.name] = member.value }
        guard same.encoded() != member.value.encoded() else { return }
        throw DialectError(
            message:
                "Unsupported parameter: 'tool_choice' cannot demand a call where two tools define different things of one name in '$defs'.",
            param: "tool_choice", code: "unsupported_parameter")
    }
}
