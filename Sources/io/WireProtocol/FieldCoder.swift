package import ClusterModel

/// What walks over the fields of a message: a reader, a writer, a describer for people, a filler for fuzzing.
///
/// A message states its layout once, in `layout(_:)`; every use of it follows. The types are those of `proto-spec/04-messages.md#types`.
package protocol FieldCoder: ~Escapable {
    mutating func u8(_ name: StaticString, _ value: inout UInt8) throws(WireError)
    mutating func u16(_ name: StaticString, _ value: inout UInt16) throws(WireError)
    mutating func u32(_ name: StaticString, _ value: inout UInt32) throws(WireError)
    mutating func u64(_ name: StaticString, _ value: inout UInt64) throws(WireError)
    mutating func i32(_ name: StaticString, _ value: inout Int32) throws(WireError)
    mutating func f32(_ name: StaticString, _ value: inout Float) throws(WireError)
    mutating func bool(_ name: StaticString, _ value: inout Bool) throws(WireError)
    /// A set of flags of which a reader must know every one.
    mutating func bits(_ name: StaticString, _ value: inout UInt8, known: UInt8) throws(WireError)
    /// A closed choice: an unknown value is an error.
    mutating func choice<E: WireEnum>(_ name: StaticString, _ value: inout E) throws(WireError)
    mutating func text(_ name: StaticString, _ value: inout String, atMost limit: Int) throws(WireError)
    mutating func bytes(_ name: StaticString, _ value: inout [UInt8], atMost limit: Int) throws(WireError)
    mutating func digest(_ name: StaticString, _ value: inout Digest) throws(WireError)
    mutating func u32s(_ name: StaticString, _ value: inout [UInt32], atMost limit: Int) throws(WireError)
    mutating func u64s(_ name: StaticString, _ value: inout [UInt64], atMost limit: Int) throws(WireError)
    /// As many integers as an earlier field said, with no count of their own.
    mutating func u32Array(_ name: StaticString, _ value: inout [UInt32], count: Int) throws(WireError)
    /// As many records as an earlier field said, with no count of their own.
    mutating func array<R: WireRecord>(_ name: StaticString, _ value: inout [R], count: Int) throws(WireError)
    mutating func record<R: WireRecord>(_ name: StaticString, _ value: inout R) throws(WireError)
    mutating func optional<R: WireRecord>(_ name: StaticString, _ value: inout R?) throws(WireError)
    /// Records one after another, without room for later fields.
    mutating func list<R: WireRecord>(_ name: StaticString, _ value: inout [R], atMost limit: Int) throws(WireError)
    /// Records with their length before them and a tail of their own each.
    mutating func sizedList<R: WireRecord>(_ name: StaticString, _ value: inout [R], atMost limit: Int) throws(WireError)
    /// Values of several shapes, each with a tag and its length before it; a reader keeps unknown ones as bytes.
    mutating func variants<V: WireVariant>(_ name: StaticString, _ value: inout [V], atMost limit: Int) throws(WireError)
    /// All that is left of the region: what an unknown variant holds.
    mutating func rest(_ name: StaticString, _ value: inout [UInt8]) throws(WireError)
    /// A field that a later minor added, in the tail of the message or sized record. Tags ascend in the order of the calls.
    mutating func later<R: WireRecord>(_ name: StaticString, tag: UInt16, _ value: inout R?) throws(WireError)
    /// A checksum of all of the body before it: written and checked, and no part of the value.
    mutating func checksum(_ name: StaticString) throws(WireError)
}

/// Fields in fixed order. `init()` is the value a reader starts from; it means nothing by itself.
package protocol WireRecord: Sendable {
    init()
    mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError)
    /// The layout, walked by the two coders that every message meets. Nobody writes these: the default ones are made for each record where it
    /// stands, while `layout` itself, called from another module, would look up at run time what each field is.
    mutating func write(to writer: inout WireWriter) throws(WireError)
    mutating func read(from reader: inout WireReader) throws(WireError)
}

extension WireRecord {
    package mutating func write(to writer: inout WireWriter) throws(WireError) { try layout(&writer) }
    package mutating func read(from reader: inout WireReader) throws(WireError) { try layout(&reader) }
}

/// A record that is a whole body: its kind is fixed.
package protocol WireMessage: WireRecord, Hashable {
    static var kind: MessageKind { get }
}

/// A closed set of values in one byte.
package protocol WireEnum: RawRepresentable<UInt8>, CaseIterable, Sendable {}

/// One of several shapes, told apart by a tag.
package protocol WireVariant: Sendable {
    /// The tags there are in this version, with the name of the record of each: for describers and fillers.
    static var records: [(tag: UInt8, name: StaticString)] { get }
    /// The empty value of that shape; an unknown tag gives the shape that keeps bytes.
    init(tag: UInt8)
    var tag: UInt8 { get }
    mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError)
    /// As a record's.
    mutating func write(to writer: inout WireWriter) throws(WireError)
    mutating func read(from reader: inout WireReader) throws(WireError)
}

extension WireVariant {
    package mutating func write(to writer: inout WireWriter) throws(WireError) { try layout(&writer) }
    package mutating func read(from reader: inout WireReader) throws(WireError) { try layout(&reader) }
}

extension FieldCoder where Self: ~Escapable {
    /// One-field wrappers over an integer cross the wire as that integer.
    @inline(__always)
    package mutating func u64<T: RawRepresentable<UInt64>>(_ name: StaticString, _ value: inout T) throws(WireError) {
        var raw = value.rawValue
        try u64(name, &raw)
        guard let typed = T(rawValue: raw) else { throw WireError(.invalidValue, name) }
        value = typed
    }

    @inline(__always)
    package mutating func u32<T: RawRepresentable<UInt32>>(_ name: StaticString, _ value: inout T) throws(WireError) {
        var raw = value.rawValue
        try u32(name, &raw)
        guard let typed = T(rawValue: raw) else { throw WireError(.invalidValue, name) }
        value = typed
    }

    /// An open code: unknown values are kept as they are.
    @inline(__always)
    package mutating func u16<T: RawRepresentable<UInt16>>(_ name: StaticString, _ value: inout T) throws(WireError) {
        var raw = value.rawValue
        try u16(name, &raw)
        guard let typed = T(rawValue: raw) else { throw WireError(.invalidValue, name) }
        value = typed
    }

    package mutating func optionalU32(_ name: StaticString, _ value: inout UInt32?) throws(WireError) {
        var boxed = value.map(WireU32.init)
        try optional(name, &boxed)
        value = boxed?.value
    }

    package mutating func optionalU64(_ name: StaticString, _ value: inout UInt64?) throws(WireError) {
        var boxed = value.map(WireU64.init)
        try optional(name, &boxed)
        value = boxed?.value
    }

    package mutating func optionalF32(_ name: StaticString, _ value: inout Float?) throws(WireError) {
        var boxed = value.map(WireF32.init)
        try optional(name, &boxed)
        value = boxed?.value
    }
}

/// A record of one field that stands for a number in an optional: a describer shows the number alone.
package protocol WireScalar: WireRecord {}

struct WireU32: WireScalar {
    var value: UInt32 = 0
    init() {}
    init(_ value: UInt32) { self.value = value }
    mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) { try coder.u32("value", &value) }
}

struct WireU64: WireScalar {
    var value: UInt64 = 0
    init() {}
    init(_ value: UInt64) { self.value = value }
    mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) { try coder.u64("value", &value) }
}

struct WireF32: WireScalar {
    var value: Float = 0
    init() {}
    init(_ value: Float) { self.value = value }
    mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) { try coder.f32("value", &value) }
}
