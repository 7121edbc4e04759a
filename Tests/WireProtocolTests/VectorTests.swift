import ClusterModel
import JSONText
import TestSupport
import Testing
import WireProtocol

/// The Swift side of the vectors; `proto-spec/check.py` is the other, written from the tables alone.
@Suite("Vectors of the specification")
struct VectorTests {
    @Test("every good vector decodes to its values, and encodes to its bytes again")
    func good() throws {
        var checked = 0
        for vector in try GoldenVectors.messages() {
            guard let decoded = vector.decoded else { continue }
            let label = Comment(rawValue: "\(vector.file)/\(vector.name)")
            let header = try MessageHeader(reading: vector.message.span.bytes)
            try check(header, vector, label)
            guard let kind = header.kind else {
                #expect(decoded == .null, label)
                continue
            }
            let body = try plainBody(vector.message, header)
            let described = try JSONValue(parsing: MessageCatalog.decodeAndDescribe(kind, body: body.span.bytes))
            #expect(same(described, decoded), "\(vector.file)/\(vector.name): \(String(decoding: described.encoded(), as: UTF8.self))")
            // What a later minor wrote has a tail that this version does not write.
            if vector.file != "versions" {
                let encoded = MessageCatalog.body(try MessageCatalog.decode(kind, body: body.span.bytes))
                #expect(encoded == body, label)
            }
            checked += 1
        }
        #expect(checked >= MessageKind.allCases.count)
    }

    @Test("every malformed vector is refused with its code and its field")
    func malformed() throws {
        var checked = 0
        for vector in try GoldenVectors.messages() {
            guard let expected = vector.error else { continue }
            do throws(WireError) {
                let header = try MessageHeader(reading: vector.message.span.bytes)
                let body = try plainBody(vector.message, header)
                if let section = MessageKind.allCases.first(where: { name($0) == vector.section }), header.kind != section {
                    try decode(MessageCatalog.messageType(for: section), vector.message)
                } else if let kind = header.kind {
                    _ = try MessageCatalog.decodeAndDescribe(kind, body: body.span.bytes)
                }
                Issue.record("\(vector.file)/\(vector.name) was accepted")
            } catch {
                #expect(error.code.rawValue == expected.code, "\(vector.file)/\(vector.name)")
                #expect(error.field == expected.field, "\(vector.file)/\(vector.name)")
            }
            checked += 1
        }
        #expect(checked >= 60)
    }

    @Test("every kind has a vector")
    func kinds() throws {
        var missing = Set(MessageKind.allCases)
        for vector in try GoldenVectors.messages() where vector.error == nil {
            if let kind = try MessageHeader(reading: vector.message.span.bytes).kind { missing.remove(kind) }
        }
        #expect(missing.isEmpty, "\(missing)")
    }

    @Test("the specification has a section for each kind with its number, and no other")
    func sections() throws {
        let text = String(decoding: try GoldenVectors.contents("\(GoldenVectors.root)/proto-spec/04-messages.md"), as: UTF8.self)
        var stated: [String: UInt16] = [:], section = ""
        for line in text.split(separator: "\n") {
            if line.hasPrefix("## ") { section = String(line.dropFirst(3)) }
            guard line.hasPrefix("Kind `0x"), let number = UInt16(line.dropFirst(8).prefix(4), radix: 16) else { continue }
            stated[section] = number
        }
        #expect(stated == Dictionary(uniqueKeysWithValues: MessageKind.allCases.map { (name($0), $0.rawValue) }))
    }

    @Test("every limit has the value that the specification's table states")
    func limits() throws {
        let text = String(decoding: try GoldenVectors.contents("\(GoldenVectors.root)/proto-spec/07-limits.md"), as: UTF8.self)
        var stated: [String: Int] = [:]
        for line in text.split(separator: "\n") where line.hasPrefix("|") {
            let cells = line.split(separator: "|").map { $0.filter { $0 != " " && $0 != "`" && $0 != "," && $0 != "_" } }
            if cells.count >= 2, let value = Int(cells[1]) { stated[String(cells[0])] = value }
        }
        let source = String(
            decoding: try GoldenVectors.contents("\(GoldenVectors.root)/Sources/io/WireProtocol/Limits.swift"), as: UTF8.self)
        var checked = 0
        for line in source.split(separator: "\n") where line.contains("static let ") {
            let parts = line.split(separator: " ").map(String.init)
            guard let place = parts.firstIndex(of: "let"), place + 3 < parts.count else { continue }
            let numbers = parts[(place + 3)...].filter { $0 != "<<" }.compactMap { Int($0.filter { $0 != "_" }) }
            guard let first = numbers.first else { continue }
            let value = parts.contains("<<") && numbers.count > 1 ? first << numbers[1] : first
            #expect(stated[parts[place + 1]] == value, "\(parts[place + 1])")
            checked += 1
        }
        #expect(checked >= 30)
    }

    // MARK: Comparing

    private func name(_ kind: MessageKind) -> String {
        let name = "\(kind)"
        if name.hasPrefix("kv") { return "KV" + name.dropFirst(2) }
        return name.prefix(1).uppercased() + name.dropFirst()
    }

    private func decode<M: WireMessage>(_ type: M.Type, _ message: [UInt8]) throws(WireError) {
        _ = try Codec.decode(type, from: message.span.bytes)
    }

    private func check(_ header: MessageHeader, _ vector: GoldenVector, _ label: Comment) throws {
        guard let expected = vector.header else { return }
        #expect(expected["major"]?.asInt ?? 1 == Int(header.version.major), label)
        #expect(expected["minor"]?.asInt ?? 0 == Int(header.version.minor), label)
        if let flags = expected["flags"]?.asInt { #expect(flags == Int(header.flags.rawValue), label) }
        if let origin = expected["origin"]?.asUInt64 { #expect(origin == header.origin, label) }
        if let number = expected["number"]?.asUInt64 { #expect(number == header.number, label) }
    }

    private func plainBody(_ message: [UInt8], _ header: MessageHeader) throws(WireError) -> [UInt8] {
        let packed = message.span.bytes.extracting(droppingFirst: MessageHeader.byteCount)
        guard header.flags.contains(.compressed) else { return packed.withUnsafeBytes { Array($0) } }
        var body: [UInt8] = []
        try Compression().unpack(packed, header: header, into: &body)
        return body
    }

    /// Equal values; numbers may be written in different ways.
    private func same(_ left: JSONValue, _ right: JSONValue) -> Bool {
        switch (left, right) {
        case (.number(let one), .number(let other)):
            if let exact = one.asUInt64, let otherExact = other.asUInt64 { return exact == otherExact }
            guard let one = one.asDouble, let other = other.asDouble else { return false }
            return Float(one) == Float(other)
        case (.array(let ones), .array(let others)):
            return ones.count == others.count && zip(ones, others).allSatisfy { same($0, $1) }
        case (.object(let one), .object(let other)):
            return Array(one.names) == Array(other.names) && one.names.allSatisfy { same(one[$0] ?? .null, other[$0] ?? .null) }
        default: return left == right
        }
    }
}
