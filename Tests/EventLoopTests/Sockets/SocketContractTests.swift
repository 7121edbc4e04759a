import ClusterModel
import EventLoop
import Glibc
import Testing

@Suite("Sockets keep one contract, in the kernel and in a simulation")
struct SocketContractTests {
    private static func bytes(_ count: Int, seed: UInt64) -> [UInt8] {
        var random = SeededRandom(seed: seed)
        return (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }

    @Test("a megabyte each way arrives as it was sent, through whatever room there is", arguments: SocketKind.allCases)
    func transfer(kind: SocketKind) async throws {
        let there = Self.bytes(1 << 20, seed: 1), back = Self.bytes(1 << 20, seed: 2)
        try await kind.run { ground in
            let (client, server, _) = try await ground.pair()
            client.send(there)
            server.send(back)
            let arrived = await ground.eventually { server.received.count == there.count && client.received.count == back.count }
            #expect(arrived)
            #expect(server.received == there && client.received == back)
            #expect(client.hangups == 0 && !client.hasEnded)
        }
    }

    @Test("a peer that does not read makes the sender wait, without being told of room meanwhile", arguments: SocketKind.allCases)
    func backPressure(kind: SocketKind) async throws {
        try await kind.run { ground in
            let (client, server, _) = try await ground.pair()
            server.socket?.setReading(false)
            let all = 64 << 20
            client.send([UInt8](repeating: 7, count: all))
            await ground.loop.sleep(for: .milliseconds(50))
            let stuck = client.unsent, told = client.writableTold
            #expect(stuck > all / 2)
            await ground.loop.sleep(for: .milliseconds(50))
            #expect(client.unsent == stuck && client.writableTold == told)
            server.readBytes = 1 << 20
            server.socket?.setReading(true)
            let moved = await ground.eventually { client.unsent < stuck }
            #expect(moved)
            client.close()
            server.close()
        }
    }

    @Test("after one end finished, the other reads all of it and then the end, and still sends", arguments: SocketKind.allCases)
    func halfClose(kind: SocketKind) async throws {
        try await kind.run { ground in
            let (client, server, _) = try await ground.pair()
            client.send(Array("last words".utf8))
            client.socket?.finishSending()
            let ended = await ground.eventually { server.hasEnded }
            #expect(ended && server.received == Array("last words".utf8))
            #expect(server.hangups == 1 && !server.isBroken)
            server.send(Array("an answer".utf8))
            let answered = await ground.eventually { client.received == Array("an answer".utf8) }
            #expect(answered)
            await ground.loop.sleep(for: .milliseconds(20))
            #expect(server.hangups == 1, "told once")
            server.close()
            let over = await ground.eventually { client.hasEnded }
            #expect(over)
        }
    }

    @Test(
        "the end of a peer is told to an owner that does not read, once, and what was sent before can be read",
        arguments: SocketKind.allCases)
    func hangupWithoutReading(kind: SocketKind) async throws {
        try await kind.run { ground in
            let (client, server, _) = try await ground.pair()
            server.socket?.setReading(false)
            client.send(Array("before".utf8))
            await ground.loop.sleep(for: .milliseconds(20))
            client.close()
            let told = await ground.eventually { server.hangups > 0 }
            #expect(told)
            await ground.loop.sleep(for: .milliseconds(20))
            #expect(server.hangups == 1 && !server.isBroken && server.received.isEmpty)
            server.socket?.setReading(true)
            let ended = await ground.eventually { server.hasEnded }
            #expect(ended && server.received == Array("before".utf8))
        }
    }

    @Test("a reset is told as broken, and nothing works after it", arguments: SocketKind.allCases, [true, false])
    func reset(kind: SocketKind, isReading: Bool) async throws {
        try await kind.run { ground in
            let (client, server, _) = try await ground.pair()
            server.socket?.setReading(isReading)
            client.socket?.reset()
            let told = await ground.eventually { server.isBroken }
            #expect(told)
            server.send([1])
            #expect(server.failure != nil)
            await ground.loop.sleep(for: .milliseconds(20))
            #expect(server.hangups == 1, "told once, however often it would be asked")
        }
    }

    @Test("closing with bytes unread is a reset to the peer", arguments: SocketKind.allCases)
    func closeWithUnread(kind: SocketKind) async throws {
        try await kind.run { ground in
            let (client, server, _) = try await ground.pair()
            server.socket?.setReading(false)
            client.send([1, 2, 3])
            await ground.loop.sleep(for: .milliseconds(20))
            server.close()
            let told = await ground.eventually { client.isBroken }
            #expect(told)
        }
    }

    @Test("closing with all read lets what was sent arrive", arguments: SocketKind.allCases)
    func closeDelivers(kind: SocketKind) async throws {
        try await kind.run { ground in
            let (client, server, _) = try await ground.pair()
            client.socket?.setReading(false)
            server.send(Self.bytes(900, seed: 3))
            server.close()
            await ground.loop.sleep(for: .milliseconds(20))
            client.socket?.setReading(true)
            let ended = await ground.eventually { client.hasEnded }
            #expect(ended && client.received == Self.bytes(900, seed: 3))
        }
    }

    @Test("nothing is told after closing, not even what was under way", arguments: SocketKind.allCases)
    func silenceAfterClose(kind: SocketKind) async throws {
        try await kind.run { ground in
            let (client, server, _) = try await ground.pair()
            client.send([1, 2, 3])
            let socket = server.socket
            server.close()
            await ground.loop.sleep(for: .milliseconds(20))
            #expect(server.received.isEmpty && server.hangups == 0)
            var buffer: [UInt8] = [0]
            if case .failed = buffer.withUnsafeMutableBytes({ socket?.receive(into: $0) }) {} else { Issue.record("a closed socket read") }
            if case .failed = buffer.withUnsafeBytes({ socket?.send($0) }) {} else { Issue.record("a closed socket sent") }
            #expect(socket?.peer == "" || kind != .kernel)
        }
    }

    @Test("a port where nobody listens refuses; a name is refused without asking anybody", arguments: SocketKind.allCases)
    func refusals(kind: SocketKind) async throws {
        try await kind.run { ground in
            let listener = try ground.sockets.listen(host: SocketGround.host, port: 0) { $0.close() }
            let port = listener.port
            listener.close()
            let nobody = SocketEnd(), named = SocketEnd()
            nobody.connect(ground.sockets, SocketGround.host, port)
            named.connect(ground.sockets, "no-such-host.example", 80)
            #expect(nobody.error == nil && named.error == nil, "never told within the call")
            let told = await ground.eventually { nobody.error != nil && named.error != nil }
            #expect(told)
            #expect(nobody.error?.code == ECONNREFUSED && named.error?.code == EADDRNOTAVAIL)
            #expect(named.error.map { "\($0)".contains("numeric address") } ?? false)
            #expect(throws: SystemError.self) { try ground.sockets.listen(host: "no-such-host.example", port: 0) { $0.close() } }
        }
    }

    @Test("a port has one listener", arguments: SocketKind.allCases)
    func portInUse(kind: SocketKind) async throws {
        try await kind.run { ground in
            let listener = try ground.sockets.listen(host: SocketGround.host, port: 0) { $0.close() }
            do {
                _ = try ground.sockets.listen(host: SocketGround.host, port: listener.port) { $0.close() }
                Issue.record("two listeners on one port")
            } catch { #expect((error as? SystemError)?.code == EADDRINUSE) }
            listener.close()
            try ground.sockets.listen(host: SocketGround.host, port: listener.port) { $0.close() }.close()
        }
    }

    @Test(
        "a listener that does not accept leaves clients waiting; those that wait when it closes are accepted",
        arguments: SocketKind.allCases)
    func accepting(kind: SocketKind) async throws {
        try await kind.run { ground in
            var accepted = 0
            let listener = try ground.sockets.listen(host: SocketGround.host, port: 0) { socket in
                accepted += 1
                socket.close()
            }
            listener.setAccepting(false)
            let clients = (0..<3).map { _ in SocketEnd() }
            for client in clients { client.connect(ground.sockets, SocketGround.host, listener.port) }
            let connected = await ground.eventually { clients.allSatisfy { $0.socket != nil } }
            #expect(connected, "the kernel lets them in")
            await ground.loop.sleep(for: .milliseconds(20))
            #expect(accepted == 0)
            listener.setAccepting(true)
            let all = await ground.eventually { accepted == 3 }
            #expect(all)
            // Within this turn they arrive at the kernel, and the loop has had no time to look.
            let late = SocketEnd()
            late.connect(ground.sockets, SocketGround.host, listener.port)
            let isIn = kind == .kernel ? true : await ground.eventually { late.socket != nil || accepted == 4 }
            #expect(isIn)
            listener.close()
            #expect(accepted == 4)
        }
    }

    @Test("both ends of loopback know it, by any of its names", arguments: SocketKind.allCases)
    func loopback(kind: SocketKind) async throws {
        try await kind.run { ground in
            for host in ["127.0.0.1", "localhost", "::1", "[::1]"] where kind == .kernel || !host.contains("[") {
                let server = SocketEnd(), client = SocketEnd()
                let listener = try ground.sockets.listen(host: host, port: 0) { server.start($0) }
                client.connect(ground.sockets, host, listener.port)
                let joined = await ground.eventually { server.socket != nil && client.socket != nil }
                #expect(joined, "\(host)")
                #expect(server.socket?.peerIsLoopback == true && client.socket?.peerIsLoopback == true)
                if kind == .kernel { #expect(server.socket?.peer == (host.contains("::1") ? "::1" : "127.0.0.1")) }
                client.close()
                server.close()
                listener.close()
            }
        }
    }
}
