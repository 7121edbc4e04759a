import ClusterModel
import EventLoop
import HTTPClient
import HTTPServing
import TestSupport
import Testing

@Suite("The HTTP client, with our server and with worse ones")
struct ClientConnectionTests {
    /// A world with a server of ours and one that says what the test wants.
    private final class Net: @unchecked Sendable {
        // Safety: one test drives it, on one thread.
        let world: VirtualWorld
        let loop: VirtualLoop
        let serverLoop: VirtualLoop
        let sockets: VirtualSockets
        let serverSockets: VirtualSockets
        let server: HTTPServer
        var isDone = false

        init(seed: UInt64 = 1, bufferBytes: Int = 256 << 10) {
            world = VirtualWorld(seed: seed)
            var plan = VirtualSocketPlan()
            plan.bufferBytes = bufferBytes
            let fabric = VirtualSocketFabric(world, plan: plan), serverLoop = world.makeLoop("server")
            let serverSockets = VirtualSockets("server", loop: serverLoop, on: fabric)
            loop = world.makeLoop("client")
            sockets = VirtualSockets("client", loop: loop, on: fabric)
            server = serverLoop.perform {
                let table = HandlerTable(on: serverLoop)
                table.on(
                    .post, "/echo", run: { $0.respond(.json(.ok, $0.takeBody(), headers: [HTTPField("X-A", "1"), HTTPField("x-a", "2")])) })
                table.on(.get, "/never", run: { _ in })
                table.on(
                    .get, "/close",
                    run: { exchange in
                        var response = HTTPResponse.text(.ok, "bye")
                        response.closesConnection = true
                        exchange.respond(response)
                    })
                table.on(
                    .get, "/stream",
                    task: { exchange in
                        exchange.beginStream(.ok, headers: ServerSentEvents.headers)
                        for number in 0..<5 {
                            exchange.append { ServerSentEvents.append(data: "event \(number)".utf8, to: &$0) }
                            await serverLoop.sleep(for: .milliseconds(10))
                        }
                        exchange.append { ServerSentEvents.appendDone(to: &$0) }
                        exchange.endStream()
                    })
                table.on(
                    .get, "/broken",
                    task: { exchange in
                        exchange.beginStream(.ok)
                        exchange.append(Array("half".utf8))
                        await serverLoop.sleep(for: .milliseconds(10))
                        exchange.abort()
                    })
                let server = HTTPServer(on: serverLoop, sockets: serverSockets, application: table)
                do { try server.listen(host: "server", port: 80) } catch { preconditionFailure("\(error)") }
                return server
            }
            self.serverSockets = serverSockets
            self.serverLoop = serverLoop
        }

        /// A server that sends `text` as soon as it hears anything, and then ends the connection or not.
        func raw(port: UInt16, _ text: String, closes: Bool) {
            serverLoop.perform {
                do {
                    _ = try serverSockets.listen(host: "server", port: port) { $0.start(Rude(socket: $0, text: text, closes: closes)) }
                } catch { preconditionFailure("\(error)") }
            }
        }

        func run(_ body: @escaping @LoopActor @Sendable (Net) async throws -> Void) throws {
            var failure: (any Error)?
            let box = Outcome()
            loop.spawn {
                do { try await body(self) } catch { box.error = error }
                box.isDone = true
            }
            let isDone = world.run(for: .seconds(1_000)) { box.isDone }
            failure = box.error
            if let failure { throw failure }
            #expect(isDone)
        }

        @LoopActor func client(port: UInt16 = 80) -> HTTPClientConnection {
            HTTPClientConnection(on: loop, sockets: sockets, host: "server", port: port)
        }

        @LoopActor func failure(_ client: HTTPClientConnection, _ target: String) async -> HTTPClientError? {
            do throws(HTTPClientError) {
                _ = try await client.fetch(.get(target), until: soon)
                return nil
            } catch { return error }
        }

        @LoopActor var soon: Instant { loop.now + .seconds(10) }
    }

    private final class Outcome: @unchecked Sendable {
        // Safety: written in a turn of the world, read between turns.
        var error: (any Error)?
        var isDone = false
    }

    @LoopActor
    private final class Rude: ByteSocketOwner {
        private let socket: any ByteSocket
        private let text: String
        private let closes: Bool
        private var hasSpoken = false

        init(socket: any ByteSocket, text: String, closes: Bool) {
            self.socket = socket
            self.text = text
            self.closes = closes
        }

        func socketReady(_ events: FileEvents) {
            if events.contains(.hangup) { return socket.close() }
            guard events.contains(.readable) else { return }
            var buffer = [UInt8](repeating: 0, count: 100_000)
            _ = buffer.withUnsafeMutableBytes { socket.receive(into: $0) }
            guard !hasSpoken else { return }
            hasSpoken = true
            let bytes = Array(text.utf8)
            _ = bytes.withUnsafeBytes { socket.send($0) }
            if closes { socket.finishSending() }
        }
    }

    @Test("requests and answers of any size, one after another on one connection", arguments: 0..<10 as Range<UInt64>)
    func exchanges(seed: UInt64) throws {
        try Net(seed: seed, bufferBytes: 8 << 10).run { net in
            let client = net.client()
            for size in [0, 1, 10_000, 300_000] {
                let body = (0..<size).map { UInt8(truncatingIfNeeded: $0 / 3) }
                let response = try await client.fetch(.post("/echo", json: body), until: net.soon)
                #expect(response.status == 200 && response.body == body)
                #expect(response["content-type"] == "application/json" && response.head.values(of: "X-A") == ["1", "2"])
            }
            let missing = try await client.fetch(.get("/nowhere"), until: net.soon)
            #expect(missing.status == 404 && missing.text.contains("\"error\""))
            let head = try await client.fetch(HTTPClientRequest("HEAD", "/close"), until: net.soon)
            #expect(head.status == 200 && head["content-length"] == "3" && head.body.isEmpty)
            #expect(net.serverLoop.perform { net.server.counters.connections } == 1)
        }
    }

    @Test("a connection that the server ends is opened anew by the next request")
    func reconnect() throws {
        try Net().run { net in
            let client = net.client()
            for _ in 0..<3 {
                let response = try await client.fetch(.get("/close"), until: net.soon)
                #expect(response.text == "bye")
            }
            #expect(!client.isConnected)
            #expect(net.serverLoop.perform { net.server.counters.connections } == 3)
        }
    }

    @Test("a stream comes in parts as it is sent, and its events one by one")
    func stream() throws {
        try Net().run { net in
            let client = net.client()
            var reader = SSEReader(), events: [String] = [], times: Set<Int64> = [], began: Instant?
            let head = try await client.stream(.get("/stream"), until: net.soon, began: { _ in began = net.loop.now }) { part in
                times.insert(net.loop.now.nanoseconds / 1_000_000)
                do { try reader.read(part) { events.append($0.text) } } catch { Issue.record("\(error)") }
            }
            #expect(head.status == 200 && head["content-type"] == "text/event-stream")
            #expect(events == (0..<5).map { "event \($0)" } + ["[DONE]"])
            #expect(times.count >= 5 && began != nil)
            #expect(client.isConnected && !client.isBusy)
        }
    }

    @Test(
        "failures have their names",
        arguments: [
            ("", true, HTTPClientError.closedBeforeAnswer(wasUsedBefore: false)),
            ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", true, .cutShort),
            ("HTTP/1.1 200 OK\r\nConte", true, .cutShort),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", true, .cutShort),
            ("SSH-2.0-OpenSSH\r\n", false, .malformed("status line")),
            ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", false, .timedOut),
            ("", false, .timedOut),
        ])
    func failures(text: String, closes: Bool, expected: HTTPClientError) throws {
        let net = Net()
        net.raw(port: 81, text, closes: closes)
        try net.run { net in
            let client = net.client(port: 81)
            do {
                _ = try await client.fetch(.get("/"), until: net.soon)
                Issue.record("an answer from nowhere")
            } catch { #expect(error as? HTTPClientError == expected) }
            #expect(!client.isConnected && !client.isBusy)
        }
        #expect(net.loop.perform { net.loop.timersWaiting } == 0)
    }

    @Test("nobody listens; nobody is there; the server takes too long; the answer is broken off; it is closed here")
    func more() throws {
        try Net().run { net in
            if case .connecting? = await net.failure(net.client(port: 99), "/") {} else { Issue.record("connected to nobody") }
            let closing = net.client()
            net.loop.schedule(after: .milliseconds(50)) { closing.close() }
            let closed = await net.failure(closing, "/never"), late = await net.failure(net.client(), "/never")
            #expect(closed == .closed && late == .timedOut)
            let broken = await net.failure(net.client(), "/broken"), unsendable = await net.failure(net.client(), "/with space")
            #expect(broken == .cutShort && unsendable == .unsendable)
        }
    }

    @Test("a header with a line break is never sent")
    func injection() throws {
        try Net().run { net in
            for header in [("X", "a\r\nY: b"), ("X\r\n", "a"), ("", "a")] {
                do throws(HTTPClientError) {
                    _ = try await net.client().fetch(HTTPClientRequest("GET", "/close", headers: [header]), until: net.soon)
                    Issue.record("sent")
                } catch { #expect(error == .unsendable) }
            }
        }
    }

    @Test("an answer beyond the limit ends the connection, not the memory")
    func tooLarge() throws {
        try Net().run { net in
            var limits = HTTPClientLimits()
            limits.bodyBytes = 1_000
            let client = HTTPClientConnection(on: net.loop, sockets: net.sockets, host: "server", port: 80, limits: limits)
            do throws(HTTPClientError) {
                _ = try await client.fetch(.post("/echo", json: [UInt8](repeating: 0, count: 100_000)), until: net.soon)
                Issue.record("kept")
            } catch { #expect(error == .tooLarge) }
            #expect(!client.isConnected)
        }
    }

    @Test("an answer that comes before the request was sent whole is an answer, and the connection ends")
    func earlyAnswer() throws {
        try Net(bufferBytes: 16 << 10).run { net in
            let client = net.client(), body = [UInt8](repeating: 0, count: 33 << 20)
            let response = try await client.fetch(.post("/echo", json: body), until: net.soon)
            #expect(response.status == 413)
            #expect(!client.isConnected)
        }
    }

    @Test("a client that does not read makes the server wait, and loses nothing")
    func paused() throws {
        try Net(bufferBytes: 8 << 10).run { net in
            let client = net.client(), body = [UInt8](repeating: 1, count: 500_000)
            client.isReading = false
            net.loop.schedule(after: .seconds(5)) { client.isReading = true }
            let response = try await client.fetch(.post("/echo", json: body), until: net.soon)
            #expect(response.body == body)
            #expect(net.loop.now > .zero + .seconds(5))
        }
    }

    @Test("over real sockets")
    func realSockets() async throws {
        let thread = try LoopThread("http")
        try await thread.run { loop in
            let table = HandlerTable(on: loop)
            table.on(.post, "/echo", run: { $0.respond(.json(.ok, $0.takeBody())) })
            let sockets = EpollSockets(on: loop), server = HTTPServer(on: loop, sockets: sockets, application: table)
            let port = try server.listen(host: "127.0.0.1", port: 0)
            let client = HTTPClientConnection(on: loop, sockets: sockets, host: "localhost", port: port)
            for size in [0, 100, 5_000_000] {
                let body = [UInt8](repeating: 7, count: size)
                let response = try await client.fetch(.post("/echo", json: body), until: loop.now + .seconds(60))
                #expect(response.status == 200 && response.body == body)
            }
            #expect(server.counters.connections == 1)
            server.close()
        }
        thread.stop()
    }
}
