import ClusterModel
import JSONText
import ServiceRuntime
import Testing
import WireProtocol

@testable import FrontendService

@Suite("What a frontend says that it has")
struct StartLineTests {
    private func lines(_ scene: Scene, _ message: String) throws -> [JSONValue] {
        try scene.log.map { try JSONValue(parsing: Array($0.utf8)) }.filter { $0["msg"]?.asString == message }
    }

    @Test("one line at the start names what is there, and what was not given with the option that gives it")
    func bare() throws {
        let said = try lines(Scene(routers: 2), "listening")
        #expect(said.count == 1)
        let line = try #require(said.first)
        #expect(line["routers"]?.asString == "tcp://router-1:8100 tcp://router-2:8100")
        #expect(line["tenants"]?.asInt == 0 && line["encrypted"]?.asBool == false)
        #expect(line["missing"]?.asString == "keys of clients (--tenants-file), HTTPS (--https-cert-file)")
    }

    @Test("tenants that are there are counted, and none of their keys is told")
    func tenants() throws {
        let scene = Scene { $0.tenants.given = TenantBed.file(TenantBed.entry("a", keys: 2)) }
        let line = try #require(try lines(scene, "listening").first)
        #expect(line["tenants"]?.asInt == 1 && line["keys"]?.asInt == 2)
        #expect(line["missing"]?.asString == "HTTPS (--https-cert-file)")
        #expect(!scene.log.contains { $0.contains(TenantBed.key("a", 0)) || $0.contains(TenantBed.digest(TenantBed.key("a", 0))) })
    }

    @Test("a model that is ready says in which forms it calls and thinks, and what its clients do without")
    func model() throws {
        let line = try #require(try lines(Scene(), "model ready").first)
        #expect(line["vocabulary"]?.asInt == 259 && line["calls"]?.asString == "hermes" && line["thoughts"]?.asString == "think")
        #expect(line["missing"]?.asString == "tokenizer (workerd --model)")
        let plain = Scene(card: Scene.card { $0.toolFormat = ModelCard.noFormat })
        #expect(try lines(plain, "model ready").first?["calls"]?.asString == "none")
        let missing = try lines(plain, "model ready").first?["missing"]?.asString
        #expect(missing == "tokenizer (workerd --model), form of calls (workerd --tool-format)")
    }
    @Test("a model whose files have no chat template only goes on with texts, which is said")
    func template() throws {
        let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
        let files = [
            (name: "tokenizer.json", bytes: try FileReader.system.read("\(root)/deploy/models/tiny/tokenizer.json", 1 << 20)),
            (name: "tokenizer_config.json", bytes: Array(#"{"eos_token": "<|im_end|>"}"#.utf8)),
        ]
        let card = Scene.card {
            $0.vocabularySize = 1_167
            $0.files = files.map { ModelFile(name: $0.name, digest: SHA256.digest(of: $0.bytes), size: UInt64($0.bytes.count)) }
        }
        let scene = Scene(workers: 1, isReady: false, card: card, files: files)
        scene.pass(.seconds(3))
        let line = try #require(try lines(scene, "model ready").first, "\(scene.log)")
        #expect(line["vocabulary"]?.asInt == 1_167 && line["files"]?.asInt == 2)
        #expect(line["missing"]?.asString?.hasPrefix("chat template") == true)
    }
}
