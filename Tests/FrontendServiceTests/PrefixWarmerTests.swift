import ClusterModel
import EventLoop
import HTTPClient
import Testing
import Transport
import WireProtocol

@testable import FrontendService

@Suite("Next turns that are computed ahead")
struct PrefixWarmerTests {
    private static let hint = #","nvext":{"agent_hints":{"speculative_prefill":true}}"#
    private static let thought = "<think>" + String(repeating: "well, ", count: 10) + "</think>"

    /// Every worker answers clients with this text, and does with what no client asked for as the test says.
    private func scene(
        seed: UInt64 = 1, _ text: String = thought + "hello there, my friend", workers: Int = 1,
        warm: @escaping @LoopActor @Sendable (Job) -> Void = { $0.answer("x") }, configure: (inout FrontendConfig) -> Void = { _ in }
    ) -> Scene {
        let scene = Scene(seed: seed, workers: workers, configure: configure)
        for worker in scene.workers {
            worker { $0.script = { job in if Self.isWarm(job.entry) { warm(job) } else { job.answer(text) } } }
        }
        return scene
    }

    private static func isWarm(_ entry: GenerateEntry) -> Bool { entry.priority < 0 }

    private func warmed(_ scene: Scene) -> [GenerateEntry] {
        scene.workers.flatMap { worker in worker { $0.jobs.map(\.entry).filter(Self.isWarm) } }
    }

    private func count(_ outcome: String, _ scene: Scene) -> Double? {
        scene.metric(#"apus_frontend_speculative_prefills_total{outcome="\#(outcome)"}"#)
    }

    /// Special tokens as `<` and `>`.
    private func text(_ tokens: [TokenID]) -> String {
        let bytes = tokens.map { $0 == 257 ? UInt8(ascii: "<") : $0 == 258 ? UInt8(ascii: ">") : UInt8(truncatingIfNeeded: $0) }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test("the answer as history has it, without its thoughts, up to what is said next", arguments: [true, false])
    func prefix(stream: Bool) {
        let scene = scene(workers: 2)
        let client = scene.finish(scene.chat(Self.hint, stream: stream))
        client { #expect($0.text() == "hello there, my friend") }
        scene.run { count("done", scene) == 1 }
        let entry = warmed(scene).first
        #expect(entry.map { text($0.promptTokens) } == "<user\nhi>\n<assistant\nhello there, my friend>\n<user\n")
        #expect(entry?.sampling.maxTokens == 1 && entry?.choices == 1 && entry?.refuseOverbooked == true)
        let asked = scene.router { $0.asked }
        #expect(asked.count == 2 && asked[1].queueMilliseconds == 1 && asked[1].options.priority == 0 && asked[1].session == nil)
        // It is cached where the answer came from, as far as it is.
        let place = scene.workers.firstIndex { worker in worker { $0.jobs.contains { !Self.isWarm($0.entry) } } }.map { UInt64($0 + 1) }
        #expect(asked[1].options.preferred?.workerID == place)
        #expect(scene.held == [])
    }

    @Test("no client's metrics count it, nor does the stream of requests tell of it")
    func uncounted() {
        let scene = scene()
        scene.finish(scene.chat(Self.hint))
        scene.run { count("done", scene) == 1 }
        let lines = scene.exposition
        func has(_ family: String, _ value: String) -> Bool { lines.contains { $0.contains(family) && $0.hasSuffix(" \(value)") } }
        #expect(has("frontend_time_to_first_token_seconds_count", "1") && !has("frontend_time_to_first_token_seconds_count", "2"))
        #expect(has("frontend_requests_total", "1") && !has("frontend_requests_total", "2"))
        #expect(has("component_router_requests_total", "1") && !has("component_router_requests_total", "2"))
        #expect(scene.service { $0.frontend.requestsTotal } == 1)
        #expect(scene.held == [])
    }

    @Test("calls are followed by a result")
    func calls() {
        let call = "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": \"1\"}}\n</tool_call>", scene = scene(Self.thought + call)
        scene.finish(scene.chat(#","tools":[{"type":"function","function":{"name":"f"}}]"# + Self.hint))
        scene.run { count("done", scene) == 1 }
        let prompt = warmed(scene).first.map { text($0.promptTokens) } ?? ""
        #expect(prompt.contains("\"name\"") && prompt.hasSuffix("</tool_call>>\n<tool\n"))
    }

    @Test("an answer that its user began is one message with what the user began")
    func continued() {
        let scene = scene("lo, and welcome to you")
        let body = #"{"model":"tiny","messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"Hel"}],"#
        scene.finish(
            scene.send(.post("/v1/chat/completions", json: Array((body + #""continue_final_message":true"# + Self.hint + "}").utf8))))
        scene.run { count("done", scene) == 1 }
        #expect(warmed(scene).first.map { text($0.promptTokens) } == "<user\nhi>\n<assistant\nHello, and welcome to you>\n<user\n")
    }

    @Test("what would add no block to what was computed is not asked for")
    func needless() {
        // 21 tokens and these 12 fill two blocks, with the words around the next turn still two.
        let scene = scene("hello, world")
        scene.finish(scene.chat(Self.hint))
        scene.run { count("needless", scene) == 1 }
        #expect(count("needless", scene) == 1 && warmed(scene).isEmpty)
    }

    @Test(
        "only where it was asked for, by a conversation with one answer that goes on",
        arguments: [
            "", #","n":2"# + hint, #","nvext":{"agent_hints":{"speculative_prefill":false}}"#,
            #","nvext":{"agent_hints":{"speculative_prefill":true},"session_control":{"session_id":"s","action":"close"}}"#,
            #","nvext":{"agent_hints":{"speculative_prefill":true},"annotations":["query_instance_id:"]}"#,
        ])
    func unwanted(members: String) {
        let scene = scene()
        scene.finish(scene.chat(members))
        scene.pass(.seconds(1))
        #expect(warmed(scene).isEmpty)
        for outcome in ["done", "needless", "failed", "dropped", "abandoned"] { #expect(count(outcome, scene) == 0) }
    }

    @Test("an answer that failed, or that its client left, is followed by none")
    func badEnds() {
        let scene = scene(configure: { $0.limits.attempts = 1 })
        scene.worker {
            $0.script = { job in
                job.accept()
                job.say("hello there, my friend")
                job.after(.milliseconds(100)) { $0.end(.failed, .engineFailed) }
            }
        }
        scene.finish(scene.chat(Self.hint))
        let leaving = scene.chat(Self.hint)
        scene.pass(.milliseconds(50))
        leaving { $0.leave() }
        scene.pass(.seconds(1))
        #expect(warmed(scene).isEmpty && scene.held == [])
    }

    @Test("so many run at once, and those beyond are dropped: no client waits for them")
    func bounded() {
        let scene = scene(warm: { $0.accept() }) { $0.limits.speculativePrefills = 2 }
        for _ in 0..<3 {
            scene.finish(scene.chat(Self.hint))
            scene.pass(.milliseconds(10))
        }
        #expect(warmed(scene).count == 2 && count("dropped", scene) == 1)
        #expect(scene.service { $0.openRequests } == 0)
        // A worker that does not come to it is left alone soon.
        scene.pass(.seconds(11))
        #expect(count("failed", scene) == 2)
        #expect(scene.held == [])
        #expect(scene.worker { $0.cancels.count } == 2)
    }

    @Test("without a place there is no second try, and no failed attempt is counted", arguments: [true, false])
    func noPlace(atWorker: Bool) {
        let scene = scene(warm: { $0.refuse(.overbooked) })
        if !atWorker {
            scene.router {
                $0.plan = { router, entry in entry.counter == 1 ? router.place(entry, on: 1) : router.fail(entry, .queueTimeout) }
            }
        }
        scene.finish(scene.chat(Self.hint))
        scene.run { count("failed", scene) == 1 }
        #expect(count("failed", scene) == 1 && warmed(scene).count == (atWorker ? 1 : 0))
        #expect(scene.exposition.allSatisfy { !$0.contains("attempts_failed_total{") })
        #expect(scene.held == [])
    }

    @Test("a frontend that leaves gives them up at once", arguments: 1...6 as ClosedRange<UInt64>)
    func drains(seed: UInt64) {
        let scene = scene(seed: seed, warm: { $0.accept() })
        scene.finish(scene.chat(Self.hint))
        scene.pass(.microseconds(Int(seed - 1) * 700))
        let ended = Box<Bool?>(nil), loop = scene.loop
        scene.service { service in
            let service = service
            loop.spawn { ended.value = await service.drain() }
        }
        #expect(scene.run(.milliseconds(5)) { scene.service { $0.speculativePrefills } == 0 }, "seed \(seed)")
        #expect(scene.run { ended.value != nil })
        #expect(count("abandoned", scene) == 1, "seed \(seed)")
        #expect(scene.held == [], "seed \(seed)")
    }
}
