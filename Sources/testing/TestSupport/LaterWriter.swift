package import ClusterModel
package import WireProtocol

/// Writes a message as a minor to come may: with a field that nobody knows behind the message, behind each sized record and each variant in
/// it, and with variants that nobody knows where their number means nothing.
package struct LaterWriter: FieldCoder {
    private var bytes: [UInt8] = []
    /// One entry of a tail.
    private let addition: [UInt8]
    private let addsVariants: Bool

    /// Above the tags of all fields, as `WireDialect.synthetic` has it.
    private static let unknownVariant: UInt8 = 250

    private init(_ addition: [UInt8], addsVariants: Bool) {
        self.addition = addition
        self.addsVariants = addsVariants
    }

    /// The body of the message as that minor writes it, its tail included.
    ///
    /// - Parameter addsVariants: false for batches of feeds, whose variants are numbered.
    package static func body<M: WireMessage>(of message: M, minor: UInt8, addsVariants: Bool) -> [UInt8] {
        var writer = LaterWriter(WireDialect.synthetic(minor: minor).tail, addsVariants: addsVariants), value = message
        do throws(WireError) { try value.layout(&writer) } catch { preconditionFailure("writing \(M.kind) failed: \(error)") }
        return writer.bytes + writer.addition
    }

    // MARK: Fields

    package mutating func u8(_ name: StaticString, _ value: inout UInt8) { bytes.append(value) }
    package mutating func u16(_ name: StaticString, _ value: inout UInt16) { bytes.appendLittleEndian(value) }
    package mutating func u32(_ name: StaticString, _ value: inout UInt32) { bytes.appendLittleEndian(value) }
    package mutating func u64(_ name: StaticString, _ value: inout UInt64) { bytes.appendLittleEndian(value) }
    package mutating func i32(_ name: StaticString, _ value: inout Int32) { bytes.appendLittleEndian(UInt32(bitPattern: value)) }
    package mutating func f32(_ name: StaticString, _ value: inout Float) { bytes.appendLittleEndian(value.bitPattern) }
    package mutating func bool(_ name: StaticString, _ value: inout Bool) { bytes.append(value ? 1 : 0) }
    package mutating func bits(_ name: StaticString, _ value: inout UInt8, known: UInt8) { bytes.append(value) }
    package mutating func choice<E: WireEnum>(_ name: StaticString, _ value: inout E) { bytes.append(value.rawValue) }

    package mutating func text(_ name: StaticString, _ value: inout String, atMost limit: Int) {
        bytes.appendLittleEndian(UInt16(value.utf8.count))
        bytes.append(contentsOf: value.utf8)
    }

    package mutating func bytes(_ name: StaticString, _ value: inout [UInt8], atMost limit: Int) {
        bytes.appendLittleEndian(UInt32(value.count))
        bytes.append(contentsOf: value)
    }

    package mutating func rest(_ name: StaticString, _ value: inout [UInt8]) { bytes.append(contentsOf: value) }
    package mutating func digest(_ name: StaticString, _ value: inout Digest) { value.append(to: &bytes) }

    package mutating func u32s(_ name: StaticString, _ value: inout [UInt32], atMost limit: Int) {
        bytes.appendLittleEndian(UInt32(value.count))
        u32Array(name, &value, count: value.count)
    }

    package mutating func u64s(_ name: StaticString, _ value: inout [UInt64], atMost limit: Int) {
        bytes.appendLittleEndian(UInt32(value.count))
        for element in value { bytes.appendLittleEndian(element) }
    }

    package mutating func u32Array(_ name: StaticString, _ value: inout [UInt32], count: Int) {
        for element in value { bytes.appendLittleEndian(element) }
    }

    // MARK: Records

    package mutating func array<R: WireRecord>(_ name: StaticString, _ value: inout [R], count: Int) throws(WireError) {
        for index in value.indices { try value[index].layout(&self) }
    }

    package mutating func record<R: WireRecord>(_ name: StaticString, _ value: inout R) throws(WireError) { try value.layout(&self) }

    package mutating func optional<R: WireRecord>(_ name: StaticString, _ value: inout R?) throws(WireError) {
        bytes.append(value == nil ? 0 : 1)
        try value?.layout(&self)
    }

    package mutating func list<R: WireRecord>(_ name: StaticString, _ value: inout [R], atMost limit: Int) throws(WireError) {
        bytes.appendLittleEndian(UInt32(value.count))
        try array(name, &value, count: value.count)
    }

    package mutating func sizedList<R: WireRecord>(_ name: StaticString, _ value: inout [R], atMost limit: Int) throws(WireError) {
        bytes.appendLittleEndian(UInt32(value.count))
        for index in value.indices {
            let start = beginRegion()
            try value[index].layout(&self)
            endRegion(start)
        }
    }

    package mutating func variants<V: WireVariant>(_ name: StaticString, _ value: inout [V], atMost limit: Int) throws(WireError) {
        let adds = addsVariants && value.count < limit
        bytes.appendLittleEndian(UInt32(value.count + (adds ? 1 : 0)))
        for index in value.indices {
            let isKnown = V.records.contains { $0.tag == value[index].tag }
            bytes.append(value[index].tag)
            let start = beginRegion()
            try value[index].layout(&self)
            endRegion(start, adds: isKnown)
        }
        guard adds else { return }
        bytes.append(Self.unknownVariant)
        let start = beginRegion()
        bytes.append(contentsOf: Array("not for you".utf8))
        endRegion(start, adds: false)
    }

    package mutating func later<R: WireRecord>(_ name: StaticString, tag: UInt16, _ value: inout R?) throws(WireError) {
        guard value != nil else { return }
        bytes.appendLittleEndian(tag)
        let start = beginRegion()
        try value?.layout(&self)
        endRegion(start)
    }

    package mutating func checksum(_ name: StaticString) {
        let sum = bytes.withUnsafeBytes { XXH3.hash($0) }
        bytes.appendLittleEndian(sum)
    }

    // MARK: Regions

    private mutating func beginRegion() -> Int {
        bytes.appendLittleEndian(UInt32(0))
        return bytes.count
    }

    private mutating func endRegion(_ start: Int, adds: Bool = true) {
        if adds { bytes.append(contentsOf: addition) }
        bytes.storeLittleEndian(UInt32(bytes.count - start), at: start - 4)
    }
}
