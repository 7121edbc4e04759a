import ClusterModel
import EventLoop
import HTTPServing
import Testing

@Suite("Deadlines, in virtual time")
struct DeadlineTests {
    /// When the connection ended, in seconds since its beginning, which was at 0.
    private func endedAt(_ scene: Scene, _ client: RawClient) -> Double? {
        scene.onClient { client.endedAt.map { Double($0.nanoseconds) / 1e9 } }
    }

    /// Sends a byte a step, for as long as the connection lives.
    private func trickle(_ scene: Scene, _ client: RawClient, _ text: String, every step: Duration) {
        scene.clientLoop.spawn {
            for byte in text.utf8 where client.end == nil {
                client.send([byte])
                await scene.clientLoop.sleep(for: step)
            }
        }
    }

    private func expectEnd(_ scene: Scene, _ client: RawClient, at seconds: Double, _ comment: Comment = "") {
        let end = endedAt(scene, client)
        #expect(end.map { abs($0 - seconds) < 0.1 } ?? false, "ended at \(end ?? -1), not \(seconds)")
    }

    @Test("a head that trickles is answered with 408 ten seconds after its beginning, however often a byte comes")
    func headTrickle() {
        let scene = Scene(), client = scene.client()
        trickle(scene, client, "GET / HTTP/1.1\r\nHost: a\r\n" + String(repeating: "X: y\r\n", count: 100), every: .seconds(5))
        let fast = scene.client()
        trickle(scene, fast, "GET / HTTP/1.1\r\nHost: a\r\n" + String(repeating: "X: y\r\n", count: 1_000), every: .milliseconds(100))
        scene.run(.seconds(60))
        for client in [client, fast] {
            let answers = scene.onClient { Answers(client.text) }
            #expect(answers.statuses == [408])
            #expect(answers.bodies.first?.contains("did not arrive in time") ?? false)
            #expect(answers.all.first?.fields["connection"] == "close")
        }
        expectEnd(scene, client, at: 10)
        expectEnd(scene, fast, at: 10)
        #expect(scene.onServer { scene.server.counters.refusals(of: .headerDeadline) } == 2)
        #expect(scene.onServer { scene.server.openConnections } == 0)
    }

    @Test("a connection that says nothing is closed without an answer after the header deadline")
    func silent() {
        let scene = Scene(), client = scene.client()
        scene.run(.seconds(60))
        #expect(scene.onClient { client.text } == "")
        expectEnd(scene, client, at: 10)
    }

    @Test("the head of a later request has the deadline from its own first byte")
    func laterHead() {
        let scene = Scene()
        scene.onServer { scene.application.answer = { _ in .text(.ok, "") } }
        let client = scene.client(sending: get("/"))
        scene.run(.seconds(40))
        scene.send("GET /", from: client)
        scene.run(.seconds(40))
        #expect(scene.onClient { Answers(client.text).statuses } == [200, 408])
        expectEnd(scene, client, at: 50)
    }

    @Test("a head that comes while a request is served has its deadline too, and is answered in its turn")
    func headBehindExchange() {
        let scene = Scene(), client = scene.client(sending: get("/") + "GET /b")
        scene.run(.seconds(30))
        #expect(scene.onClient { client.text } == "")
        scene.onServer { scene.application.exchanges[0].respond(.text(.ok, "")) }
        scene.run(.seconds(5))
        #expect(scene.onClient { Answers(client.text).statuses } == [200, 408])
        #expect(scene.onClient { client.end } == .finished)
    }

    @Test("a body that trickles is answered with 408 a minute after its head", arguments: [true, false])
    func bodyTrickle(isChunked: Bool) {
        let scene = Scene()
        let framing = isChunked ? "Transfer-Encoding: chunked" : "Content-Length: 1000"
        let client = scene.client(sending: "POST / HTTP/1.1\r\nHost: a\r\n\(framing)\r\n\r\n\(isChunked ? "3e8\r\n" : "")")
        trickle(scene, client, String(repeating: "x", count: 900), every: .milliseconds(500))
        scene.run(.seconds(50))
        #expect(scene.onClient { client.end } == nil)
        scene.run(.seconds(20))
        #expect(scene.onClient { Answers(client.text).statuses } == [408])
        expectEnd(scene, client, at: 60)
        #expect(scene.onServer { scene.server.bodyBytes } == 0)
        #expect(scene.onServer { scene.application.exchanges.isEmpty })
    }

    @Test("a connection at rest is closed after its idle time, counted from its last answer")
    func idle() {
        let scene = Scene(), client = scene.client(sending: get("/"))
        scene.run(.seconds(100))
        #expect(scene.onClient { client.end } == nil, "a request that is being served has no deadline of the server's")
        scene.onServer { scene.application.exchanges[0].respond(.text(.ok, "")) }
        scene.run(.seconds(70))
        #expect(scene.onClient { client.end } == nil)
        scene.run(.seconds(10))
        expectEnd(scene, client, at: 175)
        #expect(scene.onClient { client.end } == .finished)
    }

    @Test("requests keep a connection alive for ever")
    func busy() {
        let scene = Scene()
        scene.onServer { scene.application.answer = { _ in .text(.ok, "") } }
        let client = scene.client(sending: get("/"))
        for _ in 0..<10 {
            scene.run(.seconds(60))
            scene.send(get("/"), from: client)
        }
        scene.run(.seconds(1))
        #expect(scene.onClient { Answers(client.text).all.count } == 11)
    }

    @Test("a reader that takes nothing for the write deadline is cut, and its exchange hears of it")
    func writeStall() {
        var plan = VirtualSocketPlan()
        plan.bufferBytes = 8 << 10
        let scene = Scene(plan: plan), client = scene.client(sending: get("/stall"), reading: false)
        scene.run(until: { !scene.application.exchanges.isEmpty })
        scene.onServer {
            scene.application.exchanges[0].beginStream(.ok)
            scene.application.exchanges[0].append([UInt8](repeating: 0x78, count: 20_000))
        }
        scene.run(.seconds(20))
        // Two kilobytes that are read make no room that a kernel would tell of: what counts is that bytes are taken.
        scene.onClient { client.read(8 << 10) }
        scene.run(.seconds(25))
        #expect(scene.onServer { scene.application.gone } == [])
        scene.run(.seconds(10))
        #expect(scene.onServer { scene.application.gone } == ["/stall"])
        #expect(scene.onServer { scene.server.counters.stalls } == 1)
        #expect(scene.onServer { scene.server.openConnections } == 0)
        scene.onClient { client.setReading(true) }
        scene.run()
        #expect(scene.onClient { client.end } == .broken)
    }

    @Test("a stream at rest has no deadline: silence is its application's affair")
    func quietStream() {
        let scene = Scene(), client = scene.client(sending: get("/"))
        scene.run(until: { !scene.application.exchanges.isEmpty })
        scene.onServer { scene.application.exchanges[0].beginStream(.ok) }
        scene.run(.seconds(1_000))
        scene.onServer { scene.application.exchanges[0].endStream() }
        scene.run()
        #expect(scene.onClient { Answers(client.text).statuses } == [200])
    }

    @Test("a request costs the loop no timer of its own")
    func timers() {
        let scene = Scene()
        scene.onServer { scene.application.answer = { _ in .text(.ok, "") } }
        let client = scene.client(sending: get("/"))
        scene.run()
        for _ in 0..<50 {
            scene.send(get("/"), from: client)
            scene.run(.milliseconds(20))
        }
        #expect(scene.onServer { scene.serverLoop.timersWaiting } == 1)
        scene.onClient { client.close() }
        scene.run()
        #expect(scene.onServer { scene.serverLoop.timersWaiting } == 0)
    }
}
