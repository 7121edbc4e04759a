import JSONText

/// JSON becomes values: nobody vouches for any text in it.
enum ValueParser {
    static func value(_ json: JSONValue) -> TemplateValue {
        switch json {
        case .null: .none
        case .bool(let value): .bool(value)
        case .number(let number): self.number(number.text)
        case .string(let text): .text(TemplateText(client: text))
        case .array(let elements): .list(elements.map { value($0) })
        case .object(let object):
            .dict(
                TemplateDict(object.members.map { TemplateDict.Member(key: .text(TemplateText(client: $0.name)), value: value($0.value)) }))
        }
    }

    /// With a point or an exponent it is a float, as in Python.
    private static func number(_ text: String) -> TemplateValue {
        if text.utf8.contains(where: { $0 == UInt8(ascii: ".") || $0 | 0x20 == UInt8(ascii: "e") }) { return .float(Double(text) ?? 0) }
        return Int(text).map { .int($0) } ?? .bigInteger(text)
    }

    /// The filter `from_json`.
    static func value(of text: TemplateText, _ rendering: Rendering) throws(TemplateError) -> TemplateValue {
        try rendering.spend(text.count)
        guard let json = try? JSONValue(parsing: Array(text.bytes)) else { throw rendering.failure("a text that is no JSON") }
        return value(json)
    }
}
