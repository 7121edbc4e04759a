/// A wall-clock moment as calendar fields in UTC, without a library: RFC 3339 with milliseconds.
package struct UTCTimestamp: Equatable, Sendable {
    package let year, month, day, hour, minute, second, millisecond: Int

    /// RFC 3339 has four digits for the year: moments outside are shown as the nearest one inside.
    private static let first: Int64 = -62_167_219_200_000  // 0000-01-01T00:00:00.000Z
    private static let last: Int64 = 253_402_300_799_999  // 9999-12-31T23:59:59.999Z

    /// Milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted, as the system's clock gives them.
    package init(millisecondsSinceEpoch milliseconds: Int64) {
        let clamped = Int(min(max(milliseconds, Self.first), Self.last))
        let day = clamped.flooredQuotient(86_400_000)
        let inDay = clamped - day * 86_400_000
        (year, month, self.day) = Self.civil(fromDays: day)
        hour = inDay / 3_600_000
        minute = inDay / 60_000 % 60
        second = inDay / 1_000 % 60
        millisecond = inDay % 1_000
    }

    /// `2026-03-01T12:00:00.123Z`
    package func append(to bytes: inout [UInt8]) {
        append(to: &bytes, between: "T")
        bytes.append(UInt8(ascii: "Z"))
    }

    func append(to bytes: inout [UInt8], between separator: Unicode.Scalar) {
        Self.append(year, digits: 4, to: &bytes)
        for (mark, value) in [("-" as Unicode.Scalar, month), ("-", day), (separator, hour), (":", minute), (":", second)] {
            bytes.append(UInt8(ascii: mark))
            Self.append(value, digits: 2, to: &bytes)
        }
        bytes.append(UInt8(ascii: "."))
        Self.append(millisecond, digits: 3, to: &bytes)
    }

    /// Howard Hinnant's `civil_from_days`: a year that begins in March puts the leap day last, and 400 years have 146,097 days.
    private static func civil(fromDays days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468  // days since 0000-03-01
        let era = shifted.flooredQuotient(146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
    }

    private static func append(_ value: Int, digits: Int, to bytes: inout [UInt8]) {
        var divisor = 1
        for _ in 1..<digits { divisor *= 10 }
        while divisor > 0 {
            bytes.append(UInt8(ascii: "0") + UInt8(value / divisor % 10))
            divisor /= 10
        }
    }
}

extension Int {
    /// Division that rounds down also below zero.
    fileprivate func flooredQuotient(_ divisor: Int) -> Int { self >= 0 ? self / divisor : (self + 1) / divisor - 1 }
}
