import ClusterModel

extension Duration {
    /// Three digits and the unit that fits: `812 µs`, `1.25 ms`, `37.6 s`, `12.4 min`.
    package var shortText: String {
        let microseconds = Double(inNanoseconds) / 1_000
        switch abs(microseconds) {
        case 0: return "0"
        case ..<999.5: return "\(microseconds.threeDigits) µs"
        case ..<999_500: return "\((microseconds / 1_000).threeDigits) ms"
        case ..<600_000_000: return "\((microseconds / 1_000_000).threeDigits) s"
        case ..<7_200_000_000: return "\((microseconds / 60_000_000).threeDigits) min"
        default: return "\((microseconds / 3_600_000_000).threeDigits) h"
        }
    }
}

extension Double {
    /// Three digits that count, more before the point: `0.0123`, `1.25`, `37.6`, `812`, `14200`.
    package var threeDigits: String {
        guard isFinite else { return "–" }
        guard self != 0 else { return "0" }
        var digits = 0, limit = 99.95
        while digits < 6, abs(self) < limit {
            digits += 1
            limit /= 10
        }
        return fixed(digits)
    }

    /// With so many digits behind the point, rounded half away from zero.
    package func fixed(_ digits: Int) -> String {
        guard isFinite else { return "–" }
        var unit: UInt64 = 1
        for _ in 0..<Swift.min(digits, 9) { unit *= 10 }
        let scaled = (magnitude * Double(unit)).rounded()
        guard scaled < 1e18 else { return description }
        let whole = UInt64(scaled), sign = self < 0 && whole > 0 ? "-" : ""
        guard digits > 0 else { return "\(sign)\(whole)" }
        let fraction = String(whole % unit)
        return "\(sign)\(whole / unit).\(String(repeating: "0", count: Swift.min(digits, 9) - fraction.utf8.count))\(fraction)"
    }
}
