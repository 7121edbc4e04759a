import JSONText

/// The texts of which an answer must be one, as a JSON array of strings states them.
struct ChoiceList {
    let texts: [String]

    /// Nil where it is no such array, or an empty one.
    init?(_ source: [UInt8]) {
        guard let elements = try? JSONValue(parsing: source).asArray, !elements.isEmpty else { return nil }
        var texts: [String] = []
        for element in elements {
            guard let text = element.asString else { return nil }
            texts.append(text)
        }
        self.texts = texts
    }

    /// One of them and nothing else, in the words of every common language of regular expressions.
    var regex: String { "(" + texts.map(Self.escaped).joined(separator: "|") + ")" }

    /// The same as a grammar in GBNF.
    var grammar: String { "root ::= " + texts.map(Self.quoted).joined(separator: " | ") }

    private static let special = Set(#"\^$.|?*+()[]{}-/"#.unicodeScalars)

    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            if special.contains(scalar) { escaped.unicodeScalars.append("\\") }
            escaped.unicodeScalars.append(scalar)
        }
        return escaped
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
