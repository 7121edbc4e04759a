import ServiceRuntime
import TextProcessing

/// Text into tokens on one thread, by a tokenizer that has seen nothing yet and by one that has seen the text; beside other tokenizers with the
/// same vocabulary, each of which has to find as many tokens.
struct Tokenizing: BenchmarkCase {
    let name = "tokenizing"
    private static let mostBytes = 64 << 20
    /// Where there is no model: the tiny model's, whose vocabulary is too small to be judged, and English of the project's own.
    private static let tinyTokenizer = "deploy/models/tiny/tokenizer.json"
    private static let ownText = ["proto-spec/04-messages.md", "proto-spec/03-exchanges.md"]

    func run(_ settings: Settings) throws(BenchmarkFailure) -> [Figure] {
        let passes = settings.isQuick ? 2 : 10
        guard let model = settings.model else {
            let text = try Self.ownText.map { (path) throws(BenchmarkFailure) in try Self.text(path) }.joined()
            let speed = try TokenizerSpeed(file: try Self.bytes(Self.tinyTokenizer), text: text, passes: passes)
            return [
                Figure("tiny model, cold", speed.cold / 1e6, "MB/s"), Figure("tiny model, warm", speed.warm / 1e6, "MB/s"),
            ]
        }
        let file = "\(model)/tokenizer.json", text = "\(model)/text.txt"
        let ours = try TokenizerSpeed(file: try Self.bytes(file), text: try Self.text(text), passes: passes)
        var figures = [
            Figure("cold", ours.cold / 1e6, "MB/s", .atLeast(40)), Figure("warm", ours.warm / 1e6, "MB/s", .atLeast(100)),
        ]
        for other in try TokenizerOracles.speeds(python: settings.oracles, file: file, text: text, passes: passes) {
            guard other.tokens == ours.tokens else {
                throw BenchmarkFailure("\(other.name) makes \(other.tokens) tokens of the text, and ours \(ours.tokens)")
            }
            figures += Self.comparison(ours, other)
        }
        return figures
    }

    /// Judged is ours warm, since the others have seen the text before, too.
    private static func comparison(_ ours: TokenizerSpeed, _ other: TokenizerOracles.Speed) -> [Figure] {
        let rate = other.bytesPerSecond, least = other.name == "tiktoken" ? 4.0 : 25
        return [
            Figure(other.name, rate / 1e6, "MB/s"),
            Figure("cold : \(other.name)", ours.cold / rate, "x"),
            Figure("warm : \(other.name)", ours.warm / rate, "x", .atLeast(least)),
        ]
    }

    private static func bytes(_ path: String) throws(BenchmarkFailure) -> [UInt8] {
        do { return try FileReader.system.read(path, mostBytes) } catch { throw BenchmarkFailure("\(path): \(error)") }
    }

    private static func text(_ path: String) throws(BenchmarkFailure) -> String { String(decoding: try bytes(path), as: UTF8.self) }
}
