/// Dates with times as traces write them: `2023-11-16 18:15:46.6805900`, `2024-05-10 00:00:00.009930+00:00`.
enum DateText {
    /// Since 1970, leap seconds not counted; nil for anything else than such a date, and for years from 2170 on.
    static func nanoseconds(_ text: RawSpan) -> Int64? {
        // 2023-11-16 18:15:46 is as wide as this, always.
        let dateBytes = 19
        guard text.byteCount >= dateBytes, let year = digits(4, at: 0, of: text, 1970...2169), byte(text, 4) == UInt8(ascii: "-"),
            let month = digits(2, at: 5, of: text, 1...12), byte(text, 7) == UInt8(ascii: "-"),
            let day = digits(2, at: 8, of: text, 1...days(in: month, of: year)),
            byte(text, 10) == UInt8(ascii: " ") || byte(text, 10) == UInt8(ascii: "T"), let hour = digits(2, at: 11, of: text, 0...23),
            byte(text, 13) == UInt8(ascii: ":"), let minute = digits(2, at: 14, of: text, 0...59), byte(text, 16) == UInt8(ascii: ":"),
            let second = digits(2, at: 17, of: text, 0...60)
        else { return nil }
        let seconds = ((daysSince1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second
        var end = dateBytes, fraction: Int64 = 0, unit: Int64 = 1_000_000_000
        if byte(text, end) == UInt8(ascii: ".") {
            end += 1
            let first = end
            while let digit = byte(text, end), (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) {
                unit /= 10
                fraction += Int64(digit - UInt8(ascii: "0")) * unit
                end += 1
            }
            guard end > first else { return nil }
        }
        guard let offset = offsetSeconds(text, from: end) else { return nil }
        let utc = (seconds - offset) * 1_000_000_000 + fraction
        return (0...TraceLimits.stampNanoseconds).contains(utc) ? utc : nil
    }

    /// What follows the time: nothing, `Z`, or hours and minutes east of Greenwich.
    private static func offsetSeconds(_ text: RawSpan, from begin: Int) -> Int64? {
        guard let sign = byte(text, begin) else { return 0 }
        if sign == UInt8(ascii: "Z"), text.byteCount == begin + 1 { return 0 }
        guard sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"), text.byteCount == begin + 6,
            let hours = digits(2, at: begin + 1, of: text, 0...23), byte(text, begin + 3) == UInt8(ascii: ":"),
            let minutes = digits(2, at: begin + 4, of: text, 0...59)
        else { return nil }
        let east = (hours * 60 + minutes) * 60
        return sign == UInt8(ascii: "+") ? east : -east
    }

    private static func byte(_ text: RawSpan, _ place: Int) -> UInt8? {
        place < text.byteCount ? text.unsafeLoad(fromByteOffset: place, as: UInt8.self) : nil
    }

    private static func digits(_ count: Int, at place: Int, of text: RawSpan, _ range: ClosedRange<Int64>) -> Int64? {
        guard let value = DecimalText.whole(text.extracting(place..<place + count), atMost: 9_999) else { return nil }
        return range.contains(Int64(value)) ? Int64(value) : nil
    }

    private static func isLeap(_ year: Int64) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

    private static func days(in month: Int64, of year: Int64) -> Int64 {
        switch month {
        case 2: isLeap(year) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    private static func daysSince1970(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let before = year - 1
        let years = (year - 1970) * 365 + (before / 4 - 1969 / 4) - (before / 100 - 1969 / 100) + (before / 400 - 1969 / 400)
        return (1..<month).reduce(years + day - 1) { $0 + days(in: $1, of: year) }
    }
}
