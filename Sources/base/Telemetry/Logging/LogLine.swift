package enum LogLimits {
    /// A whole line with its newline. Linux writes as much to a pipe in one piece (`PIPE_BUF`), so lines of several threads and processes
    /// never mix, and a pipe that reports room has room for all of it.
    package static let lineBytes = 4_096
    /// A text in a line, before escaping: ids, names and addresses fit, a prompt does not.
    package static let textBytes = 512
    /// Kept free for the mark of truncation and the end of the line.
    static let tailBytes = 48
}

/// How lines look.
package enum LogStyle: Equatable, Sendable {
    /// One JSON object a line, for machines.
    case json
    /// Aligned columns, for people at a terminal.
    case readable(colours: Bool)
}

/// Builds one line. Whatever the values hold, the result is one line, valid UTF-8 and at most `LogLimits.lineBytes` long:
/// nothing from outside can end the line early, forge another or send a command to a terminal.
struct LogLine {
    private(set) var bytes: [UInt8] = []
    private let style: LogStyle
    /// Fields that found no more room.
    private var omitted = 0

    init(style: LogStyle, level: LogLevel, message: UnsafeBufferPointer<UInt8>, atMilliseconds time: Int64, fields: LogFields) {
        self.style = style
        bytes.reserveCapacity(256)
        let timestamp = UTCTimestamp(millisecondsSinceEpoch: time)
        switch style {
        case .json: startJSON(timestamp, level, message)
        case .readable(let colours): startReadable(timestamp, level, message, colours: colours)
        }
        for field in fields.fields { append(field) }
        finish()
    }

    // MARK: Layout

    private mutating func startJSON(_ timestamp: UTCTimestamp, _ level: LogLevel, _ message: UnsafeBufferPointer<UInt8>) {
        append("{\"ts\":\"")
        timestamp.append(to: &bytes)
        append("\",\"level\":\"")
        append(level.name)
        append("\",\"msg\":\"")
        LogText.append(message, to: &bytes)
        append("\"")
    }

    private mutating func startReadable(_ timestamp: UTCTimestamp, _ level: LogLevel, _ message: UnsafeBufferPointer<UInt8>, colours: Bool)
    {
        timestamp.append(to: &bytes, between: " ")
        if colours { append(level.colour) }
        append(level.column)
        if colours { append("\u{1B}[0m") }
        let start = bytes.count
        LogText.append(message, to: &bytes)
        // Fields begin in one column below each other, as long as messages are short.
        while bytes.count - start < 40 { append(" ") }
    }

    private mutating func append(_ field: LogFields.Field) {
        let start = bytes.count
        switch style {
        case .json:
            append(",\"")
            field.key.withUTF8Buffer { LogText.append($0, to: &bytes) }
            append(field.value.keySuffix)
            append("\":")
            appendValue(field.value, quoted: true)
        case .readable:
            append(" ")
            field.key.withUTF8Buffer { LogText.append($0, to: &bytes) }
            append("=")
            appendValue(field.value, quoted: field.value.needsQuotes)
            append(field.value.unit)
        }
        if bytes.count > LogLimits.lineBytes - LogLimits.tailBytes {
            bytes.removeSubrange(start...)
            omitted += 1
        }
    }

    private mutating func finish() {
        if omitted > 0 {
            append(style == .json ? ",\"truncated\":" : " truncated=")
            NumberText.append(omitted, to: &bytes)
        }
        append(style == .json ? "}\n" : "\n")
    }

    // MARK: Values

    private mutating func appendValue(_ value: LogValue, quoted: Bool) {
        switch value {
        case .text(var text): appendQuoted(quoted) { line in text.withUTF8 { LogText.append($0, to: &line) } }
        case .raw(let raw): appendQuoted(quoted) { line in raw.withUnsafeBufferPointer { LogText.append($0, to: &line) } }
        case .hex(let id): appendQuoted(quoted) { line in LogText.append(hex: id, digits: 16, to: &line) }
        case .number(let number):
            // JSON has no word for these.
            appendQuoted(quoted && !number.isFinite) { line in NumberText.append(number, to: &line) }
        case .duration(let span): NumberText.append(span.milliseconds, to: &bytes)
        case .integer(let number): NumberText.append(number, to: &bytes)
        case .unsigned(let number), .size(let number): NumberText.append(number, to: &bytes)
        case .flag(let flag): append(flag ? "true" : "false")
        }
    }

    private mutating func appendQuoted(_ quoted: Bool, _ body: (inout [UInt8]) -> Void) {
        if quoted { append("\"") }
        body(&bytes)
        if quoted { append("\"") }
    }

    private mutating func append(_ text: StaticString) { text.withUTF8Buffer { bytes.append(contentsOf: $0) } }
}

extension LogLevel {
    /// With the spaces around it, all equally wide.
    fileprivate var column: StaticString {
        switch self {
        case .trace: " TRACE "
        case .debug: " DEBUG "
        case .info: " INFO  "
        case .warning: " WARN  "
        case .error: " ERROR "
        }
    }

    fileprivate var colour: StaticString {
        switch self {
        case .trace, .debug: "\u{1B}[2m"
        case .info: "\u{1B}[32m"
        case .warning: "\u{1B}[33m"
        case .error: "\u{1B}[31m"
        }
    }
}

extension LogValue {
    /// The unit stands in the JSON key, where a query can see it, ...
    fileprivate var keySuffix: StaticString {
        switch self {
        case .duration: "_ms"
        case .size: "_bytes"
        default: ""
        }
    }

    /// ... and behind the number for people.
    fileprivate var unit: StaticString {
        switch self {
        case .duration: "ms"
        case .size: "B"
        default: ""
        }
    }

    /// In the readable style a word stands bare; all else is quoted, so that where a value ends is never in doubt.
    fileprivate var needsQuotes: Bool {
        switch self {
        case .text(let text): !LogText.isWord(text.utf8)
        case .raw(let raw): !LogText.isWord(raw)
        default: false
        }
    }
}

extension Duration {
    /// With microseconds as fractions.
    fileprivate var milliseconds: Double {
        let (seconds, attoseconds) = components
        let microseconds = Double(attoseconds / 1_000_000_000_000)
        return (Double(seconds) * 1_000_000 + microseconds) / 1_000
    }
}
