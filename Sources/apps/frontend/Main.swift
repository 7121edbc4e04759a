import Dashboard
import FrontendService
import Glibc
import ProcessKit
import ServiceRuntime

/// `frontend`: OpenAI's HTTP API on one side, the cluster on the other.
@main
struct Main {
    nonisolated static func main() {
        let options = FrontendOptions()
        let process = ProcessMain(options.table, options.process, listeners: [options.publish]) { context, resolved, admin, _ in
            let config = try options.config(resolved)
            let service = FrontendService(config, context), dashboard = Dashboard(context, routers: config.routers)
            admin.readiness = { service.isServing }
            admin.question("/v1/requests/{id}/decision") { await service.explain($0) }
            admin.debugState = { service.debugState(into: &$0) }
            dashboard.request = { service.request(named: $0) }
            dashboard.barredWorkers = { service.barredWorkers }
            service.whenRequestEnded = { dashboard.ended($0) }
            dashboard.whenWatched = { isWatched in
                guard isWatched else { return service.planWait = nil }
                service.planWait = { wait in
                    switch wait {
                    case .began(let id, let tenant, let priorityClass):
                        dashboard.beganToWait(id, tenant: tenant, priorityClass: priorityClass)
                    case .ended(let id): dashboard.endedToWait(id)
                    }
                }
            }
            dashboard.serve(on: admin)
            return [service, dashboard]
        }
        exit(process.run(arguments: Array(CommandLine.arguments.dropFirst())).rawValue)
    }
}
