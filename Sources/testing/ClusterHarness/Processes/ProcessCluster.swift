import ClusterModel
package import EventLoop
import Glibc
package import JSONText
import TestSupport

/// A cluster of the three real programs on this machine's loopback, at ports that were free.
///
/// It lives on a loop thread, and so does what a test does with it: `ProcessCluster.with(…) { cluster in … }`. All processes are gone when
/// that returns, on every path.
@LoopActor
package final class ProcessCluster {
    /// How long a process may take to stand: these machines are slow at times.
    package static let startLimit = Duration.seconds(30)
    /// Nothing to serve: how long a process may take to leave.
    package static let stopLimit = Duration.seconds(20)
    /// How long a question for a process's state may take: one that is stopped never answers.
    private static let stateLimit = Duration.seconds(5)

    package let loop: EpollLoop
    package private(set) var routers: [ClusterMember] = []
    package private(set) var workers: [ClusterMember] = []
    package private(set) var frontends: [ClusterMember] = []
    private let binaries: String
    let sockets: EpollSockets
    private let ports: FixedPorts

    private init(on loop: EpollLoop, binaries: String) {
        self.loop = loop
        self.binaries = binaries
        sockets = EpollSockets(on: loop)
        ports = FixedPorts(on: loop, sockets)
    }

    /// Starts what `shape` says, waits until every frontend is ready, runs `body`, and ends every process.
    package nonisolated static func with(
        _ shape: ClusterShape = ClusterShape(), _ body: @escaping @LoopActor @Sendable (ProcessCluster) async throws -> Void
    ) async throws {
        let thread = try LoopThread("cluster")
        let result: Result<Void, any Error> = await thread.run { loop in
            do {
                try await with(shape, on: loop, body)
                return .success(())
            } catch { return .failure(error) }
        }
        thread.stop()
        try result.get()
    }

    /// The same on a loop that runs already.
    package static func with(
        _ shape: ClusterShape, on loop: EpollLoop, _ body: @escaping @LoopActor @Sendable (ProcessCluster) async throws -> Void
    ) async throws {
        let cluster = ProcessCluster(on: loop, binaries: try folder())
        do {
            try await cluster.start(shape)
            try await body(cluster)
        } catch {
            await cluster.end()
            throw error
        }
        await cluster.end()
    }

    /// The folder of the three programs: beside the test bundle, or beside the program that this is.
    package nonisolated static func folder() throws -> String {
        let tests = CommandLine.arguments[0]
        let beside = tests.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        let folders = [beside, "\(GoldenVectors.root)/.build/debug"]
        guard
            let folder = folders.first(where: { folder in ClusterRole.allCases.allSatisfy { access("\(folder)/\($0.program)", X_OK) == 0 } }
            )
        else { throw Unmet("the programs are built with the tests, and stand in one of \(folders)") }
        return folder
    }

    private func start(_ shape: ClusterShape) async throws {
        for _ in 0..<shape.routers { try await addRouter(shape.routerOptions) }
        for role in shape.workers { try await addWorker(["--role", role.rawValue] + shape.workerOptions) }
        for _ in 0..<shape.frontends { try await addFrontend(shape.frontendOptions) }
        for frontend in frontends { try await ready(frontend) }
    }

    // MARK: Members

    @discardableResult
    package func addRouter(
        _ options: [String] = [], at host: NetworkHost? = nil, through launcher: ProcessLauncher = ProcessLauncher()
    ) async throws -> ClusterMember {
        let member = ClusterMember(.router, "router-\(routers.count + 1)", binaries, at: host, on: loop), address = Self.address(host)
        routers.append(member)
        member.launcher = launcher
        // It dials those that are there; they need not know of it.
        let others = routerList.isEmpty ? [] : ["--peers", routerList]
        let number = String(routers.count, radix: 16), id = String(repeating: "0", count: 16 - number.count) + number
        member.options =
            options + others + [
                "--router-id", id, "--listen", "tcp://\(address):\(port(host))", "--publish", "tcp://\(address):\(port(host))",
                "--admin-listen", "127.0.0.1:\(port(host))",
            ]
        try await member.start()
        return member
    }

    /// `routers`: what it is told of them, where that is not where they are. `launcher`: what starts its program, and perhaps limits it.
    @discardableResult
    package func addWorker(
        _ options: [String] = [], routers: String? = nil, at host: NetworkHost? = nil, through launcher: ProcessLauncher = ProcessLauncher()
    ) async throws -> ClusterMember {
        let member = ClusterMember(.worker, "worker-\(workers.count + 1)", binaries, at: host, on: loop)
        workers.append(member)
        member.launcher = launcher
        member.options = options + ["--routers", routers ?? routerList, "--admin-listen", "127.0.0.1:\(port(host))"]
        try await member.start()
        return member
    }

    @discardableResult
    package func addFrontend(
        _ options: [String] = [], routers: String? = nil, publish: String? = nil, at host: NetworkHost? = nil,
        through launcher: ProcessLauncher = ProcessLauncher()
    ) async throws -> ClusterMember {
        let member = ClusterMember(.frontend, "frontend-\(frontends.count + 1)", binaries, at: host, on: loop)
        frontends.append(member)
        member.launcher = launcher
        member.options =
            options + [
                "--routers", routers ?? routerList, "--listen", "127.0.0.1:\(port(host))",
                "--publish", publish ?? "tcp://\(Self.address(host)):\(port(host))", "--admin-listen", "127.0.0.1:\(port(host))",
            ]
        try await member.start()
        return member
    }

    /// On another host the system chooses: what is free there cannot be seen from here.
    private func port(_ host: NetworkHost?) -> UInt16 { host == nil ? ports.next() : 0 }

    /// Where others reach who runs there.
    private static func address(_ host: NetworkHost?) -> String { host?.address ?? "127.0.0.1" }

    package var members: [ClusterMember] { routers + workers + frontends }
    /// The names of those that do not run.
    package var dead: [String] { members.filter { !$0.isRunning }.map(\.name) }
    private var routerList: String { routers.compactMap(\.addresses.links).joined(separator: ",") }

    // MARK: Asking

    package func client(of frontend: ClusterMember) throws -> TestClient { try client(at: frontend.addresses.http, of: frontend) }
    package func admin(of member: ClusterMember) throws -> TestClient { try client(at: member.addresses.admin, of: member) }

    private func client(at address: String?, of member: ClusterMember) throws -> TestClient {
        guard let address, let colon = address.lastIndex(of: ":"), let port = UInt16(address[address.index(after: colon)...]) else {
            throw Unmet("\(member.name) said where it listens: \(member.addresses)")
        }
        return TestClient(on: loop, sockets: sockets, host: "127.0.0.1", port: port, through: member.host?.door)
    }

    /// What the process says of itself; nil from one that does not answer.
    package func state(of member: ClusterMember) async throws -> JSONValue? {
        await (try admin(of: member)).get("/debug/state", stateConduct).json
    }

    private var stateConduct: ClientConduct {
        var conduct = ClientConduct()
        conduct.patience = Self.stateLimit
        return conduct
    }

    /// Waits until the frontend says it is ready and knows a model.
    package func ready(_ frontend: ClusterMember, within limit: Duration = startLimit) async throws {
        let deadline = loop.now + limit
        while true {
            let said = await (try admin(of: frontend)).get("/readyz")
            if said.status == 200, try await models(of: frontend).isEmpty == false { return }
            guard loop.now < deadline else { throw Unmet("\(frontend.name) is ready: \(said.status) \(said.text)\n\(frontend.lastWords)") }
            await loop.sleep(for: .milliseconds(10))
        }
    }

    package func models(of frontend: ClusterMember) async throws -> [String] {
        let reply = await (try client(of: frontend)).get("/v1/models")
        return (reply.json?["data"]?.asArray ?? []).compactMap { $0["id"]?.asString }
    }

    /// A sample of a metric on the member's admin side, summed over its labels; nil if there is none of that name.
    package func metric(_ name: String, of member: ClusterMember) async throws -> Double? {
        let text = await (try admin(of: member)).get("/metrics").text
        let samples = text.split(separator: "\n").filter { line in
            line.hasPrefix(name) && (line.dropFirst(name.utf8.count).first.map { $0 == "{" || $0 == " " } ?? false)
        }
        let values = samples.compactMap { $0.split(separator: " ").last.flatMap { Double($0) } }
        return values.isEmpty ? nil : values.reduce(0, +)
    }

    // MARK: The end

    /// Kills every process, and waits for none of them.
    package func abandon() {
        for member in members { member.process?.killNow() }
    }

    /// Every process gone, however it takes it.
    private func end() async {
        abandon()
        let members = members
        // SIGKILL needs no cooperation; a process that outlives this is stuck in the kernel, and dies with the thread that started it.
        try? await loop.until("all processes are gone", within: Self.stopLimit) { members.allSatisfy { !$0.isRunning } }
    }
}

/// What a cluster begins with.
package struct ClusterShape: Sendable {
    package var routers = 1
    package var workers: [WorkerPart] = [.aggregated, .aggregated]
    package var frontends = 1
    package var routerOptions: [String] = []
    package var workerOptions: [String] = []
    package var frontendOptions: [String] = []

    package init() {}

    package enum WorkerPart: String, Sendable { case aggregated, prefill, decode }
}
