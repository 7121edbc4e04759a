/// The head of a message: its bytes, kept once, and where its fields stand in them.
package struct FieldTable: Sendable {
    package struct Entry: Sendable {
        package let name: Range<Int32>
        package let value: Range<Int32>

        /// Most names differ in their length, and are not looked at.
        @inline(__always)
        func isNamed(_ wanted: StaticString, in bytes: UnsafeRawBufferPointer) -> Bool {
            Int(name.upperBound &- name.lowerBound) == wanted.utf8CodeUnitCount && HTTPText.isSame(FieldTable.part(bytes, name), wanted)
        }
    }

    package internal(set) var bytes: [UInt8] = []
    package internal(set) var entries: [Entry] = []

    package init() {}

    package var count: Int { entries.count }

    /// The first value of a field, whose name is compared without regard to case.
    package subscript(_ name: StaticString) -> String? {
        bytes.withUnsafeBytes { bytes in
            for entry in entries where entry.isNamed(name, in: bytes) {
                return String(decoding: Self.part(bytes, entry.value), as: UTF8.self)
            }
            return nil
        }
    }

    /// The same for a name that is known only at run time.
    package subscript(named name: String) -> String? {
        var name = name
        return name.withUTF8 { name in
            bytes.withUnsafeBytes { bytes in
                let name = UnsafeRawBufferPointer(name)
                for entry in entries where HTTPText.isSame(Self.part(bytes, entry.name), name) {
                    return String(decoding: Self.part(bytes, entry.value), as: UTF8.self)
                }
                return nil
            }
        }
    }

    package func values(of name: StaticString) -> [String] {
        bytes.withUnsafeBytes { bytes in
            entries.filter { $0.isNamed(name, in: bytes) }
                .map { String(decoding: Self.part(bytes, $0.value), as: UTF8.self) }
        }
    }

    /// The values of a field, without making strings.
    package func forEachValue(of name: StaticString, _ body: (UnsafeRawBufferPointer) -> Void) {
        bytes.withUnsafeBytes { bytes in
            for entry in entries where entry.isNamed(name, in: bytes) { body(Self.part(bytes, entry.value)) }
        }
    }

    /// Whether a field is there, without making strings.
    package func contains(_ name: StaticString) -> Bool {
        bytes.withUnsafeBytes { bytes in entries.contains { $0.isNamed(name, in: bytes) } }
    }

    package func text(_ range: Range<Int32>) -> String {
        bytes.withUnsafeBytes { String(decoding: Self.part($0, range), as: UTF8.self) }
    }

    package func withBytes<Result, Failure: Error>(_ body: (UnsafeRawBufferPointer) throws(Failure) -> Result) throws(Failure) -> Result {
        try bytes.withUnsafeBufferPointer { (bytes) throws(Failure) in try body(UnsafeRawBufferPointer(bytes)) }
    }

    @inlinable @inline(__always)
    package static func part(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int32>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[Int(range.lowerBound)..<Int(range.upperBound)])
    }
}
