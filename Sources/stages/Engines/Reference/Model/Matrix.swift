/// Weights between numbers that go in and numbers that come out, kept by input: all outputs of one input lie side by side.
///
/// So the inner loop has no sum that runs along it, which a compiler may not reorder: it becomes vectors by itself, and the sum of each output
/// is built in the same order however many rows are computed at once. A token's numbers never depend on what runs beside it.
struct Matrix: Sendable {
    let inputs: Int
    let outputs: Int
    private let values: [Float]

    /// From rows of one output each, as files have them.
    init(rows: [Float], inputs: Int, outputs: Int) {
        precondition(rows.count == inputs * outputs, "whoever makes a matrix has checked its size")
        self.inputs = inputs
        self.outputs = outputs
        values = [Float](unsafeUninitializedCapacity: rows.count) { values, count in
            for output in 0..<outputs {
                for input in 0..<inputs { values[input * outputs + output] = rows[output * inputs + input] }
            }
            count = rows.count
        }
    }

    /// Adds to each of so many rows of `results` what comes of the row of `source`.
    func add(_ source: UnsafePointer<Float>, rows: Int, to results: UnsafeMutablePointer<Float>) {
        values.withUnsafeBufferPointer { values in
            guard let weights = values.baseAddress else { return }
            let fours = inputs & ~3
            var input = 0
            while input < fours {
                // Four inputs' weights stay in the nearest cache for all rows.
                for row in 0..<rows {
                    Self.addFour(source + (row * inputs + input), weights + input * outputs, to: results + row * outputs, outputs)
                }
                input += 4
            }
            while input < inputs {
                for row in 0..<rows {
                    VectorMath.add(weights + input * outputs, times: source[row * inputs + input], to: results + row * outputs, outputs)
                }
                input += 1
            }
        }
    }

    @inline(never)
    private static func addFour(
        _ source: UnsafePointer<Float>, _ weights: UnsafePointer<Float>, to result: UnsafeMutablePointer<Float>, _ count: Int
    ) {
        let first = source[0], second = source[1], third = source[2], fourth = source[3]
        let seconds = weights + count, thirds = seconds + count, fourths = thirds + count
        for index in 0..<count {
            result[index] += (first * weights[index] + second * seconds[index]) + (third * thirds[index] + fourth * fourths[index])
        }
    }
}
