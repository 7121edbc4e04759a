import ClusterModel
import EventLoop
import HTTPServing

/// A server of routes and its clients in virtual time.
final class Routed: @unchecked Sendable {
    // Safety: one test drives it, on one thread.
    let world = VirtualWorld(seed: 5)
    let loop: VirtualLoop
    let clientLoop: VirtualLoop
    let sockets: VirtualSockets
    let table: HandlerTable
    let server: HTTPServer

    init() {
        let fabric = VirtualSocketFabric(world), loop = world.makeLoop("server"), clientLoop = world.makeLoop("client")
        let own = VirtualSockets("server", loop: loop, on: fabric)
        (table, server) = loop.perform {
            let table = HandlerTable(on: loop)
            let server = HTTPServer(on: loop, sockets: own, application: table)
            do { try server.listen(host: "server", port: 80) } catch { preconditionFailure("\(error)") }
            return (table, server)
        }
        sockets = VirtualSockets("client", loop: clientLoop, on: fabric)
        self.loop = loop
        self.clientLoop = clientLoop
    }

    func add(_ body: @LoopActor (HandlerTable) -> Void) { loop.perform { body(table) } }

    /// A client that is connecting.
    func client() -> RawClient {
        clientLoop.perform {
            let client = RawClient(on: clientLoop)
            client.connect(sockets, "server", 80)
            return client
        }
    }

    func ask(_ requests: String, heads: Set<Int> = []) -> [Answers.Answer] {
        let client = client()
        clientLoop.perform { client.send(Array(requests.utf8)) }
        world.run(for: .seconds(3))
        return clientLoop.perform { Answers(client.text, heads: heads).all }
    }
}
