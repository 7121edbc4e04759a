import ClusterModel
import JSONText

/// The schema of what an engine is made to write where its client demands a call.
enum ForcedCalls {
    static func schema(_ calling: ToolCalling) -> String {
        let schema: JSONValue
        if case .function(let name) = calling.choice, let tool = calling.tools.first(where: { $0.name == name }) {
            schema = .object(parameters(of: tool))
        } else {
            schema = list(calling)
        }
        return String(decoding: schema.encoded(), as: UTF8.self)
    }

    /// Any object where a tool says nothing of its arguments.
    private static func parameters(of tool: ToolDefinition) -> JSONObject {
        let definition = try? JSONValue(parsing: tool.json)
        let function = definition?["function"] ?? definition
        var parameters = function?["parameters"]?.asObject ?? JSONObject()
        // Arguments are an object, whether or not a tool's author thought that worth a word.
        if parameters["type"] == nil { parameters["type"] = "object" }
        return parameters
    }

    /// An array of `{"name", "parameters"}`, each of one of the tools. Each tool's schema is a definition of its own, so that what its
    /// references name is found there and nowhere else.
    private static func list(_ calling: ToolCalling) -> JSONValue {
        var calls: [JSONValue] = [], definitions = JSONObject(), root = JSONObject()
        for (index, tool) in calling.tools.enumerated() {
            let place = "#/\(definitionsName)/\(index)"
            definitions["\(index)"] = SchemaReferences.moved(.object(parameters(of: tool)), to: place)
            calls.append(
                [
                    "type": "object", "properties": ["name": ["const": .string(tool.name)], "parameters": ["$ref": .string(place)]],
                    "required": ["name", "parameters"], "additionalProperties": false,
                ])
        }
        root[definitionsName] = .object(definitions)
        root["type"] = "array"
        root["minItems"] = 1
        if !calling.allowsParallel { root["maxItems"] = 1 }
        root["items"] = ["anyOf": .array(calls)]
        return .object(root)
    }

    private static let definitionsName = "$defs"
}
