import Engines
import ServiceRuntime
import Testing
import WorkerService

@Suite("Options of the reference engine")
struct ReferenceOptionTests {
    private static let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
    private static let tiny = root + "/deploy/models/tiny"
    private static let micro = root + "/Tests/Fixtures/reference/micro.gguf"

    private func resolve(_ arguments: String...) -> Resolution {
        WorkerOptions().table.resolve(arguments: arguments, environment: [:], files: .system)
    }

    private func reference(_ arguments: String...) throws -> ReferenceConfiguration {
        let options = WorkerOptions()
        let given = ["--engine=reference", "--model=\(Self.tiny)", "--weights=\(Self.tiny)/tiny-f16.gguf"] + arguments
        let resolution = options.table.resolve(arguments: given, environment: [:], files: .system)
        #expect(resolution.errors == [])
        guard case .reference(let made) = try options.config(resolution.configuration).engine else { throw Wrong() }
        return made
    }

    private struct Wrong: Error {}

    @Test("the engine has the file's model, the folder's text, and room of its own size where nobody says more")
    func made() throws {
        let made = try reference()
        #expect(made.modelName == "tiny" && made.contextLength == 2_048 && made.blockSize == 64)
        #expect(made.weights == "98a92c08ff190e924e44b0b70dcfd4c73b45a2a3744f375b72a707cb14d0b73a")
        #expect(made.files.map(\.name).contains("tokenizer.json") && made.endTokens.contains(1_162))
        #expect(made.room.totalBlocks == 1_024 && made.room.maxSequences == 64 && made.room.maxBatchedTokens == 512)
        let engine = try EngineSelection.reference(made).make()
        #expect(engine.profile.name == "reference" && engine.profile.model.vocabularySize == 1_167)
    }

    @Test("what an operator says holds, and small blocks are enough of them for the longest context")
    func said() throws {
        let made = try reference("--blocks=200", "--max-sequences=3", "--max-batched-tokens=70", "--context-length=512", "--model-name=it")
        #expect(made.room.totalBlocks == 200 && made.room.maxSequences == 3 && made.room.maxBatchedTokens == 70)
        #expect(made.contextLength == 512 && made.modelName == "it")
        #expect(try reference("--block-size=1", "--context-length=2048").room.totalBlocks == 2_048)
        #expect(try reference("--block-size=1").room.totalBlocks == 2_048 && reference("--block-size=1").contextLength == 2_048)
        #expect(try reference("--block-size=1", "--blocks=2048").room.totalBlocks == 2_048)
        #expect(
            try reference("--reference-hand-over=none").handOver == nil
                && reference("--reference-hand-over=sequential").handOver == .sequential)
    }

    @Test("what does not belong together is told before the worker starts")
    func problems() {
        let model = "--model=\(Self.tiny)", weights = "--weights=\(Self.tiny)/tiny-f16.gguf"
        func expect(_ problem: String, _ resolution: Resolution) {
            #expect(resolution.errors.count == 1 && resolution.errors.contains { $0.problem.contains(problem) }, "\(resolution.errors)")
        }
        expect("has no weights", resolve("--engine=reference", model))
        expect("has no tokenizer", resolve("--engine=reference", weights))
        expect("this engine takes no weights", resolve(weights))
        expect("1167 tokens, and the weights 96", resolve("--engine=reference", model, "--weights=\(Self.micro)"))
        expect("made for 2048 tokens", resolve("--engine=reference", model, weights, "--context-length=2049"))
        expect(
            "2047 blocks hold no context of 2048 tokens", resolve("--engine=reference", model, weights, "--block-size=1", "--blocks=2047"))
        expect("has one rank", resolve("--engine=reference", model, weights, "--ranks=2"))
        expect("magic: the file is not GGUF", resolve("--engine=reference", model, "--weights=\(Self.tiny)/tokenizer.json"))
        expect("No such file", resolve("--weights=\(Self.tiny)/none.gguf"))
    }
}
