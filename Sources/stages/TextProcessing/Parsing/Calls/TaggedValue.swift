import JSONText

/// The value of one parameter on its way into JSON. Strings are written as they come, others once they are whole.
struct TaggedValue: Sendable {
    private let types: ToolList.Types
    private var isStreaming: Bool
    private var isQuoted = false
    private var isFirst = true
    private var held: [UInt8] = []
    var skipsLineEnd = false

    init(_ types: ToolList.Types) {
        self.types = types
        isStreaming = types.isEmpty || types == .string
    }

    mutating func append(_ byte: UInt8, _ calls: inout CallSink) {
        defer { isFirst = false }
        if isFirst && skipsLineEnd && byte == 0x0A { return }
        guard isStreaming else {
            held.append(byte)
            if held.count > TextLimits.heldCallBytes { stream(&calls) }
            return
        }
        quote(&calls)
        JSONQuoting.append(byte, to: &calls)
    }

    mutating func finish(_ calls: inout CallSink) {
        if !isStreaming, let json = converted() { return calls.arguments(json) }
        stream(&calls)
        calls.argument(UInt8(ascii: "\""))
    }

    /// It is a string after all.
    private mutating func stream(_ calls: inout CallSink) {
        isStreaming = true
        quote(&calls)
        for byte in held { JSONQuoting.append(byte, to: &calls) }
        held.removeAll()
    }

    private mutating func quote(_ calls: inout CallSink) {
        if !isQuoted { calls.argument(UInt8(ascii: "\"")) }
        isQuoted = true
    }

    /// The value as JSON text, if it is JSON of a type that the tool wants, or Python's way to write it.
    private func converted() -> [UInt8]? {
        let text = held.trimmed
        if let value = try? JSONValue(parsing: text) { return isWanted(value) ? text : nil }
        guard let json = PythonLiteral.json(of: text), let value = try? JSONValue(parsing: json) else { return nil }
        return isWanted(value) ? json : nil
    }

    /// What is of another type is a string only where strings are wanted.
    private func isWanted(_ value: JSONValue) -> Bool { !types.isDisjoint(with: ToolList.Types(of: value)) || !types.contains(.string) }
}

/// Text into JSON strings, a byte at a time.
enum JSONQuoting {
    @inline(__always)
    static func append(_ byte: UInt8, to calls: inout CallSink) {
        if byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\") { return calls.argument(byte) }
        var escaped: [UInt8] = []
        JSONWriter.appendEscaped(utf8: [byte].span.bytes, to: &escaped)
        calls.arguments(escaped)
    }

    /// A whole string with its quotes.
    static func append(_ text: [UInt8], to calls: inout CallSink) {
        var quoted: [UInt8] = [UInt8(ascii: "\"")]
        JSONWriter.appendEscaped(utf8: text.span.bytes, to: &quoted)
        quoted.append(UInt8(ascii: "\""))
        calls.arguments(quoted)
    }
}
