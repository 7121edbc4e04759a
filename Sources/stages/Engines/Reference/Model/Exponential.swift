/// Elementary functions, since a stage has no C library: the exponential in two precisions, and the logarithm.
enum Exponential {
    /// To about two units in the last place; beyond what a float can hold, the nearest it can. There is no branch in it, so that loops over
    /// rows become vectors, and no conversion that traps.
    @inline(__always)
    static func of(_ power: Float) -> Float {
        // In this order a value that is no number becomes the lower bound.
        var x = power > -87 ? power : -87
        x = x < 88 ? x : 88
        // Adding this leaves the nearest whole number in the lowest bits.
        let shifter: Float = 12_582_912
        let shifted = x * 1.442_695_04 + shifter
        let whole = shifted - shifter
        let rest = (x - whole * 0.693_359_375) + whole * 2.121_944_4e-4
        var sum: Float = 1.987_569_15e-4
        sum = sum * rest + 1.398_199_95e-3
        sum = sum * rest + 8.333_451_9e-3
        sum = sum * rest + 4.166_579_6e-2
        sum = sum * rest + 1.666_666_5e-1
        sum = sum * rest + 0.5
        sum = sum * rest * rest + rest + 1
        let exponent = (shifted.bitPattern &- shifter.bitPattern) << 23
        return Float(bitPattern: sum.bitPattern &+ exponent)
    }

    /// Of a finite number.
    static func of(_ power: Double) -> Double {
        let x = min(max(power, -700), 700)
        let whole = (x * log2OfE).rounded(), rest = (x - whole * ln2High) - whole * ln2Low
        var sum = 1.0
        // Of at most 0.35: the thirteenth power is below the last place.
        for term in stride(from: 13, to: 0, by: -1) { sum = 1 + sum * rest / Double(term) }
        return Double(sign: .plus, exponent: Int(whole), significand: sum)
    }

    /// The natural logarithm of a positive finite number.
    static func logarithm(_ number: Double) -> Double {
        var exponent = Double(number.exponent), significand = number.significand
        if significand > 2.0.squareRoot() {
            significand /= 2
            exponent += 1
        }
        let ratio = (significand - 1) / (significand + 1), square = ratio * ratio
        var sum = 0.0
        for term in stride(from: 23, to: 0, by: -2) { sum = sum * square + 1 / Double(term) }
        return exponent * ln2High + (exponent * ln2Low + 2 * ratio * sum)
    }

    private static let log2OfE = 1.442_695_040_888_963_4
    /// Its last bits are zero: a product with a small whole number is exact.
    private static let ln2High = 0.693_147_180_369_123_8
    private static let ln2Low = 1.908_214_929_270_587_7e-10
}
