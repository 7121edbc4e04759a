import Engines
import ServiceRuntime
import Testing
import TextProcessing

@testable import EngineAdapters
@testable import WorkerService

@Suite("Options of engines that are servers")
struct ServerEngineOptionTests {
    private static let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
    private static let model = "--model=\(root)/deploy/models/tiny", url = "--engine-url=http://127.0.0.1:8000"

    private func resolve(_ arguments: String...) -> Resolution {
        let files = FileReader { (path, limit) throws(FileReadError) in
            path == "key" ? Array("a b\n".utf8) : try FileReader.system.read(path, limit)
        }
        return WorkerOptions().table.resolve(arguments: arguments, environment: [:], files: files)
    }

    @Test("what an operator says reaches the adapter, and what nobody says is left to the server")
    func settings() throws {
        let options = WorkerOptions()
        let resolution = options.table.resolve(
            arguments: [
                "--engine=vllm", Self.model, "--engine-url=http://[::1]:8000/a/", "--engine-model=other", "--ranks=2",
                "--engine-events=tcp://127.0.0.1:5557", "--engine-replay=tcp://127.0.0.1:5560", "--engine-topic=kv", "--engine-hand-over",
                "--max-sequences=7",
            ], environment: [:], files: .system)
        #expect(resolution.errors == [])
        let settings = try options.serverSettings(resolution.configuration)
        #expect(settings.address.description == "http://[::1]:8000/a" && settings.engineModel == "other" && settings.modelName == "tiny")
        #expect(settings.feeds.map(\.events.port) == [5557, 5558] && settings.feeds.map(\.replay?.port) == [5560, 5561])
        #expect(settings.feeds.allSatisfy { $0.topic == "kv" } && settings.handsOver && !settings.hasPriorities)
        #expect(
            settings.blockSize == nil && settings.totalBlocks == nil && settings.contextLength == nil && settings.room.maxSequences == 7)
        #expect(settings.files.map(\.name).contains("tokenizer.json") && settings.text.vocabulary.count == 1_167)
    }

    @Test("what does not belong together is told before the worker starts")
    func problems() {
        func expect(_ problem: String, _ resolution: Resolution) {
            #expect(resolution.errors.count == 1 && resolution.errors.contains { $0.problem.contains(problem) }, "\(resolution.errors)")
        }
        expect("where the server is", resolve("--engine=vllm", Self.model))
        expect("need the model's tokenizer", resolve("--engine=vllm", Self.url))
        expect("this engine is no server", resolve(Self.url))
        expect("tells again what nothing tells first", resolve("--engine=vllm", Self.model, Self.url, "--engine-replay=tcp://127.0.0.1:1"))
        expect(
            "no ports behind this one",
            resolve("--engine=vllm", Self.model, Self.url, "--engine-events=tcp://127.0.0.1:65535", "--ranks=2"))
        expect("printable characters", resolve("--engine=vllm", Self.model, Self.url, "--engine-key-file=key"))
        expect("http:// only", resolve("--engine=vllm", Self.model, "--engine-url=https://127.0.0.1:8000"))
        expect("names are not looked up", resolve("--engine=vllm", Self.model, "--engine-url=http://engine:8000"))
        expect("is no such address", resolve("--engine=vllm", Self.model, Self.url, "--engine-events=tcp://*:5557"))
    }
}
