import ClusterModel
import EventLoop
import HTTPClient
import JSONText
import Testing
import WireProtocol

@testable import FrontendService

@Suite("The Messages API, as clients get it")
struct MessagesTests {
    private static let tools = #","tools":[{"name":"f","input_schema":{"type":"object"}},{"name":"g","input_schema":{"type":"object"}}]"#
    private static let call = "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": \"1\"}}\n</tool_call>"

    /// Every worker says these texts, one a frame.
    private func scene(
        _ texts: [String], cached: UInt32? = nil, finish: FinishReason = .endOfText, constrains: Bool = false,
        change: (inout ModelCard) -> Void = { _ in }
    ) -> Scene {
        let scene = Scene(
            card: Scene.card {
                if constrains { $0.capabilities.insert(.constraints) }
                change(&$0)
            })
        for worker in scene.workers {
            worker {
                $0.script = { job in
                    job.accept()
                    if let cached { job.start(cached: cached) }
                    for (place, text) in texts.enumerated() {
                        let isLast = place == texts.count - 1
                        job.after(.milliseconds(5) * (place + 1)) {
                            $0.say(text, finish: isLast ? finish : nil)
                            if isLast { $0.end(.finished) }
                        }
                    }
                }
            }
        }
        return scene
    }

    private func letters(_ text: String) -> [String] { text.map(String.init) }

    private func post(
        _ scene: Scene, _ members: String = "", stream: Bool = true, path: String = "/v1/messages", maxTokens: Int = 100,
        messages: String = #"[{"role":"user","content":"hi"}]"#, headers: [(name: String, value: String)] = []
    ) -> Scene.Client {
        let body = #"{"model":"tiny","max_tokens":\#(maxTokens),"messages":\#(messages),"stream":\#(stream)\#(members)}"#
        var request = HTTPClientRequest.post(path, json: Array(body.utf8))
        request.headers += headers
        return scene.send(request)
    }

    /// What a client puts together from a stream: the blocks, with the texts of their deltas.
    private func blocks(_ events: [JSONValue]) -> [(type: String, text: String)] {
        var blocks: [(type: String, text: String)] = [], open = false
        for event in events {
            switch event["type"]?.asString {
            case "content_block_start":
                #expect(event["index"]?.asInt == blocks.count && !open)
                blocks.append((event["content_block"]?["type"]?.asString ?? "?", ""))
                open = true
            case "content_block_delta":
                #expect(event["index"]?.asInt == blocks.count - 1 && open)
                let delta = event["delta"]
                blocks[blocks.count - 1].text += (delta?["text"] ?? delta?["thinking"] ?? delta?["partial_json"])?.asString ?? ""
            case "content_block_stop":
                #expect(event["index"]?.asInt == blocks.count - 1 && open)
                open = false
            default: #expect(!open)
            }
        }
        return blocks
    }

    @Test("text is streamed between a start and an end, with what it cost", arguments: [1, 2, 3] as [UInt64])
    func stream(seed: UInt64) {
        let scene = Scene(seed: seed)
        scene.finish(post(scene, headers: [("anthropic-version", "2023-06-01"), ("x-api-key", "k"), ("x-request-id", "mine")])) { answer in
            #expect(answer.status == 200 && answer.header("content-type") == "text/event-stream")
            #expect(answer.header("x-request-id") == "mine" && answer.header("request-id") == "mine")
            let types = answer.chunks.map { $0["type"]?.asString }
            #expect(types.prefix(3) == ["message_start", "ping", "content_block_start"])
            #expect(types.suffix(3) == ["content_block_stop", "message_delta", "message_stop"])
            let message = answer.chunks.first?["message"]
            #expect(message?["id"]?.asString?.hasPrefix("msg_") == true && message?["role"]?.asString == "assistant")
            #expect(message?["usage"]?["input_tokens"]?.asInt ?? 0 > 20)
            #expect(self.blocks(answer.chunks).map(\.text) == ["hello"])
            let end = answer.chunks.first { $0["type"]?.asString == "message_delta" }
            #expect(end?["delta"]?["stop_reason"]?.asString == "end_turn")
            #expect(end?["usage"]?["output_tokens"]?.asInt == 6)
        }
        #expect(scene.held == [])
    }

    @Test("thoughts, text, calls and text again are blocks in their order, streamed and whole alike", arguments: [true, false])
    func blocksInOrder(stream: Bool) {
        let scene = scene(letters("<think>hm</think>I look." + Self.call + "Done."))
        scene.finish(post(scene, Self.tools, stream: stream)) { answer in
            let end = stream ? answer.chunks.first { $0["type"]?.asString == "message_delta" } : answer.json
            #expect((end?["delta"] ?? end)?["stop_reason"]?.asString == "tool_use")
            #expect(end?["usage"]?["output_tokens_details"]?["thinking_tokens"]?.asInt == 11)
            if stream {
                let blocks = self.blocks(answer.chunks)
                #expect(blocks.map(\.type) == ["thinking", "text", "tool_use", "text"])
                #expect(blocks.map(\.text) == ["hm", "I look.", #"{"x": "1"}"#, "Done."])
            } else {
                let content = answer.json["content"]?.asArray ?? []
                #expect(content.map { $0["type"]?.asString } == ["thinking", "text", "tool_use", "text"])
                #expect(content[0]["thinking"]?.asString == "hm" && content[0]["signature"]?.asString == "")
                #expect(content[1]["text"]?.asString == "I look." && content[3]["text"]?.asString == "Done.")
                #expect(content[2]["input"] == ["x": "1"] && content[2]["id"]?.asString?.hasPrefix("toolu_") == true)
            }
        }
        #expect(scene.held == [])
    }

    @Test("the input of a call is JSON whatever the model wrote: a line break in a string, or no JSON at all", arguments: [true, false])
    func inputs(stream: Bool) throws {
        let broken = "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": \"a\nb\"}}\n</tool_call>"
        let harmony = "<|channel|>commentary to=functions.f<|message|>{x: 1}<|call|>"
        for (text, format, input) in [(broken, nil, #"{"x": "a\nb"}"#), (harmony, "harmony", #"{"INVALID_JSON":"{x: 1}"}"#)] {
            let scene = scene(letters(text)) { card in
                guard let format else { return }
                (card.toolFormat, card.reasoningFormat) = (format, format)
            }
            let whole = try JSONValue(parsing: input)
            scene.finish(post(scene, Self.tools, stream: stream)) { answer in
                if stream {
                    #expect(self.blocks(answer.chunks).map(\.text) == [input])
                } else {
                    #expect(answer.json["content"]?[0]?["input"] == whole)
                }
            }
        }
    }

    @Test("a stream that says nothing for long, since its thoughts are hidden, gets comments")
    func hiddenThoughts() {
        let scene = Scene(workers: 1)
        scene.worker {
            $0.script = { job in
                job.accept()
                job.say("<think>")
                for second in 1...25 { job.after(.seconds(second)) { $0.say("hm") } }
                job.after(.seconds(26)) {
                    $0.say("</think>so", finish: .endOfText)
                    $0.end(.finished)
                }
            }
        }
        let hidden = post(scene, #","thinking":{"type":"enabled","budget_tokens":1024,"display":"omitted"}"#, maxTokens: 2000)
        scene.finish(hidden) { #expect($0.comments == 2 && self.blocks($0.chunks).map(\.text).last == "so") }
        let shown = post(scene, #","thinking":{"type":"enabled","budget_tokens":1024}"#, maxTokens: 2000)
        scene.finish(shown) { #expect($0.comments == 0) }
    }

    @Test("tokens that were cached are told apart from those that were not")
    func cached() {
        let scene = scene(["a"], cached: 5)
        let client = scene.finish(post(scene, stream: false))
        let prompt = scene.workers.compactMap { worker in worker { $0.jobs.last?.entry.promptTokens.count } }.first ?? 0
        client { answer in
            let usage = answer.json["usage"]
            #expect(usage?["cache_read_input_tokens"]?.asInt == 5 && usage?["cache_creation_input_tokens"]?.asInt == 0)
            #expect(usage?["input_tokens"]?.asInt == prompt - 5)
        }
    }

    @Test("a stop sequence is named, and is no part of the answer")
    func stopSequence() {
        let scene = scene(["abSTOPcd"])
        scene.finish(post(scene, #","stop_sequences":["x","STOP"]"#, stream: false)) { answer in
            #expect(answer.json["stop_reason"]?.asString == "stop_sequence" && answer.json["stop_sequence"]?.asString == "STOP")
            #expect(answer.json["content"]?[0]?["text"]?.asString == "ab")
        }
    }

    @Test("more tokens than the context has room for are a bound, and an answer that fills it says so")
    func context() {
        let scene = scene(["abc"], finish: .length)
        scene.finish(post(scene, stream: false, maxTokens: 1_000_000)) { answer in
            #expect(answer.json["stop_reason"]?.asString == "model_context_window_exceeded")
        }
        let entry = scene.workers.compactMap { worker in worker { $0.jobs.last?.entry } }.first
        #expect(entry.map { $0.promptTokens.count + Int($0.sampling.maxTokens) } == 8192)
        scene.finish(post(scene, stream: false, maxTokens: 3)) { #expect($0.json["stop_reason"]?.asString == "max_tokens") }
        let long = String(repeating: "x", count: 9_000)
        scene.finish(post(scene, stream: false, messages: #"[{"role":"user","content":"\#(long)"}]"#)) { answer in
            #expect(answer.status == 400)
            #expect(answer.json["error"]?["message"]?.asString?.hasPrefix("prompt is too long: ") == true)
        }
    }

    @Test("an answer that the client has begun goes on behind it")
    func prefill() {
        let scene = scene(["42."])
        let messages = #"[{"role":"user","content":"q"},{"role":"assistant","content":"It is "}]"#
        scene.finish(post(scene, stream: false, messages: messages)) { #expect($0.json["content"]?[0]?["text"]?.asString == "42.") }
        let prompt = scene.workers.compactMap { worker in worker { $0.jobs.last?.entry.promptTokens } }.first ?? []
        #expect(String(decoding: prompt.filter { $0 < 256 }.map { UInt8($0) }, as: UTF8.self).hasSuffix("assistant\nIt is "))
    }

    @Test("a call that is demanded is told as that call")
    func demanded() {
        let scene = scene(letters(#"{"x":"y"}"#), constrains: true)
        scene.finish(post(scene, Self.tools + #","tool_choice":{"type":"tool","name":"g"}"#, stream: false)) { answer in
            #expect(answer.json["content"]?[0]?["name"]?.asString == "g" && answer.json["content"]?[0]?["input"] == ["x": "y"])
            #expect(answer.json["stop_reason"]?.asString == "tool_use")
        }
    }

    @Test("a schema binds the engine, and where none can be bound the field is refused by the name that it has here")
    func schema() {
        let members = #","output_config":{"format":{"type":"json_schema","schema":{"type":"object"}}}"#
        let bound = scene(["{}"], constrains: true)
        bound.finish(post(bound, members, stream: false)) { #expect($0.json["content"]?[0]?["text"]?.asString == "{}") }
        #expect(bound.router { $0.asked.last?.needs } == .constraints)
        let unbound = scene(["{}"])
        unbound.finish(post(unbound, members)) { answer in
            #expect(answer.status == 400)
            #expect(answer.json["error"]?["message"]?.asString?.contains("'output_config.format'") == true)
        }
    }

    @Test("refusals have Anthropic's envelope, its statuses and its name for the request")
    func refusals() {
        let scene = Scene()
        let bad = post(scene, #","temperature":3"#, headers: [("x-request-id", "mine")])
        scene.finish(bad) { answer in
            #expect(answer.status == 400 && answer.json["type"]?.asString == "error")
            #expect(answer.json["error"]?["type"]?.asString == "invalid_request_error")
            #expect(answer.json["request_id"]?.asString == "mine" && answer.header("request-id") == "mine")
        }
        let missing = scene.send(
            .post("/v1/messages", json: Array(#"{"model":"none","max_tokens":1,"messages":[{"role":"user","content":"x"}]}"#.utf8)))
        scene.finish(missing) { #expect($0.status == 404 && $0.json["error"]?["type"]?.asString == "not_found_error") }
        var text = HTTPClientRequest.post("/v1/messages", json: Array("{}".utf8))
        text.headers = text.headers.map { $0.name.lowercased() == "content-type" ? ($0.name, "text/plain") : $0 }
        for (request, status, type) in [
            (HTTPClientRequest.get("/v1/messages"), 405, "invalid_request_error"), (text, 415, "invalid_request_error"),
            (.get("/v1/messages/none"), 404, "not_found_error"), (HTTPClientRequest("BREW", "/v1/messages"), 501, "api_error"),
        ] {
            scene.finish(scene.send(request)) { answer in
                #expect(answer.status == status && answer.json["error"]?["type"]?.asString == type, "\(status)")
                #expect(answer.header("request-id")?.isEmpty == false && (answer.header("allow") != nil) == (status == 405))
            }
        }
        let full = Scene(configure: { $0.limits.requests = 0 })
        full.finish(post(full)) { answer in
            #expect(answer.status == 529 && answer.json["error"]?["type"]?.asString == "overloaded_error")
            #expect(answer.header("retry-after") == "1")
        }
    }

    @Test("a failure in the midst of a stream is an event of its own, and the stream's last")
    func failure() {
        let scene = Scene(workers: 1, configure: { $0.limits.silence = .milliseconds(200) })
        scene.worker {
            $0.script = { job in
                job.accept()
                job.say("ab")
            }
        }
        scene.finish(post(scene)) { answer in
            #expect(answer.status == 200 && answer.chunks.last?["type"]?.asString == "error")
            #expect(answer.chunks.last?["request_id"]?.asString == answer.header("request-id"))
        }
    }

    // MARK: Counting

    @Test(
        "a count is that of the prompt that a request would have, and nobody is asked for it",
        arguments: ["", String(repeating: "x", count: 40_000)])
    func count(text: String) {
        let scene = scene(["a"])
        let messages = #"[{"role":"user","content":"hi\#(text)"}]"#, members = Self.tools + #","system":"be kind""#
        let counted = post(scene, members, path: "/v1/messages/count_tokens", messages: messages, headers: [("x-request-id", "mine")])
        scene.finish(counted) { answer in
            #expect(answer.status == 200 && answer.header("request-id") == "mine")
            #expect(answer.json["input_tokens"]?.asInt ?? 0 > 40 + text.utf8.count)
        }
        #expect(scene.router { $0.asked.isEmpty })
        #expect(scene.metric("dynamo_frontend_requests_total") ?? 0 == 0)
        guard text.isEmpty else { return }  // longer than the context
        let tokens = counted { $0.json["input_tokens"]?.asInt }
        scene.finish(post(scene, members, stream: false, messages: messages)) {
            #expect($0.json["usage"]?["input_tokens"]?.asInt == tokens)
        }
        #expect(scene.held == [])
    }

    @Test("a count is refused as a request is")
    func badCount() {
        let scene = Scene()
        let path = "/v1/messages/count_tokens"
        for (body, status) in [
            (#"{"model":"tiny","messages":[]}"#, 400), (#"{"model":"none","messages":[{"role":"user","content":"x"}]}"#, 404), ("{", 400),
        ] {
            scene.finish(scene.send(.post(path, json: Array(body.utf8)))) { answer in
                #expect(answer.status == status && answer.json["type"]?.asString == "error")
                #expect(answer.header("request-id")?.isEmpty == false)
            }
        }
    }

    @Test("the line about billing changes no prompt, unless a deployment wants it to", arguments: [true, false])
    func preamble(strips: Bool) {
        let scene = Scene(configure: { $0.dialect.stripsPreamble = strips })
        func count(_ header: String) -> Int? {
            let members = #","system":[{"type":"text","text":"x-anthropic-billing-header: \#(header);"},{"type":"text","text":"be kind"}]"#
            let client = scene.finish(post(scene, members, path: "/v1/messages/count_tokens"))
            return client { $0.json["input_tokens"]?.asInt }
        }
        #expect((count("a") == count("abc")) == strips)
    }
}
