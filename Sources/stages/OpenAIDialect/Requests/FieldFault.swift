import JSONText

/// What is wrong with one field, found deep inside and named on the way out: the path costs nothing where nothing is wrong.
struct FieldFault: Error {
    /// From the object that is being read.
    private(set) var path: String
    /// Words before and behind the path.
    private let lead: String
    private let rest: String
    private let code: String

    private init(_ path: String, _ lead: String, _ rest: String, _ code: String) {
        self.path = path
        self.lead = lead
        self.rest = rest
        self.code = code
    }

    func inside(_ name: String) -> FieldFault {
        let joined = path.isEmpty ? name : path.hasPrefix("[") ? name + path : "\(name).\(path)"
        return FieldFault(joined, lead, rest, code)
    }

    func inside(_ name: String, _ index: Int) -> FieldFault { inside("[\(index)]").inside(name) }

    var error: DialectError {
        guard !path.isEmpty else { return DialectError(message: "Invalid body\(rest).", code: code) }
        return DialectError(message: "\(lead) '\(path)'\(rest).", param: path, code: code)
    }

    // MARK: Kinds

    static func missing(_ name: String) -> FieldFault { FieldFault(name, "Missing required parameter:", "", "missing_required_parameter") }

    static func type(_ name: String, expected: String, got value: JSONValue) -> FieldFault {
        FieldFault(name, "Invalid type for", ": expected \(expected), but got \(kind(of: value)) instead", "invalid_type")
    }

    /// `expected` completes the sentence "expected …".
    static func value(_ name: String, expected: String, code: String = "invalid_value") -> FieldFault {
        FieldFault(name, "Invalid", ": expected \(expected)", code)
    }

    /// One of a few words was expected; the word found is quoted if it is short and plain.
    static func word(_ name: String, _ found: String, expected: [String]) -> FieldFault {
        let quoted = quotable(found, atMost: DialectLimits.quotedName).map { ": '\($0)'" } ?? ""
        let list = expected.map { "'\($0)'" }.joined(separator: ", ")
        return FieldFault(name, "Invalid value for", "\(quoted). Supported values are: \(list)", "invalid_value")
    }

    /// `reason` completes the sentence "… is not supported".
    static func unsupported(_ name: String, _ reason: String = "") -> FieldFault {
        FieldFault(
            name, "Unsupported parameter:", reason.isEmpty ? " is not supported" : " is not supported \(reason)", "unsupported_parameter")
    }

    // MARK: Words

    private static func kind(of value: JSONValue) -> String {
        switch value {
        case .null: "null"
        case .bool: "a boolean"
        case .number(let number): number.asInt64 != nil || number.asUInt64 != nil ? "an integer" : "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }

    /// The text itself if it is one short word: nothing that could be a piece of a prompt, nor do any harm to a log.
    static func quotable(_ text: String, atMost bytes: Int) -> String? {
        guard !text.isEmpty, text.utf8.count <= bytes else { return nil }
        return text.utf8.allSatisfy { wordBytes.contains($0) } ? text : nil
    }

    private static let wordBytes = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@+".utf8)
}
