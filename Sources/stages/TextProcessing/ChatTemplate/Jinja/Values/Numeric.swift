/// A number that takes part in arithmetic: Python counts booleans as 0 and 1.
enum Numeric: Equatable {
    case int(Int)
    case float(Double)

    init?(_ value: TemplateValue) {
        switch value {
        case .bool(let value): self = .int(value ? 1 : 0)
        case .int(let value): self = .int(value)
        case .float(let value): self = .float(value)
        default: return nil
        }
    }

    var double: Double {
        switch self {
        case .int(let value): Double(value)
        case .float(let value): value
        }
    }

    /// Exact, also between an integer and a float.
    static func == (left: Numeric, right: Numeric) -> Bool {
        switch (left, right) {
        case (.int(let left), .int(let right)): left == right
        case (.float(let left), .float(let right)): left == right
        case (.int(let int), .float(let float)), (.float(let float), .int(let int)): Int(exactly: float) == int
        }
    }

    /// Nil where neither is below the other and they are not equal: not a number.
    static func isLess(_ left: Numeric, _ right: Numeric) -> Bool {
        switch (left, right) {
        case (.int(let left), .int(let right)): left < right
        case (.float(let left), .float(let right)): left < right
        case (.int(let int), .float(let float)): !float.isNaN && (float >= 0x1p63 || (float > -0x1p63 && below(int, float)))
        case (.float(let float), .int(let int)): !float.isNaN && (float < -0x1p63 || (float < 0x1p63 && above(int, float)))
        }
    }

    private static func below(_ int: Int, _ float: Double) -> Bool {
        let whole = Int(float.rounded(.down))
        return int < whole || (int == whole && float != float.rounded(.down))
    }

    private static func above(_ int: Int, _ float: Double) -> Bool { int > Int(float.rounded(.down)) }
}

/// Operators between numbers.
enum Arithmetic {
    enum Operator { case add, subtract, multiply, divide, floorDivide, remainder, power }

    enum Problem: Error { case division, overflow, notReal }

    static func apply(_ operation: Operator, _ left: Numeric, _ right: Numeric) throws(Problem) -> TemplateValue {
        if case .int(let left) = left, case .int(let right) = right, operation != .divide { return try integers(operation, left, right) }
        return .float(try floats(operation, left.double, right.double))
    }

    private static func integers(_ operation: Operator, _ left: Int, _ right: Int) throws(Problem) -> TemplateValue {
        let result: (partialValue: Int, overflow: Bool)
        switch operation {
        case .add: result = left.addingReportingOverflow(right)
        case .subtract: result = left.subtractingReportingOverflow(right)
        case .multiply: result = left.multipliedReportingOverflow(by: right)
        case .divide: return .float(try floats(.divide, Double(left), Double(right)))
        case .floorDivide:
            guard right != 0 else { throw .division }
            result = left.dividedReportingOverflow(by: right)
            if !result.overflow && left % right != 0 && (left < 0) != (right < 0) { return .int(result.partialValue - 1) }
        case .remainder:
            guard right != 0 else { throw .division }
            result = left.remainderReportingOverflow(dividingBy: right)
            if result.partialValue != 0 && (result.partialValue < 0) != (right < 0) { return .int(result.partialValue + right) }
            return .int(result.partialValue)
        case .power: return try power(left, right)
        }
        guard !result.overflow else { throw .overflow }
        return .int(result.partialValue)
    }

    private static func power(_ base: Int, _ exponent: Int) throws(Problem) -> TemplateValue {
        guard exponent >= 0 else { return .float(try floats(.power, Double(base), Double(exponent))) }
        var (result, base, rest) = (1, base, exponent)
        if base == 0 || base == 1 { return .int(exponent == 0 ? 1 : base) }
        if base == -1 { return .int(exponent % 2 == 0 ? 1 : -1) }
        while rest > 0 {
            if rest & 1 == 1 {
                let (product, overflow) = result.multipliedReportingOverflow(by: base)
                guard !overflow else { throw .overflow }
                result = product
            }
            rest >>= 1
            guard rest > 0 else { break }
            let (square, overflow) = base.multipliedReportingOverflow(by: base)
            guard !overflow else { throw .overflow }
            base = square
        }
        return .int(result)
    }

    private static func floats(_ operation: Operator, _ left: Double, _ right: Double) throws(Problem) -> Double {
        switch operation {
        case .add: return left + right
        case .subtract: return left - right
        case .multiply: return left * right
        case .divide:
            guard right != 0 else { throw .division }
            return left / right
        case .floorDivide:
            guard right != 0 else { throw .division }
            // As Python does it: the quotient is corrected with the remainder, and a zero has the sign of the true quotient.
            let remainder = left.truncatingRemainder(dividingBy: right)
            let isOff = remainder != 0 && (remainder < 0) != (right < 0)
            let quotient = (left - remainder) / right - (isOff ? 1 : 0)
            guard quotient != 0 else { return left / right < 0 || (left / right).sign == .minus ? -0.0 : 0.0 }
            let floor = quotient.rounded(.down)
            return quotient - floor > 0.5 ? floor + 1 : floor
        case .remainder:
            guard right != 0 else { throw .division }
            let remainder = left.truncatingRemainder(dividingBy: right)
            guard remainder != 0 else { return right < 0 ? -0.0 : 0.0 }
            return (remainder < 0) != (right < 0) ? remainder + right : remainder
        case .power: return try whole(left, right)
        }
    }

    /// Powers with a whole exponent; others need a library that a pure stage has not.
    private static func whole(_ base: Double, _ exponent: Double) throws(Problem) -> Double {
        guard let count = Int(exactly: exponent), count.magnitude <= 4096 else { throw .notReal }
        if base == 0 && count < 0 { throw .division }
        var result = 1.0
        for _ in 0..<abs(count) { result *= base }
        return count < 0 ? 1 / result : result
    }
}
