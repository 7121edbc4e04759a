import EventLoop
import JSONText
import Testing
import WireProtocol

@testable import FrontendService

@Suite("Conversations whose prompt is given in another form")
struct GivenTokenTests {
    private static let call = "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": \"1\"}}\n</tool_call>"
    private static let tools = #","tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}]"#

    private func tokens(_ text: String, _ more: String = "") -> String {
        #","nvext":{"token_data":[\#(text.utf8.map(String.init).joined(separator: ","))]\#(more)}"#
    }

    @Test("their thoughts and calls are told apart all the same", arguments: [true, false])
    func calls(stream: Bool) {
        let scene = Scene.saying(("<think>hm</think>so" + Self.call).map(String.init))
        scene.finish(scene.chat(Self.tools + tokens("hi"), stream: stream)) { answer in
            #expect(answer.text() == "so" && answer.finish() == "tool_calls")
            let heads = answer.chunks.flatMap { $0["choices"]?[0]?["delta"]?["tool_calls"]?.asArray ?? [] }
            let calls = stream ? heads.filter { $0["id"] != nil } : answer.firstMessage?["tool_calls"]?.asArray ?? []
            #expect(calls.map { $0["function"]?["name"]?.asString } == ["f"])
        }
        #expect(scene.lastEntry?.promptTokens == [104, 105])
    }

    @Test("in each API")
    func otherAPIs() {
        let scene = Scene.saying([Self.call])
        let flat = #","tools":[{"type":"function","name":"f","parameters":{"type":"object"}}]"#
        scene.finish(scene.response(flat + tokens("hi"), stream: false)) {
            #expect($0.json["output"]?[0]?["type"]?.asString == "function_call", "\($0.json)")
        }
        let tools = #","tools":[{"name":"f","input_schema":{"type":"object"}}]"#
        let body = #"{"model":"tiny","max_tokens":99,"messages":[{"role":"user","content":"hi"}]\#(tools)\#(tokens("hi"))}"#
        scene.finish(scene.post("/v1/messages", body)) {
            #expect($0.json["content"]?[0]?["type"]?.asString == "tool_use" && $0.json["stop_reason"]?.asString == "tool_use", "\($0.json)")
        }
    }

    @Test("a call that is demanded of them is demanded")
    func demanded() {
        let scene = Scene.saying([#"[{"name":"f","parameters":{"x":1}}]"#], constrains: true)
        scene.finish(scene.chat(Self.tools + #","tool_choice":"required""# + tokens("hi"), stream: false)) {
            #expect($0.firstMessage?["tool_calls"]?[0]?["function"]?["arguments"]?.asString == #"{"x":1}"#)
        }
        #expect(scene.lastSchema?["type"]?.asString == "array")
        let free = Scene.saying(["x"])
        free.finish(free.chat(Self.tools + #","tool_choice":"required""# + tokens("hi"), stream: false)) {
            #expect($0.status == 400 && $0.errorParam == "tool_choice")
        }
    }

    @Test("a thought that their last tokens open is one", arguments: ["<think>\n", "é<think>", "<think> ."])
    func openThought(end: String) {
        let scene = Scene.saying(["hm</think>so"]), isOpen = !end.hasSuffix(".")
        scene.finish(scene.chat(tokens(String(repeating: "x", count: 200) + end), stream: false)) {
            #expect($0.firstMessage?["reasoning_content"]?.asString == (isOpen ? "hm" : nil))
            #expect($0.text() == (isOpen ? "so" : "hm</think>so"))
        }
    }

    @Test("a raw prompt of a chat has thoughts in its answer too")
    func raw() {
        let scene = Scene.saying(["<think>hm</think>so"])
        scene.finish(scene.chat(#","nvext":{"use_raw_prompt":true}"#, stream: false)) {
            #expect($0.text() == "so" && $0.firstMessage?["reasoning_content"]?.asString == "hm")
        }
        #expect(scene.lastEntry?.promptTokens == [104, 105])
    }

    @Test("of a text completion the text is the answer, and tokens at fault have the name of where they stand")
    func completion() {
        let text = "<think>hm</think>" + Self.call, scene = Scene.saying([text])
        scene.finish(scene.completion(tokens("hi"), stream: false)) { #expect($0.text() == text) }
        let bad = #","nvext":{"token_data":[4000000000]}"#
        for client in [scene.chat(bad, stream: false), scene.completion(bad, stream: false), scene.response(bad, stream: false)] {
            scene.finish(client) { #expect($0.status == 400 && $0.errorParam == "nvext.token_data", "\($0.json)") }
        }
        scene.finish(scene.post("/v1/completions", #"{"model":"tiny","prompt":[4000000000]}"#)) { #expect($0.errorParam == "prompt") }
    }
}
