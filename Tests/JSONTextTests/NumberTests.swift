import JSONText
import Testing

@Suite("Numbers") struct NumberTests {
    @Test("the text is kept as it was written", arguments: ["1.0", "1e+05", "-0", "0.10", "123456789012345678901234567890"])
    func text(_ text: String) throws {
        #expect(try JSONValue(parsing: text).asNumber?.text == text)
        #expect(try JSONValue(parsing: text).encoded() == Array(text.utf8))
    }

    @Test(
        "an integer is exact or nil",
        arguments: [
            ("0", 0), ("-0", 0), ("9223372036854775807", .max), ("-9223372036854775808", .min), ("9223372036854775808", nil),
            ("-9223372036854775809", nil), ("1.0", 1), ("1.5", nil), ("1e3", 1000), ("1200e-2", 12), ("1.25e2", 125), ("1.25e1", nil),
            ("5e-1", nil),
            ("0e999999999999999999999", 0), ("1e999999999999999999999", nil), ("10e-999999999999999999999", nil),
            ("1000000000000000000000e-20", 10),
            ("0.000e5", 0), ("-12.00", -12), ("922337203685477580.7e1", .max),
        ] as [(String, Int64?)])
    func signed(_ text: String, _ expected: Int64?) throws { #expect(try JSONValue(parsing: text).asInt64 == expected) }

    @Test(
        "an unsigned integer is exact or nil",
        arguments: [
            ("18446744073709551615", .max), ("18446744073709551616", nil), ("-1", nil), ("-0", 0), ("1e19", 10_000_000_000_000_000_000),
            ("1e20", nil),
            ("18446744073709551615.0", .max), ("184467440737095516150e-1", .max),
        ] as [(String, UInt64?)])
    func unsigned(_ text: String, _ expected: UInt64?) throws { #expect(try JSONValue(parsing: text).asUInt64 == expected) }

    @Test(
        "a double is the nearest or nil where that is infinite",
        arguments: [
            ("0.1", 0.1), ("1e400", nil), ("-1e400", nil), ("1e-400", 0), ("1.7976931348623157e308", .greatestFiniteMagnitude),
            ("5e-324", .leastNonzeroMagnitude),
            ("123456789012345678901234567890", 123456789012345677877719597056),
        ] as [(String, Double?)])
    func double(_ text: String, _ expected: Double?) throws { #expect(try JSONValue(parsing: text).asDouble == expected) }

    @Test("a number can be made from text that is one, and from nothing else")
    func fromText() {
        #expect(JSONNumber("1.50")?.text == "1.50")
        for text in ["", " 1", "1 ", "01", "true", "[1]", "NaN"] { #expect(JSONNumber(text) == nil) }
        #expect(JSONNumber(Double.infinity) == nil)
        #expect(JSONNumber(Double.nan) == nil)
        #expect(JSONNumber(UInt64.max).text == "18446744073709551615")
    }

    @Test("doubles written are read back bit for bit")
    func doubles() throws {
        var random = SplitMix(state: 11)
        for _ in 0..<20_000 {
            let value = Double(bitPattern: random.next())
            guard value.isFinite else { continue }
            var writer = JSONWriter()
            writer.number(value)
            #expect(try JSONValue(parsing: writer.finish()).asDouble?.bitPattern == value.bitPattern)
        }
    }
}
