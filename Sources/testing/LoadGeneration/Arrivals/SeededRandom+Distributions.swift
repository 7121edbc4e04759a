import ClusterModel
import Glibc

/// Numbers by distribution, drawn from a seeded generator.
extension SeededRandom {
    /// Above 0 and up to 1, in steps of 2⁻⁵³.
    mutating func fraction() -> Double { (Double(next() >> 11) + 1) * 0x1p-53 }

    /// From 0 up to, and not including, `bound`.
    mutating func below(_ bound: UInt64) -> UInt64 { UInt64.random(in: 0..<max(1, bound), using: &self) }

    /// Of mean 1.
    mutating func exponential() -> Double { -log(fraction()) }

    /// Of mean 0 and deviation 1, after Box and Muller.
    mutating func normal() -> Double {
        let radius = (-2 * log(fraction())).squareRoot()
        return radius * cos(2 * .pi * fraction())
    }

    /// Of mean `shape` and variance `shape`, after Marsaglia and Tsang: a normal number, stretched and mostly accepted.
    mutating func gamma(shape: Double) -> Double {
        // Below 1 by way of the next higher shape.
        guard shape >= 1 else { return gamma(shape: shape + 1) * pow(fraction(), 1 / shape) }
        let d = shape - 1.0 / 3, c = 1 / (9 * d).squareRoot()
        while true {
            let x = normal(), cube = pow(1 + c * x, 3)
            guard cube > 0 else { continue }
            if log(fraction()) < 0.5 * x * x + d - d * cube + d * log(cube) { return d * cube }
        }
    }
}
