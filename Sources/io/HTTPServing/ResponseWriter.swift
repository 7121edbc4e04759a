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

    /// All that stands between the start of an answer and its body; see `ResponseStart`.
    static func appendFields(_ headers: [HTTPField], _ framing: Framing, _ persistence: Persistence, to out: inout [UInt8]) {
        // By place, since what an iterator hands out counts references.
        for place in headers.indices where !headers[place].isOurs { out.append(contentsOf: headers[place].line) }
        switch persistence {
        case .stays: break
        case .staysByKeepAlive: HTTPText.append("Connection: keep-alive\r\n", to: &out)
        case .ends: HTTPText.append("Connection: close\r\n", to: &out)
        }
        switch framing {
        case .length(let count): appendLength(count, to: &out)
        case .chunked: HTTPText.append("Transfer-Encoding: chunked\r\n\r\n", to: &out)
        case .untilClose, .none: HTTPText.append("\r\n", to: &out)
        }
    }

    /// The last field of a head and its end, put together from behind, since the digits come from there, and appended at once.
    private static func appendLength(_ length: Int, to out: inout [UInt8]) {
        let name: StaticString = "Content-Length: ", end: StaticString = "\r\n\r\n"
        let room = name.utf8CodeUnitCount + HTTPText.mostDigits + end.utf8CodeUnitCount
        withUnsafeTemporaryAllocation(byteCount: room, alignment: 1) { line in
            var start = room - end.utf8CodeUnitCount, rest = length
            UnsafeMutableRawBufferPointer(rebasing: line[start...])
                .copyMemory(from: UnsafeRawBufferPointer(start: end.utf8Start, count: end.utf8CodeUnitCount))
            repeat {
                start -= 1
                line[start] = 0x30 + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            start -= name.utf8CodeUnitCount
            UnsafeMutableRawBufferPointer(rebasing: line[start...])
                .copyMemory(from: UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
            out.append(contentsOf: UnsafeRawBufferPointer(rebasing: line[start...]))
        }
    }

    // MARK: Chunks

    /// Eight digits, whatever the size: the head of a chunk is written before its size is known, and never moved.
    private static let sizeDigits = 8
    private static let chunkHeadBytes = sizeDigits + 2

    static func appendContinuation(to out: inout [UInt8]) { HTTPText.append("HTTP/1.1 100 Continue\r\n\r\n", to: &out) }

    /// Begins a chunk at the end of `out`, and gives its place.
    static func beginChunk(in out: inout [UInt8]) -> Int {
        let place = out.count
        HTTPText.append("00000000\r\n", to: &out)
        return place
    }

    static func endChunk(at place: Int, in out: inout [UInt8]) {
        let size = out.count - place - chunkHeadBytes
        // A chunk of nothing would be the last one.
        guard size > 0 else { return out.removeLast(chunkHeadBytes) }
        precondition(size <= UInt32.max, "what is appended at once fits a chunk")
        let digits = hexDigits(UInt32(size))
        out.withUnsafeMutableBytes { $0.storeBytes(of: digits.bigEndian, toByteOffset: place, as: UInt64.self) }
        out.append(0x0D)
        out.append(0x0A)
    }

    /// All eight at once, the first in the highest byte: there is one such number in each event of a stream.
    private static func hexDigits(_ number: UInt32) -> UInt64 {
        // A digit's four bits in each byte.
        var digits = UInt64(number)
        digits = (digits & 0xFFFF_0000) << 16 | digits & 0xFFFF
        digits = (digits & 0x0000_FF00_0000_FF00) << 8 | digits & 0x0000_00FF_0000_00FF
        digits = (digits & 0x00F0_00F0_00F0_00F0) << 4 | digits & 0x000F_000F_000F_000F
        // 1 in each byte above nine, where letters begin, 39 places behind the colon.
        let letters = ((digits + 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101
        return digits + 0x3030_3030_3030_3030 + letters * 39
    }

    static func appendLastChunk(to out: inout [UInt8]) { HTTPText.append("0\r\n\r\n", to: &out) }
}

/// How every answer begins: its status line and the date, kept for as long as the second lasts.
struct ResponseStart: Sendable {
    private var second = Int64.min
    private var date: [UInt8] = []
    private var ok: [UInt8] = []

    mutating func append(_ status: HTTPStatus, milliseconds: Int64, to out: inout [UInt8]) {
        let now = milliseconds / 1000
        if now != second {
            second = now
            date = Array("\r\nDate: ".utf8) + HTTPDate.text(second: now) + Array("\r\n".utf8)
            ok = Self.line(.ok) + date
        }
        guard status != .ok else { return out.append(contentsOf: ok) }
        out.append(contentsOf: Self.line(status))
        out.append(contentsOf: date)
    }

    private static func line(_ status: HTTPStatus) -> [UInt8] { Array("HTTP/1.1 \(status.code) \(status.reason)".utf8) }
}

/// Dates as RFC 9110 wants them.
enum HTTPDate {
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
