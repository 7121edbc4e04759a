import ClusterModel
import EventLoop
import HTTPServing
import JSONText
import Testing

@testable import LoadGeneration

@Suite("A closed load, and sessions, in virtual time")
struct ClosedLoadTests {
    private func mix(_ change: (inout PromptMix) -> Void = { _ in }) -> PromptMix {
        var mix = PromptMix(input: .fixed(30), output: .fixed(4))
        change(&mix)
        return mix
    }

    @Test("so many users ask at a time, each again when the answer has ended")
    func users() throws {
        let scene = LiveScene(), server = scene.serveNothing { $0.delay = .milliseconds(100) }
        try scene.start(.closed(users: 5, think: .zero), MixSource(mix(), times: nil, requests: 200, seed: 1))
        var most = 0
        for _ in 0..<300 where scene.result == nil {
            scene.world.run(for: .milliseconds(10))
            most = max(most, try #require(scene.run).progressNow(scene).inFlight)
        }
        let result = try scene.finish()
        #expect(most == 5 && result.progress.connections == 5)
        #expect(result.progress.complete == 200 && server.requestCount(scene) == 200)
        // Forty rounds of 100 ms and a way there and back.
        #expect(result.elapsed > .seconds(4) && result.elapsed < .milliseconds(4_300))
        #expect(try #require(result.recorder.summary[.sendDelay].max) <= .milliseconds(1))
    }

    @Test("users who think make fewer requests")
    func thinking() throws {
        let scene = LiveScene(), server = scene.serveNothing { $0.delay = .milliseconds(100) }
        try scene.start(
            .closed(users: 5, think: .milliseconds(900)), MixSource(mix(), times: nil, requests: nil, seed: 1),
            plan: { $0.duration = .seconds(10) })
        let result = try scene.finish()
        #expect(result.progress.sent == 50 && server.requestCount(scene) == 50)
    }

    @Test("a turn follows the answer before it after its think time, and says whose it is", arguments: [true, false])
    func sessions(isOpen: Bool) throws {
        let scene = LiveScene()
        let server = scene.serve { exchange in
            await scene.serverLoop.sleep(for: .milliseconds(200))
            exchange.beginStream(.ok, headers: ServerSentEvents.headers)
            exchange.append { ServerSentEvents.append(data: #"{"choices":[{"delta":{"content":"a"}}]}"#, to: &$0) }
            exchange.append { ServerSentEvents.appendDone(to: &$0) }
            exchange.endStream()
        }
        _ = server
        let mix = mix { $0.sessions = .init(turns: .fixed(4), think: .milliseconds(500)) }
        let times = isOpen ? ArrivalTimes(.constant, rate: 10, seed: 1) : nil
        try scene.start(isOpen ? .open : .closed(users: 3, think: .zero), MixSource(mix, times: times, requests: 40, seed: 3))
        let result = try scene.finish()
        #expect(result.progress.complete == 40)
        let asked = scene.serverLoop.perform { scene.asked }
        let sessions = Dictionary(grouping: asked) { $0.session ?? "none" }
        // Turns count singly, so the end comes within some sessions.
        #expect(sessions.count >= 10 && sessions["none"] == nil && sessions["loadgen-0"]?.count == 4)
        for turns in sessions.values {
            let prompts = try turns.map { asked in
                try #require(JSONValue(parsing: asked.body)["messages"]?[0]?["content"]?.asString)
            }
            for place in 1..<turns.count {
                #expect(turns[place - 1].at.duration(to: turns[place].at) >= .milliseconds(200))
                #expect(prompts[place].hasPrefix(prompts[place - 1]) && prompts[place].utf8.count == prompts[place - 1].utf8.count + 34)
            }
        }
        // The mean of some thirty think times of half a second.
        let waits = sessions.values.flatMap { turns in zip(turns, turns.dropFirst()).map { $0.at.duration(to: $1.at).inSeconds - 0.2 } }
        let mean = waits.reduce(0, +) / Double(waits.count)
        #expect(mean > 0.3 && mean < 0.8)
    }

    @Test("a connection that ended at rest is made anew, and the request asked once more")
    func repeated() throws {
        let scene = LiveScene()
        var limits = HTTPLimits()
        limits.idle = .milliseconds(50)
        let server = scene.serve(limits: limits) { $0.respond(.json(.ok, Array(#"{"choices":[],"usage":{"completion_tokens":3}}"#.utf8))) }
        _ = server
        // The server ends the connection about when the next request is on its way.
        try scene.start(
            .closed(users: 1, think: .milliseconds(50)), MixSource(mix(), times: nil, requests: 300, seed: 1), form: { $0.streams = false })
        let result = try scene.finish()
        #expect(result.progress.complete == 300 && result.recorder.summary.counts.outputTokens == 900)
        #expect(result.progress.repeated > 0)
    }

    @Test("tenants are told by header or by key")
    func tenants() throws {
        let scene = LiveScene()
        let server = scene.serve { $0.respond(.json(.ok, Array(#"{"choices":[]}"#.utf8))) }
        _ = server
        let mix = mix { $0.tenants = .init(count: 3) }
        try scene.start(
            .closed(users: 1, think: .zero), MixSource(mix, times: nil, requests: 60, seed: 1),
            form: {
                $0.streams = false
                $0.keys = ["one", "two"]
                $0.tenantHeader = "X-Tenant"
            })
        let result = try scene.finish()
        let asked = scene.serverLoop.perform { scene.asked }
        #expect(Set(asked.map(\.tenant)) == ["tenant-0", "tenant-1", "tenant-2"])
        #expect(asked.allSatisfy { $0.authorization == ($0.tenant == "tenant-1" ? "Bearer two" : "Bearer one") })
        #expect(result.recorder.summary.countsByTenant.count == 3)
    }
}
