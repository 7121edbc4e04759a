import ClusterModel
import EventLoop
@testable import HTTPServing
import Testing

@Suite("Answers")
struct AnswerTests {
    private func echo(_ scene: Scene) {
        scene.onServer {
            scene.application.answer = { .text(.ok, "\($0.request.path):\(String(decoding: $0.request.body, as: UTF8.self))") }
        }
    }

    @Test("requests on one connection are answered one after another, and the connection stays", arguments: 0..<20 as Range<UInt64>)
    func keepAlive(seed: UInt64) {
        let scene = Scene(seed: seed)
        echo(scene)
        let client = scene.client(sending: get("/1"))
        scene.run(.seconds(5))
        scene.send(post("/2", "hello"), from: client)
        scene.run(.seconds(5))
        let answers = scene.onClient { Answers(client.text) }
        #expect(answers.bodies == ["/1:", "/2:hello"])
        #expect(answers.all.map { $0.fields["connection"] } == [nil, nil])
        #expect(answers.all.map { $0.fields["date"] } == ["Tue, 14 Nov 2023 22:13:20 GMT", "Tue, 14 Nov 2023 22:13:25 GMT"])
        #expect(scene.onClient { client.end } == nil)
        #expect(scene.onServer { scene.server.openConnections } == 1)
    }

    @Test(
        "pipelined requests are served at once and answered in order, whatever the order in which they end",
        arguments: 0..<30 as Range<UInt64>)
    func pipeliningOrder(seed: UInt64) {
        let scene = Scene(seed: seed)
        let client = scene.client(sending: (0..<6).map { get("/\($0)") }.joined())
        let areServed = scene.run(until: { scene.application.exchanges.count == 6 })
        #expect(areServed)
        var random = SeededRandom(seed: seed)
        for index in (0..<6).shuffled(using: &random) {
            scene.onServer {
                let exchange = scene.application.exchanges[index]
                if index % 2 == 0 {
                    exchange.respond(.text(.ok, "answer \(index)"))
                } else {
                    exchange.beginStream(.ok)
                    exchange.append(Array("stream ".utf8))
                }
            }
            scene.run(.milliseconds(10))
            scene.onServer {
                guard index % 2 == 1 else { return }
                scene.application.exchanges[index].append(Array("\(index)".utf8))
                scene.application.exchanges[index].endStream()
            }
            scene.run(.milliseconds(10))
        }
        let answers = scene.onClient { Answers(client.text) }
        #expect(answers.bodies == ["answer 0", "stream 1", "answer 2", "stream 3", "answer 4", "stream 5"])
        #expect(answers.rest.isEmpty)
    }

    @Test("no more requests than the limit are taken from a connection; the others wait in the client's kernel")
    func pipeliningLimit() {
        let scene = Scene { $0.pipelined = 3 }
        let client = scene.client(sending: (0..<10).map { get("/\($0)") }.joined())
        scene.run()
        #expect(scene.onServer { scene.application.exchanges.count } == 3)
        scene.onServer { scene.application.exchanges[0].respond(.text(.ok, "0")) }
        scene.run()
        #expect(scene.onServer { scene.application.exchanges.count } == 4)
        for index in 1..<10 {
            scene.onServer { scene.application.exchanges[index].respond(.text(.ok, "\(index)")) }
            scene.run()
        }
        #expect(scene.onClient { Answers(client.text).bodies } == (0..<10).map(String.init))
    }

    @Test("answers to HEAD have the length of the body and no body")
    func head() {
        let scene = Scene()
        scene.onServer { scene.application.answer = { _ in .text(.ok, "hello") } }
        let client = scene.client(sending: "HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n" + get("/b"))
        scene.run()
        let answers = scene.onClient { Answers(client.text, heads: [0]) }
        #expect(answers.all.first?.fields["content-length"] == "5")
        #expect(answers.bodies == ["", "hello"])
        #expect(answers.rest.isEmpty)
    }

    @Test("a stream to HEAD sends its head and nothing else")
    func headOfStream() {
        let scene = Scene()
        let client = scene.client(sending: "HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n" + get("/b"))
        scene.run(until: { scene.application.exchanges.count == 2 })
        scene.onServer {
            scene.application.exchanges[0].beginStream(.ok, headers: ServerSentEvents.headers)
            scene.application.exchanges[0].append(Array("unseen".utf8))
            scene.application.exchanges[0].endStream()
            scene.application.exchanges[1].respond(.text(.ok, "next"))
        }
        scene.run()
        let answers = scene.onClient { Answers(client.text, heads: [0]) }
        #expect(answers.bodies == ["", "next"])
        #expect(answers.all[0].fields["transfer-encoding"] == "chunked")
    }

    @Test("204 and 304 have neither body nor length")
    func noContent() {
        let scene = Scene()
        scene.onServer {
            scene.application.answer = { HTTPResponse($0.request.path == "/204" ? .noContent : .notModified, body: [1, 2, 3]) }
        }
        let client = scene.client(sending: get("/204") + get("/304") + get("/304"))
        scene.run()
        let answers = scene.onClient { Answers(client.text) }
        #expect(answers.statuses == [204, 304, 304])
        #expect(answers.rest.isEmpty)
        #expect(answers.all.allSatisfy { $0.fields["content-length"] == nil && $0.fields["transfer-encoding"] == nil })
    }

    @Test("what is appended in one turn is one chunk; the next turn makes another; the end is the last one")
    func chunks() {
        let scene = Scene()
        let client = scene.client(sending: get("/"))
        scene.run(until: { !scene.application.exchanges.isEmpty })
        for text in ["a", "b"] {
            scene.onServer {
                let exchange = scene.application.exchanges[0]
                if text == "a" { exchange.beginStream(.ok) }
                exchange.append(Array("\(text)1 ".utf8))
                exchange.append { $0.append(contentsOf: "\(text)2".utf8) }
                exchange.append { _ in }
            }
            scene.run(.milliseconds(20))
        }
        scene.onServer {
            scene.application.exchanges[0].append { _ in }
            scene.application.exchanges[0].endStream()
        }
        scene.run()
        let text = scene.onClient { client.text }
        #expect(text.hasSuffix("\r\n\r\n00000005\r\na1 a2\r\n00000005\r\nb1 b2\r\n0\r\n\r\n"))
    }

    @Test("HTTP/1.0 gets a stream until the end of the connection, and keeps the connection for a whole answer if it asks to")
    func http10() {
        let scene = Scene()
        let client = scene.client(sending: "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        scene.run(until: { !scene.application.exchanges.isEmpty })
        scene.onServer { scene.application.exchanges[0].respond(.text(.ok, "whole")) }
        scene.run()
        scene.send("GET /b HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", from: client)
        scene.run(until: { scene.application.exchanges.count == 2 })
        scene.onServer {
            scene.application.exchanges[1].beginStream(.ok)
            scene.application.exchanges[1].append(Array("until the end".utf8))
        }
        scene.run()
        scene.onServer { scene.application.exchanges[1].endStream() }
        scene.run()
        let answers = scene.onClient { Answers(client.text) }
        #expect(answers.bodies == ["whole", "until the end"])
        #expect(answers.all.map { $0.fields["connection"] } == ["keep-alive", "close"])
        #expect(scene.onClient { client.end } == .finished)
    }

    @Test(
        "HTTP/1.0 without a word, and HTTP/1.1 with close, end the connection after the answer",
        arguments: [
            "GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        ])
    func closes(request: String) {
        let scene = Scene()
        echo(scene)
        let client = scene.client(sending: request + request)
        scene.run(.seconds(1))
        #expect(scene.onClient { Answers(client.text).all.map { $0.fields["connection"] } } == ["close"])
        #expect(scene.onClient { client.end } != nil)
    }

    @Test("fields of the application cannot break out of their line, nor frame the answer in another way")
    func headerInjection() {
        let scene = Scene()
        scene.onServer {
            scene.application.answer = { exchange in
                .json(
                    .ok, Array("{}".utf8),
                    headers: [
                        HTTPField("X-Request-Id", exchange.request.headers["x-id"].map { "\($0)\r\nEvil: 1\u{0}" } ?? ""),
                        HTTPField("Content-Length", "99"), HTTPField("Transfer-Encoding", "chunked"), HTTPField("connection", "upgrade"),
                    ])
            }
        }
        let client = scene.client(sending: get("/", "X-Id: \u{e4}7\r\n"))
        scene.run()
        let answers = scene.onClient { Answers(client.text) }
        #expect(answers.bodies == ["{}"])
        #expect(answers.all[0].fields["x-request-id"] == "\u{e4}7??Evil: 1?")
        #expect(answers.all[0].fields["evil"] == nil && answers.all[0].fields["connection"] == nil)
    }

    @Test("an aborted stream ends without its last chunk, after what was written before")
    func abort() {
        let scene = Scene()
        let client = scene.client(sending: get("/"))
        scene.run(until: { !scene.application.exchanges.isEmpty })
        scene.onServer {
            scene.application.exchanges[0].beginStream(.ok)
            scene.application.exchanges[0].append(Array("part".utf8))
            scene.application.exchanges[0].abort()
            scene.application.exchanges[0].append(Array("more".utf8))
            scene.application.exchanges[0].endStream()
        }
        scene.run(.seconds(3))
        #expect(scene.onClient { client.text.hasSuffix("\r\n\r\n00000004\r\npart\r\n") })
        #expect(scene.onClient { client.end } == .finished)
        #expect(scene.onServer { scene.application.gone } == [])
    }

    @Test("a stream of HTTP/1.0 that is aborted is reset, since its end would look good")
    func abortHTTP10() {
        let scene = Scene()
        let client = scene.client(sending: "GET / HTTP/1.0\r\n\r\n")
        scene.run(until: { !scene.application.exchanges.isEmpty })
        scene.onServer {
            scene.application.exchanges[0].beginStream(.ok)
            scene.application.exchanges[0].append(Array("part".utf8))
            scene.application.exchanges[0].abort()
        }
        scene.run(.seconds(3))
        #expect(scene.onClient { client.end } == .broken)
    }

    @Test("a large answer arrives whole through a small kernel", arguments: 0..<5 as Range<UInt64>)
    func large(seed: UInt64) {
        var plan = VirtualSocketPlan()
        plan.bufferBytes = 4 << 10
        let scene = Scene(seed: seed, plan: plan)
        let body = String((0..<60_000).map { Character(UnicodeScalar(UInt8(97 + $0 % 26))) })
        scene.onServer { scene.application.answer = { _ in .text(.ok, body) } }
        let client = scene.client(sending: get("/1") + get("/2"))
        scene.run(.seconds(20))
        #expect(scene.onClient { Answers(client.text).bodies } == [body, body])
    }

    @Test(
        "dates are written as RFC 9110 wants them",
        arguments: [
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_709_251_199, "Thu, 29 Feb 2024 23:59:59 GMT"), (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        ] as [(Int64, String)])
    func dates(second: Int64, text: String) { #expect(String(decoding: HTTPDate.text(second: second), as: UTF8.self) == text) }
}
