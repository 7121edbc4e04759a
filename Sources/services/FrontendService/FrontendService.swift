package import ClusterModel
package import EventLoop
package import HTTPServing
package import JSONText
package import ProcessKit
import ServiceRuntime
import Telemetry
import Transport
package import WireProtocol

/// One frontend: clients on one side, routers and workers on the other.
@LoopActor
package final class FrontendService {
    package let name = "frontend"
    let context: ProcessContext
    private let config: FrontendConfig
    private let metrics: FrontendMetrics
    private let loopDelay: LoopDelay
    private let cluster = ClusterView()
    private let endpoint: LinkEndpoint
    let frontend: Frontend
    private let server: HTTPServer
    private let api: ClientAPI
    private var publisher: StatePublisher?
    private var gauges: TimerHandle?
    private var tenantFile: TenantFileWatch?
    private var edge: ServerTLS?
    private var state = ProcessState.starting
    private var httpAddress = ""

    /// Gauges of queues and buffers are read this often; nobody scrapes faster.
    private static let gaugeInterval = Duration.seconds(1)

    package init(_ config: FrontendConfig, _ context: ProcessContext) {
        self.config = config
        self.context = context
        metrics = FrontendMetrics(registry: context.metrics, cluster: context.policy.cluster.clusterID)
        loopDelay = LoopDelay(registry: context.metrics, on: context.loop)
        endpoint = LinkEndpoint(loop: context.loop, network: context.network, policy: context.policy)
        let relay = ChangeRelay(on: context.loop)
        let workers = WorkerPool(
            context: context, endpoint: endpoint, breaker: config.limits.breaker, lateFrames: metrics.lateFrames
        ) { relay.linkChanged() }
        let models = ModelStore(
            context: context, endpoint: endpoint, cluster: cluster, promptMemoryBytes: config.limits.promptMemoryBytes
        ) { relay.frontend?.clusterChanged() }
        frontend = Frontend(
            context: context, limits: config.limits, dialect: config.dialect, metrics: metrics, cluster: cluster, workers: workers,
            models: models,
            sessions: config.sessions)
        relay.frontend = frontend
        api = ClientAPI(frontend)
        server = HTTPServer(on: context.loop, sockets: context.sockets, limits: config.http, application: api.table)
        for address in config.routers {
            cluster.add(
                RouterClient(
                    address, context: context, endpoint: endpoint,
                    registration: { [weak self] in self?.registration() ?? RegisterFrontend() },
                    changed: { relay.changed() }))
        }
    }

    /// The port on which clients are served.
    package private(set) var port: UInt16 = 0
    package var openRequests: Int { frontend.running }
    /// Requests that some worker still runs for this frontend.
    package var requestsAtWorkers: Int { frontend.workers.openRequests }
    /// Legs of them: a split request has two.
    package var legsAtWorkers: Int { frontend.workers.openLegs }
    /// Token frames that came before what belongs before them.
    package var keptFrames: Int { frontend.keptRuns }
    /// Next turns that are computed ahead.
    package var speculativePrefills: Int { frontend.warmer.running }
    /// Sessions that are being closed.
    package var sessionsClosing: Int { frontend.sessions.closing }
    package var isServing: Bool { frontend.isServing }
    /// Those that fail all they are given, and are given no more but one request now and then.
    package var barredWorkers: [(worker: UInt64, failures: Int)] { frontend.workers.barredWorkers }
    /// Routers that it may ask now.
    package var usableRouters: Int { cluster.routers.count(where: \.isUsable) }
    package var openConnections: Int { server.openConnections }
    /// Of requests, their bodies and what was made of them.
    package var heldBodyBytes: Int { server.bodyBytes }
    /// What clients can call.
    package var operations: [(method: String, path: String)] { api.table.operations }

    // MARK: Service

    package func start() async throws {
        if let given = config.tenants.given { try frontend.tenants.apply(given) }
        tenantFile = config.tenants.file.map { TenantFileWatch($0, of: frontend.tenants, context: context) }
        tenantFile?.start()
        publisher = try StatePublisher(
            context: context, on: config.publish, load: { [weak self] in self?.load() ?? FrontendLoad() },
            charges: { [weak self] in self?.frontend.tenants.charges() ?? [] })
        frontend.publish = { [weak self] slice in
            self?.publisher?.ended(slice)
            self?.whenRequestEnded?(slice)
        }
        // Links to routers and workers, and whoever asks the admin side, still find a descriptor when clients have taken the rest.
        let options = ListenOptions(leavesReserve: true)
        ServerTLS.handshakes(at: .clients, context.metrics)
        if let certificates = config.certificates {
            let edge = try ServerTLS(.clients, certificates, context)
            try await edge.start()
            port = try server.listen(host: config.listenHost, port: config.listenPort, options: options, through: { edge.accept($0) })
            self.edge = edge
        } else {
            port = try server.listen(host: config.listenHost, port: config.listenPort, options: options)
            warnOfPlainKeys()
        }
        httpAddress = "\(config.listenHost.contains(":") ? "[\(config.listenHost)]" : config.listenHost):\(port)"
        sayWhatIsThere()
        state = .ready
        publisher?.state(.ready)
        // Made before anybody asks: what is wrong with the cookie's keys is said at the start.
        _ = frontend.sessions
        _ = frontend.warmer
        for router in cluster.routers { router.start() }
        readGauges()
        loopDelay.start()
    }

    private func sayWhatIsThere() {
        let tenants = config.tenants.given
        var missing = MissingParts()
        missing.note("keys of clients (--tenants-file)", unless: tenants != nil)
        missing.note("HTTPS (--https-cert-file)", unless: edge != nil)
        missing.noteProof(context, at: config.publish)
        context.log.info(
            "listening",
            [
                "http": .text(httpAddress), "publish": .text(publisher?.address.description ?? ""),
                "generation": .hex(context.identity.generation), "encrypted": .flag(edge != nil),
                "routers": .addresses(config.routers), "tenants": .count(tenants?.tenants.count ?? 0),
                "keys": .count(tenants?.keys.count ?? 0), "missing": missing.text,
            ])
    }

    /// It may be meant so: something in front of it, on the same machine or a trusted network, speaks HTTPS.
    private func warnOfPlainKeys() {
        guard config.tenants.given != nil, !Address(host: config.listenHost, port: 0).isLoopback else { return }
        context.log.warning(
            "clients are not encrypted",
            [
                "http": .text("\(config.listenHost):\(port)"), "reason": .text("keys, prompts and answers can be read on the way"),
                "remedy": .text("give --https-cert-file and --https-key-file, or let what stands in front of it speak HTTPS"),
            ])
    }

    package func drain() async -> Bool {
        state = .draining
        publisher?.state(.draining)
        frontend.drain()
        // The group that asks has the bound; connections that are idle end at once, the others with their last answer.
        return await server.drain(until: context.loop.now + .seconds(86_400))
    }

    package func stop() {
        state = .stopped
        // What is said from here on is the last word of tenants: requests that still run are cut off.
        frontend.tenants.close()
        publisher?.state(.stopped)
        server.close()
        frontend.warmer.giveUp()
        for router in cluster.routers { router.stop() }
        frontend.workers.stop()
        frontend.models.stop()
        endpoint.stopListening()
        tenantFile?.close()
        edge?.stop()
        publisher?.close()
        publisher = nil
        context.loop.cancel(gauges)
        loopDelay.stop()
    }

    /// Told of each request of its clients that ended, as its stream tells.
    package var whenRequestEnded: (@LoopActor (RequestSlice) -> Void)?

    /// Told of requests that wait for a place; nil while nobody wants to know.
    package var planWait: (@LoopActor (PlanWait) -> Void)? {
        get { frontend.planWait }
        set { frontend.planWait = newValue }
    }

    /// The last request that a client gave this label, or the one with this id.
    package func request(named label: String) -> RequestID? { frontend.decisions.request(named: label, of: nil) }

    /// For the admin side: why a request went where it went, placements by their ids.
    package func explain(_ exchange: HTTPExchange) async {
        await frontend.decisions.answer(exchange, of: nil, naming: .ids, requestID: Hexadecimal.text(context.loop.random.next()))
    }

    // MARK: What it says of itself

    private func registration() -> RegisterFrontend {
        var message = RegisterFrontend()
        message.endpoints = Endpoints(linkAddress: "", feedAddress: publisher.map { context.advertised($0.address) } ?? "")
        message.httpAddress = httpAddress
        message.state = state
        message.streamPosition = publisher?.position ?? 0
        return message
    }

    private func load() -> FrontendLoad {
        FrontendLoad(
            connections: UInt32(clamping: server.openConnections), requests: UInt32(clamping: frontend.running),
            streams: UInt32(clamping: frontend.streams), bufferedBytes: UInt64(server.unsent.total),
            requestsTotal: frontend.requestsTotal, tokensTotal: frontend.tokensTotal)
    }

    private func readGauges() {
        metrics.connections.set(Double(server.openConnections))
        let unsent = server.unsent
        metrics.bufferedBytes.set(Double(unsent.total))
        metrics.mostBufferedBytes.set(Double(unsent.most))
        metrics.http(server.counters)
        metrics.show(cluster, at: context.loop.now)
        metrics.modelsReady.set(Double(frontend.models.readyCount))
        metrics.routers.set(Double(cluster.routers.count(where: \.isUsable)))
        frontend.tenants.showPeers()
        metrics.workerLinks.set(Double(frontend.workers.openLinks))
        gauges = context.loop.schedule(each: Self.gaugeInterval) { [weak self] in self?.readGauges() }
    }

    /// What `/debug/state` shows: enough to see why a request is not served.
    package func debugState(into json: inout JSONWriter) {
        json.beginObject()
        json.key("state")
        json.string("\(state)")
        json.key("requests")
        json.number(frontend.running)
        json.key("streams")
        json.number(frontend.streams)
        json.key("legs")
        json.number(legsAtWorkers)
        json.key("kept_frames")
        json.number(keptFrames)
        json.key("connections")
        json.number(server.openConnections)
        json.key("buffered_bytes")
        json.number(server.unsent.total)
        json.key("most_buffered_bytes")
        json.number(server.unsent.most)
        json.key("tenants")
        frontend.tenants.debugState(into: &json)
        json.key("routers")
        json.beginArray()
        for router in cluster.routers { router.debugState(into: &json) }
        json.endArray()
        json.key("workers")
        json.beginArray()
        for worker in frontend.workers.all { worker.debugState(into: &json) }
        json.endArray()
        json.key("retries")
        frontend.retries.debugState(into: &json)
        json.key("models")
        json.beginArray()
        for card in cluster.cards { frontend.models.debugState(card, into: &json) }
        json.endArray()
        json.endObject()
    }
}

extension FrontendService: @LoopActor Service {}

/// Changes of one turn are looked at once, at its end; and what hears of them is made before what it hears of.
@LoopActor
private final class ChangeRelay: EndOfTurn {
    weak var frontend: Frontend?
    private let loop: Loop
    private var isWaiting = false
    private var isDirty = false

    init(on loop: Loop) { self.loop = loop }

    /// What a router says.
    func changed() {
        isDirty = true
        linkChanged()
    }

    /// A link to a worker: nothing is known that was not, but somebody may wait for it.
    func linkChanged() {
        guard !isWaiting else { return }
        isWaiting = true
        loop.atEndOfTurn(self)
    }

    func flush() {
        isWaiting = false
        if isDirty { frontend?.clusterChanged() } else { frontend?.cluster.wakeWaiting() }
        isDirty = false
    }
}
