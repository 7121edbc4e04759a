import Glibc

/// Upper bounds of histograms. All lists rise strictly and print as short decimal numbers.
package enum Buckets {
    /// Zero, then bounds at equal ratios up to the maximum, rounded to two significant figures; neighbours that become equal are merged.
    ///
    /// The minimum only sets the ratio and is not itself a bound. A count of 0 gives no bounds, a count of 1 gives `[0]`.
    package static func logarithmic(_ range: BucketRange) -> [Double] {
        do throws(BucketRangeError) { try range.validate() } catch { preconditionFailure("bucket range: \(error)") }
        guard range.count > 0 else { return [] }
        var bounds = [0.0]
        let low = log(range.minimum)
        let high = log(range.maximum)
        for step in stride(from: 1, to: range.count, by: 1) {
            let exact = exp(low + (high - low) * Double(step) / Double(range.count - 1))
            let bound = rounded(exact, significantFigures: 2)
            if bound != bounds.last { bounds.append(bound) }
        }
        return bounds
    }

    package static func doubling(from first: Double, count: Int) -> [Double] { geometric(from: first, factor: 2, count: count) }

    package static func tripling(from first: Double, count: Int) -> [Double] { geometric(from: first, factor: 3, count: count) }

    package static func linear(from first: Double, step: Double, count: Int) -> [Double] {
        (0..<count).map { clean(first + step * Double($0)) }
    }

    private static func geometric(from first: Double, factor: Double, count: Int) -> [Double] {
        var bounds: [Double] = []
        var power = 1.0
        for _ in 0..<count {
            bounds.append(clean(first * power))
            power *= factor
        }
        return bounds
    }

    /// The bounds, once they are known to be finite and strictly rising. Lists are ours: a wrong one traps.
    static func checked(_ bounds: [Double], for name: String) -> [Double] {
        precondition(bounds.count <= MetricsLimits.bucketsPerHistogram, "metric \(name) has too many buckets")
        precondition(bounds.allSatisfy(\.isFinite), "metric \(name): bounds are finite, +Inf is added")
        precondition(zip(bounds, bounds.dropFirst()).allSatisfy(<), "metric \(name): bounds rise strictly")
        return bounds
    }

    // MARK: Rounding

    /// Takes the noise of binary multiplication off: 0.15000000000000002 becomes 0.15, so that `le` is the same text everywhere.
    private static func clean(_ value: Double) -> Double { rounded(value, significantFigures: 12) }

    /// Halves go away from zero. Scales by whole powers of ten only, so that the result is the `Double` nearest to the decimal number.
    static func rounded(_ value: Double, significantFigures: Int) -> Double {
        guard value != 0 else { return 0 }
        var exponent = Int(log10(value.magnitude).rounded(.down))
        // The logarithm of a power of ten may land on the wrong side by one unit in the last place.
        if value.magnitude >= tenTo(exponent + 1) { exponent += 1 } else if value.magnitude < tenTo(exponent) { exponent -= 1 }
        let shift = exponent - (significantFigures - 1)
        return shift >= 0
            ? (value / tenTo(shift)).rounded() * tenTo(shift)
            : (value * tenTo(-shift)).rounded() / tenTo(-shift)
    }

    /// Exact for exponents 0...22.
    private static func tenTo(_ exponent: Int) -> Double {
        var power = 1.0
        for _ in 0..<exponent.magnitude { power *= 10 }
        return exponent < 0 ? 1 / power : power
    }
}
