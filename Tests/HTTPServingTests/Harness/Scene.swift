import ClusterModel
import EventLoop
import HTTPServing

/// A server and its clients in virtual time: the real server on simulated sockets.
final class Scene: @unchecked Sendable {
    // Safety: one test drives it, on one thread.

    let world: VirtualWorld
    let fabric: VirtualSocketFabric
    let serverLoop: VirtualLoop
    let clientLoop: VirtualLoop
    let serverSockets: VirtualSockets
    let clientSockets: VirtualSockets
    let application: TestApplication
    let server: HTTPServer
    /// What a task of the test found, and when.
    var note: (Bool, Instant)?
    static let port: UInt16 = 8000

    init(seed: UInt64 = 1, plan: VirtualSocketPlan = VirtualSocketPlan(), _ change: (inout HTTPLimits) -> Void = { _ in }) {
        world = VirtualWorld(seed: seed)
        fabric = VirtualSocketFabric(world, plan: plan)
        let serverLoop = world.makeLoop("server"), clientLoop = world.makeLoop("client")
        let sockets = VirtualSockets("server", loop: serverLoop, on: fabric)
        clientSockets = VirtualSockets("client", loop: clientLoop, on: fabric)
        var limits = HTTPLimits()
        change(&limits)
        (application, server) = serverLoop.perform { [limits] in
            let application = TestApplication(on: serverLoop)
            let server = HTTPServer(on: serverLoop, sockets: sockets, limits: limits, application: application)
            do { try server.listen(host: "0.0.0.0", port: Scene.port) } catch { preconditionFailure("\(error)") }
            return (application, server)
        }
        serverSockets = sockets
        self.serverLoop = serverLoop
        self.clientLoop = clientLoop
    }

    /// A client that is connecting.
    func client(reading: Bool = true) -> RawClient {
        clientLoop.perform {
            let client = RawClient(on: clientLoop, isReading: reading)
            client.connect(clientSockets, "server", Scene.port)
            return client
        }
    }

    /// A client that has sent `text`, which arrives while the world runs.
    func client(sending text: String, reading: Bool = true) -> RawClient {
        let client = client(reading: reading)
        send(text, from: client)
        return client
    }

    func send(_ text: String, from client: RawClient) { clientLoop.perform { client.send(Array(text.utf8)) } }
    func onClient<Result>(_ body: @LoopActor () -> Result) -> Result { clientLoop.perform(body) }
    func onServer<Result>(_ body: @LoopActor () -> Result) -> Result { serverLoop.perform(body) }

    /// Lets time pass.
    func run(_ span: Duration = .seconds(1)) { world.run(for: span) }

    /// Lets time pass until the condition holds; false when it did not within `span`.
    @discardableResult
    func run(_ span: Duration = .seconds(1), until condition: @LoopActor () -> Bool) -> Bool {
        let end = world.now + span
        while !onServer(condition) {
            guard world.now < end else { return false }
            world.run(for: .milliseconds(1))
        }
        return true
    }

    var now: Duration { .nanoseconds(world.now.nanoseconds) }
}

/// An application whose requests the test answers when it likes.
@LoopActor
final class TestApplication: HTTPApplication {
    let loop: VirtualLoop
    /// In the order in which they were served.
    private(set) var exchanges: [HTTPExchange] = []
    /// Paths of exchanges whose clients have gone, in order.
    private(set) var gone: [String] = []
    private(set) var admitted: [String] = []
    var maximumBody = Int.max
    var refusal: HTTPResponse?
    /// Answers at once; nil keeps the exchange for the test.
    var answer: (@LoopActor (HTTPExchange) -> HTTPResponse?)?

    init(on loop: VirtualLoop) { self.loop = loop }

    func admits(_ request: HTTPRequest) -> HTTPAdmission {
        admitted.append(request.path)
        return refusal.map { .refuse($0) } ?? .read(maximumBody: maximumBody)
    }

    func serve(_ exchange: HTTPExchange) {
        exchanges.append(exchange)
        let path = exchange.request.path
        exchange.whenGone = { [weak self] in self?.gone.append(path) }
        if let response = answer?(exchange) { exchange.respond(response) }
    }
}
