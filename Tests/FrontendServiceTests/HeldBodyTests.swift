import EventLoop
import JSONText
import Testing
import WireProtocol

@testable import FrontendService

@Suite("What is held of a request while it runs")
struct HeldBodyTests {
    private static let description = String(repeating: "d", count: 300 << 10)
    /// Of no template's prompt.
    private static let tools =
        #","tool_choice":"none","tools":[{"type":"function","function":{"name":"f","description":"\#(description)"}}]"#

    /// Whose answers end when they are told to.
    private func scene() -> Scene {
        let scene = Scene(workers: 1)
        scene.onWorker { job in
            job.accept()
            job.say("a")
            job.after(.seconds(5)) {
                $0.say("b", finish: .endOfText)
                $0.end(.finished)
            }
        }
        return scene
    }

    @Test("a conversation is not, once its tokens are known")
    func conversation() {
        let scene = scene(), client = scene.chat(Self.tools)
        scene.run { client.text == "a" }
        #expect(scene.service { $0.openRequests } == 1 && scene.service { $0.heldBodyBytes } == 0)
        scene.finish(client) { #expect($0.text() == "ab") }
        #expect(scene.held == [])
    }

    @Test("one that is to go on is, and counts against what bodies may take until it was answered")
    func nextTurn() {
        let scene = scene(), client = scene.chat(Self.tools + #","nvext":{"agent_hints":{"speculative_prefill":true}}"#)
        scene.run { client.text == "a" }
        #expect(scene.service { $0.heldBodyBytes } > 300 << 10)
        scene.finish(client)
        scene.pass(.seconds(20))
        #expect(scene.held == [])
    }

    @Test("what an answer repeats at its end is, and counts")
    func repeated() {
        let scene = scene()
        let tools = #","tool_choice":"none","tools":[{"type":"function","name":"f","description":"\#(Self.description)"}]"#
        let client = scene.response(tools)
        scene.run { client { $0.chunks.contains { $0["type"]?.asString == "response.output_text.delta" } } }
        #expect(scene.service { $0.heldBodyBytes } > 300 << 10)
        scene.finish(client)
        #expect(scene.held == [])
    }

    @Test("nothing is of a request that was refused")
    func refused() {
        let scene = scene()
        scene.finish(scene.chat(#","n":0,"user":"\#(Self.description)""#)) { #expect($0.status == 400) }
        #expect(scene.held == [])
    }
}
