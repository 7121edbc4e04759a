package import ClusterModel
package import WireProtocol

/// Writes a message as the JSON of the vectors: fields in order, integers exact, choices by name, bytes as hex.
package struct JSONDescriber: FieldCoder {
    package private(set) var bytes: [UInt8] = []
    private var needsComma = false
    /// The next value stands where its key would be: the number in an optional.
    private var withoutKey = false

    private init() {}

    package static func describe<R: WireRecord>(_ record: R) -> [UInt8] {
        var describer = JSONDescriber()
        do throws(WireError) { try describer.object(record) } catch { preconditionFailure("describing \(R.self) failed: \(error)") }
        return describer.bytes
    }

    // MARK: Numbers

    package mutating func u8(_ name: StaticString, _ value: inout UInt8) { literal(name, value.description) }
    package mutating func u16(_ name: StaticString, _ value: inout UInt16) { literal(name, value.description) }
    package mutating func u32(_ name: StaticString, _ value: inout UInt32) { literal(name, value.description) }
    package mutating func u64(_ name: StaticString, _ value: inout UInt64) { literal(name, value.description) }
    package mutating func i32(_ name: StaticString, _ value: inout Int32) { literal(name, value.description) }
    /// The shortest decimal that gives the same number.
    package mutating func f32(_ name: StaticString, _ value: inout Float) { literal(name, value.description) }
    package mutating func bool(_ name: StaticString, _ value: inout Bool) { literal(name, value.description) }
    package mutating func bits(_ name: StaticString, _ value: inout UInt8, known: UInt8) { literal(name, value.description) }
    package mutating func checksum(_ name: StaticString) {}
    package mutating func choice<E: WireEnum>(_ name: StaticString, _ value: inout E) { literal(name, "\"\(value)\"") }

    // MARK: Bytes

    package mutating func text(_ name: StaticString, _ value: inout String, atMost limit: Int) {
        key(name)
        quoted(value)
    }

    package mutating func bytes(_ name: StaticString, _ value: inout [UInt8], atMost limit: Int) { hex(name, value) }
    package mutating func rest(_ name: StaticString, _ value: inout [UInt8]) { hex(name, value) }
    package mutating func digest(_ name: StaticString, _ value: inout Digest) { hex(name, value.bytes) }
    package mutating func u32s(_ name: StaticString, _ value: inout [UInt32], atMost limit: Int) { integers(name, value) }
    package mutating func u64s(_ name: StaticString, _ value: inout [UInt64], atMost limit: Int) { integers(name, value) }
    package mutating func u32Array(_ name: StaticString, _ value: inout [UInt32], count: Int) { integers(name, value) }

    // MARK: Records

    package mutating func record<R: WireRecord>(_ name: StaticString, _ value: inout R) throws(WireError) {
        key(name)
        try object(value)
    }

    package mutating func optional<R: WireRecord>(_ name: StaticString, _ value: inout R?) throws(WireError) {
        guard var present = value else { return literal(name, "null") }
        guard R.self is any WireScalar.Type else { return try record(name, &present) }
        key(name)
        withoutKey = true
        try present.layout(&self)
    }

    package mutating func list<R: WireRecord>(_ name: StaticString, _ value: inout [R], atMost limit: Int) throws(WireError) {
        try objects(name, value)
    }

    package mutating func sizedList<R: WireRecord>(_ name: StaticString, _ value: inout [R], atMost limit: Int) throws(WireError) {
        try objects(name, value)
    }

    package mutating func array<R: WireRecord>(_ name: StaticString, _ value: inout [R], count: Int) throws(WireError) {
        try objects(name, value)
    }

    package mutating func variants<V: WireVariant>(_ name: StaticString, _ value: inout [V], atMost limit: Int) throws(WireError) {
        key(name)
        append("[")
        for index in value.indices {
            if index > 0 { append(",") }
            try variant(value[index])
        }
        append("]")
    }

    package mutating func later<R: WireRecord>(_ name: StaticString, tag: UInt16, _ value: inout R?) throws(WireError) {
        try optional(name, &value)
    }

    // MARK: JSON

    /// `{"type": "Name", "value": {…}}`, or `{"type": 250, "bytes": "…"}` for one that this version does not know.
    private mutating func variant<V: WireVariant>(_ value: V) throws(WireError) {
        var value = value
        let known = V.records.first { $0.tag == value.tag }
        append("{\"type\":")
        append(known.map { "\"\($0.name)\"" } ?? value.tag.description)
        append(known == nil ? "" : ",\"value\":{")
        needsComma = known == nil
        try value.layout(&self)
        append(known == nil ? "}" : "}}")
        needsComma = true
    }

    private mutating func object<R: WireRecord>(_ record: R) throws(WireError) {
        var record = record
        append("{")
        needsComma = false
        try record.layout(&self)
        append("}")
        needsComma = true
    }

    private mutating func objects<R: WireRecord>(_ name: StaticString, _ records: [R]) throws(WireError) {
        key(name)
        append("[")
        for index in records.indices {
            if index > 0 { append(",") }
            try object(records[index])
        }
        append("]")
        needsComma = true
    }

    private mutating func integers<T: FixedWidthInteger>(_ name: StaticString, _ values: [T]) {
        literal(name, "[" + values.map(\.description).joined(separator: ",") + "]")
    }

    private mutating func hex(_ name: StaticString, _ value: [UInt8]) {
        key(name)
        append("\"")
        let digits = Array("0123456789abcdef".utf8)
        for byte in value { bytes += [digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
        append("\"")
    }

    private mutating func literal(_ name: StaticString, _ text: String) {
        key(name)
        append(text)
    }

    private mutating func key(_ name: StaticString) {
        guard !withoutKey else {
            withoutKey = false
            return
        }
        append(needsComma ? ",\"\(name)\":" : "\"\(name)\":")
        needsComma = true
    }

    private mutating func quoted(_ text: String) {
        append("\"")
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            case 0..<0x20: append("\\u00" + (byte < 16 ? "0" : "") + String(byte, radix: 16))
            default: bytes.append(byte)
            }
        }
        append("\"")
    }

    private mutating func append(_ text: String) { bytes += text.utf8 }
}
