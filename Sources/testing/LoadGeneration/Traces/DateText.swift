/// Dates with times as traces write them: `2023-11-16 18:15:46.6805900`, `2024-05-10 00:00:00.009930+00:00`.
enum DateText {
    /// Since 1970, leap seconds not counted; nil for anything else than such a date, and for years from 2170 on.
    static func nanoseconds(_ text: UnsafeRawBufferPointer) -> Int64? {
        var rest = text[...]
        func take(_ digits: Int, _ range: ClosedRange<Int64>, then separators: StaticString = "") -> Int64? {
            guard rest.count >= digits, let value = DecimalText.whole(rest.prefix(digits), atMost: 9_999), range.contains(Int64(value))
            else {
                return nil
            }
            rest = rest.dropFirst(digits)
            guard separators.utf8CodeUnitCount > 0 else { return Int64(value) }
            guard let next = rest.popFirst(), separators.withUTF8Buffer({ $0.contains(next) }) else { return nil }
            return Int64(value)
        }
        guard let year = take(4, 1970...2169, then: "-"), let month = take(2, 1...12, then: "-"), let day = take(2, 1...31, then: " T"),
            day <= days(in: month, of: year), let hour = take(2, 0...23, then: ":"), let minute = take(2, 0...59, then: ":"),
            let second = take(2, 0...60)
        else { return nil }
        var nanoseconds = (((daysSince1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000_000
        if rest.first == UInt8(ascii: ".") {
            let digits = rest.dropFirst().prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            guard let fraction = DecimalText.nanoseconds([UInt8(ascii: "0"), UInt8(ascii: ".")] + digits, per: 1_000_000_000) else {
                return nil
            }
            nanoseconds += fraction
            rest = rest.dropFirst(1 + digits.count)
        }
        switch rest.popFirst() {
        case nil: return nanoseconds
        case UInt8(ascii: "Z"): return rest.isEmpty ? nanoseconds : nil
        case let sign? where sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"):
            guard let hours = take(2, 0...23, then: ":"), let minutes = take(2, 0...59), rest.isEmpty else { return nil }
            let offset = (hours * 60 + minutes) * 60_000_000_000
            let utc = nanoseconds - (sign == UInt8(ascii: "+") ? offset : -offset)
            return (0...TraceLimits.stampNanoseconds).contains(utc) ? utc : nil
        default: return nil
        }
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
