/// The few functions on rows of numbers that a forward pass is made of. None of them traps, whatever the numbers are.
enum VectorMath {
    /// Adds a multiple of one row to another.
    @inline(__always)
    static func add(_ source: UnsafePointer<Float>, times factor: Float, to result: UnsafeMutablePointer<Float>, _ count: Int) {
        for index in 0..<count { result[index] += factor * source[index] }
    }

    /// Eight sums side by side, in an order of its own that is always the same.
    @inline(__always)
    static func dot(_ one: UnsafePointer<Float>, _ other: UnsafePointer<Float>, _ count: Int) -> Float {
        var a: Float = 0, b: Float = 0, c: Float = 0, d: Float = 0
        var index = 0
        while index &+ 4 <= count {
            a += one[index] * other[index]
            b += one[index &+ 1] * other[index &+ 1]
            c += one[index &+ 2] * other[index &+ 2]
            d += one[index &+ 3] * other[index &+ 3]
            index &+= 4
        }
        while index < count {
            a += one[index] * other[index]
            index &+= 1
        }
        return (a + b) + (c + d)
    }

    /// Divides by the root of the mean square, and weighs each number.
    static func normalize(
        _ source: UnsafePointer<Float>, _ weights: [Float], epsilon: Float, to result: UnsafeMutablePointer<Float>
    ) {
        let count = weights.count
        let scale = 1 / (dot(source, source, count) / Float(count) + epsilon).squareRoot()
        for index in 0..<count { result[index] = source[index] * scale * weights[index] }
    }

    /// Gate and value of a feed-forward layer into one: gate · sigmoid(gate) · value.
    static func swish(_ gate: UnsafeMutablePointer<Float>, times value: UnsafePointer<Float>, _ count: Int) {
        for index in 0..<count { gate[index] = gate[index] / (1 + Exponential.of(-gate[index])) * value[index] }
    }

    /// Turns scores into weights that sum up to 1.
    static func softmax(_ scores: UnsafeMutablePointer<Float>, _ count: Int) {
        var highest = scores[0]
        for index in 1..<max(1, count) where scores[index] > highest { highest = scores[index] }
        var sum: Float = 0
        for index in 0..<count {
            let weight = Exponential.of(scores[index] - highest)
            scores[index] = weight
            sum += weight
        }
        let scale = 1 / sum
        for index in 0..<count { scores[index] *= scale }
    }
}
