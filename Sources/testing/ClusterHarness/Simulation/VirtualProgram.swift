import EventLoop
import FrontendService
import ProcessKit
import RouterService
import ServiceRuntime
import WireProtocol
import WorkerService

/// One of the three programs, as its `Main` puts it together, but for the loop and the sockets under it.
struct VirtualProgram: Sendable {
    let options: ProcessOptions
    let resolved: ResolvedConfiguration
    /// A lasting number, where the process has one.
    let id: UInt64?
    let parts: @LoopActor @Sendable (ProcessContext) throws -> Parts

    /// The main service of a process, and what is asked of it.
    struct Parts: @unchecked Sendable {
        // Safety: made, asked and dropped on the loop of one virtual process.
        let service: any Service
        let openRequests: @LoopActor () -> Int
        let canServe: @LoopActor () -> Bool
        /// To be called in the moment in which an injected fault ends the process.
        var whenCrashed: @LoopActor (@escaping @LoopActor () -> Void) -> Void = { _ in }
        /// What it holds that it should not hold at rest, in words.
        let held: @LoopActor () -> [String]
        /// What it does not see of a cluster of that shape, in words.
        var missing: @LoopActor (ClusterShape) -> [String] = { _ in [] }
        /// Of a worker.
        var truth: @LoopActor () -> WorkerTruth? = { nil }
        /// Of a router: where it is wrong about a worker, in words.
        var errors: @LoopActor (WorkerTruth) -> [String] = { _ in [] }
    }

    init(_ role: ClusterRole, arguments: [String]) throws {
        switch role {
        case .frontend: self = try Self.frontend(arguments)
        case .router: self = try Self.router(arguments)
        case .worker: self = try Self.worker(arguments)
        }
    }

    private init(
        _ options: ProcessOptions, _ resolved: ResolvedConfiguration, id: UInt64? = nil,
        parts: @escaping @LoopActor @Sendable (ProcessContext) throws -> Parts
    ) {
        self.options = options
        self.resolved = resolved
        self.id = id
        self.parts = parts
    }

    private static func frontend(_ arguments: [String]) throws -> VirtualProgram {
        let options = FrontendOptions(), resolved = try resolve(options.table, arguments)
        return VirtualProgram(options.process, resolved) { context in
            let service = FrontendService(try options.config(resolved), context)
            return Parts(
                service: service, openRequests: { service.openRequests }, canServe: { service.isServing },
                held: {
                    counts([
                        ("requests", service.openRequests), ("requests at workers", service.requestsAtWorkers),
                        ("sessions to be closed", service.sessionsClosing),
                        ("client connections", service.openConnections),
                    ])
                },
                missing: { shape in
                    service.usableRouters == shape.routers ? [] : ["it may ask \(service.usableRouters) of \(shape.routers) routers"]
                })
        }
    }

    private static func router(_ arguments: [String]) throws -> VirtualProgram {
        var table = OptionTable(description("router"))
        let own = RouterOptions(in: &table), shared = ProcessOptions(in: &table, role: .router, admin: "127.0.0.1:8102")
        let resolved = try resolve(table, arguments)
        return VirtualProgram(shared, resolved, id: own.routerID(resolved)) { context in
            let service = RouterService(try own.config(resolved), context)
            return Parts(
                service: service, openRequests: { service.leasesHeld }, canServe: { !service.isDraining },
                held: {
                    counts([
                        ("leases", service.leasesHeld), ("bookings of other routers", service.peerBookings),
                        ("parked requests", service.requestsParked), ("blocks of requests", service.blocksOfRequests),
                    ])
                },
                missing: { shape in
                    var missing = service.gaps
                    if service.linkedPeers != shape.routers - 1 { missing.append("it has links to \(service.linkedPeers) other routers") }
                    if service.usableWorkers != shape.workers.count { missing.append("it may use \(service.usableWorkers) workers") }
                    return missing
                },
                errors: { $0.errors(of: service) })
        }
    }

    private static func worker(_ arguments: [String]) throws -> VirtualProgram {
        let options = WorkerOptions(), resolved = try resolve(options.table, arguments)
        return VirtualProgram(options.process, resolved, id: options.id(resolved)) { context in
            let service = WorkerService(try options.config(resolved), context)
            return Parts(
                service: service, openRequests: { service.openRequests }, canServe: { service.registeredRouters > 0 },
                whenCrashed: { service.whenCrashed = $0 },
                held: {
                    counts([
                        ("requests", service.openRequests), ("rooms", service.openRooms), ("bytes of KV state", service.kvBytesHeld),
                    ])
                        + (service.openRequests == 0 && !service.isIdle ? ["its engine works"] : [])
                },
                truth: { WorkerTruth(service) })
        }
    }

    private static func counts(_ held: [(String, Int)]) -> [String] { held.filter { $0.1 != 0 }.map { "\($0.1) \($0.0)" } }

    private static func description(_ name: String) -> ProcessDescription {
        ProcessDescription(name: name, summary: "In a simulation.", protocolVersion: WireVersion.current.description)
    }

    private static func resolve(_ table: OptionTable, _ arguments: [String]) throws -> ResolvedConfiguration {
        switch table.invocation(arguments: arguments, environment: [:], files: .system) {
        case .run(let resolved, _): return resolved
        case .exit(_, _, let diagnostics): throw Unmet("\(table.process.name) \(arguments) is a good command line: \(diagnostics)")
        }
    }
}
