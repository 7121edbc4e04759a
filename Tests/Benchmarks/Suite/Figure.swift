/// One measured number.
struct Figure {
    /// How a number is held against its budget.
    enum Budget {
        case atMost(Double)
        case atLeast(Double)
    }

    /// What kind of number it is: only exact ones may fail a run.
    enum Kind { case time, allocations, instructions }

    let name: String
    let measured: Double
    let unit: String
    let kind: Kind
    let budget: Budget?

    init(_ name: String, _ measured: Double, _ unit: String, _ budget: Budget? = nil, kind: Kind = .time) {
        self.name = name
        self.measured = measured
        self.unit = unit
        self.budget = budget
        self.kind = kind
    }

    var met: Bool? {
        switch budget {
        case nil: nil
        case .atMost(let limit): measured <= limit
        case .atLeast(let limit): measured >= limit
        }
    }

    var budgetText: String {
        switch budget {
        case nil: ""
        case .atMost(let limit): "≤ \(NumberText.short(limit)) \(unit)"
        case .atLeast(let limit): "≥ \(NumberText.short(limit)) \(unit)"
        }
    }

    var measuredText: String { "\(NumberText.short(measured)) \(unit)" }
}

enum NumberText {
    /// Three or four digits that count, millions as M.
    static func short(_ value: Double) -> String {
        if value.magnitude >= 1_000_000 { return "\(rounded(value / 1_000_000)) M" }
        if value.magnitude >= 10_000 { return "\(rounded(value / 1_000)) k" }
        return rounded(value)
    }

    private static func rounded(_ value: Double) -> String {
        let digits: Double = value.magnitude >= 100 ? 1 : value.magnitude >= 10 ? 10 : value.magnitude >= 1 ? 100 : 10_000
        let result = (value * digits).rounded() / digits
        return result == result.rounded() ? "\(Int(result))" : "\(result)"
    }
}

extension [Double] {
    /// The smallest that so many of a hundred do not exceed.
    func percentile(_ percent: Int) -> Double {
        isEmpty ? .nan : sorted()[Swift.min(count * percent / 100, count - 1)]
    }

    /// The middle one, or the mean of the middle two.
    var median: Double {
        guard !isEmpty else { return .nan }
        let sorted = sorted(), middle = count / 2
        return count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }
}
