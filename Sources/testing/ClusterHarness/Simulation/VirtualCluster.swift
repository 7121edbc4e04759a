import ClusterModel
package import EventLoop
import TestSupport
package import Transport
package import WireProtocol

/// A cluster of the real services in virtual time, on a simulated network, on one thread.
package final class VirtualCluster: @unchecked Sendable {
    // Safety: belongs to the one thread that runs its world.

    package static let httpPort: UInt16 = 8000
    package static let clientHost = "clients"
    private static let linkPort: UInt16 = 8100, feedPort: UInt16 = 8101
    private static let adminAddress = "0.0.0.0:8001"

    package let world: VirtualWorld
    package let fabric: SimulatedFabric
    package private(set) var members: [VirtualMember] = []
    /// Where clients live; nothing happens to it.
    package let clients: VirtualLoop
    /// The connections between clients and servers, which are no links.
    package let socketFabric: VirtualSocketFabric
    private let clientSockets: VirtualSockets
    /// Never used: work of a virtual loop runs inline.
    let pool = WorkPool(threads: 0)
    /// What processes read that have files in their options.
    package let files = VirtualFiles()
    /// Told of the places in the code that processes come to, where the build has them.
    private(set) var points: FaultPointScript?

    package init(seed: UInt64, faults: LinkFaults = LinkFaults()) {
        world = VirtualWorld(seed: seed)
        fabric = SimulatedFabric(world: world, plan: FaultPlan(faults))
        clients = world.makeLoop(Self.clientHost)
        var plan = VirtualSocketPlan()
        (plan.delay, plan.jitter, plan.bufferBytes) = (faults.delay, faults.jitter, faults.bufferBytes)
        socketFabric = VirtualSocketFabric(world, plan: plan)
        clientSockets = VirtualSockets(Self.clientHost, loop: clients, on: socketFabric)
    }

    /// Before there are processes.
    func watchFaultPoints() -> FaultPointScript {
        let script = FaultPointScript(self)
        points = script
        return script
    }

    package private(set) var shape = ClusterShape()
    /// Of the members that begin as another one than today's, by name.
    package var versions: [String: ProgramVersion] = [:]
    /// What those said that nobody knows.
    package let witness = VersionWitness()
    /// Stands between processes and their networks, from their next lives on.
    package var interposing: Interposing?
    package typealias Interposing = (_ process: String, _ origin: ConnectionOrigin, _ loop: VirtualLoop) -> (any Interposer)?
    /// Who processes are whose lives are not to be drawn, by name.
    package var identities: [String: Identity] = [:]
    private var workerCount = 0
    private var onlyMember: String?
    private var parts: [String: ClusterShape.WorkerPart] = [:]

    /// - Parameter only: the one member that there is to be; others are somebody else's business.
    package func add(_ shape: ClusterShape, only: String? = nil) throws {
        self.shape = shape
        onlyMember = only
        let routers = routerList, common = Self.common
        for index in 0..<shape.routers {
            try add(
                .router, "router-\(index + 1)",
                common
                    + [
                        "--listen", "tcp://0.0.0.0:\(Self.linkPort)", "--publish", "tcp://0.0.0.0:\(Self.feedPort)", "--router-id",
                        Self.id(index + 1), "--peers", routers,
                    ] + shape.routerOptions)
        }
        for part in shape.workers { try addWorkerMember(part, shape.workerOptions) }
        for index in 0..<shape.frontends {
            try add(
                .frontend, "frontend-\(index + 1)",
                common + ["--routers", routers, "--listen", "0.0.0.0:\(Self.httpPort)", "--publish", "tcp://0.0.0.0:8002"]
                    + (shape.frontendOptions.contains("--tenants-file") ? [] : ["--allow-anonymous"]) + shape.frontendOptions)
        }
    }

    private static let common = ["--admin-listen", adminAddress]
    private var routerList: String { (0..<shape.routers).map { "tcp://router-\($0 + 1):\(Self.linkPort)" }.joined(separator: ",") }

    /// One more worker, and the cluster's shape has it from now on.
    @discardableResult
    package func addWorker(_ part: ClusterShape.WorkerPart, _ options: [String]) throws -> VirtualMember {
        shape.workers.append(part)
        return try addMember(part, options)
    }

    private func addWorkerMember(_ part: ClusterShape.WorkerPart, _ options: [String]) throws {
        guard isWanted("worker-\(workerCount + 1)") else { return workerCount += 1 }
        try addMember(part, options)
    }

    private func isWanted(_ name: String) -> Bool { onlyMember.map { $0 == name } ?? true }

    @discardableResult
    private func addMember(_ part: ClusterShape.WorkerPart, _ options: [String]) throws -> VirtualMember {
        workerCount += 1
        let worker = try VirtualMember(
            .worker, "worker-\(workerCount)",
            ["--name", "worker-\(workerCount)"] + Self.common
                + ["--routers", routerList, "--worker-id", Self.id(workerCount), "--role", part.rawValue]
                + ["--listen", "tcp://0.0.0.0:0", "--publish", "tcp://0.0.0.0:0"] + options,
            id: WorkerID(UInt64(workerCount)), in: self)
        members.append(worker)
        parts[worker.name] = part
        return worker
    }

    /// A worker that has ended, and that nobody is to miss.
    package func remove(_ worker: VirtualMember) {
        precondition(!worker.isAlive, "\(worker.name) lives")
        guard let part = parts.removeValue(forKey: worker.name), let place = shape.workers.firstIndex(of: part) else { return }
        shape.workers.remove(at: place)
        members.removeAll { $0 === worker }
    }

    /// What a worker does; its role when it began.
    func part(of worker: VirtualMember) -> ClusterShape.WorkerPart { parts[worker.name] ?? .aggregated }
    func workers(_ part: ClusterShape.WorkerPart) -> [VirtualMember] { members(.worker).filter { self.part(of: $0) == part } }

    private static func id(_ number: Int) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    private func add(_ role: ClusterRole, _ name: String, _ arguments: [String]) throws {
        guard isWanted(name) else { return }
        members.append(try VirtualMember(role, name, ["--name", name] + arguments, in: self))
    }

    package func members(_ role: ClusterRole) -> [VirtualMember] { members.filter { $0.role == role } }
    package func member(_ name: String) -> VirtualMember {
        guard let member = members.first(where: { $0.name == name }) else { preconditionFailure("there is no \(name)") }
        return member
    }

    // MARK: Time

    /// Lets time pass until the condition holds; throws if it does not in time.
    package func until(_ what: String, within limit: Duration = .seconds(30), _ condition: () -> Bool) throws {
        guard world.run(for: limit, until: condition) else { throw Unmet("\(what), within \(limit) of virtual time") }
    }

    package func pass(_ span: Duration) { world.run(for: span) }

    /// Every frontend has a router and a model, and every process serves.
    package func untilReady(within limit: Duration = .seconds(30)) throws {
        try until("the cluster is ready", within: limit) { members.allSatisfy(\.canServe) }
        for member in members { member.settled() }
    }

    // MARK: Clients

    package func client(of frontend: VirtualMember) -> TestClient {
        let sockets = clientSockets, clients = clients
        return clients.perform { TestClient(on: clients, sockets: sockets, host: frontend.name, port: Self.httpPort) }
    }

    /// Begins a request; its reply is there when it is.
    package func begin(_ request: ChatRequest, at frontend: VirtualMember, _ conduct: ClientConduct = ClientConduct()) -> PendingReply {
        let client = client(of: frontend), pending = PendingReply(), loop = clients
        loop.spawn { pending.reply = await client.chat(request, conduct) }
        return pending
    }
}

extension VirtualCluster {
    /// While this lasts, what clients see of a frontend that something happened to is excused.
    func noteSettled() { for member in members where member.canServe { member.settled() } }

    /// Requests that are open at all the living processes of a role.
    package func openRequests(of role: ClusterRole) -> Int {
        members(role).filter(\.isAlive).reduce(0) { sum, member in sum + member.process.openRequests }
    }

    /// What processes do not see of each other: empty when every link stands, and every stream is in step.
    package var missing: [String] {
        members.flatMap { member in member.process.missing(of: shape).map { "\(member.name): \($0)" } }
    }

    /// Between a process and all others.
    func openLinks(of name: String) -> Int {
        members.filter { $0.name != name }.reduce(0) { $0 + fabric.openConnections(between: name, and: $1.name) }
    }

    /// What any process holds that it should not hold at rest.
    package var heldAtRest: [String] { Invariants.atRest(self) }

    /// Nothing runs any more.
    package func end() {
        for member in members where !member.process.host.isDead { member.process.kill(.reset) }
        clients.kill()
        pool.close()
    }
}

/// A reply that may not have come yet.
package final class PendingReply: @unchecked Sendable {
    // Safety: belongs to the thread of the world.
    package fileprivate(set) var reply: ChatReply?
}
