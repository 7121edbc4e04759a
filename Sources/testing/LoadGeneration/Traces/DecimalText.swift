/// Decimal numbers in a trace's text, exactly: a stamp of microseconds must not depend on how a double rounds.
enum DecimalText {
    /// `text` times `nanosecondsPerUnit`, rounded down to the nanosecond; nil if it is no plain decimal number that is not negative, or too big.
    static func nanoseconds(_ text: RawSpan, per nanosecondsPerUnit: Int64) -> Int64? {
        var value: Int64 = 0, unit = nanosecondsPerUnit, isFraction = false, digits = 0
        for index in 0..<text.byteCount {
            let byte = text.unsafeLoad(fromByteOffset: index, as: UInt8.self)
            if byte == UInt8(ascii: "."), !isFraction, digits > 0 {
                guard value <= TraceLimits.stampNanoseconds else { return nil }
                isFraction = true
                digits = 0
                continue
            }
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            digits += 1
            let digit = Int64(byte - UInt8(ascii: "0"))
            if isFraction {
                unit /= 10
                value += digit * unit
            } else {
                let (shifted, overflow) = value.multipliedReportingOverflow(by: 10)
                guard !overflow else { return nil }
                let (sum, sumOverflow) = shifted.addingReportingOverflow(digit * nanosecondsPerUnit)
                guard !sumOverflow else { return nil }
                value = sum
            }
        }
        return digits > 0 && value <= TraceLimits.stampNanoseconds ? value : nil
    }

    /// Nil if it is no plain whole number, or more than `limit`.
    static func whole(_ text: RawSpan, atMost limit: UInt64) -> UInt64? {
        var value: UInt64 = 0
        guard (1...19).contains(text.byteCount) else { return nil }
        for index in 0..<text.byteCount {
            let byte = text.unsafeLoad(fromByteOffset: index, as: UInt8.self)
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            value = value * 10 + UInt64(byte - UInt8(ascii: "0"))
        }
        return value <= limit ? value : nil
    }
}
