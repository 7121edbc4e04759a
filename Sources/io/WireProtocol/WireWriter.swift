package import ClusterModel

/// Appends fields to bytes that the caller owns and reuses.
///
/// What exceeds a limit here is our own mistake: the caller checked it where it came in, so it is asserted.
package struct WireWriter: FieldCoder {
    package var bytes: [UInt8]
    /// Where the body begins: a checksum is over what follows.
    var bodyStart = 0
    private var lastTag: UInt16 = 0
    /// The bytes of the last field stay where they are; only their length is written.
    var leavesLastBytes = false

    package init(_ bytes: consuming [UInt8] = []) { self.bytes = bytes }

    /// A variant that stands alone, without tag and length.
    package mutating func append<V: WireVariant>(_ variant: inout V) throws(WireError) { try variant.write(to: &self) }

    package mutating func u8(_ name: StaticString, _ value: inout UInt8) { bytes.append(value) }
    package mutating func u16(_ name: StaticString, _ value: inout UInt16) { bytes.appendLittleEndian(value) }
    package mutating func u32(_ name: StaticString, _ value: inout UInt32) { bytes.appendLittleEndian(value) }
    package mutating func u64(_ name: StaticString, _ value: inout UInt64) { bytes.appendLittleEndian(value) }
    package mutating func i32(_ name: StaticString, _ value: inout Int32) { bytes.appendLittleEndian(UInt32(bitPattern: value)) }

    package mutating func f32(_ name: StaticString, _ value: inout Float) {
        precondition(value.isFinite, "\(name) is not a number a peer would accept")
        bytes.appendLittleEndian(value.bitPattern)
    }

    package mutating func bool(_ name: StaticString, _ value: inout Bool) { bytes.append(value ? 1 : 0) }

    package mutating func bits(_ name: StaticString, _ value: inout UInt8, known: UInt8) {
        precondition(value & ~known == 0, "\(name) has bits that no reader knows")
        bytes.append(value)
    }

    package mutating func choice<E: WireEnum>(_ name: StaticString, _ value: inout E) { bytes.append(value.rawValue) }

    package mutating func text(_ name: StaticString, _ value: inout String, atMost limit: Int) {
        let count = value.utf8.count
        precondition(count <= limit && count <= UInt16.max, "\(name) is longer than its limit")
        bytes.appendLittleEndian(UInt16(count))
        bytes.append(contentsOf: value.utf8)
    }

    package mutating func bytes(_ name: StaticString, _ value: inout [UInt8], atMost limit: Int) {
        precondition(value.count <= limit, "\(name) is longer than its limit")
        bytes.appendLittleEndian(UInt32(value.count))
        if !leavesLastBytes { bytes.append(contentsOf: value) }
    }

    package mutating func digest(_ name: StaticString, _ value: inout Digest) { value.append(to: &bytes) }

    package mutating func u32s(_ name: StaticString, _ value: inout [UInt32], atMost limit: Int) { integers(name, value, limit) }
    package mutating func u64s(_ name: StaticString, _ value: inout [UInt64], atMost limit: Int) { integers(name, value, limit) }

    package mutating func u32Array(_ name: StaticString, _ value: inout [UInt32], count: Int) {
        precondition(value.count == count, "\(name) has as many elements as its count says")
        // Little-endian machines only, as in `integers`.
        value.withUnsafeBytes { bytes.append(contentsOf: $0) }
    }

    package mutating func array<R: WireRecord>(_ name: StaticString, _ value: inout [R], count: Int) throws(WireError) {
        precondition(value.count == count, "\(name) has as many elements as its count says")
        for index in value.indices { try value[index].write(to: &self) }
    }

    package mutating func record<R: WireRecord>(_ name: StaticString, _ value: inout R) throws(WireError) { try value.write(to: &self) }

    package mutating func optional<R: WireRecord>(_ name: StaticString, _ value: inout R?) throws(WireError) {
        bytes.append(value == nil ? 0 : 1)
        try value?.write(to: &self)
    }

    package mutating func list<R: WireRecord>(_ name: StaticString, _ value: inout [R], atMost limit: Int) throws(WireError) {
        count(name, value.count, limit)
        for index in value.indices { try value[index].write(to: &self) }
    }

    package mutating func sizedList<R: WireRecord>(_ name: StaticString, _ value: inout [R], atMost limit: Int) throws(WireError) {
        count(name, value.count, limit)
        for index in value.indices { try sized { (writer) throws(WireError) in try value[index].write(to: &writer) } }
    }

    package mutating func variants<V: WireVariant>(_ name: StaticString, _ value: inout [V], atMost limit: Int) throws(WireError) {
        count(name, value.count, limit)
        for index in value.indices {
            bytes.append(value[index].tag)
            try sized { (writer) throws(WireError) in try value[index].write(to: &writer) }
        }
    }

    package mutating func rest(_ name: StaticString, _ value: inout [UInt8]) { bytes.append(contentsOf: value) }

    package mutating func later<R: WireRecord>(_ name: StaticString, tag: UInt16, _ value: inout R?) throws(WireError) {
        precondition(tag > lastTag, "tags ascend in the order of the calls")
        lastTag = tag
        guard value != nil else { return }
        bytes.appendLittleEndian(tag)
        try sized { (writer) throws(WireError) in try value?.write(to: &writer) }
    }

    package mutating func checksum(_ name: StaticString) {
        let sum = bytes.withUnsafeBytes { XXH3.hash(UnsafeRawBufferPointer(rebasing: $0[bodyStart...])) }
        bytes.appendLittleEndian(sum)
    }

    /// Runs `body` and writes the length of what it appended before it.
    private mutating func sized(_ body: (inout WireWriter) throws(WireError) -> Void) throws(WireError) {
        let start = bytes.count, outerTag = lastTag
        lastTag = 0
        bytes.appendLittleEndian(UInt32(0))
        try body(&self)
        bytes.storeLittleEndian(UInt32(bytes.count - start - 4), at: start)
        lastTag = outerTag
    }

    private mutating func count(_ name: StaticString, _ count: Int, _ limit: Int) {
        precondition(count <= limit, "\(name) has more elements than its limit")
        bytes.appendLittleEndian(UInt32(count))
    }

    private mutating func integers<T: FixedWidthInteger & BitwiseCopyable>(_ name: StaticString, _ values: [T], _ limit: Int) {
        count(name, values.count, limit)
        // Little-endian machines only; the header's magic would betray any other.
        values.withUnsafeBytes { bytes.append(contentsOf: $0) }
    }
}

// `public`, since only that is specialised in other modules; what is not costs a call through a table for each field.
extension [UInt8] {
    @inlinable
    @inline(__always)
    public mutating func appendLittleEndian<T: FixedWidthInteger>(_ value: T) {
        // A fourth of what appending the bytes of a word as a sequence costs.
        append(addingCapacity: MemoryLayout<T>.size) { room in
            var rest = value
            for _ in 0..<MemoryLayout<T>.size {
                room.append(UInt8(truncatingIfNeeded: rest))
                rest >>= 8
            }
        }
    }

    @inlinable
    @inline(__always)
    public mutating func storeLittleEndian<T: FixedWidthInteger>(_ value: T, at offset: Int) {
        withUnsafeMutableBytes { $0.storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self) }
    }
}
