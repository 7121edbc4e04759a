import Glibc
import ProcessKit
import RouterService
import ServiceRuntime
import WireProtocol

/// `router`: decides which worker runs a request.
@main
struct Main {
    nonisolated static func main() {
        var table = OptionTable(description)
        let own = RouterOptions(in: &table)
        let shared = ProcessOptions(in: &table, role: .router, admin: "127.0.0.1:8102")
        let replay = DecisionReplayCommand(in: &table)
        let process = ProcessMain(
            table, shared, listeners: [own.listen, own.publish], id: { own.routerID($0) }, command: { replay.run($0) }
        ) { context, resolved, admin, _ in
            let router = RouterService(try own.config(resolved), context)
            router.takeOrders(on: admin)
            admin.debugState = { router.debugState(into: &$0) }
            return [router]
        }
        exit(process.run(arguments: Array(CommandLine.arguments.dropFirst())).rawValue)
    }

    private nonisolated static var description: ProcessDescription {
        ProcessDescription(
            name: "router",
            summary: "Knows the workers of an Apus cluster and decides which of them runs a request. Workers and frontends dial it.",
            protocolVersion: WireVersion.current.description,
            examples: [
                .init("router", "serve this machine's workers and frontends"),
                .init(
                    "router --listen tcp://0.0.0.0:8100 --publish tcp://0.0.0.0:8101 --cluster-secret-file /etc/apus/secret",
                    "serve other machines too; peers prove that they know the secret"),
                .init("router --replay-decision decision.json", "make a recorded decision again"),
                .init("router --print-config", "show every setting and where it comes from"),
            ])
    }
}
