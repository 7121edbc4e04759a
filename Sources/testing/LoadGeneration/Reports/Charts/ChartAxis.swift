import Glibc

/// One direction of a chart: what it measures, and where its values lie.
package struct ChartAxis: Hashable, Sendable {
    package enum Scale: Hashable, Sendable {
        /// From 0, so that lengths can be compared.
        case linear
        /// By powers of ten, for what differs by many; values that are not positive have no place.
        case logarithmic
        /// Percentiles 0 to below 100, stretched towards 100 so that each further nine is as wide as the one before it.
        case percentile
    }

    package var title: String
    package var style: NumberStyle
    package var scale: Scale

    package init(_ title: String, style: NumberStyle = .plain, scale: Scale = .linear) {
        self.title = title
        self.style = style
        self.scale = scale
    }
}

/// An axis with the values that a chart has on it.
struct FittedAxis {
    struct Tick {
        /// 0 to 1.
        let place: Double
        let label: String
    }

    private let axis: ChartAxis
    private let least: Double
    private let most: Double
    let ticks: [Tick]

    init(_ axis: ChartAxis, values: some Sequence<Double>, ticks wanted: Int = 5) {
        self.axis = axis
        let values = values.filter { $0.magnitude < FittedAxis.bound && (axis.scale != .logarithmic || $0 > 0) }
        let low = values.min() ?? 0, high = values.max() ?? 1
        switch axis.scale {
        case .linear:
            let bottom = min(0, low), span = max(high, 0) - bottom
            let step = FittedAxis.niceStep(span > 0 ? span / Double(wanted) : 0.25)
            least = (bottom / step).rounded(.down) * step
            most = max(least + step, (max(high, 0) / step).rounded(.up) * step)
            let count = Int(((most - least) / step).rounded())
            let (from, to) = (least, most)
            ticks = (0...max(1, count)).map { index in
                let value = from + Double(index) * step
                // 3 × 0.1 is not 0.3: what is nearly nothing is nothing.
                return Tick(place: (value - from) / (to - from), label: axis.style.tick(value.magnitude < step / 1_000 ? 0 : value))
            }
        case .logarithmic:
            let bottom = FittedAxis.log10(max(low, 1e-9)), top = FittedAxis.log10(max(high, 1e-9))
            // At least a third of a decade, so that one value has a place.
            least = bottom - max(0, 0.34 - (top - bottom)) / 2
            most = top + max(0, 0.34 - (top - bottom)) / 2
            let (from, to) = (least, most)
            let factors: [Double] = to - from > 3 ? [1] : to - from > 1.2 ? [1, 3] : [1, 2, 5]
            ticks = (Int(from.rounded(.down))...Int(to.rounded(.up))).flatMap { exponent in
                factors.compactMap { factor in
                    let place = (Double(exponent) + FittedAxis.log10(factor) - from) / (to - from)
                    guard place > -0.001, place < 1.001 else { return nil }
                    return Tick(place: place, label: axis.style.tick(factor * FittedAxis.power10(exponent)))
                }
            }
        case .percentile:
            least = 0
            most = max(1, FittedAxis.stretched(high))
            let to = most
            ticks = [("0", 0), ("50", 50), ("90", 90), ("99", 99), ("99.9", 99.9), ("99.99", 99.99), ("99.999", 99.999)].compactMap {
                let place = FittedAxis.stretched($0.1) / to
                return place < 1.001 ? Tick(place: place, label: $0.0) : nil
            }
        }
    }

    /// Where a value lies, 0 to 1; nil: nowhere.
    func place(_ value: Double) -> Double? {
        guard value.magnitude < FittedAxis.bound else { return nil }
        switch axis.scale {
        case .linear: return (value - least) / (most - least)
        case .logarithmic: return value > 0 ? (FittedAxis.log10(value) - least) / (most - least) : nil
        case .percentile: return min(1, FittedAxis.stretched(value) / most)
        }
    }

    /// Nothing that a load has is larger; beyond it arithmetic with places would be none.
    private static let bound = 1e15

    /// The number of nines, as it were: 0 at 0, 1 at 90, 2 at 99.
    private static func stretched(_ percent: Double) -> Double { percent >= 100 ? 7 : -log10(1 - max(0, percent) / 100) }

    /// 1, 2 or 5 times a power of ten, at least this.
    private static func niceStep(_ least: Double) -> Double {
        let power = power10(Int(log10(least).rounded(.down)))
        return [1, 2, 5].map { $0 * power }.first { $0 >= least * 0.999 } ?? 10 * power
    }

    private static func log10(_ value: Double) -> Double { Glibc.log10(value) }
    private static func power10(_ exponent: Int) -> Double { Glibc.pow(10, Double(exponent)) }
}
