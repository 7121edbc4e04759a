import ClusterModel
import EventLoop
import HTTPClient
import JSONText
import Testing
import Transport
import WireProtocol

@testable import FrontendService

@Suite("Answers, as clients get them")
struct AnswerTests {
    @Test("chat is streamed token by token, with role, finish and [DONE]", arguments: [1, 2, 3] as [UInt64])
    func streamedChat(seed: UInt64) {
        let scene = Scene(seed: seed)
        let client = scene.finish(scene.chat())
        client {
            #expect($0.status == 200)
            #expect($0.header("content-type") == "text/event-stream")
            #expect($0.text() == "hello")
            #expect($0.finish() == "stop")
            #expect($0.isDone)
            #expect($0.chunks.first?["choices"]?[0]?["delta"]?["role"]?.asString == "assistant")
            #expect($0.error == nil)
        }
        #expect(scene.held == [])
    }

    @Test("two choices are told apart, streamed and whole, in both APIs", arguments: [true, false])
    func twoChoices(stream: Bool) {
        let scene = Scene()
        for worker in scene.workers {
            worker {
                $0.script = { job in
                    job.accept()
                    job.say("one", choice: 1)
                    job.say("zero", choice: 0, finish: .length)
                    job.after(.milliseconds(5)) {
                        $0.say("!", choice: 1, finish: .endOfText)
                        $0.end(.finished)
                    }
                }
            }
        }
        for client in [scene.chat(#","n":2"#, stream: stream), scene.completion(#","n":2"#, stream: stream)] {
            scene.finish(client)
            client {
                #expect($0.status == 200)
                #expect($0.text(0) == "zero")
                #expect($0.text(1) == "one!")
                #expect($0.finish(0) == "length")
                #expect($0.finish(1) == "stop")
            }
        }
        #expect(scene.held == [])
    }

    @Test("usage counts the prompt once and every token of every choice")
    func usage() {
        let scene = Scene()
        scene.worker { $0.script = { job in job.answer("abc") } }
        scene.workers[1].on { $0.script = { job in job.answer("abc") } }
        let client = scene.finish(scene.completion(#","n":2"#, stream: false))
        client {
            #expect($0.usage("prompt_tokens") == 2)
            #expect($0.usage("completion_tokens") == 8)
            #expect($0.usage("total_tokens") == 10)
        }
    }

    @Test("cached tokens are those of the client's prompt, whatever a later attempt finds of the answer")
    func cachedTokens() {
        let scene = Scene()
        for worker in scene.workers {
            worker {
                $0.script = { job in
                    job.accept()
                    job.start(cached: job.entry.attempt == 1 ? 1 : 9)
                    job.say(job.entry.attempt == 1 ? "abcdefgh" : "!", finish: job.entry.attempt == 1 ? nil : .endOfText)
                    job.end(job.entry.attempt == 1 ? .drained : .finished)
                }
            }
        }
        let client = scene.finish(scene.completion(stream: false))
        client { #expect($0.json["usage"]?["prompt_tokens_details"]?["cached_tokens"]?.asInt == 1) }
    }

    @Test("a stop text that is found here ends the choice as stop, and is told to the worker at once", arguments: [true, false])
    func stopHere(stream: Bool) {
        let scene = Scene(workers: 1)
        scene.worker {
            $0.script = { job in
                job.accept()
                job.say("abSTO")
                job.after(.milliseconds(5)) { $0.say("Pcd") }
            }
        }
        let client = scene.finish(scene.completion(#","stop":["STOP"]"#, stream: stream))
        client {
            #expect($0.text() == "ab")
            #expect($0.finish() == "stop")
            #expect($0.status == 200)
        }
        #expect(scene.held == [])
        let cancels = scene.worker { $0.cancels }
        #expect(cancels.map(\.reason) == [.stopMatched])
        #expect(cancels.first?.choice == 0)
    }

    @Test("a choice has no more tokens than were asked for, even where the engine goes on")
    func tokenLimit() {
        let scene = Scene(workers: 1)
        scene.worker {
            $0.script = { job in
                job.accept()
                job.say("abc")
                job.after(.milliseconds(5)) { $0.say("d") }
            }
        }
        let client = scene.finish(scene.completion(#","max_tokens":3"#, stream: false))
        client {
            #expect($0.text() == "abc")
            #expect($0.finish() == "length")
            #expect($0.usage("completion_tokens") == 3)
        }
        scene.pass(.milliseconds(20))
        #expect(scene.worker { $0.cancels.count } == 1)
    }

    @Test("log probabilities belong to their tokens, and no more alternatives are shown than were asked for")
    func logprobs() {
        let scene = Scene(workers: 1)
        scene.worker {
            $0.script = { job in
                job.accept()
                let top = [TopLogprob(token: 97, logprob: -0.5), TopLogprob(token: 98, logprob: -1), TopLogprob(token: 99, logprob: -2)]
                job.say("a", logprobs: [TokenLogprob(chosen: -0.5, top: top)])
                job.say("b", finish: .length, logprobs: [TokenLogprob(chosen: -1.5, top: top)])
                job.end(.finished)
            }
        }
        for stream in [true, false] {
            let client = scene.finish(scene.chat(#","logprobs":true,"top_logprobs":2"#, stream: stream))
            let contents = client { answer in
                (stream ? answer.chunks : [answer.json]).flatMap { $0["choices"]?[0]?["logprobs"]?["content"]?.asArray ?? [] }
            }
            #expect(contents.map { $0["token"]?.asString } == ["a", "b"])
            #expect(contents.map { $0["logprob"]?.asDouble } == [-0.5, -1.5])
            #expect(contents.map { $0["top_logprobs"]?.asArray?.count } == [2, 2])
        }
    }

    @Test("log probabilities that nobody asked for are not kept or shown")
    func needlessLogprobs() {
        let scene = Scene(workers: 1)
        scene.worker {
            $0.script = { job in
                job.accept()
                job.say("a", finish: .length, logprobs: [TokenLogprob(chosen: -1, top: [])])
            }
        }
        let client = scene.finish(scene.chat(stream: false))
        client { #expect($0.json["choices"]?[0]?["logprobs"]?.isNull == true) }
    }

    @Test("the prompt is echoed before the answer where that is asked for", arguments: [true, false])
    func echo(stream: Bool) {
        let scene = Scene()
        let client = scene.finish(scene.completion(#","echo":true"#, stream: stream))
        client { #expect($0.text() == "hihello") }
    }

    @Test("a request's label comes back, and one that is not fit for it is replaced")
    func requestLabel() {
        let scene = Scene()
        for stream in [true, false] {
            let client = scene.finish(scene.chat(stream: stream, headers: [("X-Request-Id", "my-own_1")]))
            client { #expect($0.header("x-request-id") == "my-own_1") }
        }
        let hostile = scene.finish(scene.chat(headers: [("X-Request-Id", "a b")]))
        hostile { #expect($0.header("x-request-id")?.contains(" ") == false) }
        let unnamed = scene.finish(scene.get("/v1/models/nothing"))
        unnamed {
            #expect($0.status == 404)
            #expect($0.header("x-request-id")?.isEmpty == false)
        }
    }

    @Test("a model that nobody has is 404, with its name in OpenAI's envelope; models that there are, are listed")
    func models() {
        let scene = Scene()
        let client = scene.finish(scene.send(.post("/v1/completions", json: Array(#"{"model":"none","prompt":"x"}"#.utf8))))
        client {
            #expect($0.status == 404)
            #expect($0.errorCode == "model_not_found")
        }
        #expect(scene.router { $0.asked.isEmpty })
        let list = scene.finish(scene.get("/v1/models"))
        list { #expect($0.json["data"]?.asArray?.compactMap { $0["id"]?.asString } == ["tiny"]) }
        let one = scene.finish(scene.get("/v1/models/tiny"))
        one { #expect($0.json["max_model_len"]?.asInt == 8192) }
    }

    @Test("an adapter's name reaches router and worker, and its blocks have hashes of their own")
    func adapter() {
        let scene = Scene(card: Scene.card { $0.loRAs = [Label(text: "tiny-fr")] })
        let body = #"{"model":"tiny-fr","prompt":"0123456789abcdef0123"}"#
        let adapted = scene.finish(scene.send(.post("/v1/completions", json: Array(body.utf8))))
        adapted { #expect($0.status == 200) }
        let plain = body.replacing("tiny-fr", with: "tiny")
        scene.finish(scene.send(.post("/v1/completions", json: Array(plain.utf8))))
        let asked = scene.router { $0.asked }, jobs = scene.workers.flatMap { worker in worker { $0.jobs.map(\.entry) } }
        #expect(asked.map(\.loRA) == ["tiny-fr", ""])
        #expect(Set(jobs.map(\.loRA)) == ["tiny-fr", ""])
        #expect(asked[0].sequenceHashes.count == 1)
        #expect(asked[0].sequenceHashes != asked[1].sequenceHashes)
    }

    @Test("a silent stream gets comments, and one that is at work none")
    func keepalive() {
        let scene = Scene(workers: 1)
        scene.worker {
            $0.script = { job in
                job.accept()
                job.after(.seconds(25)) { $0.say("late", finish: .endOfText) }
            }
        }
        let silent = scene.chat()
        scene.pass(.seconds(5))
        silent { #expect($0.comments == 0) }
        scene.finish(silent)
        silent {
            #expect($0.comments == 2)
            #expect($0.text() == "late")
        }
        scene.worker {
            $0.script = { job in
                job.accept()
                for second in 1...25 { job.after(.seconds(second)) { $0.say("x", finish: second == 25 ? .length : nil) } }
            }
        }
        let busy = scene.finish(scene.chat())
        busy { #expect($0.comments == 0) }
    }

    @Test("a stream that waits for a router to come back gets comments too")
    func keepaliveWithoutRouter() {
        let scene = Scene(workers: 1) {
            $0.limits.keepalive = .seconds(3)
        }
        scene.worker {
            $0.script = { job in
                job.accept()
                job.say("ab")
                job.after(.seconds(1)) { $0.end(.drained) }
            }
        }
        let client = scene.chat()
        scene.run { client.text == "ab" }
        scene.router.host.kill(.reset)
        scene.finish(client)
        client {
            #expect($0.comments >= 2)
            #expect($0.errorCode == "no_worker")
            #expect($0.errorEvents == 1)
        }
    }

    @Test("requests beyond the limit are refused with 503, and those that run are not disturbed")
    func tooMany() {
        let scene = Scene(workers: 1) { $0.limits.requests = 2 }
        scene.worker { $0.script = { job in job.after(.seconds(1)) { $0.answer("ok") } } }
        let clients = (0..<3).map { _ in scene.chat(stream: false) }
        for client in clients { scene.finish(client) }
        #expect(clients.map(\.status).sorted() == [200, 200, 503])
        #expect(scene.held == [])
    }
}
