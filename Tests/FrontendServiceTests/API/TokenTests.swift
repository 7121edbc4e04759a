import EventLoop
import HTTPClient
import JSONText
import Testing

@testable import FrontendService

@Suite("Text into tokens and back")
struct TokenTests {
    @discardableResult
    private func post<Result>(_ scene: Scene, _ path: String, _ body: String, _ look: @LoopActor (Answer) -> Result) -> Result {
        scene.finish(scene.send(.post(path, json: Array(body.utf8))))(look)
    }

    @Test("a text's tokens are told with their count and the model's context", arguments: ["/tokenize", "/v1/tokenize"])
    func tokenize(path: String) {
        let scene = Scene()
        post(scene, path, #"{"model":"tiny","prompt":"hé","return_token_strs":true}"#) {
            #expect($0.status == 200)
            #expect(
                String(decoding: $0.body, as: UTF8.self)
                    == #"{"count":3,"max_model_len":8192,"tokens":[104,195,169],"token_strs":["h","\#u{FFFD}","\#u{FFFD}"]}"#)
        }
    }

    @Test("where one model is served it need not be named; what is unknown is 404, and what is wrong is named")
    func models() {
        let scene = Scene()
        post(scene, "/tokenize", #"{"prompt":"a"}"#) { #expect($0.json["tokens"]?[0]?.asInt == 97) }
        post(scene, "/tokenize", #"{"prompt":""}"#) { #expect($0.status == 200 && $0.json["count"]?.asInt == 0) }
        post(scene, "/tokenize", #"{"model":"other","prompt":"a"}"#) { #expect($0.status == 404 && $0.errorCode == "model_not_found") }
        post(scene, "/tokenize", #"{"prompt":3}"#) { #expect($0.status == 400 && $0.json["error"]?["param"]?.asString == "prompt") }
    }

    @Test("a conversation's tokens are those of its prompt, which is what its text says")
    func conversation() {
        let scene = Scene()
        let tokens = post(scene, "/tokenize", #"{"messages":[{"role":"user","content":"hi"}]}"#) { $0.json["tokens"]?.asArray ?? [] }
        #expect(tokens.count > 20 && tokens.contains { $0.asInt == 257 })
        let list = tokens.compactMap(\.asInt).map(String.init).joined(separator: ",")
        post(scene, "/v1/detokenize", #"{"tokens":[\#(list)]}"#) {
            #expect($0.json["prompt"]?.asString == "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n")
        }
        post(scene, "/detokenize", #"{"tokens":[97,100000]}"#) {
            #expect($0.status == 400 && $0.json["error"]?["param"]?.asString == "tokens[1]")
        }
    }

    @Test("a large text goes by the pool, and is answered all the same")
    func large() {
        let scene = Scene()
        let text = String(repeating: "a", count: 100_000)
        post(scene, "/tokenize", #"{"prompt":"\#(text)"}"#) { #expect($0.json["count"]?.asInt == 100_000) }
    }

    @Test("tokens that spell more than any text has are refused before they are spelled")
    func longSpelling() {
        let scene = Scene()
        // Each is <|im_start|>, which is twelve bytes long.
        let count = (8 << 20) / 12 + 1
        post(scene, "/detokenize", #"{"tokens":["# + String(repeating: "257,", count: count - 1) + "257]}") {
            #expect($0.status == 400 && $0.errorCode == "array_above_max_length")
            #expect($0.json["error"]?["param"]?.asString == "tokens")
        }
    }

    @Test("nothing is begun while the frontend drains")
    func draining() {
        let scene = Scene()
        scene.service { $0.frontend.drain() }
        post(scene, "/tokenize", #"{"prompt":"a"}"#) { #expect($0.status == 503 && $0.header("retry-after") != nil) }
    }

    @Test("whose models are others is told of none, named or not")
    func tenants() throws {
        let file = try TenantFile(parsing: Array(#"{"tenants":[\#(TenantBed.entry("acme", #","models":["other"]"#))]}"#.utf8))
        let scene = Scene { $0.tenants.given = file }
        for (body, code) in [(#"{"prompt":"a"}"#, "missing_required_parameter"), (#"{"model":"tiny","prompt":"a"}"#, "model_not_found")] {
            var request = HTTPClientRequest.post("/tokenize", json: Array(body.utf8))
            #expect(scene.finish(scene.send(request)).status == 401)
            request.headers.append((name: "x-api-key", value: TenantBed.key("acme")))
            scene.finish(scene.send(request)) { #expect($0.errorCode == code, "\(body)") }
        }
    }
}
