import HTTPSyntax

/// The fields of a request as they were sent: bytes kept once, names compared without regard to case.
package struct HTTPHeaders: Sendable {
    let table: FieldTable

    init(_ table: FieldTable) { self.table = table }

    package var count: Int { table.count }
    /// The first of that name. What is not UTF-8 is repaired.
    package subscript(_ name: StaticString) -> String? { table[name] }
    /// All of that name, in the order in which they were sent.
    package func values(of name: StaticString) -> [String] { table.values(of: name) }
    package func contains(_ name: StaticString) -> Bool { table.contains(name) }

    /// All fields in order: for logs at debug level and for tests.
    package var all: [(name: String, value: String)] { table.entries.map { (table.text($0.name), table.text($0.value)) } }
}

/// A field of a response.
package struct HTTPField: Hashable, Sendable {
    package let name: String
    package let value: String

    /// A value may come from outside: control bytes in it, which could end the field, become question marks when it is written.
    package init(_ name: StaticString, _ value: String) {
        precondition(name.withUTF8Buffer { HTTPText.isEvery(UnsafeRawBufferPointer($0), .token) }, "names of fields are tokens")
        self.name = name.description
        self.value = value
    }
}
