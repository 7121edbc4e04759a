/// One step from a value to a value inside it.
enum JSONPathStep {
    case key(String)
    case index(Int)
}

/// Writes paths like `messages[3].content` for people; names that are no plain identifiers appear as `["odd name"]`.
enum JSONPath {
    /// Names come from the text being refused: long ones are cut, so that an error stays one short line.
    static let nameScalars = 64
    static let totalBytes = 256

    static func text(_ steps: some Sequence<JSONPathStep>) -> String {
        var path = ""
        for step in steps {
            guard path.utf8.count < totalBytes else { return path + "…" }
            switch step {
            case .index(let index): path += "[\(index)]"
            case .key(let name) where isIdentifier(name): path += path.isEmpty ? name : ".\(name)"
            case .key(let name): path += "[\"\(printable(name))\"]"
            }
        }
        return path
    }

    private static func isIdentifier(_ name: String) -> Bool {
        let bytes = name.utf8
        guard let first = bytes.first, bytes.count <= nameScalars, !isDigit(first) else { return false }
        return bytes.allSatisfy {
            isDigit($0) || isLetter($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "$")
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }
    private static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) >= UInt8(ascii: "a") && (byte | 0x20) <= UInt8(ascii: "z") }

    /// Printable ASCII stays, everything else is escaped: the path may reach a terminal or a log line.
    private static func printable(_ name: String) -> String {
        var text = ""
        var count = 0
        for scalar in name.unicodeScalars {
            guard count < nameScalars else { return text + "…" }
            text += scalar.escaped(asASCII: true)
            count += 1
        }
        return text
    }
}
