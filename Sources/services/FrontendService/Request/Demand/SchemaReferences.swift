import JSONText

/// References of a JSON schema that becomes a part of another one.
enum SchemaReferences {
    /// Values that are data, whatever they look like.
    private static let data: Set<String> = ["const", "enum", "default", "examples"]
    /// Objects whose members are schemas under names of the schema's author.
    private static let named: Set<String> = ["properties", "patternProperties", "dependentSchemas", "$defs", "definitions"]

    /// The same schema, where what was its root is at `place`, a reference itself. What names an anchor is found from anywhere.
    static func moved(_ schema: JSONValue, to place: String) -> JSONValue {
        switch schema {
        case .array(let elements): return .array(elements.map { moved($0, to: place) })
        case .object(let object):
            var result = JSONObject()
            for member in object.members { result[member.name] = moved(member, to: place) }
            return .object(result)
        default: return schema
        }
    }

    private static func moved(_ member: JSONObject.Member, to place: String) -> JSONValue {
        if member.name == "$ref", let reference = member.value.asString, reference == "#" || reference.hasPrefix("#/") {
            return .string(place + reference.dropFirst())
        }
        if data.contains(member.name) { return member.value }
        guard named.contains(member.name), let schemas = member.value.asObject else { return moved(member.value, to: place) }
        var result = JSONObject()
        for schema in schemas.members { result[schema.name] = moved(schema.value, to: place) }
        return .object(result)
    }
}
