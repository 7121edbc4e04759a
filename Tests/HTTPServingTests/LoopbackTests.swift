import ClusterModel
import Concurrency
import EventLoop
import HTTPServing
import TestSupport
import Testing

@Suite("The server on real sockets")
struct LoopbackTests {
    /// A server, and clients on the same loop.
    @LoopActor
    private final class Ground {
        let loop: EpollLoop
        let sockets: EpollSockets
        let server: HTTPServer
        let port: UInt16
        var gone: [String] = []
        var streams: [HTTPExchange] = []

        init(_ loop: EpollLoop, _ change: (inout HTTPLimits) -> Void) throws(SystemError) {
            self.loop = loop
            sockets = EpollSockets(on: loop)
            var limits = HTTPLimits()
            change(&limits)
            let table = HandlerTable(on: loop)
            server = HTTPServer(on: loop, sockets: sockets, limits: limits, application: table)
            port = try server.listen(host: "127.0.0.1", port: 0)
            table.on(.post, "/echo", run: { $0.respond(HTTPResponse(.ok, body: $0.takeBody())) })
            table.on(
                .get, "/stream",
                run: { [weak self] exchange in
                    exchange.whenGone = { self?.gone.append(exchange.request.path) }
                    exchange.beginStream(.ok, headers: ServerSentEvents.headers)
                    self?.streams.append(exchange)
                })
        }

        func client(_ text: String, reading: Bool = true) -> RawClient {
            let client = RawClient(on: loop, isReading: reading)
            client.connect(sockets, "127.0.0.1", port)
            client.send(Array(text.utf8))
            return client
        }

        func eventually(_ condition: @LoopActor () -> Bool) async -> Bool {
            for _ in 0..<10_000 {
                if condition() { return true }
                await loop.sleep(for: .milliseconds(1))
            }
            return condition()
        }
    }

    private func run(
        _ change: @escaping @Sendable (inout HTTPLimits) -> Void = { _ in }, _ body: @escaping @LoopActor @Sendable (Ground) async -> Void
    ) async throws {
        let thread = try LoopThread("http")
        try await thread.run { loop in
            let ground = try Ground(loop, change)
            await body(ground)
            ground.server.close()
        }
        thread.stop()
    }

    @Test("many clients, each with many pipelined requests of many sizes, get their own answers in order")
    func echoes() async throws {
        try await run { ground in
            var random = SeededRandom(seed: 9), expected: [[String]] = []
            let clients = (0..<40).map { index in
                let bodies = (0..<25).map { number in
                    "\(index):\(number):" + String(repeating: "x", count: Int.random(in: 0..<20_000, using: &random))
                }
                expected.append(bodies)
                return ground.client(bodies.map { post("/echo", $0) }.joined())
            }
            let wanted = expected.map { bodies in bodies.reduce(0) { $0 + $1.utf8.count } }
            let arrived = await ground.eventually { zip(clients, wanted).allSatisfy { $0.received.count > $1 + 25 * 70 } }
            #expect(arrived)
            // Not in the expectation, which would print megabytes.
            let wrong = zip(clients, expected).filter { Answers($0.text).bodies != $1 }.count
            #expect(wrong == 0)
            #expect(ground.server.counters.requests == 1_000)
        }
    }

    @Test("a client that leaves a stream at rest is noticed, however it leaves", arguments: [true, false])
    func departures(resets: Bool) async throws {
        try await run { ground in
            let clients = (0..<20).map { _ in ground.client(get("/stream")) }
            let streaming = await ground.eventually { ground.streams.count == 20 && clients.allSatisfy { !$0.received.isEmpty } }
            #expect(streaming && ground.gone.isEmpty)
            for client in clients { if resets { client.reset() } else { client.close() } }
            let noticed = await ground.eventually { ground.gone.count == 20 && ground.server.openConnections == 0 }
            #expect(noticed)
        }
    }

    @Test("T24: who comes when the process has no descriptor to spare is told to come back, and others are served on")
    func descriptors() async throws {
        let thread = try LoopThread("reserve")
        try await thread.run { loop in
            let limit = Lock(1 << 20), sockets = EpollSockets(on: loop, descriptorLimit: { limit.with { $0 } })
            let table = HandlerTable(on: loop)
            table.on(.post, "/echo", run: { $0.respond(HTTPResponse(.ok, body: $0.takeBody())) })
            let server = HTTPServer(on: loop, sockets: sockets, application: table)
            let port = try server.listen(host: "127.0.0.1", port: 0, options: ListenOptions(leavesReserve: true))
            @LoopActor func client() -> RawClient {
                let client = RawClient(on: loop)
                client.connect(sockets, "127.0.0.1", port)
                return client
            }
            @LoopActor func eventually(_ condition: @LoopActor () -> Bool) async {
                for _ in 0..<10_000 where !condition() { await loop.sleep(for: .milliseconds(1)) }
            }
            let early = client()
            early.send(Array(post("/echo", "one").utf8))
            await eventually { Answers(early.text).statuses == [200] }
            limit.with { $0 = 1 }
            let late = client()
            late.send(Array(post("/echo", "two").utf8))
            await eventually { late.end != nil }
            #expect(Answers(late.text).statuses == [503] && late.text.lowercased().contains("\r\nretry-after: 1\r\n"), "\(late.text)")
            #expect(server.counters.refusals(of: .descriptors) == 1)
            early.send(Array(post("/echo", "three").utf8))
            await eventually { Answers(early.text).statuses == [200, 200] }
            #expect(Answers(early.text).bodies == ["one", "three"], "who was in is served on")
            limit.with { $0 = 1 << 20 }
            let next = client()
            next.send(Array(post("/echo", "four").utf8))
            await eventually { Answers(next.text).statuses == [200] }
            #expect(Answers(next.text).bodies == ["four"])
            server.close()
        }
        thread.stop()
    }

    @Test("413 is readable by clients that write all of a body before they read, hundreds of times")
    func tooLarge() async throws {
        try await run({ $0.bodyBytes = 1_000 }) { ground in
            let body = String(repeating: "x", count: 900_000)
            for _ in 0..<20 {
                let clients = (0..<15).map { _ in ground.client(post("/echo", body), reading: false) }
                let written = await ground.eventually { clients.allSatisfy { $0.isConnected && $0.unsent == 0 } }
                #expect(written)
                for client in clients { client.setReading(true) }
                let ended = await ground.eventually { clients.allSatisfy { $0.end != nil } }
                #expect(ended)
                for client in clients { #expect(Answers(client.text).statuses == [413] && client.end == .finished) }
            }
        }
    }

    @Test("clients that do not read are cut at the cap, and others do not feel them")
    func slowReaders() async throws {
        try await run { ground in
            let slow = (0..<30).map { _ in ground.client(get("/stream"), reading: false) }
            let good = ground.client(get("/stream"))
            let streaming = await ground.eventually { ground.streams.count == 31 }
            #expect(streaming)
            let event = [UInt8](repeating: 0x78, count: 10_000)
            var most = 0
            let cut = await ground.eventually {
                for stream in ground.streams {
                    stream.append { ServerSentEvents.append(data: event, to: &$0) }
                    most = max(most, stream.unsentBytes)
                }
                return ground.gone.count == 30
            }
            #expect(cut)
            #expect(most <= (256 << 10) + event.count + 30)
            #expect(ground.server.counters.slowReaders == 30 && good.end == nil)
            _ = slow
        }
    }

    @Test("a trickling head is ended by its deadline on a real clock as well")
    func trickle() async throws {
        try await run({ $0.headerDeadline = .milliseconds(50) }) { ground in
            let client = ground.client("GET / HTTP/1.1\r\nHost: a\r\nX: ")
            let ended = await ground.eventually {
                client.send([0x78])
                return client.end != nil
            }
            #expect(ended && Answers(client.text).statuses == [408])
        }
    }

    @Test("a stream at work goes on in the same memory, and one at rest keeps none")
    func buffers() async throws {
        try await run { ground in
            let client = ground.client(get("/stream"))
            let streaming = await ground.eventually { ground.streams.count == 1 }
            #expect(streaming)
            var places: Set<UInt> = [], sent = 0
            for _ in 0..<200 {
                let before = client.received.count
                ground.streams[0].append { out in
                    ServerSentEvents.append(data: "some event of usual size, with a little more text to it", to: &out)
                    out.withUnsafeBytes { _ = places.insert(UInt(bitPattern: $0.baseAddress)) }
                    sent += 1
                }
                let arrived = await ground.eventually { client.received.count > before }
                #expect(arrived)
                #expect(ground.streams[0].unsentBytes == 0)
            }
            #expect(sent == 200 && places.count == 1, "\(places.count) buffers for one stream")
        }
    }
}
