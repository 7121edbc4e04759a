import Glibc
import Telemetry
import Testing

@Suite struct UTCTimestampTests {
    @Test(
        "moments become RFC 3339 text, also before 1970, on leap days and at the ends of the years",
        arguments: [
            (Int64(0), "1970-01-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"), (testTime, "2026-03-01T12:00:00.123Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"), (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"), (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (1_709_251_199_001, "2024-02-29T23:59:59.001Z"), (-2_208_988_800_000, "1900-01-01T00:00:00.000Z"),
            (-62_167_219_200_000, "0000-01-01T00:00:00.000Z"), (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
            (.min, "0000-01-01T00:00:00.000Z"), (.max, "9999-12-31T23:59:59.999Z"),
        ])
    func golden(_ milliseconds: Int64, _ expected: String) {
        #expect(text(milliseconds) == expected)
    }

    @Test("every 1,003rd hour from year 0 to 9999 agrees with the C library")
    func againstLibrary() {
        for milliseconds in stride(from: Int64(-62_167_219_200_000), through: 253_402_300_799_999, by: 1_003 * 3_600_000) {
            var seconds = time_t(milliseconds / 1_000)
            var fields = tm()
            gmtime_r(&seconds, &fields)
            let ours = UTCTimestamp(millisecondsSinceEpoch: milliseconds)
            let same =
                ours.year == Int(fields.tm_year) + 1900 && ours.month == Int(fields.tm_mon) + 1 && ours.day == Int(fields.tm_mday)
                && ours.hour == Int(fields.tm_hour) && ours.minute == Int(fields.tm_min) && ours.second == Int(fields.tm_sec)
            if !same { Issue.record("\(milliseconds) became \(text(milliseconds))") }
        }
    }

    private func text(_ milliseconds: Int64) -> String {
        var bytes: [UInt8] = []
        UTCTimestamp(millisecondsSinceEpoch: milliseconds).append(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}
