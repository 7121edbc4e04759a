/// A JSON number as it was written; nothing is rounded before somebody asks for a type.
///
/// Equality is that of the text: `1.0` and `1` are different numbers here.
package struct JSONNumber: Hashable, Sendable, CustomStringConvertible {
    /// Matches the grammar of RFC 8259, section 6.
    package let text: String

    /// For the parser, which has checked the grammar.
    init(checked text: String) { self.text = text }

    /// Nil if the text is no JSON number or longer than `JSONLimits.numberBytes`.
    package init?(_ text: String) {
        guard let value = try? JSONValue(parsing: text), case .number(let number) = value, number.text.utf8.count == text.utf8.count else {
            return nil  // a number with white space around it is shorter than its text
        }
        self = number
    }

    package init(_ value: some FixedWidthInteger) { text = String(value) }

    /// The shortest text that reads back as the same value. Nil for what JSON cannot say: not a number and the infinities.
    package init?(_ value: Double) {
        guard value.isFinite else { return nil }
        text = value.description
    }

    package var description: String { text }

    /// The exact value, also of texts like `1e3` and `2.0`; nil if it is no integer or does not fit.
    package var asInt64: Int64? {
        guard let (isNegative, magnitude) = integer else { return nil }
        if isNegative { return magnitude <= 1 << 63 ? Int64(truncatingIfNeeded: 0 &- magnitude) : nil }
        return Int64(exactly: magnitude)
    }

    /// The exact value, also of texts like `1e3` and `2.0`; nil if it is no integer, negative, or does not fit.
    package var asUInt64: UInt64? {
        guard let (isNegative, magnitude) = integer, !isNegative || magnitude == 0 else { return nil }
        return magnitude
    }

    package var asInt: Int? { asInt64.flatMap(Int.init(exactly:)) }

    /// The nearest double; nil if that would be an infinity.
    package var asDouble: Double? {
        guard let value = Double(text), value.isFinite else { return nil }
        return value
    }

    /// Sign and magnitude where the number is an integer of at most 64 bits.
    private var integer: (isNegative: Bool, magnitude: UInt64)? {
        var isNegative = false
        var magnitude: UInt64 = 0
        var zeros = 0  // zeros seen but not yet multiplied in: trailing ones may be taken back by the exponent
        var fractionDigits = 0
        var inFraction = false
        var exponent = 0
        let bytes = text.utf8
        var index = bytes.startIndex
        digits: while index < bytes.endIndex {
            let byte = bytes[index]
            bytes.formIndex(after: &index)
            switch byte {
            case UInt8(ascii: "-"): isNegative = true
            case UInt8(ascii: "."): inFraction = true
            case UInt8(ascii: "e"), UInt8(ascii: "E"):
                // Number texts are short, so an exponent that does not fit an Int decides by its sign alone.
                let written = bytes[index...]
                exponent = Int(Substring(written)) ?? (written.first == UInt8(ascii: "-") ? Int.min / 2 : Int.max / 2)
                break digits
            default:
                if inFraction { fractionDigits += 1 }
                if byte == UInt8(ascii: "0") {
                    zeros += 1
                } else {
                    guard let raised = JSONNumber.raise(magnitude, byPowerOfTen: zeros + 1) else { return nil }
                    let (sum, overflow) = raised.addingReportingOverflow(UInt64(byte &- UInt8(ascii: "0")))
                    guard !overflow else { return nil }
                    magnitude = sum
                    zeros = 0
                }
            }
        }
        guard magnitude != 0 else { return (isNegative, 0) }
        let (power, overflow) = exponent.addingReportingOverflow(zeros - fractionDigits)
        guard !overflow, power >= 0, let raised = JSONNumber.raise(magnitude, byPowerOfTen: power) else { return nil }
        return (isNegative, raised)
    }

    private static func raise(_ value: UInt64, byPowerOfTen power: Int) -> UInt64? {
        guard value != 0 else { return 0 }
        guard power < 20 else { return nil }
        var value = value
        for _ in 0..<power {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            guard !overflow else { return nil }
            value = product
        }
        return value
    }
}
