import EventLoop
import HTTPServing
import Testing

@Suite("Bodies of requests")
struct BodyTests {
    private func echo(_ scene: Scene) {
        scene.onServer { scene.application.answer = { .text(.ok, String(decoding: $0.request.body, as: UTF8.self)) } }
    }

    @Test("bodies in chunks arrive as one, through any kernel", arguments: 0..<10 as Range<UInt64>)
    func chunked(seed: UInt64) {
        let scene = Scene(seed: seed)
        echo(scene)
        let body = (0..<200).map { "part \($0) " }, chunks = body.map { "\(String($0.utf8.count, radix: 16))\r\n\($0)\r\n" }.joined()
        let client = scene.client(
            sending: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\(chunks)0\r\n\r\n" + post("/", "next"))
        scene.run(.seconds(2))
        #expect(scene.onClient { Answers(client.text).bodies } == [body.joined(), "next"])
    }

    @Test("a client that waits for 100 gets it when its body is wanted, after the answers before it")
    func expectation() {
        let scene = Scene()
        let client = scene.client(
            sending: get("/first") + "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        scene.run()
        #expect(scene.onClient { client.text } == "")
        scene.onServer { scene.application.exchanges[0].respond(.text(.ok, "1")) }
        scene.run()
        #expect(scene.onClient { Answers(client.text).statuses } == [200, 100])
        scene.send("abc", from: client)
        scene.run()
        scene.onServer {
            #expect(scene.application.exchanges[1].takeBody() == Array("abc".utf8))
            scene.application.exchanges[1].respond(.text(.ok, "2"))
        }
        scene.run()
        #expect(scene.onClient { Answers(client.text).statuses } == [200, 100, 200])
    }

    @Test("no 100 for a body that is already there, none for HTTP/1.0, none for one that is too large")
    func noContinuation() {
        let scene = Scene()
        echo(scene)
        let ready = scene.client(sending: post("/", "abc", "Expect: 100-continue\r\n"))
        let old = scene.client(sending: "POST / HTTP/1.0\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc")
        scene.run()
        #expect(scene.onClient { Answers(old.text).statuses } == [200])
        // The kernel may have cut it behind the head.
        #expect([[200], [100, 200]].contains(scene.onClient { Answers(ready.text).statuses }))
        scene.onServer { scene.application.maximumBody = 2 }
        let large = scene.client(sending: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        scene.run(.seconds(3))
        #expect(scene.onClient { Answers(large.text).statuses } == [413])
        #expect(scene.onClient { large.end } == .finished)
    }

    @Test("a request that is refused by its head costs no body: a small one is thrown away and the connection stays")
    func refusedSmall() {
        let scene = Scene()
        scene.onServer { scene.application.refusal = .text(.unauthorized, "no") }
        let client = scene.client(
            sending: post("/1", String(repeating: "x", count: 5_000)) + get("/2")
                + "POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" + get("/4"))
        scene.run(.seconds(2))
        #expect(scene.onClient { Answers(client.text).statuses } == [401, 401, 401, 401])
        #expect(scene.onServer { scene.application.admitted } == ["/1", "/2", "/3", "/4"])
        #expect(scene.onServer { scene.application.exchanges.isEmpty })
        #expect(scene.onClient { client.end } == nil)
        #expect(scene.onServer { scene.server.bodyBytes } == 0)
    }

    @Test("a large body of a refused request ends the connection, and so does one that waits for a word")
    func refusedLarge() {
        let scene = Scene()
        scene.onServer { scene.application.refusal = .text(.unauthorized, "no") }
        let large = scene.client(sending: "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n" + get("/2"))
        let waiting = scene.client(sending: "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\nExpect: 100-continue\r\n\r\n")
        scene.run(.seconds(5))
        for client in [large, waiting] {
            let answers = scene.onClient { Answers(client.text) }
            #expect(answers.statuses == [401])
            #expect(answers.all.first?.fields["connection"] == "close")
            #expect(scene.onClient { client.end } == .finished)
        }
    }

    @Test("413 can be read though the client is still writing, a thousand times over", arguments: 0..<100 as Range<UInt64>)
    func tooLargeWhileWriting(seed: UInt64) {
        var plan = VirtualSocketPlan()
        plan.bufferBytes = 16 << 10
        let scene = Scene(seed: seed, plan: plan) { $0.bodyBytes = 1_000 }
        let body = String(repeating: "x", count: 100_000)
        let clients = (0..<10).map { index in
            scene.client(
                sending: index % 2 == 0
                    ? post("/", body) : "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n186a0\r\n\(body)\r\n0\r\n\r\n")
        }
        scene.run(.seconds(10))
        for client in clients {
            let answers = scene.onClient { Answers(client.text) }
            #expect(answers.statuses == [413])
            #expect(answers.bodies.first?.contains("\"message\":\"the request body is larger than this route accepts\"") ?? false)
            #expect(scene.onClient { client.end } == .finished)
        }
        #expect(scene.onServer { scene.server.openConnections } == 0)
        #expect(scene.onServer { scene.server.counters.refusals(of: .bodySize) } == 10)
    }

    @Test("a client that writes without end after its refusal is read for a bounded while and then cut")
    func endlessWriter() {
        let scene = Scene {
            $0.bodyBytes = 1_000
            $0.lingerBytes = 50_000
        }
        let client = scene.client(
            sending: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n" + String(repeating: "x", count: 1_000_000))
        scene.run(.seconds(1))
        #expect(scene.onClient { Answers(client.text).statuses } == [413])
        #expect(scene.onServer { scene.server.counters.bytesReceived } < 50_000 + (64 << 10) + 1_000)
        scene.run(.seconds(2))
        #expect(scene.onServer { scene.server.openConnections } == 0)
        #expect(scene.onClient { client.end } != nil)
    }

    @Test("all bodies together are bounded: past it 503, and what was held is given back")
    func allBodies() {
        let scene = Scene { $0.allBodiesBytes = 10_000 }
        let first = scene.client(sending: post("/1", String(repeating: "x", count: 9_000)))
        scene.run()
        #expect(scene.onServer { scene.server.bodyBytes } == 9_000)
        let second = scene.client(
            sending: "POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\n\r\n" + String(repeating: "x", count: 5_000))
        scene.run(.seconds(5))
        let answers = scene.onClient { Answers(second.text) }
        #expect(answers.statuses == [503])
        #expect(answers.all.first?.fields["retry-after"] == "1")
        #expect(scene.onServer { scene.server.bodyBytes } == 9_000)
        scene.onServer {
            #expect(scene.application.exchanges[0].takeBody().count == 9_000)
            // Whoever took it has it now.
            #expect(scene.server.bodyBytes == 9_000)
            scene.application.exchanges[0].holds(ofBody: 100)
            #expect(scene.server.bodyBytes == 100)
            scene.application.exchanges[0].respond(.text(.ok, "thanks"))
        }
        scene.run()
        #expect(scene.onClient { Answers(first.text).bodies } == ["thanks"])
        #expect(scene.onServer { scene.server.bodyBytes } == 0)
    }
}
