import ClusterModel
import Glibc
import TestSupport
import Testing
import WireProtocol

/// Writes down what a layout asks for, in the words of the specification; limits and the meaning of codes aside.
private struct LayoutRecorder: FieldCoder {
    /// By the name of a record: its fields as `name: type`.
    var records: [String: [String]] = [:]
    /// By the name of an enum or a set of variants: its rows as `number: name`.
    var tables: [String: [String]] = [:]
    private var fields: [String] = []

    mutating func describe<R: WireRecord>(_ type: R.Type) {
        guard records["\(type)"] == nil else { return }
        let outer = fields
        fields = []
        records["\(type)"] = []  // a record may not hold itself, but need not be walked twice
        var record = R()
        do throws(WireError) { try record.layout(&self) } catch { Issue.record("\(type): \(error)") }
        records["\(type)"] = fields
        fields = outer
    }

    private mutating func note(_ name: StaticString, _ type: String) { fields.append("\(name): \(type)") }

    private mutating func nested<R: WireRecord>(_ type: R.Type) -> String {
        switch "\(type)" {
        case "WireU32": return "u32"
        case "WireU64": return "u64"
        case "WireF32": return "f32"
        case let name:
            describe(type)
            return name
        }
    }

    mutating func u8(_ name: StaticString, _ value: inout UInt8) { note(name, "u8") }
    mutating func u16(_ name: StaticString, _ value: inout UInt16) { note(name, "u16") }
    mutating func u32(_ name: StaticString, _ value: inout UInt32) { note(name, "u32") }
    mutating func u64(_ name: StaticString, _ value: inout UInt64) { note(name, "u64") }
    mutating func i32(_ name: StaticString, _ value: inout Int32) { note(name, "i32") }
    mutating func f32(_ name: StaticString, _ value: inout Float) { note(name, "f32") }
    mutating func bool(_ name: StaticString, _ value: inout Bool) { note(name, "bool") }
    mutating func bits(_ name: StaticString, _ value: inout UInt8, known: UInt8) {
        note(name, "bits8(0x0\(known))")
        value = known  // so that every field which depends on a bit is walked
    }
    mutating func choice<E: WireEnum>(_ name: StaticString, _ value: inout E) {
        note(name, "enum \(E.self)")
        tables["\(E.self)"] = E.allCases.map { "\($0.rawValue): \($0)" }
    }
    mutating func text(_ name: StaticString, _ value: inout String, atMost limit: Int) { note(name, "text") }
    mutating func bytes(_ name: StaticString, _ value: inout [UInt8], atMost limit: Int) { note(name, "bytes") }
    mutating func checksum(_ name: StaticString) { note(name, "checksum") }
    mutating func digest(_ name: StaticString, _ value: inout Digest) { note(name, "digest") }
    mutating func u32s(_ name: StaticString, _ value: inout [UInt32], atMost limit: Int) { note(name, "u32s") }
    mutating func u64s(_ name: StaticString, _ value: inout [UInt64], atMost limit: Int) { note(name, "u64s") }
    mutating func u32Array(_ name: StaticString, _ value: inout [UInt32], count: Int) { note(name, "u32 array") }
    mutating func rest(_ name: StaticString, _ value: inout [UInt8]) {}
    mutating func array<R: WireRecord>(_ name: StaticString, _ value: inout [R], count: Int) {
        note(name, "\(nested(R.self)) array")
    }
    mutating func record<R: WireRecord>(_ name: StaticString, _ value: inout R) { note(name, nested(R.self)) }
    mutating func optional<R: WireRecord>(_ name: StaticString, _ value: inout R?) { note(name, "optional \(nested(R.self))") }
    mutating func list<R: WireRecord>(_ name: StaticString, _ value: inout [R], atMost limit: Int) {
        note(name, "list \(nested(R.self))")
    }
    mutating func sizedList<R: WireRecord>(_ name: StaticString, _ value: inout [R], atMost limit: Int) {
        note(name, "sized list \(nested(R.self))")
    }
    mutating func variants<V: WireVariant>(_ name: StaticString, _ value: inout [V], atMost limit: Int) throws(WireError) {
        note(name, "variants \(V.self)")
        tables["\(V.self)"] = V.records.map { "\($0.tag): \($0.name)" }
        for (tag, record) in V.records {
            let outer = fields
            fields = []
            var variant = V(tag: tag)
            try variant.layout(&self)
            records["\(record)"] = fields
            fields = outer
            if variant.tag != tag { Issue.record("\(V.self) \(record): tag \(variant.tag) instead of \(tag)") }
        }
    }
    mutating func later<R: WireRecord>(_ name: StaticString, tag: UInt16, _ value: inout R?) { note(name, "later \(nested(R.self))") }
}

/// The tables of `proto-spec/04-messages.md`, under their headings.
private struct Specification {
    var records: [String: [String]] = [:]
    var tables: [String: [String]] = [:]
    /// By the name of a message: its number as the section states it.
    var kinds: [String: String] = [:]

    init(_ text: String) {
        var title = "", columns: [String] = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("#") {
                title = String(line.drop { $0 == "#" || $0 == " " })
                columns = []
            } else if line.hasPrefix("Kind `") {
                kinds[title] = String(line.dropFirst(6).prefix { $0 != "`" })
                records[title] = []
            } else if line.hasPrefix("| ") {
                let cells = line.split(separator: "|").map { String($0.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()) }
                if columns.isEmpty { columns = cells } else if !cells[0].hasPrefix("---") { add(cells, columns[0], title) }
            } else {
                columns = []
            }
        }
    }

    private mutating func add(_ cells: [String], _ column: String, _ title: String) {
        switch column {
        case "field": records[title, default: []].append("\(cells[0]): \(Self.plain(cells[1]))")
        case "value", "tag": tables[title, default: []].append("\(cells[0]): \(cells[1])")
        default: break
        }
    }

    /// A type without its limit, its condition and the name of its count or code.
    private static func plain(_ type: String) -> String {
        let words = type.split(separator: " ")
        if words[0] == "code" { return "u16" }
        let kept = words.prefix { $0 != "when" && !$0.hasPrefix("(") }
        let end = kept.firstIndex(of: "array").map { $0 + 1 } ?? kept.endIndex
        let joined = kept[..<end].joined(separator: " ")
        return joined.hasPrefix("bits8") ? joined : String(joined.prefix { $0 != "(" })
    }
}

@Suite("The specification and the code")
struct SpecificationTests {
    private let written: Specification
    private var coded = LayoutRecorder()

    init() throws {
        let path = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined() + "/proto-spec/04-messages.md"
        let file = try #require(fopen(path, "r"))
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        bytes.removeLast(bytes.count - fread(&bytes, 1, bytes.count, file))
        written = Specification(String(decoding: bytes, as: UTF8.self))
        for kind in MessageKind.allCases {
            func describe<M: WireMessage>(_ type: M.Type) { coded.describe(type) }
            describe(MessageCatalog.messageType(for: kind))
        }
    }

    @Test("every message and record has the fields of its table, in that order, and there is no other table")
    func layouts() {
        #expect(written.records.keys.sorted() == coded.records.keys.sorted())
        for name in coded.records.keys.sorted() { #expect(written.records[name] == coded.records[name], "\(name)") }
    }

    @Test("every enum and every set of variants has the values of its table")
    func numbers() {
        for name in coded.tables.keys.sorted() { #expect(written.tables[name] == coded.tables[name], "\(name)") }
    }

    @Test("every message has the number of its section")
    func kinds() {
        for kind in MessageKind.allCases {
            let digits = String(kind.rawValue, radix: 16)
            let name = "\(MessageCatalog.messageType(for: kind))"
            #expect(written.kinds[name] == "0x" + String(repeating: "0", count: 4 - digits.count) + digits, "\(name)")
        }
        #expect(written.kinds.count == MessageKind.allCases.count)
    }
}
