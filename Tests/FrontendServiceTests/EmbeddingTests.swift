import ClusterModel
import EventLoop
import HTTPClient
import JSONText
import Testing
import Transport
import WireProtocol

@testable import FrontendService

@Suite("Embeddings, as clients get them")
struct EmbeddingTests {
    private static let path = "/v1/embeddings"

    private func scene(seed: UInt64 = 1, workers: Int = 2, configure: (inout FrontendConfig) -> Void = { _ in }) -> Scene {
        let card = Scene.card {
            $0.capabilities.insert(.embeddings)
            $0.embeddingDimensions = 2
        }
        let scene = Scene(seed: seed, workers: workers, card: card, configure: configure)
        for worker in scene.workers { worker { $0.script = { $0.embed() } } }
        return scene
    }

    private func post(_ scene: Scene, _ input: String, _ members: String = "") -> Scene.Client {
        scene.send(.post(Self.path, json: Array(#"{"model":"tiny","input":\#(input)\#(members)}"#.utf8)))
    }

    @Test(
        "a text, texts, tokens and lists of tokens each give a vector an input, in their order",
        arguments: [
            (#""ab""#, [[2, 97]]), (#"["ab","b","cde"]"#, [[2, 97], [1, 98], [3, 99]]), ("[97,1,2]", [[3, 97]]),
            ("[[98],[97,97]]", [[1, 98], [2, 97]]),
        ] as [(String, [[Double]])])
    func inputs(input: String, vectors: [[Double]]) {
        let scene = scene()
        let client = scene.finish(post(scene, input, #","user":"me""#))
        client {
            #expect($0.status == 200)
            #expect($0.json["object"]?.asString == "list" && $0.json["model"]?.asString == "tiny")
            let data = $0.json["data"]?.asArray ?? []
            #expect(data.map { $0["embedding"]?.asArray?.compactMap(\.asDouble) } == vectors)
            #expect(data.compactMap { $0["index"]?.asInt } == Array(vectors.indices))
            #expect(data.allSatisfy { $0["object"]?.asString == "embedding" })
            let tokens = vectors.reduce(0) { $0 + Int($1[0]) }
            #expect($0.usage("prompt_tokens") == tokens && $0.usage("total_tokens") == tokens)
            #expect($0.json["usage"]?.asObject.map { Array($0.names) } == ["prompt_tokens", "total_tokens"])
        }
        let jobs = scene.workers.flatMap { worker in worker { $0.jobs.map(\.entry) } }, asked = scene.router { $0.asked }
        #expect(jobs.allSatisfy { $0.task == .embed && $0.leg == .aggregated })
        #expect(asked.allSatisfy { $0.task == .embed && $0.wish == .aggregated && $0.needs.contains(.embeddings) })
        #expect(asked.count == vectors.count)
        #expect(scene.held == [])
    }

    @Test("base64 has the numbers' own bytes")
    func base64() {
        let scene = scene()
        let client = scene.finish(post(scene, #""ab""#, #","encoding_format":"base64""#))
        // 2 and 97 as binary32, little-endian: 00000040 0000C242.
        client { #expect($0.json["data"]?[0]?["embedding"]?.asString == "AAAAQAAAwkI=") }
    }

    @Test("a model without embeddings, and dimensions that it has not, are refused by name")
    func refused() {
        let plain = Scene()
        let none = plain.finish(post(plain, #""a""#))
        none {
            #expect($0.status == 400)
            #expect($0.json["error"]?["param"]?.asString == "model")
            #expect($0.json["error"]?["message"]?.asString?.contains("no embeddings") == true)
        }
        let scene = scene { $0.limits.embeddingNumbers = 8 }
        let cases = [
            (#""a""#, #","dimensions":3"#, "dimensions"), (#"["a","b","c","d","e"]"#, "", "input"), (#"["a",[1]]"#, "", "input[1]"),
            (#"["a",""]"#, "", "input[1]"), ("[[1],[999]]", "", "input[1]"), (#""""#, "", "input"), ("[]", "", "input"),
        ]
        for (input, members, param) in cases {
            let client = scene.finish(post(scene, input, members))
            client {
                #expect($0.status == 400)
                #expect($0.json["error"]?["param"]?.asString == param)
            }
        }
        #expect(scene.router { $0.asked.isEmpty })
        let same = scene.finish(post(scene, #""a""#, #","dimensions":2"#))
        #expect(same.status == 200)
        #expect(scene.held == [])
    }

    @Test("an input whose worker is lost is tried at another one")
    func retried() {
        let scene = scene()
        scene.workers[0].on { $0.script = { job in job.link.abort() } }
        let client = scene.finish(post(scene, #"["a","b","c"]"#))
        client {
            #expect($0.status == 200)
            #expect($0.json["data"]?.asArray?.compactMap { $0["embedding"]?[1]?.asDouble } == [97, 98, 99])
        }
        #expect(scene.held == [])
    }

    @Test("a vector that is none fails at its worker, and with no other one the request", arguments: [0, 1, 2])
    func badVector(kind: Int) {
        let scene = scene(workers: 1)
        scene.worker {
            $0.script = { job in
                switch kind {
                case 0: job.embed([1])
                case 1: job.embed([1, .nan])
                default:
                    job.accept()
                    job.end(.finished)
                }
            }
        }
        let client = scene.finish(post(scene, #"["a","b"]"#))
        #expect(client.status >= 500)
        #expect(scene.held == [])
    }

    @Test("so many inputs run at once as may, and the others follow", arguments: [1, 2] as [UInt64])
    func lanes(seed: UInt64) {
        let scene = scene(seed: seed, workers: 1) { $0.limits.inputsAtOnce = 4 }
        scene.worker { $0.script = { job in job.after(.milliseconds(10)) { $0.embed() } } }
        let inputs = (0..<50).map { "\"\($0)\"" }.joined(separator: ",")
        let client = post(scene, "[\(inputs)]")
        var most = 0
        scene.run {
            most = max(most, scene.service { $0.requestsAtWorkers })
            return client.isEnded
        }
        #expect(most == 4)
        client { #expect($0.json["data"]?.asArray?.count == 50) }
        #expect(scene.held == [])
    }

    @Test("the first failure is the answer, and what has not begun never runs")
    func failure() {
        let scene = scene(workers: 1) { config in
            config.limits.inputsAtOnce = 2
            config.limits.attempts = 1
        }
        scene.worker {
            $0.script = { job in
                if job.entry.promptTokens == [98] { job.end(.failed, .engineFailed) } else { job.accept() }
            }
        }
        let client = scene.finish(post(scene, #"["a","b","c","d"]"#))
        client { #expect($0.status == 500 && $0.errorCode == "engine_failed") }
        #expect(scene.worker { $0.jobs.count } == 2)
        #expect(scene.held == [])
        let inflight = scene.exposition.filter { $0.contains("inflight_requests{") }
        #expect(!inflight.isEmpty && inflight.allSatisfy { $0.hasSuffix(" 0") })
    }

    @Test("a client that leaves takes all its inputs along, begun or not", arguments: 1...10 as ClosedRange<UInt64>)
    func departure(seed: UInt64) {
        let scene = scene(seed: seed, workers: 1) { $0.limits.inputsAtOnce = 3 }
        scene.worker { $0.script = { job in job.after(.milliseconds(30)) { $0.embed() } } }
        let client = post(scene, #"["a","b","c","d","e","f","g","h"]"#)
        scene.pass(.milliseconds(Int(seed) * 9))
        client { $0.leave() }
        scene.run(.seconds(1)) { scene.service { $0.openRequests } == 0 }
        #expect(scene.held == [], "seed \(seed)")
    }

    @Test("what workers have computed is told even where the pool has no room", arguments: ["float", "base64"])
    func fullPool(encoding: String) {
        let card = Scene.card {
            $0.capabilities.insert(.embeddings)
            $0.embeddingDimensions = 1024
        }
        let scene = Scene(card: card)
        scene.loop.poolsAreFull = true
        for worker in scene.workers {
            worker { $0.script = { job in job.embed((0..<1024).map { Float($0) + Float(job.entry.promptTokens[0]) }) } }
        }
        let inputs = (0..<20).map { "[\($0)]" }.joined(separator: ",")
        let client = scene.finish(post(scene, "[\(inputs)]", #","encoding_format":"\#(encoding)""#))
        client {
            #expect($0.status == 200)
            let data = $0.json["data"]?.asArray ?? []
            #expect(data.compactMap { $0["index"]?.asInt } == Array(0..<20))
            if encoding == "float" {
                #expect(data.compactMap { $0["embedding"]?[1]?.asDouble } == (1...20).map { Double($0) })
            } else {
                #expect(Set(data.compactMap { $0["embedding"]?.asString }).count == 20)
            }
            #expect($0.usage("total_tokens") == 20)
        }
        #expect(scene.held == [])
    }

    @Test("an input may fill the model's context, which a prompt that is answered with words may not")
    func fullContext() {
        let scene = scene(), context = Int(scene.card.contextLength)
        let text = String(repeating: "a", count: context)
        scene.finish(post(scene, "\"\(text)\"")) { #expect($0.status == 200 && $0.usage("prompt_tokens") == context) }
        scene.finish(post(scene, "\"\(text)a\"")) { #expect($0.status == 400 && $0.errorCode == "context_length_exceeded") }
        scene.finish(scene.send(.post("/v1/completions", json: Array(#"{"model":"tiny","prompt":"\#(text)"}"#.utf8)))) {
            #expect($0.status == 400 && $0.errorCode == "context_length_exceeded")
        }
        #expect(scene.held == [])
    }

    @Test(
        "where an input runs cannot be asked for",
        arguments: ["x-worker-instance-id", "x-prefill-instance-id", "x-data-parallel-rank", "x-dp-rank", "x-prefill-dp-rank"])
    func pinned(header: String) {
        let scene = scene()
        var request = HTTPClientRequest.post(Self.path, json: Array(#"{"model":"tiny","input":"a"}"#.utf8))
        request.headers.append((name: header, value: "1"))
        scene.finish(scene.send(request)) {
            #expect($0.status == 400 && $0.errorCode == "unsupported_parameter" && $0.json["error"]?["param"]?.asString == header)
        }
        #expect(scene.router { $0.asked.isEmpty } && scene.held == [])
    }

    @Test("they count under their own name, and an answer of many numbers is whole")
    func countedAndLarge() {
        let card = Scene.card {
            $0.capabilities.insert(.embeddings)
            $0.embeddingDimensions = 1024
        }
        let scene = Scene(card: card)
        for worker in scene.workers {
            worker { $0.script = { job in job.embed((0..<1024).map { 1 / Float($0 + 1) }) } }
        }
        let inputs = (0..<32).map { "[\($0)]" }.joined(separator: ",")
        let client = scene.finish(post(scene, "[\(inputs)]"))
        client {
            #expect($0.status == 200)
            let data = $0.json["data"]?.asArray ?? []
            #expect(data.count == 32)
            #expect(data.allSatisfy { $0["embedding"]?.asArray?.count == 1024 })
            #expect(data.last?["embedding"]?[2]?.asDouble.map { Float($0) } == 1 / Float(3))
        }
        let counted = scene.exposition.filter { $0.contains("requests_total{") && $0.contains(#"endpoint="embeddings""#) }
        #expect(counted.contains { $0.hasSuffix(" 32") })
        #expect(scene.held == [])
    }
}

extension Job {
    /// The whole of an ordinary answer to a request for a vector: how long its prompt is, and the first token of it.
    func embed(_ vector: [Float]? = nil) {
        accept()
        start()
        var bytes: [UInt8] = []
        for number in vector ?? [Float(entry.promptTokens.count), Float(entry.promptTokens[0])] {
            for place in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: number.bitPattern >> UInt32(8 * place))) }
        }
        status(.embeddingStatus(EmbeddingStatus(counter: entry.counter, attempt: entry.attempt, leg: entry.leg, vector: bytes)))
        end(.finished)
    }
}
