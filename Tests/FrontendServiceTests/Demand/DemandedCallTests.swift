import EventLoop
import JSONText
import Testing
import WireProtocol

@testable import FrontendService

@Suite("Calls that a client demands")
struct DemandedCallTests {
    private static let required = #","tool_choice":"required""#

    /// One tool with these parameters.
    private func tools(_ parameters: String, name: String = "f") -> String {
        #","tools":[\#(tool(name, parameters))]"#
    }

    private func tool(_ name: String, _ parameters: String) -> String {
        #"{"type":"function","function":{"name":"\#(name)","parameters":\#(parameters)}}"#
    }

    /// Parameters of about so many bytes.
    private func parameters(_ bytes: Int) -> String {
        #"{"type":"object","description":"\#(String(repeating: "d", count: bytes))"}"#
    }

    // MARK: How much

    @Test(
        "more of them than a worker can be told is the client's fault, in each API, and nobody else's",
        arguments: ["required", "one tool"])
    func tooMuch(choice: String) {
        let scene = Scene.saying(["[]"], constrains: true) { $0.contextLength = 1 << 20 }
        let large = parameters(300 << 10), isNamed = choice == "one tool"
        let chat = isNamed ? #"{"type":"function","function":{"name":"f"}}"# : #""required""#
        let flat = isNamed ? #"{"type":"function","name":"f"}"# : #""required""#
        let anthropic = isNamed ? #"{"type":"tool","name":"f"}"# : #"{"type":"any"}"#
        let refused = [
            scene.chat(tools(large) + #","tool_choice":\#(chat)"#, stream: false),
            scene.response(#","tools":[{"type":"function","name":"f","parameters":\#(large)}],"tool_choice":\#(flat)"#, stream: false),
            scene.post(
                "/v1/messages",
                #"{"model":"tiny","max_tokens":9,"messages":[{"role":"user","content":"hi"}],"tools":[{"name":"f","input_schema":\#(large)}],"tool_choice":\#(anthropic)}"#
            ),
        ]
        for client in refused {
            scene.finish(client) { answer in
                #expect(answer.status == 400, "\(answer.text())")
                #expect(String(decoding: answer.body, as: UTF8.self).contains("'tools'"))
            }
        }
        let chatted = refused[0]
        chatted { #expect($0.errorParam == "tools" && $0.errorCode == "string_above_max_length") }
        // It lives.
        scene.onWorker { $0.answer("fine") }
        scene.finish(scene.chat()) { #expect($0.text() == "fine") }
        #expect(scene.held == [])
    }

    @Test("many that fit each and not together are too much, and as many as fit are told")
    func together() {
        let scene = Scene.saying([#"[{"name":"f0","parameters":{}}]"#], constrains: true) { $0.contextLength = 1 << 20 }
        func all(_ bytes: Int) -> String {
            #","tools":[\#((0..<10).map { tool("f\($0)", parameters(bytes)) }.joined(separator: ","))]"# + Self.required
        }
        scene.finish(scene.chat(all(27 << 10), stream: false)) { #expect($0.status == 400 && $0.errorParam == "tools") }
        scene.finish(scene.chat(all(24 << 10), stream: false)) { #expect($0.finish() == "tool_calls", "\($0.text())") }
        #expect(scene.lastSchema?["items"]?["anyOf"]?.asArray?.count == 10)
    }

    // MARK: What for

    @Test("what a tool's references name is found in that tool's schema, whatever other tools define under the same names")
    func references() throws {
        let scene = Scene.saying([#"[{"name":"f","parameters":{"a":1}}]"#], constrains: true)
        let properties = ##"{"a":{"type":"integer"},"b":{"$ref":"#/properties/a"},"c":{"$ref":"#/$defs/t"},"d":{"$ref":"#"}}"##
        let first = ##"{"type":"object","properties":\##(properties),"$defs":{"t":{"const":{"$ref":"#/not/a/reference"}}}}"##
        let second = ##"{"type":"object","properties":{"$ref":{"type":"string"},"c":{"$ref":"#/$defs/t"}},"$defs":{"t":{"type":"null"}}}"##
        scene.finish(scene.chat(#","tools":[\#(tool("f", first)),\#(tool("g", second))]"# + Self.required, stream: false)) {
            #expect($0.finish() == "tool_calls", "\($0.text())")
        }
        let schema = try #require(scene.lastSchema), definitions = try #require(schema["$defs"])
        #expect(schema["items"]?["anyOf"]?[1]?["properties"]?["parameters"] == ["$ref": "#/$defs/1"])
        let moved = definitions["0"]?["properties"]
        #expect(moved?["b"]?["$ref"]?.asString == "#/$defs/0/properties/a")
        #expect(moved?["c"]?["$ref"]?.asString == "#/$defs/0/$defs/t")
        #expect(moved?["d"]?["$ref"]?.asString == "#/$defs/0")
        #expect(definitions["0"]?["$defs"]?["t"]?["const"]?["$ref"]?.asString == "#/not/a/reference")
        #expect(definitions["1"]?["properties"]?["$ref"] == ["type": "string"])
        #expect(definitions["1"]?["$defs"]?["t"] == ["type": "null"])
    }

    @Test("a tool that says nothing of its arguments has an object of them", arguments: ["{}", #"{"properties":{"x":{}}}"#])
    func untyped(parameters: String) {
        let scene = Scene.saying([#"{"x":1}"#], constrains: true)
        let choice = #","tool_choice":{"type":"function","function":{"name":"f"}}"#
        scene.finish(scene.chat(tools(parameters) + choice, stream: false)) {
            #expect($0.firstMessage?["tool_calls"]?[0]?["function"]?["arguments"]?.asString == #"{"x":1}"#)
        }
        #expect(scene.lastSchema?["type"]?.asString == "object")
        scene.onWorker { $0.answer(#"[{"name":"f","parameters":{}}]"#) }
        scene.finish(scene.chat(tools(parameters) + Self.required, stream: false)) { #expect($0.finish() == "tool_calls") }
        #expect(scene.lastSchema?["$defs"]?["0"]?["type"]?.asString == "object")
    }

    @Test("a model that speaks in channels is bound to none of them where it must call", arguments: [required, ""])
    func harmony(choice: String) {
        let isRequired = !choice.isEmpty, named = #","tool_choice":{"type":"function","function":{"name":"f"}}"#
        let said = isRequired ? #"[{"name":"f","parameters":{"x":1}}]"# : #"{"x":1}"#
        let scene = Scene.saying(said.map(String.init), constrains: true) {
            $0.toolFormat = "harmony"
            $0.reasoningFormat = "harmony"
        }
        scene.finish(scene.chat(tools("{}") + (isRequired ? choice : named), stream: false)) { answer in
            let calls = answer.firstMessage?["tool_calls"]
            #expect(calls?[0]?["function"]?["name"]?.asString == "f", "\(answer.json)")
            #expect(calls?[0]?["function"]?["arguments"]?.asString == #"{"x":1}"#)
            #expect(answer.firstMessage?["content"]?.isNull == true)
        }
    }

    // MARK: What is said of failures

    @Test("what a worker cannot keep is told by the member that the client wrote")
    func refusals() {
        let scene = Scene.saying([""], constrains: true)
        func refused(_ client: Scene.Client, _ param: String) {
            scene.finish(client) { #expect($0.status == 400 && $0.errorParam == param, "\(param): \($0.json)") }
        }
        scene.onWorker { $0.refuse(.invalidArgument, field: "constraint", reason: "no such keyword") }
        let format = #"{"type":"json_schema","name":"n","schema":{"type":"object"}}"#
        refused(scene.chat(tools("{}") + Self.required, stream: false), "tool_choice")
        refused(scene.chat(#","response_format":{"type":"json_object"}"#, stream: false), "response_format")
        refused(scene.response(#","text":{"format":\#(format)}"#, stream: false), "text.format")
        for (field, param) in [("topP", "top_p"), ("minTokens", "min_tokens"), ("promptTokens", "messages"), ("choices", "n")] {
            scene.onWorker { $0.refuse(.invalidArgument, field: field) }
            refused(scene.chat(stream: false), param)
        }
        scene.onWorker { $0.refuse(.invalidArgument, field: "promptTokens") }
        refused(scene.completion(stream: false), "prompt")
        refused(scene.chat(#","nvext":{"token_data":[104]}"#, stream: false), "nvext.token_data")
    }
}
