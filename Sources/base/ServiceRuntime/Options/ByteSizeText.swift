/// Sizes in bytes as people write them: `64KiB`, `32MiB`, or a bare number of bytes.
package enum ByteSizeText {
    private static let binary: [(name: String, bytes: Int)] = [
        ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1),
    ]
    private static let decimal: [(name: String, bytes: Int)] = [
        ("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000),
    ]

    private static let remedy = "write a whole number and a unit (B, KiB, MiB, GiB, TiB; kB, MB, GB, TB are powers of 1000), such as 64KiB"

    package static func parse(_ text: String) throws(ValueProblem) -> Int {
        guard let written = UnitText(text) else { throw ValueProblem("\(text.quotedForMessage) is not a size", remedy: remedy) }
        let unit = written.unit.isEmpty ? ("B", 1) : (binary + decimal).first { $0.name == written.unit }
        // "K", "KB" and "M" mean 1000 to some and 1024 to others: better to ask than to guess.
        guard let unit else { throw ValueProblem("\(text.quotedForMessage) has an unknown unit", remedy: remedy) }
        let (bytes, overflow) = (Int(exactly: written.number) ?? .max).multipliedReportingOverflow(by: unit.1)
        guard !overflow, Int(exactly: written.number) != nil else {
            throw ValueProblem("\(text.quotedForMessage) is too large", remedy: "write less than 8388608TiB")
        }
        return bytes
    }

    /// The shortest exact form in powers of 1024.
    package static func text(_ bytes: Int) -> String {
        guard bytes != 0, let unit = binary.first(where: { bytes % $0.bytes == 0 }) else { return "0B" }
        return "\(bytes / unit.bytes)\(unit.name)"
    }
}

extension ValueSyntax<Int> {
    /// A size in bytes within bounds.
    package static func bytes(_ range: ClosedRange<Int>) -> ValueSyntax {
        let constraint = "\(ByteSizeText.text(range.lowerBound)) to \(ByteSizeText.text(range.upperBound))"
        return ValueSyntax(placeholder: "SIZE", constraint: constraint) { raw, _ throws(ValueProblem) in
            let text = try raw.digits("a size")
            let value = try ByteSizeText.parse(text)
            guard range.contains(value) else {
                throw ValueProblem("\(text.quotedForMessage) is out of range", remedy: "write a size, \(constraint)")
            }
            return value
        } show: {
            .text(ByteSizeText.text($0))
        }
    }
}
