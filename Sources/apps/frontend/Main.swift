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
            let service = FrontendService(try options.config(resolved), context)
            admin.readiness = { service.isServing }
            admin.question("/v1/requests/{id}/decision") { await service.explain($0) }
            admin.debugState = { service.debugState(into: &$0) }
            return [service]
        }
        exit(process.run(arguments: Array(CommandLine.arguments.dropFirst())).rawValue)
    }
}
