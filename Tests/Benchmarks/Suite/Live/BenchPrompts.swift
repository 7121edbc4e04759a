import Glibc
import JSONText
import LoadGeneration
import ServiceRuntime

/// What the prompts of live cases are made of, and the model whose tokens they are.
struct BenchPrompts: Sendable {
    let form: PromptBytes.Form
    /// A folder with the model's files; nil: the mock's own, whose tokens are bytes.
    let model: String?
    /// Ids below this are the model's: every one of today has more, and bytes are fewer.
    var vocabulary: Int { model == nil ? 256 : 100_000 }
    /// What clients call the model.
    static let modelName = "bench"

    private static let mostNoteBytes = 4_096

    /// A folder that `Tests/Benchmarks/Peers/model.py` made; nil: words, a character a token.
    init(folder: String?) throws(BenchmarkFailure) {
        model = folder
        guard let folder else {
            form = .text(charactersPerToken: 1)
            return
        }
        do {
            let note = try JSONValue(parsing: FileReader.system.read("\(folder)/bench.json", Self.mostNoteBytes))
            guard let name = note["text"]?.asString, let characters = note["characters_per_token"]?.asDouble, characters > 0 else {
                throw BenchmarkFailure("it names no text and its characters a token")
            }
            let text = try PassageText(FileReader.system.read("\(folder)/\(name)", PassageText.mostBytes))
            form = .passages(text, charactersPerToken: characters)
        } catch {
            throw BenchmarkFailure("\(folder)/bench.json: \(error)")
        }
    }
}
