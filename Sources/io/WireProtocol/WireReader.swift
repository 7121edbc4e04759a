package import ClusterModel

/// Reads fields in place from received bytes. Every length is checked against the bytes that are there before memory is reserved.
package struct WireReader: FieldCoder, ~Escapable {
    private let span: RawSpan
    package private(set) var offset = 0
    /// The end of the message, or of the sized record that is being read.
    private var end: Int
    /// The tail entry last read in this region: tags must ascend.
    private var lastTag: UInt16 = 0

    @_lifetime(copy span)
    package init(_ span: RawSpan) {
        self.span = span
        end = span.byteCount
    }

    package var remaining: Int { end - offset }

    @inline(__always)
    private mutating func load<T: BitwiseCopyable & FixedWidthInteger>(_ name: StaticString, as type: T.Type) throws(WireError) -> T {
        guard remaining >= MemoryLayout<T>.size else { throw WireError(.truncated, name) }
        // The bounds were checked in the line above, against an end that is never past the span.
        let value = unsafe span.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: T.self)
        offset += MemoryLayout<T>.size
        return T(littleEndian: value)
    }

    package mutating func u8(_ name: StaticString, _ value: inout UInt8) throws(WireError) { value = try load(name, as: UInt8.self) }
    package mutating func u16(_ name: StaticString, _ value: inout UInt16) throws(WireError) { value = try load(name, as: UInt16.self) }
    package mutating func u32(_ name: StaticString, _ value: inout UInt32) throws(WireError) { value = try load(name, as: UInt32.self) }
    package mutating func u64(_ name: StaticString, _ value: inout UInt64) throws(WireError) { value = try load(name, as: UInt64.self) }
    package mutating func i32(_ name: StaticString, _ value: inout Int32) throws(WireError) { value = try load(name, as: Int32.self) }

    package mutating func f32(_ name: StaticString, _ value: inout Float) throws(WireError) {
        value = Float(bitPattern: try load(name, as: UInt32.self))
        guard value.isFinite else { throw WireError(.invalidValue, name) }
    }

    package mutating func bool(_ name: StaticString, _ value: inout Bool) throws(WireError) {
        switch try load(name, as: UInt8.self) {
        case 0: value = false
        case 1: value = true
        default: throw WireError(.invalidValue, name)
        }
    }

    package mutating func bits(_ name: StaticString, _ value: inout UInt8, known: UInt8) throws(WireError) {
        value = try load(name, as: UInt8.self)
        guard value & ~known == 0 else { throw WireError(.reservedNotZero, name) }
    }

    package mutating func choice<E: WireEnum>(_ name: StaticString, _ value: inout E) throws(WireError) {
        guard let known = E(rawValue: try load(name, as: UInt8.self)) else { throw WireError(.invalidValue, name) }
        value = known
    }

    package mutating func text(_ name: StaticString, _ value: inout String, atMost limit: Int) throws(WireError) {
        let count = Int(try load(name, as: UInt16.self))
        // Most texts of a request are empty, and to check one costs what the rest of its fields does.
        guard count > 0 else { return value = "" }
        let utf8 = try take(count, atMost: limit, name)
        guard let decoded = utf8.withUnsafeBytes({ String(validating: $0, as: UTF8.self) }) else {
            throw WireError(.invalidText, name)
        }
        value = decoded
    }

    package mutating func bytes(_ name: StaticString, _ value: inout [UInt8], atMost limit: Int) throws(WireError) {
        let taken = try take(Int(try load(name, as: UInt32.self)), atMost: limit, name)
        value.removeAll(keepingCapacity: true)
        taken.withUnsafeBytes { value.append(contentsOf: $0) }
    }

    package mutating func digest(_ name: StaticString, _ value: inout Digest) throws(WireError) {
        let taken = try take(Digest.byteCount, atMost: Digest.byteCount, name)
        guard let digest = Digest(taken) else { throw WireError(.truncated, name) }
        value = digest
    }

    package mutating func u32s(_ name: StaticString, _ value: inout [UInt32], atMost limit: Int) throws(WireError) {
        try integers(name, &value, atMost: limit)
    }

    package mutating func u64s(_ name: StaticString, _ value: inout [UInt64], atMost limit: Int) throws(WireError) {
        try integers(name, &value, atMost: limit)
    }

    package mutating func u32Array(_ name: StaticString, _ value: inout [UInt32], count: Int) throws(WireError) {
        append(try take(count * 4, atMost: count * 4, name), count: count, to: &value)
    }

    package mutating func array<R: WireRecord>(_ name: StaticString, _ value: inout [R], count: Int) throws(WireError) {
        value.removeAll(keepingCapacity: true)
        for _ in 0..<count {
            var record = R()
            try record.read(from: &self)
            value.append(record)
        }
    }

    package mutating func record<R: WireRecord>(_ name: StaticString, _ value: inout R) throws(WireError) { try value.read(from: &self) }

    package mutating func optional<R: WireRecord>(_ name: StaticString, _ value: inout R?) throws(WireError) {
        var present = false
        try bool(name, &present)
        guard present else { return value = nil }
        var record = R()
        try record.read(from: &self)
        value = record
    }

    package mutating func list<R: WireRecord>(_ name: StaticString, _ value: inout [R], atMost limit: Int) throws(WireError) {
        value.removeAll(keepingCapacity: true)
        for _ in 0..<(try count(name, atMost: limit, elementBytes: 1)) {
            var record = R()
            try record.read(from: &self)
            value.append(record)
        }
    }

    package mutating func sizedList<R: WireRecord>(_ name: StaticString, _ value: inout [R], atMost limit: Int) throws(WireError) {
        value.removeAll(keepingCapacity: true)
        for _ in 0..<(try count(name, atMost: limit, elementBytes: 4)) {
            let outer = try enterRegion(name)
            var record = R()
            try record.read(from: &self)
            try skipTail(name)
            leaveRegion(outer)
            value.append(record)
        }
    }

    package mutating func variants<V: WireVariant>(_ name: StaticString, _ value: inout [V], atMost limit: Int) throws(WireError) {
        value.removeAll(keepingCapacity: true)
        for _ in 0..<(try count(name, atMost: limit, elementBytes: 5)) {
            var variant = V(tag: try load(name, as: UInt8.self))
            let outer = try enterRegion(name)
            try variant.read(from: &self)
            try skipTail(name)
            leaveRegion(outer)
            value.append(variant)
        }
    }

    package mutating func rest(_ name: StaticString, _ value: inout [UInt8]) throws(WireError) {
        let taken = try take(remaining, atMost: remaining, name)
        value.removeAll(keepingCapacity: true)
        taken.withUnsafeBytes { value.append(contentsOf: $0) }
    }

    package mutating func later<R: WireRecord>(_ name: StaticString, tag: UInt16, _ value: inout R?) throws(WireError) {
        value = nil
        while remaining > 0 {
            let before = offset, found = try load(name, as: UInt16.self)
            guard found > lastTag else { throw WireError(.badTail, name) }
            guard found <= tag else {
                offset = before  // belongs to a field after this one
                return
            }
            let region = try enterRegion(name)
            if found == tag {
                var record = R()
                try record.read(from: &self)
                try skipTail(name)
                value = record
            } else {
                offset = end
            }
            leaveRegion(region)
            lastTag = found
            if found == tag { return }
        }
    }

    package mutating func checksum(_ name: StaticString) throws(WireError) {
        let covered = span.extracting(0..<offset)
        guard try load(name, as: UInt64.self) == XXH3.hash(covered) else { throw WireError(.badChecksum, name) }
    }

    /// Ends a message or a sized record: what later minors added is well formed, and passed over.
    package mutating func skipTail(_ name: StaticString) throws(WireError) {
        while remaining > 0 {
            guard remaining >= 6 else { throw WireError(.badTail, name) }
            let tag = try load(name, as: UInt16.self)
            guard tag > lastTag else { throw WireError(.badTail, name) }
            lastTag = tag
            let count = Int(try load(name, as: UInt32.self))
            guard count <= remaining else { throw WireError(.badTail, name) }
            offset += count
        }
    }

    // MARK: Regions and counts

    /// Bytes in place, after the check that they are there.
    @_lifetime(copy self)
    package mutating func take(_ count: Int, atMost limit: Int, _ name: StaticString) throws(WireError) -> RawSpan {
        guard count <= limit else { throw WireError(.fieldTooLong, name) }
        guard count <= remaining else { throw WireError(.truncated, name) }
        let taken = span.extracting(offset..<(offset + count))
        offset += count
        return taken
    }

    /// A count that is within its limit, and that the bytes left could hold.
    package mutating func count(_ name: StaticString, atMost limit: Int, elementBytes: Int) throws(WireError) -> Int {
        let count = Int(try load(name, as: UInt32.self))
        guard count <= limit else { throw WireError(.countOverLimit, name) }
        guard count <= remaining / elementBytes else { throw WireError(.truncated, name) }
        return count
    }

    struct Region {
        let end: Int
        let lastTag: UInt16
    }

    mutating func enterRegion(_ name: StaticString) throws(WireError) -> Region {
        let count = Int(try load(name, as: UInt32.self))
        guard count <= remaining else { throw WireError(.truncated, name) }
        let outer = Region(end: end, lastTag: lastTag)
        end = offset + count
        lastTag = 0
        return outer
    }

    /// Whatever is left of the region.
    mutating func passRegion() { offset = end }

    mutating func leaveRegion(_ outer: Region) {
        precondition(offset == end, "a region is read to its end, or an error was thrown")
        end = outer.end
        lastTag = outer.lastTag
    }

    /// A count and its integers, in place: what `integers` would copy.
    @_lifetime(copy self)
    mutating func integersInPlace(_ name: StaticString, bytesEach size: Int, atMost limit: Int) throws(WireError) -> RawSpan {
        let count = try count(name, atMost: limit, elementBytes: size)
        return try take(count * size, atMost: count * size, name)
    }

    private mutating func integers<T: FixedWidthInteger & BitwiseCopyable>(
        _ name: StaticString, _ value: inout [T], atMost limit: Int
    ) throws(WireError) {
        let taken = try integersInPlace(name, bytesEach: MemoryLayout<T>.size, atMost: limit)
        append(taken, count: taken.byteCount / MemoryLayout<T>.size, to: &value)
    }

    /// Replaces `value` by the `count` integers that `taken` holds.
    private func append<T: FixedWidthInteger & BitwiseCopyable>(_ taken: RawSpan, count: Int, to value: inout [T]) {
        value.removeAll(keepingCapacity: true)
        value.append(contentsOf: repeatElement(0, count: count))
        // As they lie, which is as this machine has them: `ClusterModel` refuses to be built for another order of bytes.
        value.withUnsafeMutableBytes { room in taken.withUnsafeBytes { room.copyMemory(from: $0) } }
    }
}
