import JSONText

/// A model's JSON file, read strictly: what is missing, wrong or unknown is an error that names its place.
struct FileText {
    private let name: String
    private let object: JSONObject

    init(_ name: String, _ contents: [UInt8], limit: Int) throws(TextError) {
        self.name = name
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONValue(
                parsing: contents, limits: JSONLimits(depth: JSONLimits.file.depth, bytes: limit, values: JSONLimits.file.values))
        } catch {
            throw .invalidFile(name: name, path: error.path, reason: "\(error.reason) (line \(error.line), column \(error.column))")
        }
        guard let object = value.asObject else { throw .invalidFile(name: name, path: "", reason: "must be a JSON object") }
        self.object = object
    }

    subscript(member: String) -> JSONValue? { object[member] }

    func error(_ path: String, _ reason: String) -> TextError { .invalidFile(name: name, path: path, reason: reason) }

    func refuseMembers(except known: [String]) throws(TextError) {
        for member in object.members where !known.contains(where: { $0.hasSameBytes(as: member.name) }) {
            throw error(Self.printable(member.name), "is not known here")
        }
    }

    func text(_ member: String) throws(TextError) -> String {
        guard let value = object[member] else { throw error(member, "is missing") }
        guard let text = value.asString else { throw error(member, "must be a string") }
        return text
    }

    /// Texts that are not empty, each there once.
    func texts(_ member: String, atMost limit: Int, bytes: Int) throws(TextError) -> [String] {
        guard let value = object[member] else { throw error(member, "is missing") }
        guard let elements = value.asArray else { throw error(member, "must be an array of strings") }
        guard elements.count <= limit else { throw error(member, "has more than \(limit) elements") }
        var seen: Set<[UInt8]> = []
        var texts: [String] = []
        for (index, element) in elements.enumerated() {
            let place = "\(member)[\(index)]"
            guard let text = element.asString else { throw error(place, "must be a string") }
            guard !text.isEmpty, text.utf8.count <= bytes else { throw error(place, "must have 1 to \(bytes) bytes") }
            guard seen.insert(Array(text.utf8)).inserted else { throw error(place, "is there twice") }
            texts.append(text)
        }
        return texts
    }

    /// A name from outside, short and harmless enough for a log line.
    static func printable(_ name: String) -> String {
        String(String.UnicodeScalarView(name.unicodeScalars.prefix(64).map { $0.value > 0x20 && $0.value < 0x7F ? $0 : "?" }))
    }
}

extension String {
    /// Files mean bytes: `==` also takes texts for the same that Unicode writes in several ways.
    func hasSameBytes(as other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}
