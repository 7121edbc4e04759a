import Engines
import ServiceRuntime
import Testing
import WorkerService

/// `--model` with the model that ships in `deploy/models/tiny`, and with folders that are none.
@Suite("A worker's model folder")
struct ModelFolderTests {
    private static let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
    private static let tiny = "\(root)/deploy/models/tiny"

    private func resolve(_ arguments: [String], _ files: FileReader = .system) -> Resolution {
        WorkerOptions().table.resolve(arguments: arguments, environment: [:], files: files)
    }

    private func mock(_ arguments: [String]) throws -> MockConfiguration {
        let resolution = resolve(arguments)
        #expect(resolution.errors == [])
        guard case .mock(let mock) = try WorkerOptions().config(resolution.configuration).engine else { throw Wrong() }
        return mock
    }

    private struct Wrong: Error {}

    /// The tiny model with one of its files in another form.
    private func changed(_ name: String, _ contents: String?) -> FileReader {
        FileReader { (path, limit) throws(FileReadError) in
            guard path.hasSuffix("/\(name)") else { return try FileReader.system.read(path, limit) }
            guard let contents else { throw FileReadError(path: path, reason: "Permission denied") }
            return Array(contents.utf8)
        }
    }

    @Test("the mock speaks the model's tokens, under the folder's name")
    func tiny() throws {
        let mock = try mock(["--model", Self.tiny])
        let vocabulary = try #require(mock.vocabulary)
        #expect(mock.modelName == "tiny" && vocabulary.size == 1_167 && vocabulary.endOfText == 1_162)
        #expect(vocabulary.files.map(\.name) == ["tokenizer.json", "tokenizer_config.json"])
        #expect(try self.mock(["--model", Self.tiny + "/", "--model-name", "mine"]).modelName == "mine")
        let engine = MockEngine(mock)
        #expect(engine.profile.model.vocabularySize == 1_167 && engine.profile.model.files == vocabulary.files)
    }

    @Test("a folder without a tokenizer, and files that cannot be read or used, are said at the start, by file")
    func faults() {
        func problem(_ path: String, _ files: FileReader = .system) -> String {
            resolve(["--model", path], files).errors.map(\.description).joined()
        }
        #expect(problem("\(Self.root)/deploy").contains("there is none of apus-byte-tokenizer.json, tokenizer.json in it"))
        #expect(problem(Self.tiny, changed("tokenizer_config.json", nil)).contains("Permission denied"))
        #expect(problem(Self.tiny, changed("tokenizer.json", "{")).contains("tokenizer.json"))
        #expect(problem(Self.tiny, changed("tokenizer_config.json", #"{"chat_template": "{% if %}"}"#)).contains("chat_template"))
        #expect(problem(Self.tiny, changed("tokenizer_config.json", "{}")).contains("which token ends a text"))
        let long = #"{"eos_token_id": 1162, "x": "\#(String(repeating: "x", count: 20_000))"}"#
        #expect(problem(Self.tiny, changed("generation_config.json", long)).contains("generation_config.json is longer"))
    }
}
