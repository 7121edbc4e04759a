import ClusterHarness
import ClusterModel
import EventLoop
import HTTPClient
import JSONText
import ProcessKit
import ServiceRuntime
import Telemetry
import Transport
import WireProtocol

@testable import Dashboard

/// A dashboard on an admin side of its own, and browsers that ask it, in virtual time.
final class Bed: @unchecked Sendable {
    // Safety: belongs to the one thread that runs its world.

    let world: VirtualWorld
    let loop: VirtualLoop
    private(set) var dashboard: Dashboard!
    private let admin: AdminService
    let context: ProcessContext
    private let sockets: VirtualSocketFabric
    private let clientLoop: VirtualLoop
    private let clientSockets: VirtualSockets
    private static let pool = WorkPool(threads: 0)
    private static let port: UInt16 = 9_000

    init(
        _ world: VirtualWorld, _ fabric: SimulatedFabric, routers: [Address], listen: String = "127.0.0.1:9000",
        access: AdminAccess = AdminAccess()
    ) throws {
        self.world = world
        sockets = VirtualSocketFabric(world)
        loop = world.makeLoop("dash")
        clientLoop = world.makeLoop("browser")
        clientSockets = VirtualSockets("browser", loop: clientLoop, on: sockets)
        let metrics = MetricsRegistry()
        var policy = LinkPolicy(
            identity: Identity(role: .frontend, id: 1, generation: 0xF1, name: "dash"), cluster: ClusterValues(clusterID: "apus"))
        policy.secret = VirtualProcess.secret
        let context = ProcessContext(
            loop: loop, network: fabric.host("dash", loop: loop), sockets: VirtualSockets("dash", loop: loop, on: sockets), pool: Self.pool,
            log: Logger(level: .error, style: .json, sink: Silence(), metrics: metrics, wallClock: { 0 }), metrics: metrics, policy: policy,
            advertisedHost: nil)
        self.context = context
        let address = try AddressText(listen, rule: .http)
        (admin, dashboard) = loop.perform { [loop] in
            let admin = AdminService(context, listen: address, access: access, isReady: { true })
            let dashboard = Dashboard(context, routers: routers, feed: Address(host: "dash", port: 9_100))
            dashboard.serve(on: admin)
            loop.spawn { do { try await admin.start() } catch { preconditionFailure("\(error)") } }
            return (admin, dashboard)
        }
        world.run(for: .milliseconds(10))
    }

    func perform<Result>(_ body: @LoopActor (Dashboard) -> Result) -> Result {
        let dashboard = dashboard!
        return loop.perform { body(dashboard) }
    }

    func pass(_ span: Duration) { world.run(for: span) }
    @discardableResult
    func run(_ limit: Duration = .seconds(20), until condition: () -> Bool) -> Bool { world.run(for: limit, until: condition) }

    /// Asks, and does not wait.
    func open(_ path: String, headers: [(name: String, value: String)] = [("Host", "localhost")]) -> Page {
        let loop = clientLoop, sockets = clientSockets
        return loop.perform {
            let page = Page(on: loop), connection = HTTPClientConnection(on: loop, sockets: sockets, host: "dash", port: Self.port)
            page.connection = connection
            connection.start(HTTPClientRequest("GET", path, headers: headers, body: []), until: loop.now + .seconds(3_600), page)
            return page
        }
    }

    /// A whole answer.
    func get(_ path: String, headers: [(name: String, value: String)] = [("Host", "localhost")]) -> (
        status: Int, json: JSONValue, text: String
    ) {
        let page = open(path, headers: headers)
        run { look(page) { $0.isEnded } }
        return look(page) { page in
            (page.status, (try? JSONValue(parsing: page.body)) ?? .null, String(decoding: page.body, as: UTF8.self))
        }
    }

    func look<Result>(_ page: Page, _ body: @LoopActor (Page) -> Result) -> Result { clientLoop.perform { body(page) } }
}

private struct Silence: LogSink {
    func write(_ line: [UInt8]) -> Bool { true }
}

/// What a browser makes of the events: the tables as a page has them.
@LoopActor
final class Page: HTTPClientHandler {
    private(set) var status = 0
    private(set) var header: [String: String] = [:]
    private(set) var body: [UInt8] = []
    private(set) var isEnded = false
    /// Rows by table and key.
    private(set) var tables: [String: [String: JSONValue]] = [:]
    private(set) var messages = 0
    private(set) var beginnings = 0
    private(set) var longestMessage = 0
    private(set) var isComplete = false
    private(set) var received = 0
    private var reader = SSEReader()
    fileprivate var connection: HTTPClientConnection?

    init(on loop: Loop) {}

    func answerBegan(_ head: HTTPClientHead) {
        status = head.status
        for name in ["content-security-policy", "content-type", "x-frame-options"] as [StaticString] {
            header[name.description] = head[name]
        }
    }

    func answerReceived(_ part: UnsafeRawBufferPointer) {
        received += part.count
        guard header["content-type"] == "text/event-stream" else { return body.append(contentsOf: part) }
        do throws(SSEReader.TooLong) {
            try reader.read(part) { event in take(Array(event.text.utf8)) }
        } catch { preconditionFailure("\(error)") }
    }

    func answerEnded(_ error: HTTPClientError?) { isEnded = true }

    func leave() { connection?.close() }
    func setReading(_ reads: Bool) { connection?.isReading = reads }

    private func take(_ text: [UInt8]) {
        guard let message = (try? JSONValue(parsing: text))?.asObject, message["first"] != nil else { return }
        messages += 1
        longestMessage = max(longestMessage, text.count)
        isComplete = message["complete"]?.asBool ?? false
        if message["first"]?.asBool == true {
            beginnings += 1
            tables = [:]
        }
        for name in message.names where !["at", "first", "complete"].contains(name) {
            guard let rows = message[name]?.asObject else { continue }
            for key in rows.names { tables[name, default: [:]][key] = rows[key].flatMap { $0.isNull ? nil : $0 } }
        }
    }
}
