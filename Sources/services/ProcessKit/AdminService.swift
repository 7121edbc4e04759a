import ClusterModel
package import EventLoop
package import HTTPServing
package import JSONText
package import ServiceRuntime
import Telemetry
import Transport
import WireProtocol

/// What operators and probes can ask of a process, on a listener of its own: metrics, health, and its state.
///
/// It starts first and stops last, so that a process that is stuck in its start or its drain can be looked at. Beyond loopback it serves metrics
/// and health only, and takes no orders: whoever can connect there is not known.
@LoopActor
package final class AdminService {
    package let name = "admin"
    private let context: ProcessContext
    private let listen: AddressText
    private let isReady: @LoopActor () -> Bool
    private let server: HTTPServer
    private let table: HandlerTable
    private var exposition = TextExposition()
    /// Adds to readiness: that the services stand is not all of it for a process that depends on others.
    package var readiness: (@LoopActor () -> Bool)?
    /// Writes one JSON value.
    package var debugState: (@LoopActor (inout JSONWriter) -> Void)?
    private let rss: Gauge

    /// Probes and a scraper or two; more is somebody's mistake.
    private static let connections = 256
    /// An order has a few members; nothing else has a use for a body.
    private static let bodyBytes = 16 << 10

    package init(_ context: ProcessContext, listen: AddressText, isReady: @escaping @LoopActor () -> Bool) {
        self.context = context
        self.listen = listen
        self.isReady = isReady
        rss = context.metrics.gauge("process_resident_memory_bytes", help: "Resident memory size in bytes.")
        table = HandlerTable(on: context.loop)
        var limits = HTTPLimits()
        limits.connections = Self.connections
        limits.bodyBytes = Self.bodyBytes
        server = HTTPServer(on: context.loop, sockets: context.sockets, limits: limits, application: table)
        table.on(.get, "/metrics", run: { [weak self] exchange in self?.metrics(exchange) })
        if Self.isLoopback(listen.host) { table.on(.get, "/debug/state", run: { [weak self] exchange in self?.state(exchange) }) }
        Health.serve(on: table) { [weak self] in self?.isProcessReady ?? false }
    }

    /// Takes orders on a path, where only this machine can connect. What the handler does not throw is accepted: 202.
    package func order(
        _ path: StaticString, _ carryOut: @escaping @LoopActor @Sendable (inout AdminOrder) throws(AdminRefusal) -> Void
    ) {
        guard Self.isLoopback(listen.host) else { return }
        table.on(.post, path, maximumBody: Self.bodyBytes) { [log = context.log] exchange in
            do throws(AdminRefusal) {
                var order = try AdminOrder(exchange.request)
                try carryOut(&order)
                log.info("order taken", ["order": .text(path.description)])
                exchange.respond(.json(.accepted, Array("{\"accepted\":true}\n".utf8)))
            } catch {
                log.info("order refused", ["order": .text(path.description), "reason": .text(error.reason)])
                exchange.respond(error.response)
            }
        }
    }

    /// Answers questions on a path, where only this machine can connect.
    package func question(_ path: StaticString, _ answer: @escaping @LoopActor @Sendable (HTTPExchange) async -> Void) {
        guard Self.isLoopback(listen.host) else { return }
        table.on(.get, path, task: answer)
    }

    /// Serves a page and what it asks for, where only this machine can connect, and only to browsers that were told to come here.
    ///
    /// A page of somebody else's that runs in a browser of this machine may connect too: it cannot name us as we are called here, unless its name
    /// was bound to our address, and then the browser says that name.
    package func webPage(_ path: StaticString, _ answer: @escaping @LoopActor @Sendable (HTTPExchange) -> Void) {
        guard Self.isLoopback(listen.host) else { return }
        table.on(.get, path) { exchange in
            guard let host = exchange.request.headers["Host"], Self.isOurs(host) else {
                let reason = "this page is served to localhost; forward a port of your own machine to it"
                return exchange.respond(AdminRefusal(.forbidden, field: "Host", reason).response)
            }
            if let site = exchange.request.headers["Sec-Fetch-Site"], site != "same-origin", site != "none" {
                return exchange.respond(AdminRefusal(.forbidden, field: "Sec-Fetch-Site", "other pages are told nothing").response)
            }
            answer(exchange)
        }
    }

    /// A `Host` field that names this machine to itself, with whatever port it was reached by.
    static func isOurs(_ host: String) -> Bool {
        let name = host.hasPrefix("[") ? host.prefix { $0 != "]" }.dropFirst() : host.prefix { $0 != ":" }
        return name.lowercased() == "localhost" || isLoopback(String(name))
    }

    private static func isLoopback(_ host: String) -> Bool { Address(host: host, port: 0).isLoopback }

    /// Where it listens, once it does.
    package private(set) var port: UInt16 = 0

    // MARK: Service

    package func start() async throws {
        port = try server.listen(host: listen.host, port: listen.port)
        context.log.info("admin", ["admin": .text("\(listen.host.contains(":") ? "[\(listen.host)]" : listen.host):\(port)")])
    }

    package func drain() async -> Bool { true }
    package func stop() { server.close() }

    // MARK: Answers

    private func metrics(_ exchange: HTTPExchange) {
        if let bytes = ResidentMemory.bytes() { rss.set(Double(bytes)) }
        exposition.clear()
        exposition.append(context.metrics)
        exchange.respond(HTTPResponse(.ok, headers: [HTTPField("Content-Type", TextExposition.contentType)], body: exposition.bytes))
    }

    private var isProcessReady: Bool { isReady() && (readiness?() ?? true) }

    private func state(_ exchange: HTTPExchange) {
        var json = JSONWriter(style: .pretty)
        json.beginObject()
        json.key("role")
        json.string("\(context.identity.role)")
        json.key("name")
        json.string(context.identity.name)
        json.key("id")
        json.string(Hexadecimal.text(context.identity.id))
        json.key("generation")
        json.string(Hexadecimal.text(context.identity.generation))
        json.key("version")
        json.string(BuildInfo.version)
        json.key("protocol")
        json.string(WireVersion.current.description)
        json.key("ready")
        json.bool(isProcessReady)
        json.key("state")
        if let debugState { debugState(&json) } else { json.null() }
        json.endObject()
        exchange.respond(.json(.ok, json.finish()))
    }
}

extension AdminService: @LoopActor Service {}
