import ClusterModel
import Concurrency
import EventLoop
import HTTPClient
import ProcessKit
import Telemetry
import TextProcessing
import Transport
import WireProtocol

@testable import FrontendService

/// A real frontend between scripted routers, scripted workers and clients, in virtual time.
final class Scene {
    let world: VirtualWorld
    let fabric: SimulatedFabric
    let sockets: VirtualSocketFabric
    let card: ModelCard
    private let files: [(name: String, bytes: [UInt8])]
    let metrics: MetricsRegistry
    private(set) var routers: [Remote<ScriptedRouter>] = []
    private(set) var workers: [Remote<ScriptedWorker>] = []
    let loop: VirtualLoop
    /// Of the frontend: where its spans wait, if the scene is traced.
    let tracer: Tracer
    private let lines = Lines()
    private var frontend: FrontendService?
    private let clientLoop: VirtualLoop
    private let users: TestUsers
    private let policy: LinkPolicy
    /// Work is done on the loops of simulations; one that is full refuses it all the same.
    let pool = WorkPool(threads: 0, queueLimit: 1)

    /// - Parameters:
    ///   - isReady: waits until the frontend serves.
    init(
        seed: UInt64 = 1, routers: Int = 1, workers: Int = 2, isReady: Bool = true, card: ModelCard = Scene.card(),
        namespace: String = MetricName.defaultNamespace, isTraced: Bool = false,
        files: [(name: String, bytes: [UInt8])] = Scene.files,
        configure: (inout FrontendConfig) -> Void = { _ in }
    ) {
        metrics = MetricsRegistry(namespace: namespace)
        world = VirtualWorld(seed: seed)
        fabric = SimulatedFabric(world: world)
        sockets = VirtualSocketFabric(world)
        self.card = card
        self.files = files
        loop = world.makeLoop("frontend")
        tracer = Tracer(on: loop, sampler: isTraced ? TraceSampler(ratio: 1) : nil)
        clientLoop = world.makeLoop("clients")
        var policy = LinkPolicy(
            identity: Identity(role: .frontend, id: 1, generation: 0xF1, name: "frontend"), cluster: ClusterValues(clusterID: "test"))
        policy.secret = Array("a secret of no importance".utf8)
        self.policy = policy
        let clientSockets = VirtualSockets("clients", loop: clientLoop, on: sockets)
        users = clientLoop.perform { [clientLoop] in TestUsers(on: clientLoop, sockets: clientSockets, server: ("frontend", 8000)) }
        for number in 1...max(workers, 1) where number <= workers { addWorker(UInt64(number)) }
        for number in 1...max(routers, 1) where number <= routers { addRouter(number) }
        var config = FrontendConfig()
        config.listenHost = "frontend"
        config.publish = Address(host: "frontend", port: 8002)
        config.routers = (1...max(routers, 1)).map { Address(host: "router-\($0)", port: 8100) }
        configure(&config)
        start(config)
        if isReady { precondition(run(until: { service { $0.isServing } }), "the frontend serves within its first seconds") }
    }

    private func start(_ config: FrontendConfig) {
        let host = fabric.host("frontend", loop: loop), sockets = VirtualSockets("frontend", loop: loop, on: sockets)
        let policy = policy, metrics = metrics, tracer = tracer, lines = lines, pool = pool
        frontend = loop.perform { [loop] in
            let context = ProcessContext(
                loop: loop, network: host, sockets: sockets, pool: pool,
                log: Logger(level: .debug, style: .json, sink: lines, metrics: metrics, wallClock: { 0 }), metrics: metrics,
                policy: policy, advertisedHost: "frontend", tracer: tracer)
            let service = FrontendService(config, context)
            loop.spawn {
                do { try await service.start() } catch { preconditionFailure("\(error)") }
            }
            return service
        }
    }

    /// What the frontend has logged.
    var log: [String] { lines.kept.with { $0 } }

    private final class Lines: LogSink {
        let kept = Lock<[String]>([])
        func write(_ line: [UInt8]) -> Bool {
            kept.with { $0.append(String(decoding: line, as: UTF8.self)) }
            return true
        }
    }

    // MARK: Processes

    /// Into the frontend.
    @discardableResult
    func service<Result>(_ body: @LoopActor (FrontendService) -> Result) -> Result {
        guard let frontend else { preconditionFailure("the frontend was made in init") }
        return loop.perform { body(frontend) }
    }

    /// Another life of a worker replaces the one before, which must be dead.
    @discardableResult
    func addWorker(_ number: UInt64, generation: UInt64? = nil) -> Remote<ScriptedWorker> {
        let loop = world.makeLoop("worker-\(number)"), host = fabric.host("worker-\(number)", loop: loop)
        let identity = Identity(role: .worker, id: number, generation: generation ?? 0xA00 + number, name: host.name)
        let policy = policy, files = files
        let worker = Remote(host, on: loop) { ScriptedWorker(identity, host: host, loop: loop, policy: policy, files: files) }
        if Int(number) <= workers.count { workers[Int(number) - 1] = worker } else { workers.append(worker) }
        return worker
    }

    /// A router that knows all workers of the scene.
    @discardableResult
    func addRouter(_ number: Int, generation: UInt64? = nil, knowsWorkers: Bool = true) -> Remote<ScriptedRouter> {
        let loop = world.makeLoop("router-\(number)"), host = fabric.host("router-\(number)", loop: loop), policy = policy
        let entries = workers.map(entry)
        let pool = ModelPool(card: card, workers: UInt32(entries.count), readyWorkers: UInt32(entries.count), current: true)
        let router = Remote(host, on: loop) {
            let router = ScriptedRouter(number, generation: generation ?? UInt64(0xB00 + number), host: host, loop: loop, policy: policy)
            if knowsWorkers { router.tell([.modelPool(pool)] + entries.map { .workerEntry($0) }) }
            return router
        }
        if number <= routers.count { routers[number - 1] = router } else { routers.append(router) }
        return router
    }

    var router: Remote<ScriptedRouter> { routers[0] }
    var worker: Remote<ScriptedWorker> { workers[0] }

    func entry(_ worker: Remote<ScriptedWorker>) -> WorkerEntry {
        let identity = worker { $0.identity }
        var entry = WorkerEntry()
        entry.workerID = identity.id
        entry.generation = identity.generation
        entry.name = identity.name
        entry.state = .ready
        entry.endpoints = Endpoints(linkAddress: "tcp://\(identity.name):8200", feedAddress: "tcp://\(identity.name):8201")
        entry.model = card.name
        entry.pool = card.digest
        entry.capabilities = card.capabilities
        entry.ranks = [RankCapacity()]
        entry.engineBuild = "scripted"
        if card.capabilities.contains(.concurrentHandOver) { entry.kvShape = KVShape() }
        return entry
    }

    // MARK: Time

    /// True if the condition came to hold.
    @discardableResult
    func run(_ limit: Duration = .seconds(10), until condition: () -> Bool) -> Bool { world.run(for: limit, until: condition) }
    func pass(_ span: Duration) { world.run(for: span) }
    var now: Instant { world.now }

    // MARK: Clients

    func send(_ request: HTTPClientRequest, reading: Bool = true, keepingConnection: Bool = false) -> Client {
        Client(clientLoop.perform { [users] in users.send(request, reading: reading, keepingConnection: keepingConnection) }, clientLoop)
    }

    func chat(_ members: String = "", stream: Bool = true, headers: [(name: String, value: String)] = [], reading: Bool = true) -> Client {
        var request = HTTPClientRequest.post(
            "/v1/chat/completions",
            json: Array(#"{"model":"tiny","messages":[{"role":"user","content":"hi"}],"stream":\#(stream)\#(members)}"#.utf8))
        request.headers += headers
        return send(request, reading: reading)
    }

    func completion(_ members: String = "", stream: Bool = true) -> Client {
        send(.post("/v1/completions", json: Array(#"{"model":"tiny","prompt":"hi","stream":\#(stream)\#(members)}"#.utf8)))
    }

    func response(_ members: String = "", stream: Bool = true, reading: Bool = true) -> Client {
        send(.post("/v1/responses", json: Array(#"{"model":"tiny","input":"hi","stream":\#(stream)\#(members)}"#.utf8)), reading: reading)
    }

    func get(_ path: String) -> Client { send(.get(path)) }

    /// A client's view of its request.
    struct Client {
        private let answer: Answer
        private let loop: VirtualLoop

        fileprivate init(_ answer: Answer, _ loop: VirtualLoop) {
            self.answer = answer
            self.loop = loop
        }

        @discardableResult
        func callAsFunction<Result>(_ body: @LoopActor (Answer) -> Result) -> Result { loop.perform { body(answer) } }
        var isEnded: Bool { self { $0.isEnded } }
        var text: String { self { $0.text() } }
        var status: Int { self { $0.status } }
    }

    /// Runs until the client's answer has ended.
    @discardableResult
    func finish(_ client: Client, within limit: Duration = .seconds(30)) -> Client {
        precondition(run(limit, until: { client.isEnded }), "an answer ends within \(limit); it has \(client.text) so far")
        return client
    }

    /// The same, and looks at what it got.
    func finish(_ client: Client, within limit: Duration = .seconds(30), _ look: @LoopActor (Answer) -> Void) {
        finish(client, within: limit)
        client(look)
    }

    // MARK: At rest

    /// What the frontend holds though no request runs; empty is right.
    var held: [String] {
        pass(.milliseconds(20))
        return service { service in
            var held: [String] = []
            if service.heldBodyBytes > 0 { held.append("\(service.heldBodyBytes) bytes of bodies") }
            if service.openRequests > 0 { held.append("\(service.openRequests) requests") }
            if service.sessionsClosing > 0 { held.append("\(service.sessionsClosing) sessions to be closed") }
            if service.requestsAtWorkers > 0 { held.append("\(service.requestsAtWorkers) requests at workers") }
            if service.legsAtWorkers > 0 { held.append("\(service.legsAtWorkers) legs at workers") }
            if service.keptFrames > 0 { held.append("\(service.keptFrames) frames kept") }
            if service.speculativePrefills > 0 { held.append("\(service.speculativePrefills) next turns computed ahead") }
            return held
        }
    }

    func metric(_ name: String) -> Double? {
        exposition.first { $0.hasPrefix(name) }?.split(separator: " ").last.flatMap { Double($0) }
    }

    /// The lines of a scrape.
    var exposition: [String] {
        String(decoding: TextExposition.render(metrics), as: UTF8.self).split(separator: "\n").map(String.init)
    }

    // MARK: The model

    static let files = [(name: ByteModelFile.name, bytes: ByteModelFile.standard)]

    static func card(_ change: (inout ModelCard) -> Void = { _ in }) -> ModelCard {
        var card = ModelCard()
        card.name = "tiny"
        card.weights = "none"
        card.blockSize = 16
        card.contextLength = 8192
        card.vocabularySize = 259
        card.files = files.map { ModelFile(name: $0.name, digest: SHA256.digest(of: $0.bytes), size: UInt64($0.bytes.count)) }
        card.capabilities = [.choices, .logprobs]
        change(&card)
        card.digest = card.computedDigest
        return card
    }
}
