import JSONText

/// Members of rows; what is not known is null, which pages show as unknown.
extension JSONWriter {
    mutating func text(_ name: String, _ value: String?) {
        key(name)
        if let value { string(value) } else { null() }
    }

    mutating func count(_ name: String, _ value: some BinaryInteger) {
        key(name)
        number(UInt64(clamping: value))
    }

    mutating func count(_ name: String, _ value: (some BinaryInteger)?) {
        key(name)
        if let value { number(UInt64(clamping: value)) } else { null() }
    }

    /// Three digits behind the point are enough for people, and keep rows that hardly changed as they are.
    mutating func amount(_ name: String, _ value: Double?) {
        key(name)
        amount(value)
    }

    mutating func amount(_ value: Double?) {
        guard let value, value.isFinite else { return null() }
        number((value * 1_000).rounded() / 1_000)
    }

    mutating func flag(_ name: String, _ value: Bool) {
        key(name)
        bool(value)
    }
}
