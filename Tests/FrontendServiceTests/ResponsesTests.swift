import ClusterModel
import EventLoop
import HTTPClient
import JSONText
import Testing
import WireProtocol

@testable import FrontendService

@Suite("Responses, as clients get them")
struct ResponsesTests {
    private static let tools = #","tools":[{"type":"function","name":"f","parameters":{"type":"object","properties":{}}}]"#
    private static let text = "<think>hm</think>I look." + "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": \"1\"}}\n</tool_call>"

    /// Every worker says these texts, one a frame.
    private func scene(_ texts: [String], card: ModelCard = Scene.card(), end: FinishReason = .endOfText) -> Scene {
        let scene = Scene(card: card)
        for worker in scene.workers {
            worker {
                $0.script = { job in
                    job.accept()
                    for (place, text) in texts.enumerated() {
                        let isLast = place == texts.count - 1
                        job.after(.milliseconds(5) * (place + 1)) {
                            $0.say(text, finish: isLast ? end : nil)
                            if isLast { $0.end(.finished) }
                        }
                    }
                }
            }
        }
        return scene
    }

    @Test("thoughts, text and calls come as items, streamed and whole alike", arguments: [true, false])
    func items(stream: Bool) {
        let scene = scene(Self.text.map(String.init))
        let client = scene.finish(scene.response(Self.tools, stream: stream))
        let response = client { $0.response }, output = response?["output"]?.asArray ?? [], events = client { $0.chunks }
        #expect(output.map { $0["type"]?.asString } == ["reasoning", "message", "function_call"])
        #expect(output.map { $0["status"]?.asString } == ["completed", "completed", "completed"])
        #expect(output.first?["content"]?[0]?["text"]?.asString == "hm")
        #expect(output.dropFirst().first?["content"]?[0]?["text"]?.asString == "I look.")
        #expect(output.last?["name"]?.asString == "f" && output.last?["arguments"]?.asString == #"{"x": "1"}"#)
        #expect(output.last?["call_id"]?.asString?.hasPrefix("call_") == true)
        #expect(response?["status"]?.asString == "completed" && response?["model"]?.asString == "tiny")
        #expect(response?["tools"]?[0]?["name"]?.asString == "f")
        #expect(response?["completed_at"]?.asInt ?? 0 >= response?["created_at"]?.asInt ?? .max)
        // The word that ends a text is a token too.
        #expect(response?["usage"]?["output_tokens"]?.asInt == Self.text.utf8.count + 1)
        #expect(response?["usage"]?["output_tokens_details"]?["reasoning_tokens"]?.asInt == 11)
        #expect(response?["id"]?.asString == "resp_" + (client { $0.header("x-request-id") } ?? "?"))
        if stream {
            #expect(events.map { $0["sequence_number"]?.asInt } == Array(0..<events.count))
            #expect(events.first?["type"]?.asString == "response.created" && !client { $0.isDone })
            let said = events.filter { $0["type"]?.asString == "response.output_text.delta" }.compactMap { $0["delta"]?.asString }
            #expect(said.joined() == "I look.")
        }
        #expect(scene.held == [])
        #expect(
            scene.metric(
                #"dynamo_frontend_requests_total{endpoint="responses",error_type="",model="tiny",request_type="\#(stream ? "stream" : "unary")""#
            ) == 1)
    }

    @Test("an answer that reached its limit is incomplete", arguments: [true, false])
    func incomplete(stream: Bool) {
        let scene = scene(["ab"], end: .length)
        scene.finish(scene.response(#","max_output_tokens":2"#, stream: stream)) { answer in
            #expect(answer.response?["status"]?.asString == "incomplete")
            #expect(answer.response?["incomplete_details"]?["reason"]?.asString == "max_output_tokens")
            #expect(answer.response?["output"]?[0]?["status"]?.asString == "incomplete")
            #expect(answer.response?["completed_at"]?.isNull == true)
        }
    }

    @Test("what the cluster tells beside an answer stands on the response", arguments: [true, false])
    func extensions(stream: Bool) {
        let scene = scene(["ab"])
        scene.finish(scene.response(#","nvext":{"extra_fields":["worker_id","timing"]}"#, stream: stream)) { answer in
            #expect(answer.response?["nvext"]?["worker_id"] != nil && answer.response?["nvext"]?["timing"] != nil)
            #expect(answer.chunks.filter { $0["nvext"] != nil }.isEmpty)
        }
    }

    @Test("log probabilities are those of the text", arguments: [true, false])
    func logprobs(stream: Bool) {
        let scene = Scene(workers: 1)
        scene.worker {
            $0.script = { job in
                job.accept()
                for text in ["<think>", "a", "</think>", "b", "c"] {
                    job.say(text, logprobs: text.utf8.map { TokenLogprob(chosen: -Float($0), top: []) })
                }
                job.say("", finish: .endOfText)
                job.end(.finished)
            }
        }
        scene.finish(scene.response(#","include":["message.output_text.logprobs"]"#, stream: stream)) { answer in
            let told = answer.response?["output"]?.asArray?.last?["content"]?[0]?["logprobs"]?.asArray ?? []
            #expect(told.map { $0["token"]?.asString } == ["b", "c"] && told.map { $0["logprob"]?.asInt } == [-98, -99])
        }
    }

    @Test("a conversation that is passed back reads as the same one of the chat API does")
    func passedBack() {
        let scene = scene(["ok"])
        let input = #"""
            [{"role":"user","content":"hi"},{"type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":"hm"}]},
            {"type":"message","role":"assistant","content":[{"type":"output_text","text":"yes"}]},{"role":"user","content":"more"}]
            """#
        let body = Array(#"{"model":"tiny","instructions":"i","input":\#(input)}"#.utf8)
        scene.finish(scene.send(.post("/v1/responses", json: body))) { #expect($0.status == 200) }
        let messages = #"""
            [{"role":"system","content":"i"},{"role":"user","content":"hi"},{"role":"assistant","reasoning_content":"hm","content":"yes"},
            {"role":"user","content":"more"}]
            """#
        scene.finish(scene.send(.post("/v1/chat/completions", json: Array(#"{"model":"tiny","messages":\#(messages)}"#.utf8))))
        let prompts = scene.workers.flatMap { worker in worker { $0.jobs.map(\.entry.promptTokens) } }
        #expect(prompts.count == 2 && prompts.first == prompts.last)
    }

    @Test("what fails before it begins is an error of the API, by the names of its own fields")
    func refusals() {
        let scene = scene(["x"])
        for (members, param) in [
            (#","text":{"format":{"type":"json_object"}}"#, "text.format"), (#","previous_response_id":"resp_1""#, "previous_response_id"),
            (Self.tools + #","tool_choice":"required""#, "tool_choice"), (#","max_output_tokens":9000"#, "input"),
        ] {
            scene.finish(scene.response(members)) {
                #expect($0.status == 400 && $0.json["error"]?["param"]?.asString == param, "\(param)")
                #expect($0.json["error"]?["message"]?.asString?.isEmpty == false)
            }
        }
        #expect(scene.router { $0.asked.count } == 0)
    }

    @Test("a form of the output binds the engine")
    func bound() {
        let scene = scene(["{}"], card: Scene.card { $0.capabilities.insert(.constraints) })
        scene.finish(scene.response(#","text":{"format":{"type":"json_schema","name":"n","schema":{"type":"object"}}}"#)) {
            #expect($0.response?["output"]?[0]?["content"]?[0]?["text"]?.asString == "{}")
        }
        let constraint = scene.workers.compactMap { worker in worker { $0.jobs.last?.entry.constraint } }.first
        #expect(constraint == Constraint(kind: .jsonSchema, source: Array(#"{"type":"object"}"#.utf8)))
    }

    @Test("a stream that fails ends as a response that failed")
    func failure() {
        let scene = Scene(workers: 1)
        scene.worker {
            $0.script = { job in
                job.accept()
                job.say("ab")
                job.end(.failed, .quarantined)
            }
        }
        scene.finish(scene.response()) { answer in
            #expect(answer.status == 200 && answer.chunks.suffix(2).map { $0["type"]?.asString } == ["error", "response.failed"])
            let last = answer.response
            #expect(last?["status"]?.asString == "failed" && last?["error"]?["code"]?.asString == "server_error")
            #expect(last?["output"]?[0]?["content"]?[0]?["text"]?.asString == "ab")
        }
        #expect(scene.held == [])
    }

    @Test("what a long answer tells again at its end is no sign of a client that does not read")
    func repeats() {
        let scene = Scene(workers: 1), length = 8_000
        // More than a client may be behind, told twice at the beginning and once at the end.
        let instructions = String(repeating: "i", count: 300_000)
        scene.sockets.plan.bufferBytes = 4 << 10
        scene.worker {
            $0.script = { job in
                job.accept()
                job.frames(Array(repeating: "x", count: length), finish: .length)
                job.end(.finished)
            }
        }
        let members = #","nvext":{"token_data":[104,105]},"max_output_tokens":\#(length),"instructions":"\#(instructions)""#
        scene.finish(scene.response(members)) { answer in
            #expect(answer.error == nil && answer.response?["output"]?[0]?["content"]?[0]?["text"]?.asString?.utf8.count == length)
            #expect(answer.response?["instructions"]?.asString == instructions)
        }
        #expect(scene.metric("apus_frontend_clients_departed_total") ?? 0 == 0)
        #expect(scene.held == [])
    }

    @Test("responses are not kept, and whoever asks for one is told so")
    func stored() {
        let scene = scene(["x"])
        for request in [
            HTTPClientRequest.get("/v1/responses/resp_1"), .get("/v1/responses/resp_1/input_items"),
            HTTPClientRequest("DELETE", "/v1/responses/resp_1"), .post("/v1/responses/resp_1/cancel", json: []),
        ] {
            scene.finish(scene.send(request)) {
                #expect($0.status == 404 && $0.errorCode == "not_found")
                #expect($0.json["error"]?["message"]?.asString?.contains("not stored") == true)
            }
        }
    }
}

extension Answer {
    /// The response in the body, or in the last event.
    fileprivate var response: JSONValue? { events.isEmpty ? json : chunks.last?["response"] }
}
