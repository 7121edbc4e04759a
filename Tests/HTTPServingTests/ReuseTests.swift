import ClusterModel
import EventLoop
import Testing

@testable import HTTPServing

@Suite("Requests are read into the memory of others that are over")
struct ReuseTests {
    // MARK: Heads

    @Test("what was read before into the same memory changes nothing", arguments: RequestParserTests.connections)
    func heads(text: String) {
        let bytes = Array(text.utf8), fresh = parse(bytes)
        for other in RequestParserTests.connections {
            guard let storage = storage(of: other) else { continue }
            #expect(parse(bytes, reusing: storage) == fresh, "after \(other)")
        }
        // More fields and bytes than the memory of the other has, and fewer.
        let many = (0..<100).map { "X-Field-\($0): \(String(repeating: "v", count: $0))\r\n" }.joined()
        let large = "GET /large HTTP/1.1\r\nHost: a\r\n\(many)\r\n"
        guard let small = storage(of: text), let ofLarge = storage(of: large) else { return }
        #expect(parse(Array(large.utf8), reusing: small) == parse(large))
        #expect(parse(bytes, reusing: ofLarge) == fresh)
        #expect(parse(bytes, reusing: ofLarge) { _ in 1 } == fresh)
    }

    /// Of the first request; nil where it is refused.
    private func storage(of text: String) -> (head: RequestHead, body: [UInt8])? {
        var parser = RequestParser(HTTPLimits()), cursor = 0, bytes = Array(text.utf8)
        return bytes.withUnsafeMutableBytes { bytes in
            guard case .head(let head)? = try? parser.next(UnsafeRawBufferPointer(bytes), from: &cursor) else { return nil }
            return (head, Array("what is left of a body".utf8))
        }
    }

    // MARK: Exchanges

    /// One of each kind that leaves something behind in its exchange.
    private static let requests = [
        get("/text"), get("/stream"), get("/missing"), "HEAD /text HTTP/1.1\r\nHost: a\r\n\r\n", get("/parts/one%2Fhalf"),
        post("/echo", "some words"), post("/echo", "\u{1F600}"),
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "GET /text HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n", get("/later"),
    ]
    private static func isHead(_ request: String) -> Bool { request.hasPrefix("HEAD") }

    @Test("a request that follows any other on its connection is answered as if it were the first", arguments: requests)
    func pairs(first: String) {
        for second in Self.requests {
            let served = ServedExchanges(), routed = Self.routed(served)
            let alone = routed.ask(second, heads: Self.isHead(second) ? [0] : [])
            let heads = Set([first, second, first, second].enumerated().filter { Self.isHead($0.element) }.map(\.offset))
            // One after another, and pipelined.
            let client = routed.client()
            for request in [first, second] {
                routed.clientLoop.perform { client.send(Array(request.utf8)) }
                routed.world.run(for: .seconds(3))
            }
            routed.clientLoop.perform { client.send(Array((first + second).utf8)) }
            routed.world.run(for: .seconds(3))
            let answers = routed.clientLoop.perform { Answers(client.text, heads: heads).all }
            #expect(answers.count == 4 && alone.count == 1, "\(first) \(second)")
            guard answers.count == 4, alone.count == 1 else { continue }
            for answer in [answers[1], answers[3]] {
                #expect(answer.status == alone[0].status && answer.body == alone[0].body, "\(first) \(second)")
                #expect(answer.fields.filter { $0.key != "date" } == alone[0].fields.filter { $0.key != "date" }, "\(first) \(second)")
            }
        }
    }

    @Test("requests one after another are served by one exchange, unless somebody keeps it")
    func identity() {
        let served = ServedExchanges(), routed = Self.routed(served), client = routed.client()
        for _ in 0..<20 {
            routed.clientLoop.perform { client.send(Array(get("/text").utf8)) }
            routed.world.run(for: .seconds(1))
        }
        #expect(routed.loop.perform { served.identities.count } == 1)
        routed.loop.perform { served.keeps = true }
        for _ in 0..<20 {
            routed.clientLoop.perform { client.send(Array(post("/echo", "x").utf8)) }
            routed.world.run(for: .seconds(1))
        }
        #expect(routed.clientLoop.perform { Answers(client.text).all.count } == 40)
        routed.loop.perform {
            #expect(Set(served.kept.map(ObjectIdentifier.init)).count == 20)
            #expect(served.kept.allSatisfy { $0.hasEnded && $0.status == .ok })
        }
    }

    @Test("whoever keeps a request, or only its fields, keeps what they were")
    func keptRequests() {
        let served = ServedExchanges(), routed = Self.routed(served), client = routed.client()
        for number in 0..<10 {
            routed.clientLoop.perform { client.send(Array(post("/echo", "body \(number)", "X-Number: \(number)\r\n").utf8)) }
            routed.world.run(for: .seconds(1))
        }
        routed.loop.perform {
            let even = stride(from: 0, to: 10, by: 2), odd = stride(from: 1, to: 10, by: 2)
            #expect(served.requests.map { String(decoding: $0.body, as: UTF8.self) } == even.map { "body \($0)" })
            #expect(served.requests.map { $0.headers["x-number"] } == even.map { "\($0)" })
            #expect(served.headers.map { $0["x-number"] } == odd.map { "\($0)" })
        }
    }

    @Test("the memory of a large request goes back")
    func large() {
        let served = ServedExchanges(), routed = Self.routed(served)
        let small = routed.loop.perform { routed.server.spares.keptBytes }
        _ = routed.ask(post("/echo", String(repeating: "x", count: 1 << 20)))
        #expect(routed.loop.perform { routed.server.spares.keptBytes } == small)
        _ = routed.ask(post("/echo", "little"))
        let kept = routed.loop.perform { routed.server.spares.keptBytes }
        #expect(kept > 0 && kept < 16 << 10)
    }

    private static func routed(_ served: ServedExchanges) -> Routed {
        let routed = Routed()
        routed.add { table in
            let loop = routed.loop
            table.on(
                .get, "/text",
                run: { exchange in
                    served.note(exchange)
                    exchange.respond(.text(.ok, "text of \(exchange.request.path)"))
                })
            table.on(.get, "/parts/{name}", run: { $0.respond(.text(.ok, "\($0.parameters)")) })
            table.on(
                .post, "/echo",
                run: { exchange in
                    served.note(exchange)
                    exchange.respond(.text(.ok, String(decoding: exchange.request.body, as: UTF8.self)))
                })
            table.on(
                .get, "/stream",
                run: { exchange in
                    exchange.beginStream(.ok, headers: ServerSentEvents.headers)
                    exchange.append(inBulk: true) { ServerSentEvents.append(data: "one", to: &$0) }
                    exchange.endStream()
                })
            table.on(
                .get, "/later",
                run: { exchange in
                    exchange.whenGone = {}
                    loop.schedule(after: .milliseconds(5)) { exchange.respond(.text(.accepted, "later \(exchange.parameters.count)")) }
                })
        }
        return routed
    }
}

/// What handlers saw, and may keep.
@LoopActor
private final class ServedExchanges {
    nonisolated init() {}
    var keeps = false
    private(set) var identities: Set<ObjectIdentifier> = []
    private(set) var kept: [HTTPExchange] = []
    private(set) var requests: [HTTPRequest] = []
    private(set) var headers: [HTTPHeaders] = []

    func note(_ exchange: HTTPExchange) {
        if keeps { kept.append(exchange) }
        identities.insert(ObjectIdentifier(exchange))
        guard exchange.request.method == .post else { return }
        // By turns as a whole, and the fields alone.
        if requests.count == headers.count { requests.append(exchange.request) } else { headers.append(exchange.request.headers) }
    }
}
