import HTTPSyntax

/// The fields of a request as they were sent: bytes kept once, names compared without regard to case.
package struct HTTPHeaders: Sendable {
    let table: FieldTable

    init(_ table: FieldTable) { self.table = table }

    package var count: Int { table.count }
    /// The first of that name. What is not UTF-8 is repaired.
    package subscript(_ name: StaticString) -> String? { table[name] }
    /// The same for a name that is known only at run time.
    package subscript(named name: String) -> String? { table[named: name] }
    /// All of that name, in the order in which they were sent.
    package func values(of name: StaticString) -> [String] { table.values(of: name) }
    package func contains(_ name: StaticString) -> Bool { table.contains(name) }

    /// All fields in order: for logs at debug level and for tests.
    package var all: [(name: String, value: String)] { table.all }
}

/// A field of a response, kept as the line that is sent.
package struct HTTPField: Hashable, Sendable {
    let line: [UInt8]
    private let nameCount: Int
    /// It follows from how the response leaves; an application's own would make two framings of one message.
    let isOurs: Bool

    /// A value may come from outside: control bytes in it, which could end the field, become question marks.
    package init(_ name: StaticString, _ value: String) {
        let name = UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        assert(HTTPText.isEvery(name, .token), "names of fields are tokens")
        nameCount = name.count
        isOurs = Self.isOurs(name)
        var value = value
        line = value.withUTF8 { value in
            let value = UnsafeRawBufferPointer(value)
            return [UInt8](unsafeUninitializedCapacity: name.count + value.count + 4) { line, count in
                count = line.count
                let line = UnsafeMutableRawBufferPointer(line), start = name.count + 2
                Self.copy(name, to: line, at: 0)
                Self.copy(": ", to: line, at: name.count)
                Self.copy(value, to: line, at: start)
                Self.copy("\r\n", to: line, at: start + value.count)
                guard !HTTPText.isFieldValue(value) else { return }
                for place in start..<(start + value.count) where !ByteClass.fieldValue.contains(line[place]) {
                    line[place] = UInt8(ascii: "?")
                }
            }
        }
    }

    private static func copy(_ part: UnsafeRawBufferPointer, to line: UnsafeMutableRawBufferPointer, at place: Int) {
        UnsafeMutableRawBufferPointer(rebasing: line[place...]).copyMemory(from: part)
    }

    private static func copy(_ text: StaticString, to line: UnsafeMutableRawBufferPointer, at place: Int) {
        copy(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount), to: line, at: place)
    }

    package var name: String { String(decoding: line.prefix(nameCount), as: UTF8.self) }
    package var value: String { String(decoding: line.dropFirst(nameCount + 2).dropLast(2), as: UTF8.self) }

    private static func isOurs(_ name: UnsafeRawBufferPointer) -> Bool {
        HTTPText.isName(name, "date") || HTTPText.isName(name, "connection") || HTTPText.isName(name, "content-length")
            || HTTPText.isName(name, "transfer-encoding")
    }

    package func isNamed(_ name: StaticString) -> Bool {
        nameCount == name.utf8CodeUnitCount
            && line.withUnsafeBytes { HTTPText.isSame(UnsafeRawBufferPointer(rebasing: $0[..<nameCount]), name) }
    }
}
