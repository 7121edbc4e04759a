import JSONText

/// A number of a schema or of what is made from it, to the digit: `mantissa` divided by ten to the power of `scale`.
struct SchemaDecimal: Hashable {
    let mantissa: Int128
    let scale: Int

    /// Beyond it no number of a schema is taken to the digit: all 64-bit integers are below.
    private static let most: Int128 = 10_000_000_000_000_000_000
    /// While it is read; zeros at its end are taken off afterwards.
    private static let mostRead: Int128 = most * 10_000_000_000

    init(_ mantissa: Int128, scale: Int) {
        var mantissa = mantissa, scale = scale
        while scale > 0, mantissa % 10 == 0 {
            mantissa /= 10
            scale -= 1
        }
        self.mantissa = mantissa
        self.scale = scale
    }

    /// Nil for what has too many digits.
    init?(_ number: JSONNumber) {
        var mantissa: Int128 = 0, scale = 0, exponent = 0, isNegative = false, isFraction = false
        var bytes = Substring(number.text).utf8
        digits: while let byte = bytes.popFirst() {
            switch byte {
            case UInt8(ascii: "-"): isNegative = true
            case UInt8(ascii: "."): isFraction = true
            case UInt8(ascii: "e"), UInt8(ascii: "E"):
                guard let written = Int(Substring(bytes)), (-63...63).contains(written) else { return nil }
                exponent = written
                break digits
            default:
                guard mantissa < Self.mostRead else { return nil }
                mantissa = mantissa * 10 + Int128(byte - UInt8(ascii: "0"))
                if isFraction { scale += 1 }
            }
        }
        scale -= exponent
        while scale < 0, mantissa != 0 {
            mantissa *= 10
            scale += 1
            guard mantissa <= Self.most else { return nil }
        }
        while scale > 0, mantissa % 10 == 0 {
            mantissa /= 10
            scale -= 1
        }
        guard mantissa <= Self.most, scale <= SchemaLimits.fractionDigits else { return nil }
        self.init(isNegative ? -mantissa : mantissa, scale: max(0, scale))
    }

    var isWhole: Bool { scale == 0 }

    /// As a count of the smallest steps of `scale`, which is at least its own.
    func scaled(to scale: Int) -> Int128 {
        var result = mantissa
        for _ in self.scale..<scale { result *= 10 }
        return result
    }

    func isMultiple(of other: SchemaDecimal) -> Bool {
        let common = max(scale, other.scale), divisor = other.scaled(to: common)
        return divisor != 0 && scaled(to: common) % divisor == 0
    }

    /// As JSON writes it.
    var text: String {
        guard scale > 0 else { return "\(mantissa)" }
        let digits = "\(mantissa.magnitude)", missing = scale + 1 - digits.utf8.count
        let padded = String(repeating: "0", count: max(0, missing)) + digits
        return (mantissa < 0 ? "-" : "") + padded.dropLast(scale) + "." + padded.suffix(scale)
    }

    static func < (left: SchemaDecimal, right: SchemaDecimal) -> Bool {
        let common = max(left.scale, right.scale)
        return left.scaled(to: common) < right.scaled(to: common)
    }
}

extension Int128 {
    /// Nil if it is too large to go on with.
    func leastCommonMultiple(_ other: Int128) -> Int128? {
        var left = self, right = other
        while right != 0 { (left, right) = (right, left % right) }
        guard left != 0 else { return nil }
        let (product, overflow) = (self / left).multipliedReportingOverflow(by: other)
        return overflow ? nil : product
    }

    /// Rounded up.
    func dividedUp(by divisor: Int128) -> Int128 {
        let quotient = self / divisor
        return self % divisor > 0 ? quotient + 1 : quotient
    }

    /// Rounded down.
    func dividedDown(by divisor: Int128) -> Int128 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}
