import ClusterModel
import Engines
import JSONText

extension FuzzTarget {
    /// A schema in which byte 1 stands for the rest behind a zero byte, again and again, and byte 2 in that for its number: what is refused says
    /// why, what is kept is JSON and the same for the same seed. A few bytes become as many as a request may have, so that work which grows faster
    /// than its schema does not end in the time of one input.
    static let schema = FuzzTarget(name: "schema", longest: 2048) { bytes in
        let source = grown([UInt8](bytes))
        do throws(ConstraintProblem) {
            let form = try ConstrainedText(.jsonSchema(source))
            for seed in 0..<3 as Range<UInt64> {
                let text = form.text(SeededRandom(seed: seed))
                demand((try? JSONValue(parsing: text))?.encoded() == text, "what is made is no compact JSON")
                demand(form.text(SeededRandom(seed: seed)) == text, "the same seed makes two texts")
            }
        } catch {
            demand(!error.reason.isEmpty && error.description.utf8.count < 400, "a refusal says nothing, or too much")
        }
    }

    /// As long as a constraint is on the wire.
    private static let mostBytes = 256 << 10
    private static let repetition: UInt8 = 1
    private static let number: UInt8 = 2

    private static func grown(_ bytes: [UInt8]) -> [UInt8] {
        let parts = bytes.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[1].isEmpty else { return bytes }
        let places = parts[0].count { $0 == repetition }
        guard places > 0 else { return Array(parts[0]) }
        // A number takes the place of its byte with five digits at the most.
        let length = parts[1].count + 1 + 4 * parts[1].count { $0 == number }
        let count = (mostBytes - parts[0].count) / places / length
        var repeated: [UInt8] = []
        for index in 0..<count {
            if index > 0 { repeated.append(UInt8(ascii: ",")) }
            for byte in parts[1] { if byte == number { repeated += "\(index)".utf8 } else { repeated.append(byte) } }
        }
        return parts[0].flatMap { $0 == repetition ? repeated : [$0] }
    }
}
