import ClusterModel
import EventLoop
import Glibc
import TestSupport
import Testing

@Suite("Sockets when something fails")
struct SocketFaultTests {
    private final class Two: @unchecked Sendable {
        // Safety: one test drives the world, on one thread.
        let world: VirtualWorld
        let fabric: VirtualSocketFabric
        let loops: [VirtualLoop]
        let hosts: [VirtualSockets]
        let client: SocketEnd
        let server: SocketEnd

        init(seed: UInt64) {
            world = VirtualWorld(seed: seed)
            let fabric = VirtualSocketFabric(world), loops = [world.makeLoop("a"), world.makeLoop("b")]
            let hosts = [VirtualSockets("a", loop: loops[0], on: fabric), VirtualSockets("b", loop: loops[1], on: fabric)]
            (self.fabric, self.loops, self.hosts) = (fabric, loops, hosts)
            let server = loops[1].perform { SocketEnd() }, client = loops[0].perform { SocketEnd() }
            (self.server, self.client) = (server, client)
            loops[1].perform {
                do { _ = try hosts[1].listen(host: "b", port: 80) { server.start($0) } } catch { preconditionFailure("\(error)") }
            }
            loops[0].perform { client.connect(hosts[0], "b", 80) }
            world.run(for: .seconds(1))
        }
    }

    @Test(
        "a process that dies resets its connections; a host that vanishes says nothing and takes no more",
        arguments: 0..<10 as Range<UInt64>)
    func death(seed: UInt64) {
        let dying = Two(seed: seed), vanishing = Two(seed: seed)
        dying.hosts[1].kill(.reset)
        vanishing.hosts[1].kill(.silent)
        for two in [dying, vanishing] {
            two.loops[0].perform { two.client.send([UInt8](repeating: 1, count: 1 << 20)) }
            two.world.run(for: .seconds(100))
        }
        #expect(dying.loops[0].perform { dying.client.isBroken })
        #expect(dying.fabric.openSockets == 1, "only the end that was not closed by its owner")
        #expect(vanishing.loops[0].perform { !vanishing.client.isBroken && vanishing.client.hangups == 0 })
        #expect(vanishing.loops[0].perform { vanishing.client.unsent } == (1 << 20) - (256 << 10))
        for two in [dying, vanishing] {
            let next = two.loops[0].perform {
                let next = SocketEnd()
                next.connect(two.hosts[0], "b", 80)
                return next
            }
            two.world.run(for: .seconds(10))
            #expect(two.loops[0].perform { next.error?.code } == (two === dying ? ECONNREFUSED : ETIMEDOUT))
        }
    }

    @Test("a loop that was killed by itself is noticed by whoever sends next")
    func killedLoop() {
        let two = Two(seed: 1)
        two.loops[1].kill()
        two.world.run(for: .seconds(1))
        #expect(two.loops[0].perform { !two.client.isBroken })
        two.loops[0].perform { two.client.send([1]) }
        two.world.run(for: .seconds(1))
        #expect(two.loops[0].perform { two.client.isBroken })
    }

    @Test("a frozen process fills up and goes on where it was", arguments: 0..<10 as Range<UInt64>)
    func freeze(seed: UInt64) {
        let two = Two(seed: seed), bytes = (0..<(1 << 20)).map { UInt8(truncatingIfNeeded: $0 / 7) }
        two.loops[1].freeze()
        two.loops[0].perform { two.client.send(bytes) }
        two.world.run(for: .seconds(100))
        #expect(two.loops[0].perform { two.client.unsent } == bytes.count - (256 << 10))
        two.loops[1].thaw()
        two.world.run(for: .seconds(100))
        #expect(two.loops[1].perform { two.server.received == bytes })
    }

    @Test("a broken connection is told to both of its ends; a restarted process listens anew")
    func breakAndRestart() {
        let two = Two(seed: 3)
        two.fabric.breakConnections(between: "a", and: "b")
        two.world.run(for: .seconds(1))
        #expect(two.loops[0].perform { two.client.isBroken })
        #expect(two.loops[1].perform { two.server.isBroken })
        two.hosts[1].kill(.reset)
        let loop = two.world.makeLoop("b again"), again = VirtualSockets("b", loop: loop, on: two.fabric)
        let (server, client) = (loop.perform { SocketEnd() }, two.loops[0].perform { SocketEnd() })
        loop.perform { _ = try? again.listen(host: "b", port: 80) { server.start($0) } }
        two.loops[0].perform {
            client.connect(two.hosts[0], "b", 80)
        }
        two.world.run(for: .seconds(1))
        #expect(two.loops[0].perform { client.socket != nil })
    }

    @Test("the same seed gives the same deliveries, another seed others")
    func determinism() {
        func run(_ seed: UInt64) -> UInt64 {
            let two = Two(seed: seed)
            two.loops[0].perform { two.client.send([UInt8](repeating: 1, count: 1 << 20)) }
            two.world.run(for: .seconds(10))
            return two.world.traceHash
        }
        #expect(run(1) == run(1))
        #expect(run(1) != run(2))
    }

    @Test("a process without descriptors lets clients wait, does not spin, and serves them when it has some again")
    func outOfDescriptors() async {
        // In a process of its own: the limit is the process's.
        await #expect(processExitsWith: .success) {
            let thread = try LoopThread("poor")
            var limit = rlimit(rlim_cur: 40, rlim_max: 40)
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            let isServed = try await thread.run { loop in
                let sockets = EpollSockets(on: loop), ground = SocketGround(loop: loop, sockets: sockets)
                var accepted: [any ByteSocket] = []
                let listener = try sockets.listen(host: SocketGround.host, port: 0) { accepted.append($0) }
                // Clients and servers share the process: leave room for the clients only.
                var spare: [Int32] = []
                while spare.count < 30 {
                    let descriptor = dup(0)
                    guard descriptor >= 0 else { break }
                    spare.append(descriptor)
                }
                for _ in 0..<3 { Glibc.close(spare.removeLast()) }
                let clients = (0..<3).map { _ in SocketEnd() }
                for client in clients { client.connect(sockets, SocketGround.host, listener.port) }
                guard await ground.eventually({ listener.pauses > 0 }) else { return false }
                let before = listener.pauses, start = loop.preciseNow
                await loop.sleep(for: .milliseconds(500))
                let most = Int(start.duration(to: loop.preciseNow).inMilliseconds / 90) + 2
                guard listener.pauses - before <= most, accepted.count < 3 else { return false }
                for descriptor in spare { Glibc.close(descriptor) }
                return await ground.eventually { accepted.count == 3 }
            }
            exit(isServed ? 0 : 1)
        }
    }
}
