import ClusterModel
import EventLoop
import FrontendService
import JSONText
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
    final class Parts: @unchecked Sendable {
        // Safety: made, asked and dropped on the loop of one virtual process.
        let service: any Service
        let openRequests: @LoopActor () -> Int
        let canServe: @LoopActor () -> Bool
        /// What it holds that it should not hold at rest, in words.
        let held: @LoopActor () -> [String]
        /// What is above its limit, in words.
        let beyondLimits: @LoopActor () -> [String]
        /// To be called in the moment in which an injected fault ends the process.
        var whenCrashed: @LoopActor (@escaping @LoopActor () -> Void) -> Void = { _ in }
        /// To be called when a service cannot go on, and its process is to end.
        var whenFailed: @LoopActor (@escaping @LoopActor (String) -> Void) -> Void = { _ in }
        /// Of a router: requests that wait for a place.
        var parked: @LoopActor () -> Int = { 0 }
        /// What it does not see of a cluster of that shape, in words.
        var missing: @LoopActor (ClusterShape) -> [String] = { _ in [] }
        /// Of a worker.
        var truth: @LoopActor () -> WorkerTruth? = { nil }
        /// Of a worker: the legs that run there, and those that have ended and that its engine has not let go of.
        var legs: @LoopActor () -> (open: [OpenLeg], closing: [OpenLeg]) = { ([], []) }
        /// Of a worker: rooms, and bytes of state that is handed over, between links and engine.
        var handOvers: @LoopActor () -> (rooms: Int, bytes: Int) = { (0, 0) }
        /// Of a worker: all ranks lose what nobody uses at the moment.
        var clearCache: @LoopActor () -> Void = {}
        /// Of a frontend.
        var asked: @LoopActor () -> AskedLegs? = { nil }
        /// Of a router: where it is wrong about a worker, in words.
        var errors: @LoopActor (WorkerTruth) -> [String] = { _ in [] }
        /// Of a router: what it believes of a worker that the worker does not have, in words.
        var phantoms: @LoopActor (WorkerTruth) -> [String] = { _ in [] }

        init(
            service: any Service, openRequests: @escaping @LoopActor () -> Int, canServe: @escaping @LoopActor () -> Bool,
            held: @escaping @LoopActor () -> [String], beyondLimits: @escaping @LoopActor () -> [String]
        ) {
            self.service = service
            self.openRequests = openRequests
            self.canServe = canServe
            self.held = held
            self.beyondLimits = beyondLimits
        }
    }

    init(_ role: ClusterRole, arguments: [String], _ files: VirtualFiles) throws {
        switch role {
        case .frontend: self = try Self.frontend(arguments, files)
        case .router: self = try Self.router(arguments, files)
        case .worker: self = try Self.worker(arguments, files)
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

    private static func frontend(_ arguments: [String], _ files: VirtualFiles) throws -> VirtualProgram {
        let options = FrontendOptions(), resolved = try resolve(options.table, arguments, files)
        return VirtualProgram(options.process, resolved) { context in
            var config = try options.config(resolved)
            if files[SimulatedTenant.file] != nil { config.watchTenants(files.watched(SimulatedTenant.file)) }
            let service = FrontendService(config, context)
            let parts = Parts(
                service: service, openRequests: { service.openRequests }, canServe: { service.isServing },
                held: {
                    counts([("sessions to be closed", service.sessionsClosing), ("client connections", service.openConnections)])
                        + held(by: .frontend, service.debugState)
                }, beyondLimits: { service.beyondLimits })
            parts.missing = { shape in
                service.usableRouters == shape.routers ? [] : ["it may ask \(service.usableRouters) of \(shape.routers) routers"]
            }
            parts.asked = { AskedLegs(service) }
            return parts
        }
    }

    private static func router(_ arguments: [String], _ files: VirtualFiles) throws -> VirtualProgram {
        var table = OptionTable(description("router"))
        let own = RouterOptions(in: &table), shared = ProcessOptions(in: &table, role: .router, admin: "127.0.0.1:8102")
        let resolved = try resolve(table, arguments, files)
        return VirtualProgram(shared, resolved, id: own.routerID(resolved)) { context in
            let service = RouterService(try own.config(resolved), context)
            let parts = Parts(
                service: service, openRequests: { service.leasesHeld }, canServe: { !service.isDraining },
                held: { counts([("blocks of requests", service.blocksOfRequests)]) + held(by: .router, service.debugState) },
                beyondLimits: { service.beyondLimits })
            parts.missing = { shape in
                var missing = service.gaps
                if service.linkedPeers != shape.routers - 1 { missing.append("it has links to \(service.linkedPeers) other routers") }
                if service.usableWorkers != shape.workers.count { missing.append("it may use \(service.usableWorkers) workers") }
                return missing
            }
            parts.parked = { service.requestsParked }
            parts.errors = { $0.errors(of: service) }
            parts.phantoms = { $0.phantoms(of: service) }
            return parts
        }
    }

    private static func worker(_ arguments: [String], _ files: VirtualFiles) throws -> VirtualProgram {
        let options = WorkerOptions(), resolved = try resolve(options.table, arguments, files)
        return VirtualProgram(options.process, resolved, id: options.id(resolved)) { context in
            var config = try options.config(resolved)
            let books = EngineBooks()
            config.engine = books.open(config.engine)
            let service = WorkerService(config, context)
            let parts = Parts(
                service: service, openRequests: { service.openRequests }, canServe: { service.registeredRouters > 0 },
                held: {
                    (service.openRequests == 0 && !service.isIdle ? ["its engine works"] : []) + books.problems(beside: service)
                        + held(by: .worker, service.debugState)
                }, beyondLimits: { service.beyondLimits + books.beyondLimits })
            parts.whenCrashed = { service.whenCrashed = $0 }
            parts.whenFailed = { service.whenFailed = $0 }
            parts.truth = { WorkerTruth(service) }
            parts.handOvers = { (service.openRooms, service.kvBytesHeld) }
            parts.clearCache = { for rank in service.ranks { service.clearCache(ofRank: rank) } }
            parts.legs = { (service.openLegs, service.closingLegs) }
            return parts
        }
    }

    /// What it says on `/debug/state`, read as an operator's check would read it.
    @LoopActor
    private static func held(by role: ClusterRole, _ state: @LoopActor (inout JSONWriter) -> Void) -> [String] {
        var json = JSONWriter()
        json.beginObject()
        json.key("state")
        state(&json)
        json.endObject()
        guard let document = try? JSONValue(parsing: json.finish()) else { return ["what it does not tell: its state is no JSON"] }
        return RestCheck.held(in: document, of: role)
    }

    private static func counts(_ held: [(String, Int)]) -> [String] { held.filter { $0.1 != 0 }.map { "\($0.1) \($0.0)" } }

    private static func description(_ name: String) -> ProcessDescription {
        ProcessDescription(name: name, summary: "In a simulation.", protocolVersion: WireVersion.current.description)
    }

    /// Files of the simulation; those of the machine only where a test has made some for it.
    private static func resolve(_ table: OptionTable, _ arguments: [String], _ files: VirtualFiles) throws -> ResolvedConfiguration {
        switch table.invocation(arguments: arguments, environment: [:], files: files.isEmpty ? .system : files.reader) {
        case .run(let resolved, _): return resolved
        case .exit(_, _, let diagnostics): throw Unmet("\(table.process.name) \(arguments) is a good command line: \(diagnostics)")
        }
    }
}
