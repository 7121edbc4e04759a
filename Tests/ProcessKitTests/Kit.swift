import ClusterModel
import Concurrency
import EventLoop
import HTTPClient
import ProcessKit
import Telemetry
import Transport
import WireProtocol

/// One virtual process, what it is made of, and a client of its HTTP side.
final class Kit {
    let world: VirtualWorld
    let loop: VirtualLoop
    let context: ProcessContext
    private let clientLoop: VirtualLoop
    private let clientSockets: [String: VirtualSockets]
    private let lines: Lines
    /// Services, for as long as the test lasts.
    var kept: [AnyObject] = []
    private static let pool = WorkPool(threads: 0)

    init(advertisedHost: String? = nil, secret: String = "", seed: UInt64 = 1) {
        world = VirtualWorld(seed: seed)
        loop = world.makeLoop("node")
        clientLoop = world.makeLoop("client")
        let sockets = VirtualSocketFabric(world), fabric = SimulatedFabric(world: world), metrics = MetricsRegistry()
        clientSockets = Dictionary(
            uniqueKeysWithValues: ["client", "stranger"].map { [clientLoop] in ($0, VirtualSockets($0, loop: clientLoop, on: sockets)) })
        lines = Lines()
        var policy = LinkPolicy(
            identity: Identity(role: .router, id: 0x12, generation: 0x34, name: "node"), cluster: ClusterValues(clusterID: "test"))
        policy.secret = Array(secret.utf8)
        context = ProcessContext(
            loop: loop, network: fabric.host("node", loop: loop), sockets: VirtualSockets("node", loop: loop, on: sockets), pool: Self.pool,
            log: Logger(level: .debug, style: .json, sink: lines, metrics: metrics, wallClock: { 0 }), metrics: metrics,
            policy: policy, advertisedHost: advertisedHost)
    }

    var log: [String] { lines.all }

    private final class Lines: LogSink {
        private let kept = Lock([String]())
        var all: [String] { kept.with { $0 } }

        func write(_ line: [UInt8]) -> Bool {
            kept.with { $0.append(String(decoding: line, as: UTF8.self)) }
            return true
        }
    }

    /// Runs a task on the process's loop to its end.
    func run<Value: Sendable>(_ body: @escaping @LoopActor @Sendable () async -> Value) -> Value {
        let box = Box<Value>()
        loop.spawn { box.value = await body() }
        world.run(for: .seconds(600)) { box.value != nil }
        guard let value = box.value else { preconditionFailure("a step of the test ends within ten minutes") }
        return value
    }

    func pass(_ span: Duration) { world.run(for: span) }

    func get(_ path: String, port: UInt16, headers: [(name: String, value: String)] = [], from host: String = "client")
        -> HTTPClientResponse?
    {
        fetch(HTTPClientRequest("GET", path, headers: headers), port: port, from: host)
    }

    func post(
        _ path: String, port: UInt16, headers: [(name: String, value: String)], body: [UInt8], from host: String = "client"
    ) -> HTTPClientResponse? {
        fetch(HTTPClientRequest("POST", path, headers: headers, body: body), port: port, from: host)
    }

    private func fetch(_ request: HTTPClientRequest, port: UInt16, from host: String) -> HTTPClientResponse? {
        let box = Box<HTTPClientResponse?>(), loop = clientLoop, sockets = clientSockets[host]!
        loop.spawn {
            let connection = HTTPClientConnection(on: loop, sockets: sockets, host: "node", port: port)
            do throws(HTTPClientError) { box.value = .some(try await connection.fetch(request, until: loop.now + .seconds(5))) } catch {
                box.value = .some(nil)
            }
            connection.close()
        }
        world.run(for: .seconds(10)) { box.value != nil }
        return box.value ?? nil
    }
}

/// Written in a turn of the world, read between turns.
final class Box<Value>: @unchecked Sendable {
    // Safety: used on the one thread that runs the test's world.
    var value: Value?
}
