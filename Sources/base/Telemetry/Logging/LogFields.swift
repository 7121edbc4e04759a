/// What a log line may say beside its fixed message: ids, names, sizes, counts, durations. Never a prompt, never generated text.
package enum LogValue: Hashable, Sendable {
    /// A name, an address, an id. Cut at `LogLimits.textBytes`.
    case text(String)
    /// Text from outside of which nobody checked that it is text; what is not UTF-8 is shown as `\xNN`.
    case raw([UInt8])
    /// A 64-bit id or hash: sixteen hexadecimal digits, since JSON readers round large numbers.
    case hex(UInt64)
    case integer(Int64)
    case unsigned(UInt64)
    case number(Double)
    case flag(Bool)
    /// Shown in milliseconds; in JSON the key gets `_ms`.
    case duration(Duration)
    /// Shown in bytes; in JSON the key gets `_bytes`.
    case size(UInt64)

    package static func count(_ count: Int) -> LogValue { .integer(Int64(count)) }
}

extension LogValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral {
    package init(stringLiteral value: String) { self = .text(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(floatLiteral value: Double) { self = .number(value) }
    package init(booleanLiteral value: Bool) { self = .flag(value) }
}

/// Key and value pairs in the order written. Keys are fixed in the source; `ts`, `level`, `msg` and `truncated` are the line's own.
package struct LogFields: ExpressibleByDictionaryLiteral, Sendable {
    struct Field: Sendable {
        let key: StaticString
        let value: LogValue
    }

    private(set) var fields: [Field]

    package init(dictionaryLiteral elements: (StaticString, LogValue)...) {
        fields = elements.map { Field(key: $0, value: $1) }
    }

    /// These, then `others`; of two fields with one key the later one counts, in its place.
    package func adding(_ others: LogFields) -> LogFields {
        if fields.isEmpty { return others }
        if others.fields.isEmpty { return self }
        var joined = self
        joined.fields.removeAll { mine in others.fields.contains { Self.sameKey($0.key, mine.key) } }
        joined.fields.append(contentsOf: others.fields)
        return joined
    }

    private static func sameKey(_ one: StaticString, _ other: StaticString) -> Bool {
        one.withUTF8Buffer { one in other.withUTF8Buffer { one.elementsEqual($0) } }
    }
}
