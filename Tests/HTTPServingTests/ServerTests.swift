import ClusterModel
import EventLoop
import HTTPServing
import Testing

@Suite("The server as a whole")
struct ServerTests {
    @Test("draining: no one is let in, requests under way end, connections end with them, and then it is done")
    func drain() {
        let scene = Scene()
        let busy = scene.client(sending: get("/busy")), streaming = scene.client(sending: get("/stream")), idle = scene.client()
        scene.run(.seconds(5))
        scene.onServer { scene.application.exchanges[1].beginStream(.ok) }
        scene.serverLoop.spawn {
            scene.note = (await scene.server.drain(until: scene.serverLoop.now + .seconds(100)), scene.serverLoop.now)
        }
        scene.run(.seconds(5))
        #expect(scene.onClient { idle.end } == .finished)
        #expect(scene.onServer { scene.server.openConnections } == 2)
        let late = scene.client(sending: get("/late"))
        scene.run(.seconds(10))
        #expect(scene.onClient { late.end } == .refused)
        #expect(scene.note == nil)
        scene.onServer {
            #expect(scene.application.gone == [])
            let exchanges = scene.application.exchanges.sorted { $0.request.path < $1.request.path }
            exchanges[0].respond(.text(.ok, "done"))
            exchanges[1].append(Array("the last".utf8))
            exchanges[1].endStream()
        }
        scene.run(.seconds(1))
        #expect(scene.onClient { Answers(busy.text).bodies } == ["done"])
        #expect(scene.onClient { Answers(busy.text).all.first?.fields["connection"] } == "close")
        #expect(scene.onClient { Answers(streaming.text).bodies } == ["the last"])
        // Its head had left before.
        #expect(scene.onClient { Answers(streaming.text).all.first?.fields["connection"] } == nil)
        scene.run(.seconds(2))
        #expect(scene.note?.0 == true)
    }

    @Test("a client that sends its next request while the server begins to drain is answered", arguments: 0..<50 as Range<UInt64>)
    func drainBetweenRequests(seed: UInt64) {
        let scene = Scene(seed: seed)
        scene.onServer { scene.application.answer = { .text(.ok, $0.request.path) } }
        let client = scene.client(sending: get("/1"))
        scene.run(.seconds(2))
        scene.serverLoop.spawn {
            scene.note = (await scene.server.drain(until: scene.serverLoop.now + .seconds(100)), scene.serverLoop.now)
        }
        // Within its usual rhythm, which the drain does not know.
        scene.send(get("/2"), from: client)
        scene.run(.seconds(5))
        // At rest for longer than the grace it may be closed; with a request just before it is not.
        let answers = scene.onClient { Answers(client.text) }
        #expect(answers.bodies == ["/1"] || answers.bodies == ["/1", "/2"])
        #expect(scene.note?.0 == true)

        let again = Scene(seed: seed)
        again.onServer { again.application.answer = { .text(.ok, $0.request.path) } }
        let busy = again.client(sending: get("/1"))
        again.run(.milliseconds(500))
        again.serverLoop.spawn {
            again.note = (await again.server.drain(until: again.serverLoop.now + .seconds(100)), again.serverLoop.now)
        }
        again.run(.milliseconds(100))
        again.send(get("/2"), from: busy)
        again.run(.seconds(5))
        #expect(again.onClient { Answers(busy.text).bodies } == ["/1", "/2"])
        #expect(again.onClient { Answers(busy.text).all.map { $0.fields["connection"] } } == [nil, "close"])
        #expect(again.note?.0 == true)
    }

    @Test("a drain ends at its deadline and says that somebody was left; closing then cuts them")
    func drainDeadline() {
        let scene = Scene(), client = scene.client(sending: get("/"))
        scene.run()
        scene.serverLoop.spawn { scene.note = (await scene.server.drain(until: scene.serverLoop.now + .seconds(30)), scene.serverLoop.now) }
        scene.run(.seconds(31))
        #expect(scene.note?.0 == false)
        scene.onServer { scene.server.close() }
        #expect(scene.onServer { scene.application.gone } == ["/"])
        scene.run()
        #expect(scene.onClient { client.end } != nil)
        #expect(scene.onServer { scene.server.openConnections } == 0)
        #expect(scene.onServer { scene.serverLoop.timersWaiting } == 0)
    }

    @Test("one client too many gets 503 and the end; far too many get only the end; room comes back")
    func connections() {
        let scene = Scene {
            $0.connections = 3
            $0.refusedConnections = 2
        }
        let inside = (0..<3).map { scene.client(sending: get("/\($0)")) }
        scene.run()
        let outside = (0..<4).map { _ in scene.client(sending: get("/outside")) }
        scene.run(.milliseconds(100))
        let statuses = outside.map { client in scene.onClient { Answers(client.text).statuses } }
        #expect(statuses.filter { $0 == [503] }.count == 2 && statuses.filter(\.isEmpty).count == 2)
        for client in outside where scene.onClient({ !client.text.isEmpty }) {
            let answer = scene.onClient { Answers(client.text).all[0] }
            #expect(answer.fields["retry-after"] == "1" && answer.fields["connection"] == "close" && answer.body.contains("\"error\""))
        }
        #expect(scene.onServer { scene.application.exchanges.count } == 3)
        scene.run(.seconds(5))
        #expect(outside.allSatisfy { client in scene.onClient { client.end != nil } })
        scene.onClient { inside[0].close() }
        scene.run()
        let welcome = scene.client(sending: get("/welcome"))
        scene.run()
        #expect(scene.onServer { scene.application.exchanges.last?.request.path } == "/welcome")
        _ = welcome
    }

    @Test("closing within a handler is safe")
    func closeWithinHandler() {
        let scene = Scene()
        scene.onServer {
            scene.application.answer = { exchange in
                if exchange.request.path == "/2" { scene.server.close() }
                return .text(.ok, "answer")
            }
        }
        let client = scene.client(sending: get("/1") + get("/2") + get("/3"))
        scene.run()
        #expect(scene.onServer { scene.application.exchanges.map(\.request.path) } == ["/1", "/2"])
        #expect(scene.onClient { client.end } != nil)
    }

    @Test("the same seed gives the same run, to the turn")
    func determinism() {
        func run(_ seed: UInt64) -> UInt64 {
            let scene = Scene(seed: seed)
            scene.onServer { scene.application.answer = { .text(.ok, $0.request.path) } }
            let clients = (0..<10).map { scene.client(sending: get("/\($0)") + get("/again")) }
            scene.run(.seconds(3))
            return scene.onClient { clients.allSatisfy { Answers($0.text).all.count == 2 } } ? scene.world.traceHash : 0
        }
        #expect(run(3) == run(3))
        #expect(run(3) != run(4))
    }

    @Test("counters tell what happened")
    func counters() {
        let scene = Scene()
        scene.onServer { scene.application.answer = { _ in .text(.ok, "hello") } }
        let good = scene.client(sending: get("/") + get("/")), bad = scene.client(sending: "nonsense\r\n\r\n")
        scene.run()
        scene.onServer {
            let counters = scene.server.counters
            #expect(counters.connections == 2 && counters.requests == 2 && counters.refusals(of: .syntax) == 1)
            #expect(counters.bytesReceived == 2 * get("/").utf8.count + 12)
            #expect(counters.bytesSent == scene.onClient { good.received.count + bad.received.count })
        }
    }
}
