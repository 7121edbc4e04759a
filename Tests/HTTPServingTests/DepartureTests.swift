import ClusterModel
import EventLoop
import HTTPServing
import Testing

@Suite("Clients that leave")
struct DepartureTests {
    enum Way: CaseIterable { case close, reset, halfClose, hostGone }

    private func leave(_ scene: Scene, _ client: RawClient, _ way: Way) {
        scene.onClient {
            switch way {
            case .close: client.close()
            case .reset: client.reset()
            case .halfClose: client.finishSending()
            case .hostGone: scene.clientSockets.kill(.reset)
            }
        }
    }

    @Test("on a stream at rest: the exchange hears of it within a moment, once", arguments: Way.allCases)
    func idleStream(way: Way) {
        let scene = Scene(), client = scene.client(sending: get("/s"))
        scene.run(until: { !scene.application.exchanges.isEmpty })
        scene.onServer { scene.application.exchanges[0].beginStream(.ok) }
        scene.run(.seconds(100))
        #expect(scene.onServer { scene.application.gone } == [])
        leave(scene, client, way)
        scene.run(.milliseconds(5))
        scene.onServer {
            #expect(scene.application.gone == ["/s"])
            #expect(scene.application.exchanges[0].isGone)
            #expect(scene.server.counters.departures == 1)
            // What an application does too late has no effect.
            scene.application.exchanges[0].append(Array("late".utf8))
            scene.application.exchanges[0].endStream()
            scene.application.exchanges[0].abort()
            #expect(scene.application.exchanges[0].unsentBytes == 0 && !scene.application.exchanges[0].isBackedUp)
        }
        scene.run(.seconds(1))
        #expect(scene.onServer { scene.server.openConnections } == 0)
        #expect(scene.onServer { scene.application.gone } == ["/s"])
        #expect(scene.onServer { scene.serverSockets.openCount } == 0)
    }

    @Test("before the answer: the exchange hears of it, and an answer that comes then is dropped", arguments: Way.allCases)
    func beforeAnswer(way: Way) {
        let scene = Scene(), client = scene.client(sending: post("/p", "body"))
        scene.run(until: { !scene.application.exchanges.isEmpty })
        leave(scene, client, way)
        scene.run(.milliseconds(5))
        #expect(scene.onServer { scene.application.gone } == ["/p"])
        scene.onServer { scene.application.exchanges[0].respond(.text(.ok, "late")) }
        scene.run()
        #expect(scene.onServer { scene.server.openConnections == 0 && scene.server.bodyBytes == 0 })
    }

    @Test("with pipelined requests waiting: each of them hears of it, in order")
    func pipelined() {
        let scene = Scene { $0.pipelined = 3 }
        let client = scene.client(sending: (0..<5).map { get("/\($0)") }.joined())
        scene.run()
        leave(scene, client, .close)
        scene.run(.milliseconds(5))
        #expect(scene.onServer { scene.application.gone } == ["/0", "/1", "/2"])
        #expect(scene.onServer { scene.application.exchanges.count } == 3, "what nobody waits for is not begun")
    }

    @Test(
        "in the middle of a request: nobody is bothered",
        arguments: ["GET / HTTP", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc"])
    func withinRequest(text: String) {
        let scene = Scene(), client = scene.client(sending: text)
        scene.run()
        leave(scene, client, .close)
        scene.run(.milliseconds(5))
        #expect(scene.onServer { scene.server.openConnections } == 0)
        #expect(scene.onServer { scene.application.exchanges.isEmpty && scene.server.bodyBytes == 0 })
    }

    @Test("an answer that was given before the client half-closed still reaches it", arguments: 0..<20 as Range<UInt64>)
    func answeredBefore(seed: UInt64) {
        var plan = VirtualSocketPlan()
        plan.bufferBytes = 8 << 10
        let scene = Scene(seed: seed, plan: plan)
        let body = String(repeating: "x", count: 100_000)
        scene.onServer { scene.application.answer = { _ in .text(.ok, body) } }
        let client = scene.client(sending: get("/"))
        scene.onClient { _ = scene.clientLoop.schedule(after: .milliseconds(5)) { client.finishSending() } }
        scene.run(.seconds(10))
        #expect(scene.onClient { Answers(client.text).bodies } == [body])
        #expect(scene.onClient { client.end } == .finished)
        #expect(scene.onServer { scene.server.openConnections } == 0)
    }

    @Test("after the answer: the exchange hears nothing")
    func afterAnswer() {
        let scene = Scene(), client = scene.client(sending: get("/"))
        scene.run(until: { !scene.application.exchanges.isEmpty })
        scene.onServer { scene.application.exchanges[0].respond(.text(.ok, "")) }
        scene.run()
        leave(scene, client, .close)
        scene.run()
        #expect(scene.onServer { scene.application.gone } == [])
        #expect(scene.onServer { scene.server.counters.departures } == 0)
    }

    @Test("a client that vanished with its host is found by the write deadline once bytes wait for it")
    func vanished() {
        let scene = Scene(), client = scene.client(sending: get("/s"))
        scene.run(until: { !scene.application.exchanges.isEmpty })
        scene.onServer { scene.application.exchanges[0].beginStream(.ok) }
        scene.run()
        scene.clientSockets.kill(.silent)
        scene.onServer { scene.application.exchanges[0].append([UInt8](repeating: 0x78, count: 300 << 10)) }
        scene.run(.seconds(29))
        #expect(scene.onServer { scene.application.gone } == [])
        scene.run(.seconds(2))
        #expect(scene.onServer { scene.application.gone } == ["/s"])
        _ = client
    }

    @Test("a frozen client is only slow: when it goes on it has lost nothing")
    func frozen() {
        let scene = Scene(), client = scene.client(sending: get("/s"))
        scene.run(until: { !scene.application.exchanges.isEmpty })
        scene.onServer { scene.application.exchanges[0].beginStream(.ok) }
        scene.clientLoop.freeze()
        scene.onServer {
            scene.application.exchanges[0].append(Array("while it slept".utf8))
            scene.application.exchanges[0].endStream()
        }
        scene.run(.seconds(20))
        scene.clientLoop.thaw()
        scene.run()
        #expect(scene.onClient { Answers(client.text).bodies } == ["while it slept"])
    }
}
