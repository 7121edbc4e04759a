import Glibc

/// The same text by other tokenizers, where their Python packages are installed: `Tests/TextConformance/bench_tokenizers.py` runs them.
struct TokenizerOracles {
    struct Speed {
        let name: String
        let bytesPerSecond: Double
        let tokens: Int
    }

    private static let script = "Tests/TextConformance/bench_tokenizers.py"
    /// Of one of them over the text, several times.
    private static let patience: Int32 = 120

    /// One after another; empty where there is no such Python.
    static func speeds(python: String, file: String, text: String, passes: Int) throws(BenchmarkFailure) -> [Speed] {
        guard access(python, X_OK) == 0 else { return [] }
        var process = try ChildProcess(python, [python, script, "rates", file, text, "\(passes)"])
        var speeds: [Speed] = []
        while let line = process.line(within: patience) {
            let words = line.split(separator: " ")
            guard words.count == 3, let rate = Double(words[1]), let tokens = Int(words[2]) else { break }
            speeds.append(Speed(name: String(words[0]), bytesPerSecond: rate, tokens: tokens))
        }
        guard process.end(within: 0) == 0, !speeds.isEmpty else { throw BenchmarkFailure("\(script) gave no speeds") }
        return speeds
    }
}
