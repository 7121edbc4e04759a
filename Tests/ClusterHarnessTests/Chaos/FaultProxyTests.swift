import ClusterHarness
import ClusterModel
import EventLoop
import TestSupport
import Testing

@Suite("A bad network through a proxy", .serialized)
struct FaultProxyTests {
    @Test("passes on every byte, and the end of each direction for itself")
    func passes() async throws {
        try await ProxyGround.run { ground in
            let (client, server) = try await ground.pair()
            let bytes = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            client.send(bytes)
            client.finish()
            #expect(await ground.eventually { server.received.count == bytes.count && server.hasEnded })
            #expect(server.received == bytes && !client.hasEnded, "one direction is over, the other stands")
            server.send(Array("thanks".utf8))
            server.finish()
            #expect(await ground.eventually { client.hasEnded })
            #expect(client.received == Array("thanks".utf8))
            #expect(await ground.eventually { ground.proxy.count == 0 }, "nothing is left of it")
        }
    }

    @Test("held in one direction, bytes and ends wait there and pass the other way; a new connection is not heard of")
    func holds() async throws {
        try await ProxyGround.run { ground in
            let (client, server) = try await ground.pair()
            ground.proxy.set(PathConditions(there: .held))
            client.send([1, 2, 3])
            client.finish()
            server.send([4])
            #expect(await ground.eventually { client.received == [4] })
            let late = ground.connect()
            late.send([9])
            await ground.loop.sleep(for: .seconds(30))
            #expect(server.received == [] && !server.hasEnded && ground.accepted.count == 1)
            ground.proxy.set(PathConditions())
            #expect(await ground.eventually { server.received == [1, 2, 3] && server.hasEnded })
            #expect(await ground.eventually { ground.accepted.last?.received == [9] })
        }
    }

    @Test("what is open while bytes are lost never gets one through again, and stands; what comes later is well")
    func loses() async throws {
        try await ProxyGround.run { ground in
            let (client, server) = try await ground.pair()
            ground.proxy.set(PathConditions(both: .losing))
            client.send([1])
            server.send([2])
            await ground.loop.sleep(for: .seconds(1))
            ground.proxy.set(PathConditions())
            client.send([3])
            server.send([4])
            client.finish()
            let (fresh, heard) = try await ground.pair()
            fresh.send([5])
            #expect(await ground.eventually { heard.received == [5] })
            #expect(server.received == [] && client.received == [] && !server.hasEnded && !client.isBroken)
        }
    }

    @Test("a reset is heard at both ends")
    func resets() async throws {
        try await ProxyGround.run { ground in
            let (client, server) = try await ground.pair()
            ground.proxy.reset()
            #expect(await ground.eventually { client.isBroken && server.isBroken })
            #expect(ground.proxy.count == 0)
        }
    }

    @Test("delayed by a changing time, bytes come in their order and none too early; stalls hold up all that is behind them")
    func delays() async throws {
        for condition in [PathCondition.slow(.milliseconds(150), jitter: .milliseconds(100)), .lossy(0.05, stall: .milliseconds(200))] {
            try await ProxyGround.run { ground in
                let (client, server) = try await ground.pair()
                ground.proxy.set(PathConditions(both: condition))
                let began = ground.loop.now
                for byte in 0..<100 as Range<UInt8> {
                    client.send([byte])
                    await ground.loop.sleep(for: .milliseconds(10))
                }
                #expect(await ground.eventually { server.received.count == 100 })
                #expect(server.received == Array(0..<100))
                let first = try #require(server.times.first)
                let waits = server.times.enumerated().map { began.duration(to: $1) - .milliseconds(10) * $0 }
                if condition.delay > .zero {
                    #expect(began.duration(to: first) >= .milliseconds(150) && waits.allSatisfy { $0 < .milliseconds(400) })
                } else {
                    #expect(waits.contains { $0 < .milliseconds(10) } && waits.contains { $0 >= .milliseconds(180) })
                }
            }
        }
    }

    @Test("whoever sends into a network that is held waits when a quarter of a megabyte is under way")
    func isBounded() async throws {
        try await ProxyGround.run { ground in
            let (client, server) = try await ground.pair()
            ground.proxy.set(PathConditions(there: .held))
            client.send([UInt8](repeating: 7, count: 4 << 20))
            await ground.loop.sleep(for: .seconds(10))
            // The proxy's part, and what both kernels hold.
            #expect(client.unsent > 2 << 20 && server.received == [])
            ground.proxy.set(PathConditions())
            #expect(await ground.eventually { server.received.count == 4 << 20 })
        }
    }

    @Test("nobody at the other end is a reset for who dialled")
    func nobody() async throws {
        try await ProxyGround.run { ground in
            ground.listener.close()
            let client = ground.connect()
            #expect(await ground.eventually { client.isBroken || client.hasEnded })
        }
    }

    @Test("on real sockets: another loopback host, a thread of its own, conditions that change under way")
    func real() async throws {
        let thread = try LoopThread("harness")
        defer { thread.stop() }
        try await thread.run { loop in
            let proxy = try FaultProxy(host: "127.0.0.9")
            let port = try await proxy.open(on: loop)
            let ground = try ProxyGround(on: loop, EpollSockets(on: loop), port: port)
            let client = ground.connect(at: "127.0.0.9", port)
            client.send([1])
            #expect(await ground.eventually { ground.accepted.first?.received == [1] })
            #expect(await proxy.connections(on: loop) == 1)
            proxy.reset()
            #expect(await ground.eventually { client.isBroken })
            #expect(await proxy.connections(on: loop) == 0)
            proxy.close()
            ground.listener.close()
        }
    }
}
