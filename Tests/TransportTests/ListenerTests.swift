import ClusterModel
import EventLoop
import Glibc
import Testing
import Transport
import WireProtocol

extension Contract {
    @Suite("Listening and dialling")
    struct ListenerTests {
        @Test("port 0 gives a port that can be dialled, and a taken one is a typed error", arguments: Kind.all)
        func ports(_ kind: Kind) async throws {
            try await with(kind) { harness in
                let b = harness.b
                let (side, address) = try await harness.listen()
                #expect(address.port != 0)
                let second = try await b.run { () -> Result<Address, TransportError> in
                    do throws(TransportError) { return .success(try Side(b, Policies.listener()).listen(on: address)) } catch {
                        return .failure(error)
                    }
                }
                guard case .failure(let error) = second else { return #expect(Bool(false)) }
                #expect(error.code == .addressInUse)
                #expect(error.detail.contains("\(address)"))
                let feed = try await b.run { () -> TransportError? in
                    do throws(TransportError) { _ = try b.network.publisher(on: address) } catch { return error }
                    return nil
                }
                #expect(feed?.code == .addressInUse)
                try await b.run { side.endpoint.stopListening() }
            }
        }

        @Test("nobody at the address: the dial is refused, with the address in the error", arguments: Kind.all)
        func nobody(_ kind: Kind) async throws {
            try await with(kind) { harness in
                let (side, address) = try await harness.listen()
                try await harness.b.run { side.endpoint.stopListening() }
                try await harness.pass(.milliseconds(50))
                let told = try await harness.dialRefused(address, Policies.dialer())
                guard case .dialFailed(let error) = told else { return #expect(Bool(false), "\(String(describing: told))") }
                #expect(error.code == .refused)
                #expect(error.detail.contains("\(address)"))
            }
        }

        @Test("links that were accepted outlive their listener", arguments: Kind.all)
        func outlive(_ kind: Kind) async throws {
            try await with(kind) { harness in
                let pair = try await harness.open { _, recorder in
                    recorder.react = { link, header, _ in link.answer(header, with: Reply(5)) }
                }
                try await pair.b.run { pair.listener.endpoint.stopListening() }
                try await harness.pass(.milliseconds(50))
                try await pair.a.run {
                    let reply = try await pair.link.ask(Ask(1), answeredBy: Reply.self, within: .seconds(10))
                    #expect(reply == Reply(5))
                }
            }
        }

        @Test("an address that does not answer ends the dial at its limit", arguments: [1, 2] as [UInt64])
        func unreachableSimulated(_ seed: UInt64) async throws {
            let harness = SimulatedHarness(seed: seed)
            let (_, address) = try await harness.listen()
            harness.fabric.partition(harness.hostA.name, harness.hostB.name)
            try await dialTimesOut(harness, address)
            // Requests that were held arrive when the route is whole; nobody waits for them any more.
            harness.fabric.heal(harness.hostA.name, harness.hostB.name)
            try await harness.pass(.seconds(5))
            #expect(harness.fabric.openConnections == 0)
        }

        @Test("an address that does not answer ends the dial at its limit: a full backlog")
        func unreachableReal() async throws {
            try await with(.nng) { harness in
                let full = try FullBacklog()
                try await dialTimesOut(harness, Address(host: "127.0.0.1", port: full.port))
                withExtendedLifetime(full) {}
            }
        }

        private func dialTimesOut(_ harness: any Harness, _ address: Address) async throws {
            let a = harness.a
            let (error, took) = try await a.run { () -> (TransportError?, Duration) in
                let started = a.loop.now, promise = Promise<Result<any ByteStream, TransportError>>(on: a.loop)
                a.network.dial(address, timeout: .milliseconds(300)) { promise.fulfil($0) }
                let result = await promise.wait(until: a.loop.now + .seconds(10))
                guard case .failure(let error) = result else {
                    Issue.record("the dial did not fail: \(String(describing: result))")
                    return (nil, .zero)
                }
                return (error, started.duration(to: a.loop.now))
            }
            #expect(error?.code == .timedOut)
            // The real clock and the timer of the library need not agree to the millisecond.
            #expect(took >= .milliseconds(290))
            if harness.isSimulated { #expect(took < .milliseconds(302)) }
        }

        /// A port whose backlog is taken, so that the kernel answers no further request.
        private final class FullBacklog {
            private var descriptors: [Int32] = []
            let port: UInt16

            init() throws {
                let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
                descriptors = [listener]
                var place = sockaddr_in()
                place.sin_family = sa_family_t(AF_INET)
                place.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
                var size = socklen_t(MemoryLayout<sockaddr_in>.size)
                let bound = withUnsafeMutablePointer(to: &place) { pointer in
                    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                        bind(listener, raw, size) == 0 && Glibc.listen(listener, 0) == 0 && getsockname(listener, raw, &size) == 0
                    }
                }
                guard bound else { throw TimedOut("a port for a full backlog") }
                port = UInt16(bigEndian: place.sin_port)
                for _ in 0..<16 {
                    let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
                    descriptors.append(client)
                    _ = withUnsafePointer(to: &place) { pointer in
                        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(client, $0, size) }
                    }
                    // The first that is not let in within the time of many local round trips shows that it is full.
                    var wait = pollfd(fd: client, events: Int16(POLLOUT), revents: 0)
                    if poll(&wait, 1, 300) == 0, descriptors.count > 2 { return }
                }
                throw TimedOut("a full backlog")
            }

            deinit { for descriptor in descriptors { Glibc.close(descriptor) } }
        }

        @Test("a listener beyond its backlog keeps its peers waiting, not out")
        func backlog() async throws {
            let harness = SimulatedHarness(seed: 3)
            let (side, address) = try await harness.listen()
            await harness.b.freeze()
            let a = harness.a
            let opened = Counter()
            try await a.run {
                for _ in 0..<200 {
                    a.network.dial(address, timeout: .seconds(20)) { result in
                        if case .success(let stream) = result {
                            opened.count += 1
                            _ = RawPeer(stream, loop: a.loop)
                        }
                    }
                }
            }
            try await harness.pass(.milliseconds(500))
            #expect(try await a.run { opened.count } == 128)
            await harness.b.thaw()
            try await a.until("all are in", within: .seconds(19)) { opened.count == 200 }
            #expect(try await harness.b.run { side.links.isEmpty })
        }

        @LoopActor
        private final class Counter {
            var count = 0
            nonisolated init() {}
        }
    }
}
