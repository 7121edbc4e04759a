import JSONText

/// JSON Schema once more, as simply as it can be said: numbers as doubles, no budget, only the keywords of the table that it is held against.
struct SchemaTwin {
    let root: JSONValue

    /// The first keyword that the value breaks.
    func broken(_ value: JSONValue) -> String? { broken(value, root) }

    private func broken(_ value: JSONValue, _ schema: JSONValue) -> String? {
        if let isAnything = schema.asBool { return isAnything ? nil : "false" }
        for member in schema.asObject?.members ?? [] {
            if !keeps(value, member.name, member.value, schema) { return member.name }
        }
        return nil
    }

    private func isValid(_ value: JSONValue, _ schema: JSONValue) -> Bool { broken(value, schema) == nil }

    private func keeps(_ value: JSONValue, _ keyword: String, _ said: JSONValue, _ schema: JSONValue) -> Bool {
        switch keyword {
        case "$ref": return isValid(value, resolve(said.asString ?? ""))
        case "allOf": return (said.asArray ?? []).allSatisfy { isValid(value, $0) }
        case "anyOf": return (said.asArray ?? []).contains { isValid(value, $0) }
        case "oneOf": return (said.asArray ?? []).count { isValid(value, $0) } == 1
        case "not": return !isValid(value, said)
        case "type": return (said.asArray ?? [said]).contains { $0.asString == kind(value) || ($0.asString == "integer" && isWhole(value)) }
        case "enum": return (said.asArray ?? []).contains { same($0, value) }
        case "const": return same(said, value)
        default: break
        }
        switch value {
        case .number(let number): return keeps(number.asDouble ?? .nan, keyword, said)
        case .string(let text): return keeps(text, keyword, said)
        case .array(let values): return keeps(values, keyword, said, schema)
        case .object(let object): return keeps(object, keyword, said, schema)
        default: return true
        }
    }

    private func keeps(_ number: Double, _ keyword: String, _ said: JSONValue) -> Bool {
        let other = said.asDouble ?? .nan
        return switch keyword {
        case "minimum": number >= other
        case "maximum": number <= other
        case "exclusiveMinimum": number > other
        case "exclusiveMaximum": number < other
        case "multipleOf": abs((number / other).rounded() - number / other) < 1e-6
        default: true
        }
    }

    private func keeps(_ text: String, _ keyword: String, _ said: JSONValue) -> Bool {
        let count = text.unicodeScalars.count
        return switch keyword {
        case "minLength": count >= said.asInt ?? 0
        case "maxLength": count <= said.asInt ?? 0
        case "pattern": (try? Regex(said.asString ?? "")).map { text.firstMatch(of: $0) != nil } ?? false
        default: true
        }
    }

    private func keeps(_ values: [JSONValue], _ keyword: String, _ said: JSONValue, _ schema: JSONValue) -> Bool {
        let first = schema["prefixItems"]?.asArray?.count ?? 0
        return switch keyword {
        case "minItems": values.count >= said.asInt ?? 0
        case "maxItems": values.count <= said.asInt ?? 0
        case "prefixItems": zip(values, said.asArray ?? []).allSatisfy { isValid($0, $1) }
        case "items": values.dropFirst(first).allSatisfy { isValid($0, said) }
        case "contains": values.contains { isValid($0, said) }
        case "uniqueItems": values.indices.allSatisfy { index in !values[..<index].contains { same($0, values[index]) } }
        default: true
        }
    }

    private func keeps(_ object: JSONObject, _ keyword: String, _ said: JSONValue, _ schema: JSONValue) -> Bool {
        switch keyword {
        case "required": (said.asArray ?? []).allSatisfy { object[$0.asString ?? ""] != nil }
        case "minProperties": object.count >= said.asInt ?? 0
        case "maxProperties": object.count <= said.asInt ?? 0
        case "properties":
            (said.asObject?.members ?? []).allSatisfy { member in object[member.name].map { isValid($0, member.value) } ?? true }
        case "additionalProperties":
            object.members.allSatisfy { schema["properties"]?[$0.name] != nil || isValid($0.value, said) }
        default: true
        }
    }

    private func kind(_ value: JSONValue) -> String {
        switch value {
        case .null: "null"
        case .bool: "boolean"
        case .number: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }

    private func isWhole(_ value: JSONValue) -> Bool { value.asDouble.map { $0 == $0.rounded() } ?? false }

    private func same(_ left: JSONValue, _ right: JSONValue) -> Bool {
        if let left = left.asDouble, let right = right.asDouble { return left == right }
        return left == right
    }

    private func resolve(_ reference: String) -> JSONValue {
        var place = root
        for name in reference.split(separator: "/").dropFirst() {
            place = place[String(name)] ?? Int(name).flatMap { place[$0] } ?? .bool(false)
        }
        return place
    }
}
