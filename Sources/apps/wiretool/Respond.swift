import ClusterModel
import EventLoop
import LoadGeneration
import ServiceRuntime
import TestSupport
import Transport
import WireProtocol

/// `wiretool respond`: a peer for checkers. It prints `listening ADDRESS` first.
enum Respond {
    nonisolated static func run(_ arguments: [String]) -> ExitCode {
        var table = OptionTable(
            ProcessDescription(
                name: "wiretool respond",
                summary: "Answers every kind of link from its own state: hashes, plans, tokens, KV rooms, files.",
                protocolVersion: WireVersion.current.description,
                examples: [
                    .init("wiretool respond --listen tcp://127.0.0.1:8100", "waits for links; proto-spec/check.py --live dials it")
                ]))
        let listen = table.option(
            "listen", .address(.listener), default: "tcp://127.0.0.1:0", help: "Where to listen; port 0 lets the system choose.")
        let limit = table.option(
            "for", .duration(.seconds(1)...(.seconds(86_400))), default: .seconds(3_600), help: "Ends by itself after this long.")
        let options = LinkOptions(in: &table)
        switch CommandInvocation(table, arguments) {
        case .end(let code): return code
        case .run(let resolved):
            return CommandLoop.run("wiretool respond") { loop, stop in await serve(resolved, listen, limit, options, loop, stop) }
        }
    }

    @LoopActor
    private static func serve(
        _ resolved: ResolvedConfiguration, _ listen: OptionKey<String>, _ limit: OptionKey<Duration>, _ options: LinkOptions,
        _ loop: EpollLoop, _ stop: Promise<Void>
    ) async -> ExitCode {
        do {
            let network = try NngNetwork(on: loop, tls: options.tls(resolved))
            defer { network.close() }
            let responder = Responder(
                loop: loop, network: network, policy: options.policy(resolved, name: "responder", on: loop), log: complain)
            let address = try responder.listen(on: try Address(parsing: resolved[listen]))
            say("listening \(address)")
            _ = await stop.wait(until: loop.now + resolved[limit])
            responder.close()
            // The goodbyes leave, and are acknowledged or given up.
            let end = loop.now + TransportLimits.goodbye + .milliseconds(500)
            while responder.openLinks > 0, loop.now < end { await loop.sleep(for: .milliseconds(10)) }
            return .ok
        } catch {
            complain("wiretool respond: \(error)")
            return .failure
        }
    }
}
