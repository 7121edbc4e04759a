import ClusterModel
import Glibc

/// How long prompts or answers are, in tokens.
package enum LengthDistribution: Hashable, Sendable {
    case fixed(Int)
    case uniform(ClosedRange<Int>)
    /// Cut off below 1.
    case normal(mean: Double, deviation: Double)
    /// Half of them below the median; `sigma` is the deviation of the logarithm.
    case lognormal(median: Double, sigma: Double)

    /// The most that is ever drawn: what the longest known context windows hold, twice.
    package static let longest = 4 << 20

    package struct Malformed: Error, Hashable, Sendable, CustomStringConvertible {
        package let text: String
        package var description: String {
            "'\(text.prefix(40))' is no length: write 512, uniform:100-900, normal:512,128 or lognormal:512,0.8, of 1 to \(LengthDistribution.longest)"
        }
    }

    /// From `512`, `uniform:100-900`, `normal:MEAN,DEVIATION` or `lognormal:MEDIAN,SIGMA`.
    package init(parsing text: String) throws(Malformed) {
        let halves = text.split(separator: ":", maxSplits: 1).map(String.init)
        func numbers(_ separator: Character, _ digits: String) -> [Double] {
            guard halves.count == 2 else { return [] }
            let parts = halves[1].split(separator: separator, omittingEmptySubsequences: false)
            let values = parts.compactMap { $0.utf8.allSatisfy(digits.utf8.contains) ? Double($0) : nil }
            return values.count == parts.count ? values : []
        }
        // Exponents, too, since small numbers are shown with one.
        func pair() -> [Double] { numbers(",", "0123456789.e-") }
        let span = 1...Double(Self.longest)
        switch halves.first {
        case "uniform":
            let bounds = numbers("-", "0123456789.")
            guard bounds.count == 2, bounds[0] <= bounds[1], span.contains(bounds[0]), span.contains(bounds[1]) else { break }
            self = .uniform(Int(bounds[0])...Int(bounds[1]))
            return
        case "normal":
            let values = pair()
            guard values.count == 2, span.contains(values[0]), (0...Double(Self.longest)).contains(values[1]) else { break }
            self = .normal(mean: values[0], deviation: values[1])
            return
        case "lognormal":
            let values = pair()
            guard values.count == 2, span.contains(values[0]), (0...10).contains(values[1]) else { break }
            self = .lognormal(median: values[0], sigma: values[1])
            return
        default:
            guard halves.count == 1, let value = Int(halves[0]), (1...Self.longest).contains(value) else { break }
            self = .fixed(value)
            return
        }
        throw Malformed(text: text)
    }

    /// As `init(parsing:)` reads it.
    package var text: String {
        switch self {
        case .fixed(let length): "\(length)"
        case .uniform(let range): "uniform:\(range.lowerBound)-\(range.upperBound)"
        case .normal(let mean, let deviation): "normal:\(Self.short(mean)),\(Self.short(deviation))"
        case .lognormal(let median, let sigma): "lognormal:\(Self.short(median)),\(Self.short(sigma))"
        }
    }

    private static func short(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? "\(Int(value))" : "\(value)"
    }

    func draw(_ random: inout SeededRandom) -> Int {
        switch self {
        case .fixed(let length): return length
        case .uniform(let range): return range.lowerBound + Int(random.below(UInt64(range.count)))
        case .normal(let mean, let deviation): return Self.clamped(mean + deviation * random.normal())
        case .lognormal(let median, let sigma): return Self.clamped(median * exp(sigma * random.normal()))
        }
    }

    private static func clamped(_ value: Double) -> Int { Int(min(max(value.rounded(), 1), Double(longest))) }
}
