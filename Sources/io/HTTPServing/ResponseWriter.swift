import HTTPSyntax

/// Writes heads and chunks of responses, in place, into the bytes that leave.
enum ResponseWriter {
    enum Framing {
        case length(Int)
        case chunked
        /// The end of the connection is the end of the body.
        case untilClose
        /// A status that has no body.
        case none
    }

    /// Whether the connection stays, as the client has to be told it.
    enum Persistence {
        case stays
        /// To a client of HTTP/1.0, which has to be told that it stays.
        case staysByKeepAlive
        case ends
    }

    static func appendHead(
        _ status: HTTPStatus, _ headers: [HTTPField], _ framing: Framing, _ persistence: Persistence, date: [UInt8], to out: inout [UInt8]
    ) {
        append("HTTP/1.1 ", to: &out)
        HTTPText.append(decimal: status.code, to: &out)
        out.append(0x20)
        append(status.reason, to: &out)
        append("\r\nDate: ", to: &out)
        out.append(contentsOf: date)
        append("\r\n", to: &out)
        for field in headers where !isOurs(field.name) {
            append(field.name, to: &out)
            append(": ", to: &out)
            appendValue(field.value, to: &out)
            append("\r\n", to: &out)
        }
        switch framing {
        case .length(let count):
            append("Content-Length: ", to: &out)
            HTTPText.append(decimal: count, to: &out)
            append("\r\n", to: &out)
        case .chunked: append("Transfer-Encoding: chunked\r\n", to: &out)
        case .untilClose, .none: break
        }
        switch persistence {
        case .stays: break
        case .staysByKeepAlive: append("Connection: keep-alive\r\n", to: &out)
        case .ends: append("Connection: close\r\n", to: &out)
        }
        append("\r\n", to: &out)
    }

    /// Fields that follow from how the response leaves; an application's own would make two framings of one message.
    private static func isOurs(_ name: String) -> Bool {
        switch name.utf8.count {
        case 4: name.lowercased() == "date"
        case 10: name.lowercased() == "connection"
        case 14: name.lowercased() == "content-length"
        case 17: name.lowercased() == "transfer-encoding"
        default: false
        }
    }

    private static func append(_ text: StaticString, to out: inout [UInt8]) {
        out.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    private static func append(_ text: String, to out: inout [UInt8]) { out.append(contentsOf: text.utf8) }

    private static func appendValue(_ text: String, to out: inout [UInt8]) {
        let start = out.count
        out.append(contentsOf: text.utf8)
        for index in start..<out.count where !ByteClass.fieldValue.contains(out[index]) { out[index] = UInt8(ascii: "?") }
    }

    // MARK: Chunks

    /// Eight digits, whatever the size: the head of a chunk is written before its size is known, and never moved.
    private static let sizeDigits = 8
    private static let chunkHeadBytes = sizeDigits + 2

    static func appendContinuation(to out: inout [UInt8]) { append("HTTP/1.1 100 Continue\r\n\r\n", to: &out) }

    /// Begins a chunk at the end of `out`, and gives its place.
    static func beginChunk(in out: inout [UInt8]) -> Int {
        let place = out.count
        append("00000000\r\n", to: &out)
        return place
    }

    static func endChunk(at place: Int, in out: inout [UInt8]) {
        var size = out.count - place - chunkHeadBytes
        // A chunk of nothing would be the last one.
        guard size > 0 else { return out.removeLast(chunkHeadBytes) }
        precondition(size <= UInt32.max, "what is appended at once fits a chunk")
        for index in 0..<sizeDigits {
            let digit = UInt8(size & 15)
            out[place + sizeDigits - 1 - index] = digit < 10 ? 0x30 + digit : 0x61 + digit - 10
            size >>= 4
        }
        append("\r\n", to: &out)
    }

    static func appendLastChunk(to out: inout [UInt8]) { append("0\r\n\r\n", to: &out) }
}

/// The Date field, written once a second.
struct HTTPDate {
    private var second = Int64.min
    private var text: [UInt8] = []

    mutating func text(milliseconds: Int64) -> [UInt8] {
        let now = milliseconds / 1000
        if now != second {
            second = now
            text = Self.text(second: now)
        }
        return text
    }

    private static let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    /// As `Sun, 06 Nov 1994 08:49:37 GMT`.
    static func text(second: Int64) -> [UInt8] {
        let second = max(0, second), day = second / 86_400, time = Int(second % 86_400)
        // Days are counted from 1 March of year 0, so that leap days end a year; after Howard Hinnant's algorithm.
        let shifted = day + 719_468
        let era = shifted / 146_097, dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let dayOfMonth = Int(dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
        let month = Int(shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9)
        let year = Int(yearOfEra + era * 400) + (month <= 2 ? 1 : 0)
        let weekday = Int((day + 3) % 7)
        var text = Array("\(days[weekday]), ".utf8)
        appendTwo(dayOfMonth, to: &text)
        text.append(contentsOf: " \(months[month - 1]) \(year) ".utf8)
        appendTwo(time / 3600, to: &text)
        text.append(UInt8(ascii: ":"))
        appendTwo(time / 60 % 60, to: &text)
        text.append(UInt8(ascii: ":"))
        appendTwo(time % 60, to: &text)
        text.append(contentsOf: " GMT".utf8)
        return text
    }

    private static func appendTwo(_ value: Int, to text: inout [UInt8]) {
        text.append(0x30 + UInt8(value / 10))
        text.append(0x30 + UInt8(value % 10))
    }
}
