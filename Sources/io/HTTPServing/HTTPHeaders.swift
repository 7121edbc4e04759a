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
        precondition(name.withUTF8Buffer { HTTPText.isEvery(UnsafeRawBufferPointer($0), .token) }, "names of fields are tokens")
        nameCount = name.utf8CodeUnitCount
        isOurs = Self.isOurs(name)
        var line: [UInt8] = []
        line.reserveCapacity(nameCount + value.utf8.count + 4)
        HTTPText.append(name, to: &line)
        HTTPText.append(": ", to: &line)
        let start = line.count
        line.append(contentsOf: value.utf8)
        if !line.withUnsafeBytes({ HTTPText.isFieldValue(UnsafeRawBufferPointer(rebasing: $0[start...])) }) {
            for index in start..<line.count where !ByteClass.fieldValue.contains(line[index]) { line[index] = UInt8(ascii: "?") }
        }
        HTTPText.append("\r\n", to: &line)
        self.line = line
    }

    package var name: String { String(decoding: line.prefix(nameCount), as: UTF8.self) }
    package var value: String { String(decoding: line.dropFirst(nameCount + 2).dropLast(2), as: UTF8.self) }

    private static func isOurs(_ name: StaticString) -> Bool {
        let name = UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        return HTTPText.isSame(name, "date") || HTTPText.isSame(name, "connection") || HTTPText.isSame(name, "content-length")
            || HTTPText.isSame(name, "transfer-encoding")
    }

    package func isNamed(_ name: StaticString) -> Bool {
        nameCount == name.utf8CodeUnitCount
            && line.withUnsafeBytes { HTTPText.isSame(UnsafeRawBufferPointer(rebasing: $0[..<nameCount]), name) }
    }
}
