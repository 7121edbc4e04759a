import ClusterModel
import EventLoop
import HTTPClient
import JSONText
import Testing
import Transport
import WireProtocol

@testable import FrontendService

@Suite("Several prompts in one request")
struct PromptListTests {
    private func post(_ scene: Scene, _ prompts: String, _ members: String = "", stream: Bool) -> Scene.Client {
        scene.send(.post("/v1/completions", json: Array(#"{"model":"tiny","prompt":\#(prompts),"stream":\#(stream)\#(members)}"#.utf8)))
    }

    private func onWorkers(_ scene: Scene, _ script: @escaping @LoopActor @Sendable (Job) -> Void) {
        for worker in scene.workers { worker { $0.script = script } }
    }

    /// Says its prompt in capitals, so that answers tell whose they are.
    private static let capitals: @LoopActor @Sendable (Job) -> Void = { job in
        let prompt = String(decoding: job.entry.promptTokens.map { UInt8($0) }, as: UTF8.self)
        job.answer(prompt.uppercased())
    }

    @Test("each prompt is a request of its own, and the answer has their choices in the order of the prompts", arguments: [true, false])
    func order(stream: Bool) {
        let scene = Scene()
        onWorkers(scene, Self.capitals)
        let client = scene.finish(post(scene, #"["ab","c","def"]"#, stream: stream))
        client {
            #expect($0.status == 200)
            #expect((0..<3).map($0.text) == ["AB", "C", "DEF"])
            #expect((0..<3).map($0.finish) == ["stop", "stop", "stop"])
            #expect(!stream || $0.isDone)
        }
        let asked = scene.router { $0.asked }, jobs = scene.workers.flatMap { worker in worker { $0.jobs.map(\.entry) } }
        #expect(Set(asked.map(\.counter)).count == 3 && asked.map(\.tokenCount).sorted() == [1, 2, 3])
        #expect(Set(jobs.map(\.lease)).count == 3)
        #expect(scene.held == [])
    }

    @Test("with several choices each, a choice's index is that of its prompt times n, and its own", arguments: [true, false])
    func choices(stream: Bool) {
        let scene = Scene()
        onWorkers(scene) { job in
            let prompt = String(decoding: job.entry.promptTokens.map { UInt8($0) }, as: UTF8.self)
            job.accept()
            for choice in [1, 0] as [UInt8] { job.say("\(prompt)\(choice)", choice: choice, finish: .length) }
            job.end(.finished)
        }
        let client = scene.finish(post(scene, "[[97],[98]]", #","n":2"#, stream: stream))
        client { #expect((0..<4).map($0.text) == ["a0", "a1", "b0", "b1"]) }
        client { #expect(stream || $0.json["choices"]?.asArray?.compactMap { $0["index"]?.asInt } == [0, 1, 2, 3]) }
    }

    @Test("usage is the sum over all prompts, at the end and in each chunk", arguments: [true, false])
    func usage(stream: Bool) {
        let scene = Scene()
        onWorkers(scene) { job in
            job.accept()
            job.start(cached: 1)
            job.say("xyz", finish: .length)
            job.end(.finished)
        }
        let members = stream ? #","stream_options":{"include_usage":true,"continuous_usage_stats":true}"# : ""
        let client = scene.finish(post(scene, #"["ab","c","def"]"#, members, stream: stream))
        client {
            #expect($0.usage("prompt_tokens") == 6)
            #expect($0.usage("completion_tokens") == 9)
            #expect($0.usage("total_tokens") == 15)
            let last = stream ? $0.chunks.last : $0.json
            #expect(last?["usage"]?["prompt_tokens_details"]?["cached_tokens"]?.asInt == 3)
            // The prompts are known before the first chunk, whichever prompt it is of.
            #expect($0.chunks.allSatisfy { $0["usage"]?["prompt_tokens"]?.asInt == 6 })
        }
    }

    @Test("each prompt is echoed before its own answers", arguments: [true, false])
    func echo(stream: Bool) {
        let scene = Scene()
        onWorkers(scene, Self.capitals)
        let client = scene.finish(post(scene, #"["ab","é"]"#, #","echo":true,"n":2"#, stream: stream))
        client { #expect((0..<4).map($0.text) == ["abAB", "abAB", "éÉ", "éÉ"]) }
    }

    @Test("log probabilities are placed in the text of their own choice", arguments: [true, false])
    func offsets(stream: Bool) {
        let scene = Scene()
        onWorkers(scene) { job in
            func probabilities(_ count: Int) -> [TokenLogprob] { (0..<count).map { _ in TokenLogprob(chosen: -1, top: []) } }
            job.accept()
            // Frames of both choices in turns; the two bytes of one code point in two frames.
            job.say("ab", choice: 0, logprobs: probabilities(2))
            job.say("x", choice: 1, logprobs: probabilities(1))
            job.say("cd", choice: 0, finish: .length, logprobs: probabilities(2))
            job.say("é!", choice: 1, finish: .length, logprobs: probabilities(3))
            job.end(.finished)
        }
        let client = scene.finish(post(scene, #"["p","q"]"#, #","n":2,"logprobs":0"#, stream: stream))
        let parts = client { (stream ? $0.chunks : [$0.json]).flatMap { $0["choices"]?.asArray ?? [] } }
        func offsets(_ choice: Int) -> [Int] {
            parts.filter { $0["index"]?.asInt == choice }.flatMap { $0["logprobs"]?["text_offset"]?.asArray ?? [] }.compactMap(\.asInt)
        }
        #expect((0..<4).map(offsets) == [[0, 1, 2, 3], [0, 1, 1, 2], [0, 1, 2, 3], [0, 1, 1, 2]])
    }

    @Test("log probabilities of what is echoed cannot be had, and that is said by name")
    func echoedLogprobs() {
        let scene = Scene()
        let client = scene.finish(post(scene, #""p""#, #","echo":true,"logprobs":1,"n":2"#, stream: false))
        client {
            #expect($0.status == 400)
            #expect($0.json["error"]?["param"]?.asString == "echo")
        }
    }

    @Test("a stream begins when the first prompt was accepted")
    func firstAccepted() {
        let scene = Scene(workers: 1)
        scene.worker {
            $0.script = { job in
                let isSecond = job.entry.promptTokens == [98]
                job.after(.milliseconds(isSecond ? 100 : 900)) { $0.answer("ok") }
            }
        }
        let client = post(scene, #"["a","b"]"#, stream: true)
        scene.pass(.milliseconds(200))
        client {
            #expect($0.status == 200)
            #expect($0.text(1) == "ok" && $0.text(0).isEmpty && !$0.isDone)
        }
        scene.finish(client)
        client { #expect($0.text(0) == "ok" && $0.isDone) }
    }

    @Test("the first failure is the answer, and the other prompts are given up at once", arguments: [true, false])
    func failure(stream: Bool) {
        let scene = Scene(workers: 1) { $0.limits.attempts = 1 }
        scene.worker {
            $0.script = { job in
                job.accept()
                if job.entry.promptTokens == [98] {
                    job.after(.milliseconds(50)) { $0.end(.failed, .engineFailed) }
                } else {
                    job.say("x")
                }
            }
        }
        let client = scene.finish(post(scene, #"["a","b","c"]"#, stream: stream))
        client {
            #expect($0.errorCode == "engine_failed")
            #expect($0.status == (stream ? 200 : 500))
            #expect(!stream || $0.errorEvents == 1 && $0.text(0) == "x" && !$0.isDone)
        }
        #expect(scene.held == [])
        #expect(scene.worker { $0.cancels.count } == 2)
        // Nobody left: all of them count as what the client was told.
        #expect(scene.exposition.contains { $0.contains("requests_total") && $0.contains(#"error_type="internal""#) && $0.hasSuffix(" 3") })
    }

    @Test("a client that leaves takes all its prompts along", arguments: [true, false])
    func departure(stream: Bool) {
        let scene = Scene(workers: 1)
        scene.worker {
            $0.script = { job in
                job.accept()
                for step in 0..<100 { job.after(.milliseconds(step * 10)) { $0.say("x") } }
            }
        }
        let client = post(scene, #"["a","b","c"]"#, stream: stream)
        scene.pass(.milliseconds(200))
        client { $0.leave() }
        #expect(scene.run(.milliseconds(2)) { scene.worker { $0.cancels.count } == 3 })
        #expect(scene.held == [])
    }

    @Test("failures and departures at any moment leave nothing behind", arguments: 1...40 as ClosedRange<UInt64>)
    func anyMoment(seed: UInt64) {
        let scene = Scene(seed: seed) { $0.limits.attempts = 2 }
        scene.sockets.plan.bufferBytes = 2 << 10
        var random = SeededRandom(seed: seed)
        onWorkers(scene) { job in
            // What becomes of it depends on its prompt, and so on the seed.
            let kind = Int(job.entry.promptTokens[0]) % 5, delay = Int(job.entry.promptTokens[1])
            job.after(.milliseconds(delay)) { job in
                switch kind {
                case 0: job.refuse(.capacity)
                case 1: job.answer("fine")
                case 2:
                    job.accept()
                    job.say("some")
                    job.after(.milliseconds(delay)) { $0.end(.failed, .engineFailed) }
                case 3: job.link.abort()
                default:
                    job.accept()
                    for step in 0..<50 { job.after(.milliseconds(step)) { $0.say("x") } }
                }
            }
        }
        let isStreamed = seed.isMultiple(of: 2)
        let clients = (0..<4).map { _ in
            let prompts = (0..<Int.random(in: 2...6, using: &random)).map { _ in
                "[\(Int.random(in: 0...4, using: &random)),\(Int.random(in: 0...60, using: &random))]"
            }
            return post(scene, "[\(prompts.joined(separator: ","))]", #","max_tokens":40"#, stream: isStreamed)
        }
        var staying: [Scene.Client] = []
        for client in clients {
            guard Bool.random(using: &random) else {
                staying.append(client)
                continue
            }
            scene.pass(.milliseconds(Int.random(in: 0...60, using: &random)))
            client { $0.leave() }
        }
        let isOver = scene.run(.seconds(40)) { staying.allSatisfy(\.isEnded) && scene.service { $0.openRequests } == 0 }
        #expect(isOver, "seed \(seed)")
        #expect(scene.held == [], "seed \(seed)")
        // Whatever was booked was ended: by its worker, or here.
        for worker in scene.workers { #expect(worker { $0.ends.allSatisfy { !"\($0)".contains("malformed") } }, "seed \(seed)") }
        let inflight = scene.exposition.filter { $0.contains("inflight_requests{") || $0.contains("queued_requests{") }
        #expect(inflight.allSatisfy { $0.hasSuffix(" 0") }, "seed \(seed)")
    }

    @Test("prompts that write faster than their client reads take turns, and all come through", arguments: [1, 2, 3] as [UInt64])
    func slowClient(seed: UInt64) {
        let scene = Scene(seed: seed, workers: 1)
        scene.sockets.plan.bufferBytes = 4 << 10
        scene.worker {
            $0.script = { job in
                job.accept()
                job.frames(Array(repeating: "x", count: 2_000), finish: .length)
                job.end(.finished)
            }
        }
        let client = post(scene, #"["a","b","c"]"#, #","max_tokens":2000"#, stream: true)
        var first = [Int?](repeating: nil, count: 3), last = first
        scene.finish(client)
        client {
            #expect((0..<3).map($0.text).map(\.utf8.count) == [2_000, 2_000, 2_000])
            for (place, chunk) in $0.chunks.enumerated() {
                guard let choice = chunk["choices"]?[0]?["index"]?.asInt else { continue }
                first[choice] = first[choice] ?? place
                last[choice] = place
            }
        }
        // Nobody waits for another one's end.
        #expect((first.compactMap(\.self).max() ?? .max) < (last.compactMap(\.self).min() ?? 0))
        #expect(scene.held == [])
    }

    @Test("a list takes the room of its prompts among all requests, or is refused whole")
    func room() {
        let scene = Scene(workers: 1) { $0.limits.requests = 3 }
        scene.worker { $0.script = { job in job.after(.seconds(1)) { $0.answer("ok") } } }
        let first = post(scene, #"["a","b"]"#, stream: false)
        scene.run { scene.service { $0.openRequests } == 2 }
        let second = scene.finish(post(scene, #"["a","b"]"#, stream: false))
        #expect(second.status == 503)
        let third = post(scene, #"["a"]"#, stream: false)
        #expect([scene.finish(first).status, scene.finish(third).status] == [200, 200])
        #expect(scene.held == [])
    }

    @Test("a prompt of the list that cannot be served is named by its place")
    func badPrompt() {
        let scene = Scene()
        let long = String(repeating: "x", count: 9_000)
        for (prompts, param) in [(#"["a","\#(long)"]"#, "prompt[1]"), (#"[[1],[2],[999]]"#, "prompt[2]")] {
            let client = scene.finish(post(scene, prompts, stream: false))
            client {
                #expect($0.status == 400)
                #expect($0.json["error"]?["param"]?.asString == param)
            }
        }
        #expect(scene.router { $0.asked.isEmpty })
        #expect(scene.held == [])
    }

    @Test("what one body tells beside the answer is of the prompt that ended last; chunks tell of their own")
    func told() {
        let scene = Scene()
        scene.workers[0].on { $0.script = { job in job.after(.milliseconds(100)) { $0.answer("slow") } } }
        let members = #","nvext":{"extra_fields":["worker_id"]}"#
        let body = scene.finish(post(scene, #"["a","b"]"#, members, stream: false))
        #expect(body { $0.json["nvext"]?["worker_id"]?["decode_worker_id"]?.asInt } == 1)
        let stream = scene.finish(post(scene, #"["a","b"]"#, members, stream: true))
        let workers = stream { answer in
            (0..<2).map { choice in
                Set(
                    answer.chunks.filter { $0["choices"]?[0]?["index"]?.asInt == choice }.compactMap {
                        $0["nvext"]?["worker_id"]?["decode_worker_id"]?.asInt
                    })
            }
        }
        #expect(workers.allSatisfy { $0.count == 1 } && workers[0] != workers[1])
    }
}
