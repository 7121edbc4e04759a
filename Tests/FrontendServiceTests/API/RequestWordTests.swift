import ClusterModel
import EventLoop
import HTTPClient
import JSONText
import Testing
import WireProtocol

@testable import FrontendService

@Suite("What clients and proxies ask for beside the answer")
struct RequestWordTests {
    /// The pins and needs that the router was asked with.
    private func pins(_ headers: [(name: String, value: String)], _ members: String = "") -> [Pin] {
        let scene = Scene()
        scene.finish(scene.chat(members, headers: headers)) { #expect($0.status == 200, "\(headers)") }
        return scene.router { $0.asked.first?.options.pins ?? [] }
    }

    private static let body = #","nvext":{"backend_instance_id":1,"dp_rank":0}"#

    @Test("headers say where a request runs, and come before the body")
    func places() {
        let worker = [Pin(leg: .aggregated, workerID: 2, rank: nil), Pin(leg: .decode, workerID: 2, rank: nil)]
        #expect(pins([("x-worker-instance-id", "2")]) == worker)
        #expect(pins([("x-worker-instance-id", "2")], #","nvext":{"backend_instance_id":1,"decode_worker_id":1}"#) == worker)
        #expect(pins([], Self.body) == [Pin(leg: .aggregated, workerID: 1, rank: 0)])
        #expect(
            pins([("x-dp-rank", "0"), ("X-Prefill-DP-Rank", "4294967295")], Self.body) == [Pin(leg: .aggregated, workerID: 1, rank: 0)])
    }

    @Test(
        "a header that makes no sense is refused by its name",
        arguments: [
            ("x-worker-instance-id", "two"), ("x-prefill-instance-id", "-1"), ("x-prefill-instance-id", "18446744073709551616"),
            ("x-dp-rank", "+1"), ("x-data-parallel-rank", "4294967296"), ("x-prefill-dp-rank", ""),
        ])
    func badHeaders(name: String, value: String) {
        let scene = Scene()
        scene.finish(scene.chat(headers: [(name, value)])) {
            #expect($0.status == 400 && $0.json["error"]?["param"]?.asString == name)
        }
        #expect(scene.held == [])
    }

    @Test(
        "a share of nothing reaches workers as the least that they take: the best token alone",
        arguments: [("0", 1e-6), ("1e-60", 1e-6), ("0.5", 0.5), ("1", 1)] as [(String, Float)])
    func leastTopP(written: String, sent: Float) {
        let scene = Scene()
        for (path, prompt) in [("chat/completions", #""messages":[{"role":"user","content":"x"}]"#), ("responses", #""input":"x""#)] {
            let body = #"{"model":"tiny",\#(prompt),"top_p":\#(written)}"#
            scene.finish(scene.send(.post("/v1/\(path)", json: Array(body.utf8)))) { #expect($0.status == 200) }
        }
        let shares = scene.workers.flatMap { worker in worker { $0.jobs.map(\.entry.sampling.topP) } }
        #expect(shares == [sent, sent])
    }

    @Test("what a client calls its request is in the log beside the request's number; a name that is drawn is not")
    func ownName() throws {
        let scene = Scene()
        scene.finish(scene.chat(headers: [("x-request-id", "order-17")])) { #expect($0.status == 200) }
        scene.finish(scene.chat()) { #expect($0.status == 200) }
        let named = scene.log.filter { $0.contains("request with a name of its own") }
        let ended = scene.log.filter { $0.contains("request ended") }
        let line = try #require(named.first)
        #expect(named.count == 1 && line.contains(#""x_request_id":"order-17""#) && line.contains(#""requests":1"#))
        let numbers = ended.compactMap { $0.split(separator: #""request":""#).last?.prefix(33) }
        #expect(numbers.count == 2 && line.contains(numbers[0]) && !line.contains(numbers[1]))
    }

    @Test("a prompt is shown before its stream: its text and its tokens, as comments of named events")
    func annotations() {
        let scene = Scene()
        scene.finish(scene.chat(#","nvext":{"annotations":["token_ids","formatted_prompt","of nobody"]}"#)) {
            let body = String(decoding: $0.body, as: UTF8.self)
            let prompt = #"event: formatted_prompt\#n: "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"\#n\#n"#
            #expect(body.hasPrefix(prompt + "event: token_ids\n: [257,"))
            #expect($0.text() == "hello" && $0.isDone)
        }
        scene.finish(scene.chat(#","nvext":{"annotations":["formatted_prompt"]}"#, stream: false)) {
            #expect($0.status == 200 && !String(decoding: $0.body, as: UTF8.self).contains("formatted_prompt"))
        }
        scene.finish(scene.completion(#","nvext":{"annotations":["token_ids"]}"#)) {
            #expect(String(decoding: $0.body, as: UTF8.self).hasPrefix("event: token_ids\n: [104,105]\n\ndata: "))
        }
    }

    @Test("every answer says what its request is called and how long it took")
    func labels() {
        let scene = Scene()
        let paths = ["/v1/models", "/v1/models/none", "/nothing", "/health", "/version", "/openapi.json", "/v1/requests/x/decision"]
        for path in paths {
            var request = HTTPClientRequest.get(path)
            request.headers.append((name: "x-request-id", value: "mine"))
            scene.finish(scene.send(request)) {
                #expect($0.header("x-request-id") == "mine", "\(path)")
                #expect($0.header("openai-processing-ms") != nil, "\(path)")
            }
            scene.finish(scene.get(path)) { #expect(($0.header("x-request-id") ?? "").count == 16, "\(path)") }
        }
        scene.finish(scene.get("/v1/chat/completions")) { #expect($0.status == 405 && $0.header("x-request-id") != nil) }
        scene.finish(scene.chat()) { #expect($0.header("openai-processing-ms") != nil && $0.header("x-request-id") != nil) }
    }

    @Test("members that nobody knows are counted each time")
    func unknown() {
        let scene = Scene()
        for _ in 0..<2 { scene.finish(scene.chat(#","colour":1,"nvext":{"shape":2}"#)) }
        #expect(scene.metric("apus_frontend_unknown_fields_total") == 4)
    }
}
