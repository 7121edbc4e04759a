import EventLoop
import Glibc
import ProcessKit
import ServiceRuntime
import WorkerService

/// `workerd`: one engine, offered to every router, streaming to every frontend.
@main
struct Main {
    nonisolated static func main() {
        LargeAllocations.reuse()
        let options = WorkerOptions()
        let process = ProcessMain(
            options.table, options.process, listeners: [options.listen, options.publish], id: { options.id($0) },
            startLimit: WorkerService.startLimit
        ) { context, resolved, admin, host in
            let service = WorkerService(try options.config(resolved), context)
            admin.readiness = { service.registeredRouters > 0 && service.takesWork }
            // A worker without its engine is of no use; whoever watches over processes starts another one.
            service.whenFailed = { host.request(.failed($0)) }
            // An injected crash: no drain, no goodbye, nothing flushed, as after kill -9.
            service.whenCrashed = { _exit(ExitCode.failure.rawValue) }
            service.takeOrders(on: admin)
            admin.debugState = { service.debugState(into: &$0) }
            return [service]
        }
        exit(process.run(arguments: Array(CommandLine.arguments.dropFirst())).rawValue)
    }
}
