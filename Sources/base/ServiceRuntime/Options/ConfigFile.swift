import JSONText

/// Picks the options out of a configuration file: one JSON object.
///
/// One rule: a key is an option's name, and a key whose value is an object is a prefix, joined with `-`. So `{"queue": {"entries": 100}}` and
/// `{"queue-entries": 100}` say the same, and saying both is an error. Prefixes do not nest further.
struct ConfigFile {
    private let table: OptionTable
    private let path: String
    /// Per option of the table, what the file says.
    private(set) var values: [[RawValue]?]
    private(set) var issues: [ConfigIssue] = []

    init(_ table: OptionTable, path: String, reader: FileReader) {
        self.table = table
        self.path = path
        values = Array(repeating: nil, count: table.options.count)
        do throws(FileReadError) {
            read(try reader.read(path, OptionLimits.configFileBytes))
        } catch {
            issue(table.standard.config.name, error.description, "correct the path, or make the file readable")
        }
    }

    private mutating func read(_ bytes: [UInt8]) {
        let document: JSONValue
        do throws(JSONError) {
            document = try JSONValue(parsing: bytes, limits: OptionLimits.configFile)
        } catch {
            return issue(table.standard.config.name, "the file is not JSON: \(error)", "correct it there")
        }
        guard case .object(let object) = document else {
            return issue(table.standard.config.name, "the file holds no JSON object", "write {\"option\": value, …}")
        }
        for member in object.members {
            if case .object(let nested) = member.value {
                for inner in nested.members { set("\(member.name)-\(inner.name)", spelled: "\(member.name).\(inner.name)", inner.value) }
                if nested.isEmpty { issue(member.name, "it is empty", "remove it") }
            } else {
                set(member.name, spelled: member.name, member.value)
            }
        }
    }

    private mutating func set(_ name: String, spelled: String, _ value: JSONValue) {
        guard let index = table.options.firstIndex(where: { $0.name == name }) else {
            let known = table.options.filter { $0.sources == .everywhere }.map(\.name)
            let meant = Suggestion.nearest(to: name.replacingUnderscores, among: known)
            return issue(spelled, "there is no such option", meant.map { "did you mean \($0)?" } ?? "remove it, or see --help")
        }
        let option = table.options[index]
        guard option.sources == .everywhere else {
            return issue(spelled, "it cannot stand in a file", "give \(option.flag) on the command line")
        }
        guard values[index] == nil else { return issue(spelled, "it is set twice, nested and not", "set it once") }
        guard let raw = RawValue(value) else {
            return issue(spelled, "null and objects are no values", "write a value, or leave the key out for the default")
        }
        switch (option.isList, raw) {
        case (true, .list(let list)): values[index] = list
        case (true, _): issue(spelled, "a list is expected", "write an array: [\(value.isString ? "\"…\"" : "…")]")
        case (false, _): values[index] = [raw]
        }
    }

    private mutating func issue(_ option: String, _ problem: String, _ remedy: String) {
        let shown = String(option.quotedForMessage.dropFirst().dropLast())
        issues.append(ConfigIssue(option: shown, origin: .file(path), problem: problem, remedy: remedy))
    }
}

extension OptionLimits {
    /// Options are flat: what nests deeper than a list in a prefix is a mistake, but a message of ours beats one of the reader.
    static let configFile = JSONLimits(depth: 8, bytes: configFileBytes, values: 65_536)
}

extension RawValue {
    fileprivate init?(_ value: JSONValue) {
        switch value {
        case .bool(let truth): self = .truth(truth)
        case .number(let number): self = .number(number.text)
        case .string(let text): self = .text(text)
        case .array(let elements):
            let values = elements.compactMap(RawValue.init)
            guard values.count == elements.count else { return nil }
            self = .list(values)
        case .null, .object: return nil
        }
    }

    /// The value as a configuration file would hold it.
    func write(to writer: inout JSONWriter) {
        switch self {
        case .text(let text): writer.string(text)
        case .number(let digits): if let number = JSONNumber(digits) { writer.number(number) } else { writer.string(digits) }
        case .truth(let truth): writer.bool(truth)
        case .absent: writer.null()
        case .list(let values):
            writer.beginArray()
            for value in values { value.write(to: &writer) }
            writer.endArray()
        }
    }
}

extension JSONValue {
    fileprivate var isString: Bool { asString != nil }
}

extension ResolvedConfiguration {
    /// Every option with its value and where it came from, as `--print-config` prints it: `{"listen": {"value": "…", "origin": "flag"}, …}`.
    package var printed: String {
        var writer = JSONWriter(style: .pretty)
        writer.beginObject()
        for (option, entry) in zip(options, entries) where option.sources != .commandLine {
            writer.key(option.name)
            writer.beginObject()
            writer.key("value")
            entry.shown.write(to: &writer)
            writer.key("origin")
            writer.string(entry.origin.description)
            writer.endObject()
        }
        writer.endObject()
        return String(decoding: writer.finish(), as: UTF8.self)
    }
}
