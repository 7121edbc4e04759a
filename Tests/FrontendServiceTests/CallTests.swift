import ClusterModel
import EventLoop
import HTTPClient
import JSONText
import Testing
import WireProtocol

@testable import FrontendService

@Suite("Thoughts and calls, as clients get them")
struct CallTests {
    private static let tools =
        ##","tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"x":{"$ref":"#/$defs/t"}},"$defs":{"t":{"type":"string"}}}}},{"type":"function","function":{"name":"g"}}]"##
    private static let call = "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": \"1\"}}\n</tool_call>"
    private static let other = "<tool_call>\n{\"name\": \"g\", \"arguments\": {}}\n</tool_call>"

    /// Every worker says these texts, one a frame.
    private func scene(_ texts: [String], constrains: Bool = false, change: (inout ModelCard) -> Void = { _ in }) -> Scene {
        let scene = Scene(
            card: Scene.card {
                if constrains { $0.capabilities.insert(.constraints) }
                change(&$0)
            })
        for worker in scene.workers {
            worker {
                $0.script = { job in
                    job.accept()
                    for (place, text) in texts.enumerated() {
                        let isLast = place == texts.count - 1
                        job.after(.milliseconds(5) * (place + 1)) {
                            $0.say(text, finish: isLast ? .endOfText : nil)
                            if isLast { $0.end(.finished) }
                        }
                    }
                }
            }
        }
        return scene
    }

    /// The text letter by letter: no frame ends where a marker does.
    private func letters(_ text: String) -> [String] { text.map(String.init) }

    @Test("calls are streamed as they come: their heads, then their arguments, then why the choice ended", arguments: [true, false])
    func streamedCalls(byLetter: Bool) {
        let whole = "I look.\n" + Self.call + "\n" + Self.other, scene = scene(byLetter ? letters(whole) : [whole])
        scene.finish(scene.chat(Self.tools)) { answer in
            #expect(answer.text() == "I look.\n")
            #expect(answer.finish() == "tool_calls")
            let deltas = answer.chunks.flatMap { $0["choices"]?[0]?["delta"]?["tool_calls"]?.asArray ?? [] }
            let heads = deltas.filter { $0["id"] != nil }
            #expect(heads.map { $0["function"]?["name"]?.asString } == ["f", "g"])
            #expect(heads.map { $0["index"]?.asInt64 } == [0, 1] && heads.allSatisfy { $0["type"]?.asString == "function" })
            #expect(Set(heads.compactMap { $0["id"]?.asString }).count == 2)
            func arguments(_ index: Int64) -> String {
                deltas.filter { $0["index"]?.asInt64 == index }.compactMap { $0["function"]?["arguments"]?.asString }.joined()
            }
            #expect(arguments(0) == #"{"x": "1"}"# && arguments(1) == "{}")
        }
        #expect(scene.held == [])
    }

    @Test("a whole answer has the same calls, and no content where only calls were made")
    func wholeCalls() {
        let scene = scene([Self.call])
        scene.finish(scene.chat(Self.tools, stream: false)) { answer in
            let message = answer.json["choices"]?[0]?["message"]
            #expect(message?["content"]?.isNull == true && answer.finish() == "tool_calls")
            #expect(message?["tool_calls"]?[0]?["function"]?["arguments"]?.asString == #"{"x": "1"}"#)
        }
    }

    @Test("without tools, or where none may be called, the same text is content", arguments: ["", tools + #","tool_choice":"none""#])
    func noTools(members: String) {
        let scene = scene([Self.call])
        scene.finish(scene.chat(members)) { answer in
            #expect(answer.text() == Self.call && answer.finish() == "stop")
        }
    }

    @Test("a call that a client's stop text ended is a call, and the text is named", arguments: [true, false])
    func stoppedCall(stream: Bool) {
        let scene = scene(letters(Self.call))
        scene.finish(scene.chat(Self.tools + #","stop":["</tool_call>"]"#, stream: stream)) { answer in
            #expect(answer.finish() == "tool_calls")
            let last = stream ? answer.chunks.last { $0["choices"]?[0]?["finish_reason"]?.asString != nil } : answer.json
            #expect(last?["choices"]?[0]?["stop_reason"]?.asString == "</tool_call>")
        }
        let other = self.scene(["I would rather not."])
        other.finish(other.chat(Self.tools + #","stop":["rather"]"#, stream: stream)) { #expect($0.finish() == "stop") }
    }

    @Test("a client that wants one call at a time gets the first")
    func oneCall() {
        let scene = scene([Self.call + Self.other])
        scene.finish(scene.chat(Self.tools + #","parallel_tool_calls":false"#, stream: false)) { answer in
            #expect(answer.json["choices"]?[0]?["message"]?["tool_calls"]?.asArray?.count == 1)
        }
    }

    @Test("thoughts are told apart and counted, whatever the cut", arguments: [true, false])
    func thoughts(stream: Bool) {
        let scene = scene(letters("<think>hm</think>so"))
        scene.finish(scene.chat(#","stream_options":{"include_usage":true}"#, stream: stream)) { answer in
            let pieces = answer.chunks.compactMap { $0["choices"]?[0]?["delta"]?["reasoning_content"]?.asString }
            let whole = answer.json["choices"]?[0]?["message"]?["reasoning_content"]?.asString
            #expect((stream ? pieces.joined() : whole) == "hm")
            #expect(answer.text() == "so" && answer.finish() == "stop")
            let usage = (stream ? answer.chunks.last : answer.json)?["usage"]
            #expect(usage?["completion_tokens"]?.asInt64 == 20)
            // From the marker's last letter on: before it, nobody knows.
            #expect(usage?["completion_tokens_details"]?["reasoning_tokens"]?.asInt64 == 11)
        }
    }

    @Test("what a model may mean is its card's to say; a name that is not known here reads nothing", arguments: ["none", "of the future"])
    func formats(name: String) {
        let text = "<think>hm</think>" + Self.call
        let scene = scene([text]) { $0.reasoningFormat = name }
        scene.finish(scene.chat("")) { #expect($0.text() == text) }
        let other = self.scene([Self.call]) { $0.toolFormat = name }
        other.finish(other.chat(Self.tools)) {
            #expect($0.status == 400 && $0.json["error"]?["param"]?.asString == "tools" && $0.errorCode == "unsupported_parameter")
        }
    }

    @Test("what no engine of the model can be bound to is refused by name, before any worker is asked")
    func unbound() {
        let scene = scene(["x"])
        for (members, param) in [
            (#","response_format":{"type":"json_object"}"#, "response_format"), (Self.tools + #","tool_choice":"required""#, "tool_choice"),
            (Self.tools + #","tool_choice":{"type":"function","function":{"name":"g"}}"#, "tool_choice"),
            (#","prompt_logprobs":1"#, "prompt_logprobs"),
        ] {
            scene.finish(scene.chat(members)) {
                #expect($0.status == 400 && $0.json["error"]?["param"]?.asString == param && $0.errorCode == "unsupported_parameter")
            }
        }
        #expect(scene.router { $0.asked.count } == 0)
    }

    @Test("a form of output binds the engine, and a router looks for one that can be bound")
    func bound() {
        let scene = scene(["{}"], constrains: true)
        scene.finish(scene.chat(#","response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}}"#)) {
            #expect($0.text() == "{}")
        }
        #expect(scene.router { $0.asked.last?.needs } == .constraints)
        let constraint = scene.workers.compactMap { worker in worker { $0.jobs.last?.entry.constraint } }.first
        #expect(constraint == Constraint(kind: .jsonSchema, source: Array(#"{"type":"object"}"#.utf8)))
    }

    @Test("a call that is demanded by name is the whole output, told as that call")
    func namedCall() {
        let scene = scene(letters(#"{"x":"y"}"#), constrains: true)
        let choice = #","tool_choice":{"type":"function","function":{"name":"f"}}"#
        scene.finish(scene.chat(Self.tools + choice, stream: false)) { answer in
            let calls = answer.json["choices"]?[0]?["message"]?["tool_calls"]
            #expect(calls?[0]?["function"]?["name"]?.asString == "f" && calls?[0]?["function"]?["arguments"]?.asString == #"{"x":"y"}"#)
        }
        let source = scene.workers.compactMap { worker in worker { $0.jobs.last?.entry.constraint } }.first?.source ?? []
        #expect((try? JSONValue(parsing: source))?["$defs"]?["t"] != nil)
    }

    @Test("where any call is demanded, what is written is a list of them, and its schema's references lead somewhere")
    func requiredCall() throws {
        let scene = scene(letters(#"[{"name":"g","parameters":{}},{"name":"f","parameters":{"x":"y"}}]"#), constrains: true)
        scene.finish(scene.chat(Self.tools + #","tool_choice":"required""#, stream: false)) { answer in
            let calls = answer.json["choices"]?[0]?["message"]?["tool_calls"]?.asArray ?? []
            #expect(calls.map { $0["function"]?["name"]?.asString } == ["g", "f"])
            #expect(calls.map { $0["function"]?["arguments"]?.asString } == ["{}", #"{"x":"y"}"#])
        }
        let source = scene.workers.compactMap { worker in worker { $0.jobs.last?.entry.constraint } }.first?.source ?? []
        let schema = try JSONValue(parsing: source)
        #expect(schema["minItems"]?.asInt64 == 1)
        #expect(schema["items"]?["anyOf"]?[0]?["properties"]?["parameters"] == ["$ref": "#/$defs/0"])
        #expect(schema["$defs"]?["0"]?["properties"]?["x"] == ["$ref": "#/$defs/0/$defs/t"])
        #expect(schema["$defs"]?["0"]?["$defs"]?["t"]?["type"]?.asString == "string")
    }

    @Test("log probabilities of thoughts and calls are told too, each once")
    func logprobs() {
        let scene = Scene(workers: 1)
        scene.worker {
            $0.script = { job in
                job.accept()
                for text in ["<think>", "a</think>", "b"] {
                    job.say(text, logprobs: text.utf8.map { TokenLogprob(chosen: -Float($0), top: []) })
                }
                job.say("", finish: .endOfText)
                job.end(.finished)
            }
        }
        scene.finish(scene.chat(#","logprobs":true"#)) { answer in
            let told = answer.chunks.flatMap { $0["choices"]?[0]?["logprobs"]?["content"]?.asArray ?? [] }
            #expect(told.compactMap { $0["token"]?.asString }.joined() == "<think>a</think>b")
        }
    }
}
