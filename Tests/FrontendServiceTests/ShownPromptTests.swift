import EventLoop
import JSONText
import Testing
import WireProtocol

@testable import FrontendService

@Suite("Prompts that are shown")
struct ShownPromptTests {
    /// Longer than what may wait for a client that reads no further; its tokens' numbers are less than what a reader of events takes for one.
    private static let long = String(repeating: "prompt ", count: 38_500)

    private func scene() -> Scene {
        let scene = Scene(workers: 1, card: Scene.card { $0.contextLength = 1 << 20 })
        scene.onWorker { $0.answer("so") }
        scene.router {
            $0.plan = { router, entry in
                var plan = router.place(entry, on: 1, lease: entry.queryOnly ? 0 : 1)
                plan.outcome = entry.queryOnly ? .queryOnly : .placed
                return plan
            }
        }
        scene.sockets.plan.bufferBytes = 4 << 10
        return scene
    }

    private func chat(_ scene: Scene, _ members: String) -> Scene.Client {
        scene.post(
            "/v1/chat/completions",
            #"{"model":"tiny","messages":[{"role":"user","content":"\#(Self.long)"}],"stream":true\#(members)}"#)
    }

    @Test("a long prompt before its stream cuts off nobody who reads it", arguments: ["formatted_prompt", "token_ids"])
    func annotations(name: String) {
        let scene = scene()
        scene.finish(chat(scene, #","nvext":{"annotations":["\#(name)"]}"#)) { answer in
            #expect(answer.error == nil && answer.isDone && answer.text() == "so")
            #expect(answer.body.count > 260_000)
        }
        #expect(scene.held == [])
    }

    @Test("a long prompt before each of many answers cuts off nobody who reads them")
    func echo() {
        let scene = scene()
        let body = #"{"model":"tiny","prompt":"\#(Self.long)","stream":true,"echo":true,"n":4}"#
        scene.finish(scene.post("/v1/completions", body)) { answer in
            #expect(answer.error == nil && answer.isDone, "\(answer.status): \(answer.body.count) bytes, \(answer.json)")
            for choice in 0..<4 { #expect(answer.text(choice) == Self.long + "so") }
        }
        #expect(scene.held == [])
    }

    @Test("the tokens of a long prompt are told once, however many choices it is asked for")
    func question() {
        let scene = scene()
        scene.finish(chat(scene, #","n":16,"nvext":{"annotations":["query_instance_id:"]}"#)) { answer in
            #expect(answer.error == nil && answer.isDone, "\(answer.status): \(answer.body.count) bytes, \(answer.json)")
            #expect((0..<16).allSatisfy { answer.finish($0) == "stop" })
            let told = answer.chunks.compactMap { $0["nvext"]?["token_ids"]?.asArray?.count }
            #expect(told.count == 1 && told[0] > Self.long.utf8.count)
        }
        #expect(scene.held == [])
    }

    @Test("what is echoed is the prompt that was written, special tokens and all", arguments: [true, false])
    func specials(stream: Bool) {
        let scene = scene(), prompt = #"<|im_start|>user\nhi"#
        scene.finish(scene.post("/v1/completions", #"{"model":"tiny","prompt":"\#(prompt)","stream":\#(stream),"echo":true}"#)) {
            #expect($0.text() == "<|im_start|>user\nhiso")
        }
        scene.finish(scene.post("/v1/completions", #"{"model":"tiny","prompt":[257,104,105],"stream":\#(stream),"echo":true}"#)) {
            #expect($0.text() == "<|im_start|>hiso")
        }
    }
}
