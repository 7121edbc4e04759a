import ClusterModel
import JSONText

// What an API says of a conversation in words of its own becomes values for the model's template.

extension Conversation {
    /// How much: one of the API's words for it.
    mutating func think(_ effort: String) {
        var defaults: [(String, JSONValue)] = [("reasoning_effort", .string(effort))]
        // The words of templates that know no degrees of it.
        if effort == "none" { defaults += [("enable_thinking", .bool(false)), ("thinking", .bool(false))] }
        addTemplateArguments(defaults)
    }

    /// What the client itself gave its template stands.
    mutating func addTemplateArguments(_ defaults: [(String, JSONValue)]) {
        var arguments = templateArguments.flatMap { try? JSONValue(parsing: $0) }?.asObject ?? JSONObject()
        for (name, value) in defaults where arguments[name] == nil { arguments[name] = value }
        templateArguments = String(decoding: JSONValue.object(arguments).encoded(), as: UTF8.self)
    }
}
