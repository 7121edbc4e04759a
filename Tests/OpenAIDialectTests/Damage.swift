import JSONText

/// Damage done to bodies: by seed to their bytes, and value by value.
enum Damage {
    private static let splices = [
        "null", "true", "-1", "1e400", "\"\"", "[]", "{}", "{", "]", ",", "\"role\"", "\"type\"", "\\", "\\ud800", "\u{0}",
    ].map { Array($0.utf8) }

    /// The text with one to four pieces of it changed, taken out, replaced or cut off.
    static func some(to text: String, using random: inout some RandomNumberGenerator) -> [UInt8] {
        var bytes = Array(text.utf8)
        for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
            let start = Int.random(in: 0..<bytes.count, using: &random)
            let end = min(bytes.count, start + Int.random(in: 0...6, using: &random))
            switch Int.random(in: 0...3, using: &random) {
            case 0: bytes[start] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes.removeSubrange(start..<end)
            case 2: bytes.replaceSubrange(start..<end, with: splices.randomElement(using: &random) ?? [])
            default: bytes.removeSubrange(start...)
            }
        }
        return bytes
    }

    /// The body once for each of its values and each of these, with that in place of it.
    static func replacements(in body: JSONValue, by others: [JSONValue]) -> [[UInt8]] {
        let places = count(body)
        return others.flatMap { other in
            (0..<places).map { place in
                var place = place
                return replacing(body, &place, by: other).encoded()
            }
        }
    }

    private static func count(_ value: JSONValue) -> Int {
        switch value {
        case .array(let elements): elements.reduce(1) { $0 + count($1) }
        case .object(let object): object.members.reduce(1) { $0 + count($1.value) }
        default: 1
        }
    }

    /// The value with what stands at `place`, counted from the outside in, replaced; `place` is less by what was passed.
    private static func replacing(_ value: JSONValue, _ place: inout Int, by other: JSONValue) -> JSONValue {
        place -= 1
        if place == -1 { return other }
        switch value {
        case .array(let elements):
            var copy: [JSONValue] = []
            for element in elements { copy.append(place >= 0 ? replacing(element, &place, by: other) : element) }
            return .array(copy)
        case .object(let object):
            var copy = JSONObject()
            for member in object.members { copy[member.name] = place >= 0 ? replacing(member.value, &place, by: other) : member.value }
            return .object(copy)
        default: return value
        }
    }
}
