/// Rotary positions: neighbouring numbers of a head are turned together, by an angle that grows with the position, each pair at its own speed.
struct Rotation: Sendable {
    /// Angle a position, of each pair.
    private let speeds: [Double]

    init(dimensions: Int, base: Double) {
        let step = Exponential.logarithm(base) / Double(dimensions)
        speeds = stride(from: 0, to: dimensions, by: 2).map { Exponential.of(-step * Double($0)) }
    }

    var pairs: Int { speeds.count }

    /// Cosine and sine of each pair at a position.
    func angles(at position: Int, into result: UnsafeMutablePointer<Float>) {
        for (pair, speed) in speeds.enumerated() {
            let (sine, cosine) = Self.sineAndCosine(Double(position) * speed)
            result[2 * pair] = Float(cosine)
            result[2 * pair + 1] = Float(sine)
        }
    }

    /// Turns each of so many heads.
    func turn(_ heads: UnsafeMutablePointer<Float>, count: Int, dimension: Int, by angles: UnsafePointer<Float>) {
        for head in 0..<count {
            let numbers = heads + head * dimension
            for pair in 0..<pairs {
                let cosine = angles[2 * pair], sine = angles[2 * pair + 1]
                let first = numbers[2 * pair], second = numbers[2 * pair + 1]
                numbers[2 * pair] = first * cosine - second * sine
                numbers[2 * pair + 1] = first * sine + second * cosine
            }
        }
    }

    /// Of an angle from 0 up to the longest context.
    static func sineAndCosine(_ angle: Double) -> (Double, Double) {
        let turns = (angle * 0.636_619_772_367_581_3).rounded()
        // Half of pi in two parts, the first of which has few bits.
        let rest = (angle - turns * 1.570_796_326_734_125_6) - turns * 6.077_100_506_506_192e-11
        let square = rest * rest
        var sine = 1.0, cosine = 1.0
        for term in stride(from: 17.0, to: 1, by: -2) {
            sine = 1 - sine * square / (term * (term - 1))
            cosine = 1 - cosine * square / ((term - 1) * (term - 2))
        }
        sine *= rest
        return switch Int(turns) & 3 {
        case 0: (sine, cosine)
        case 1: (cosine, -sine)
        case 2: (-sine, -cosine)
        default: (-cosine, sine)
        }
    }
}
