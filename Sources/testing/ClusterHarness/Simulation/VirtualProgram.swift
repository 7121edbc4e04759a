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

    struct Parts {
        let services: [any Service]
        /// What it holds that it should not hold at rest, in words.
        let held: @LoopActor () -> [String]
        let service: AnyObject
    }

    init(_ role: ClusterRole, arguments: [String]) throws {
        switch role {
        case .frontend:
            let options = FrontendOptions()
            let resolved = try Self.resolve(options.table, arguments)
            self.init(options.process, resolved, id: nil) { context in
                let service = FrontendService(try options.config(resolved), context)
                return Parts(services: [service], held: { service.heldAtRest }, service: service)
            }
        case .router:
            let options = RouterOptions()
            let resolved = try Self.resolve(options.table, arguments)
            self.init(options.process, resolved, id: nil) { context in
                let service = RouterService(try options.config(resolved), context)
                return Parts(services: [service], held: { service.heldAtRest }, service: service)
            }
        case .worker:
            let options = WorkerOptions()
            let resolved = try Self.resolve(options.table, arguments)
            self.init(options.process, resolved, id: options.id(resolved)) { context in
                let service = WorkerService(try options.config(resolved), context)
                return Parts(services: [service], held: { service.heldAtRest }, service: service)
            }
        }
    }

    private init(
        _ options: ProcessOptions, _ resolved: ResolvedConfiguration, id: UInt64?,
        parts: @escaping @LoopActor @Sendable (ProcessContext) throws -> Parts
    ) {
        self.options = options
        self.resolved = resolved
        self.id = id
        self.parts = parts
    }

    private static func resolve(_ table: OptionTable, _ arguments: [String]) throws -> ResolvedConfiguration {
        switch table.invocation(arguments: arguments, environment: [:], files: .system) {
        case .run(let resolved, _): return resolved
        case .exit(_, _, let diagnostics): throw Unmet("\(table.process.name) \(arguments) is a good command line: \(diagnostics)")
        }
    }
}
