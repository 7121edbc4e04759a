/// Writes JSON text into a buffer that is kept from document to document.
///
/// It places commas, and traps on a structure that is not JSON (a value without its name, an end without its beginning): only our own code
/// can do that. Text is escaped as far as RFC 8259 demands and no further.
package struct JSONWriter: ~Copyable {
    package enum Style: Sendable {
        /// No white space at all.
        case compact
        /// One member or element a line, indented by two spaces: for files and tools.
        case pretty
    }

    private enum Container { case array, object }

    /// What has been written so far.
    package private(set) var bytes: [UInt8]
    private let style: Style
    private var open: [Container] = []
    private var needsComma = false
    private var hasName = false

    /// Appends to `buffer`, whose memory is reused.
    package init(appendingTo buffer: consuming [UInt8] = [], style: Style = .compact) {
        bytes = buffer
        self.style = style
    }

    /// Forgets what was written and keeps the memory.
    package mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        open.removeAll(keepingCapacity: true)
        needsComma = false
        hasName = false
    }

    /// The finished text; every array and object must have ended.
    package consuming func finish() -> [UInt8] {
        precondition(open.isEmpty && !hasName, "unfinished JSON text")
        return bytes
    }

    // MARK: Structure

    package mutating func beginObject() {
        beginValue()
        bytes.append(UInt8(ascii: "{"))
        open.append(.object)
        needsComma = false
    }

    package mutating func endObject() { end(.object, UInt8(ascii: "}")) }

    package mutating func beginArray() {
        beginValue()
        bytes.append(UInt8(ascii: "["))
        open.append(.array)
        needsComma = false
    }

    package mutating func endArray() { end(.array, UInt8(ascii: "]")) }

    /// The name of the value that follows.
    package mutating func key(_ name: String) {
        precondition(open.last == .object && !hasName, "a JSON name out of place")
        separate()
        JSONWriter.appendQuoted(name, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        if style == .pretty { bytes.append(UInt8(ascii: " ")) }
        hasName = true
    }

    // MARK: Values

    package mutating func string(_ text: String) {
        beginValue()
        JSONWriter.appendQuoted(text, to: &bytes)
    }

    /// `utf8` must be valid UTF-8.
    package mutating func string(utf8: RawSpan) {
        beginValue()
        bytes.append(UInt8(ascii: "\""))
        JSONWriter.appendEscaped(utf8: utf8, to: &bytes)
        bytes.append(UInt8(ascii: "\""))
    }

    package mutating func number(_ value: Int) { number(Int64(value)) }

    package mutating func number(_ value: Int64) {
        beginValue()
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        JSONWriter.appendDigits(value.magnitude, to: &bytes)
    }

    package mutating func number(_ value: UInt64) {
        beginValue()
        JSONWriter.appendDigits(value, to: &bytes)
    }

    /// The shortest text that reads back as the same value; what JSON cannot say (not a number, the infinities) is written as `null`.
    package mutating func number(_ value: Double) {
        guard value.isFinite else { return null() }
        raw(value.description)
    }

    /// As for `Double`, with the fewer digits that a `Float` needs.
    package mutating func number(_ value: Float) {
        guard value.isFinite else { return null() }
        raw(value.description)
    }

    package mutating func number(_ value: JSONNumber) { raw(value.text) }

    package mutating func bool(_ value: Bool) {
        beginValue()
        append(value ? "true" : "false")
    }

    package mutating func null() {
        beginValue()
        append("null")
    }

    package mutating func value(_ value: JSONValue) { value.write(to: &self) }

    /// A value that is JSON already, copied as it is.
    package mutating func raw(_ json: RawSpan) {
        beginValue()
        json.withUnsafeBytes { bytes.append(contentsOf: $0) }
    }

    private mutating func raw(_ json: String) {
        beginValue()
        bytes.append(contentsOf: json.utf8)
    }

    // MARK: Helpers

    private mutating func append(_ word: StaticString) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount))
    }

    @inline(__always)
    private mutating func beginValue() {
        if open.last == .object {
            precondition(hasName, "a JSON member without a name")
            hasName = false
        } else {
            precondition(!open.isEmpty || !needsComma, "a second value in one JSON text")
            separate()
        }
        needsComma = true
    }

    private mutating func end(_ container: Container, _ byte: UInt8) {
        precondition(open.last == container && !hasName, "a JSON end without its beginning")
        open.removeLast()
        if needsComma { breakLine() }  // nothing between the brackets of an empty one
        bytes.append(byte)
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        if !open.isEmpty { breakLine() }
    }

    private mutating func breakLine() {
        guard style == .pretty else { return }
        bytes.append(UInt8(ascii: "\n"))
        for _ in 0..<open.count * 2 { bytes.append(UInt8(ascii: " ")) }
    }
}
