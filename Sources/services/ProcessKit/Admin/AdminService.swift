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
/// It starts first and stops last, so that a process that is stuck in its start or its drain can be looked at. Beyond loopback whoever can connect
/// is not known: metrics and health are served, and all else only where there is a token, to who shows it.
@LoopActor
package final class AdminService {
    package let name = "admin"
    private let context: ProcessContext
    private let listen: AddressText
    private let access: AdminAccess
    private let metrics: AdminMetrics
    /// Nil: everybody on this machine may do everything.
    private let gate: AdminGate?
    private var tokenWatch: FileWatch<AdminToken, ValueProblem>?
    private var tls: ServerTLS?
    private let isReady: @LoopActor () -> Bool
    private let server: HTTPServer
    private let table: HandlerTable
    private var text = TextExposition()
    /// Adds to readiness: that the services stand is not all of it for a process that depends on others.
    package var readiness: (@LoopActor () -> Bool)?
    /// Writes one JSON value.
    package var debugState: (@LoopActor (inout JSONWriter) -> Void)?
    /// Where a browser is led that has signed in.
    package var home: StaticString = "/debug/state"
    /// Told when another token opens: what was let in with the earlier one, and lasts, should end.
    package var tokenChanged: (@LoopActor () -> Void)?
    private let rss: Gauge

    package init(
        _ context: ProcessContext, listen: AddressText, access: AdminAccess = AdminAccess(), isReady: @escaping @LoopActor () -> Bool
    ) {
        self.context = context
        self.listen = listen
        self.access = access
        self.isReady = isReady
        let metrics = AdminMetrics(registry: context.metrics)
        self.metrics = metrics
        ServerTLS.handshakes(at: .admin, context.metrics)
        gate = access.token.map { token in
            AdminGate(token.value, isEncrypted: access.certificates != nil, metrics: metrics, context: context)
        }
        rss = context.metrics.gauge("process_resident_memory_bytes", help: "Resident memory size in bytes.")
        table = HandlerTable(on: context.loop)
        var limits = HTTPLimits()
        limits.connections = AdminLimits.connections
        limits.bodyBytes = AdminLimits.bodyBytes
        server = HTTPServer(on: context.loop, sockets: context.sockets, limits: limits, application: table)
        table.on(.get, "/metrics", run: { [weak self] exchange in self?.exposition(exchange) })
        if isWhole {
            table.on(.get, "/debug/state") { [weak self, gate] exchange in
                if let refusal = gate?.refusal(of: exchange, takesSession: true) { return exchange.respond(refusal.response) }
                self?.state(exchange)
            }
        }
        serveLogin()
        Health.serve(on: table) { [weak self] in self?.isProcessReady ?? false }
    }

    /// Whether there is more than metrics and health.
    private var isWhole: Bool { gate != nil || Self.isLoopback(listen.host) }

    /// Takes orders on a path. What the handler does not throw is accepted: 202.
    package func order(
        _ path: StaticString, _ carryOut: @escaping @LoopActor @Sendable (inout AdminOrder) throws(AdminRefusal) -> Void
    ) {
        guard isWhole else { return }
        table.on(.post, path, maximumBody: AdminLimits.bodyBytes) { [gate, log = context.log] exchange in
            // A browser's cookie gives no orders.
            if let refusal = gate?.refusal(of: exchange, takesSession: false) { return exchange.respond(refusal.response) }
            do throws(AdminRefusal) {
                var order = try AdminOrder(exchange.request)
                try carryOut(&order)
                log.info("order taken", ["order": .text(path.description), "peer": .text(exchange.peer)])
                exchange.respond(.json(.accepted, Array("{\"accepted\":true}\n".utf8)))
            } catch {
                log.info("order refused", ["order": .text(path.description), "reason": .text(error.reason)])
                exchange.respond(error.response)
            }
        }
    }

    /// Answers questions on a path.
    package func question(_ path: StaticString, _ answer: @escaping @LoopActor @Sendable (HTTPExchange) async -> Void) {
        guard isWhole else { return }
        table.handle(.get, path) { [gate] exchange in
            if let refusal = gate?.refusal(of: exchange, takesSession: true) {
                exchange.respond(refusal.response)
                return .nothing
            }
            return .task { await answer(exchange) }
        }
    }

    /// Serves a page and what it asks for, only to browsers that were told to come here.
    ///
    /// A page of somebody else's that runs in a browser may connect too. It has no cookie of ours. Where none is asked for, it cannot name us as we
    /// are called here, unless its name was bound to our address, and then the browser says that name.
    package func webPage(_ path: StaticString, _ answer: @escaping @LoopActor @Sendable (HTTPExchange) -> Void) {
        guard isWhole else { return }
        table.on(.get, path) { [gate] exchange in
            let headers = exchange.request.headers
            if let refusal = Self.refusalOfSite(headers) { return exchange.respond(refusal.response) }
            if let gate {
                guard let refusal = gate.refusal(of: exchange, takesSession: true) else { return answer(exchange) }
                let isRead = headers["Accept"]?.place(of: "text/html") != nil
                return exchange.respond(isRead ? refusal.page : refusal.response)
            }
            guard let host = headers["Host"], Self.isOurs(host) else {
                let reason = "this page is served to localhost; forward a port of your own machine to it"
                return exchange.respond(AdminRefusal(.forbidden, field: "Host", reason).response)
            }
            answer(exchange)
        }
    }

    /// Of every answer that a browser shows: it is read as what it says it is, shown in no frame, and told to nobody.
    package nonisolated static let pageGuards = [
        HTTPField("X-Content-Type-Options", "nosniff"), HTTPField("Referrer-Policy", "no-referrer"),
        HTTPField("Cross-Origin-Resource-Policy", "same-origin"), HTTPField("X-Frame-Options", "DENY"),
    ]

    private static func refusalOfSite(_ headers: HTTPHeaders) -> AdminRefusal? {
        guard let site = headers["Sec-Fetch-Site"], site != "same-origin", site != "none" else { return nil }
        return AdminRefusal(.forbidden, field: "Sec-Fetch-Site", "other pages are told nothing")
    }

    private func serveLogin() {
        guard let gate else { return }
        table.on(.get, LoginPage.path) { $0.respond(LoginPage.response(.ok, "the admin side of this process asks for its token")) }
        table.on(.post, LoginPage.path, maximumBody: AdminLimits.loginBytes) { [weak self, gate, log = context.log] exchange in
            guard let self else { return }
            if let refusal = Self.refusalOfSite(exchange.request.headers) { return exchange.respond(refusal.response) }
            let token = exchange.request.form.first { $0.name == LoginPage.field }?.value
            if let refusal = gate.refusal(of: token, from: exchange.peer) { return exchange.respond(refusal.page) }
            log.info("admin signed in", ["peer": .text(exchange.peer)])
            let way = [HTTPField("Location", home.description), HTTPField("Cache-Control", "no-store"), gate.session()]
            exchange.respond(HTTPResponse(.seeOther, headers: way))
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
        if let certificates = access.certificates {
            let tls = try ServerTLS(.admin, certificates, context)
            try await tls.start()
            port = try server.listen(host: listen.host, port: listen.port, through: { tls.accept($0) })
            self.tls = tls
        } else {
            port = try server.listen(host: listen.host, port: listen.port)
        }
        gate?.port = port
        watchToken()
        context.log.info(
            "admin",
            [
                "admin": .text("\(listen.host.contains(":") ? "[\(listen.host)]" : listen.host):\(port)"), "encrypted": .flag(tls != nil),
                "token": .flag(gate != nil),
            ])
    }

    private func watchToken() {
        guard let file = access.token?.file else { return }
        let watch = FileWatch<AdminToken, ValueProblem>([file], every: AdminLimits.tokenPoll, context: context) {
            (files, _) throws(ValueProblem) in
            let bytes: [UInt8]
            do throws(FileReadError) { bytes = try files[0].read(OptionLimits.secretFileBytes) } catch {
                throw ValueProblem(error.reason, remedy: "make the file readable to this process")
            }
            return try AdminToken(Secret.content(of: bytes))
        } taken: { [weak self] in
            self?.take($0, of: file)
        }
        watch.start()
        tokenWatch = watch
    }

    private func take(_ result: Result<AdminToken, ValueProblem>, of file: WatchedFile) {
        switch result {
        case .success(let token):
            metrics.holds(true)
            guard let gate, token != gate.token else { return }
            gate.change(to: token)
            tokenChanged?()
            context.log.info("admin token changed", ["file": .text(file.path)])
        case .failure(let problem):
            metrics.holds(false)
            context.log.warning(
                "admin token file refused",
                [
                    "file": .text(file.path), "reason": .text(problem.problem),
                    "remedy": .text("\(problem.remedy); until then the earlier one opens"),
                ])
        }
    }

    package func drain() async -> Bool { true }

    package func stop() {
        tokenWatch?.stop()
        tls?.stop()
        server.close()
    }

    // MARK: Answers

    private func exposition(_ exchange: HTTPExchange) {
        if let bytes = ResidentMemory.bytes() { rss.set(Double(bytes)) }
        text.clear()
        text.append(context.metrics)
        exchange.respond(HTTPResponse(.ok, headers: [HTTPField("Content-Type", TextExposition.contentType)], body: text.bytes))
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
