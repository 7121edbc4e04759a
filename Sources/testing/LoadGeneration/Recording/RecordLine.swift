import ClusterModel
import JSONText

/// One line of a record, and any object in it: strict, so that a file that says less or more than this version knows is not half understood.
struct RecordLine {
    enum Kind: String, CaseIterable {
        case model, worker, left, request, end
    }

    let number: Int
    private let members: JSONObject
    private let path: String

    init(_ bytes: RawSpan, number: Int) throws(RecordFault) {
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONValue(parsing: bytes, limits: Self.limits)
        } catch {
            throw RecordFault(line: number, member: error.path, problem: error.reason)
        }
        try self.init(value, number: number, path: "")
    }

    /// Ranks and legs are the only lists; the hashes of a prompt are one text.
    private static let limits = JSONLimits(depth: 4, bytes: RecordLimits.lineBytes, values: 16 << 10)

    private init(_ value: JSONValue, number: Int, path: String) throws(RecordFault) {
        guard let members = value.asObject else { throw RecordFault(line: number, member: path, problem: "an object is expected") }
        self.number = number
        self.members = members
        self.path = path
    }

    func fault(_ name: String, _ problem: String) -> RecordFault { RecordFault(line: number, member: place(name), problem: problem) }
    private func place(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

    var names: [String] { Array(members.names) }
    func has(_ name: String) -> Bool { members[name] != nil }

    /// That there is nothing else.
    func allows(_ names: String...) throws(RecordFault) {
        for name in members.names where !names.contains(name) { throw fault(name, "this version knows no such member here") }
    }

    private func value(_ name: String) throws(RecordFault) -> JSONValue {
        guard let value = members[name] else { throw fault(name, "it is missing") }
        return value
    }

    func text(_ name: String, atMost limit: Int) throws(RecordFault) -> String {
        guard let text = try value(name).asString else { throw fault(name, "text is expected") }
        guard text.utf8.count <= limit else { throw fault(name, "it has more than \(limit) bytes") }
        return text
    }

    func integer<Value: FixedWidthInteger>(_ name: String, _ type: Value.Type = Value.self) throws(RecordFault) -> Value {
        guard let value = try value(name).asUInt64.flatMap({ Value(exactly: $0) }) else {
            throw fault(name, "a whole number from 0 to \(Value.max) is expected")
        }
        return value
    }

    func optional<Value: FixedWidthInteger>(_ name: String, _ type: Value.Type = Value.self) throws(RecordFault) -> Value? {
        has(name) ? try integer(name) : nil
    }

    /// The number of something that was told before.
    func ordinal(_ name: String, below count: Int, _ what: String) throws(RecordFault) -> Int {
        let value: Int = try integer(name)
        guard value < count else { throw fault(name, "no \(what) \(value) was told of before") }
        return value
    }

    func duration(_ name: String) throws(RecordFault) -> Duration {
        let microseconds: Int64 = try integer(name)
        guard microseconds <= RecordLimits.longest.inMicroseconds else { throw fault(name, "a year of microseconds at most is expected") }
        return .microseconds(microseconds)
    }

    func optionalDuration(_ name: String) throws(RecordFault) -> Duration? { has(name) ? try duration(name) : nil }

    func word<Word: CaseIterable & RawRepresentable>(_ name: String, _ type: Word.Type = Word.self) throws(RecordFault) -> Word
    where Word.RawValue == String {
        guard let word = Word(rawValue: try text(name, atMost: RecordLimits.wordBytes)) else {
            throw fault(name, "one of \(Word.allCases.map(\.rawValue).joined(separator: ", ")) is expected")
        }
        return word
    }

    func object(_ name: String) throws(RecordFault) -> RecordLine { try RecordLine(try value(name), number: number, path: place(name)) }

    func objects(_ name: String, atMost limit: Int) throws(RecordFault) -> [RecordLine] {
        guard let list = try value(name).asArray else { throw fault(name, "a list is expected") }
        guard list.count <= limit else { throw fault(name, "it has more than \(limit) elements") }
        var lines: [RecordLine] = []
        for (index, element) in list.enumerated() {
            lines.append(try RecordLine(element, number: number, path: "\(place(name))[\(index)]"))
        }
        return lines
    }

    /// Sixteen digits each, nothing between them.
    func hashes(_ name: String, atMost limit: Int) throws(RecordFault) -> [UInt64] {
        guard let text = try value(name).asString else { throw fault(name, "text is expected") }
        let digits = text.utf8
        guard digits.count.isMultiple(of: RecordLimits.digitsPerHash) else { throw fault(name, "sixteen digits a hash are expected") }
        guard digits.count / RecordLimits.digitsPerHash <= limit else {
            throw fault(name, "the prompt has no more than \(limit) full blocks")
        }
        var hashes: [UInt64] = [], word: UInt64 = 0, count = 0
        hashes.reserveCapacity(digits.count / RecordLimits.digitsPerHash)
        for digit in digits {
            guard let value = Hexadecimal.value(of: digit) else { throw fault(name, "hexadecimal digits are expected") }
            word = word << 4 | UInt64(value)
            count += 1
            if count.isMultiple(of: RecordLimits.digitsPerHash) { hashes.append(word) }
        }
        return hashes
    }
}
