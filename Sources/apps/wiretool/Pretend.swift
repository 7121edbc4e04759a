import ClusterHarness
import ClusterModel
import EventLoop
import LoadGeneration
import ServiceRuntime
import Transport
import WireProtocol

/// `wiretool pretend`: the streams of a cluster that does not exist, for what follows clusters. It prints `listening ADDRESS` first.
enum Pretend {
    nonisolated static func run(_ arguments: [String]) -> ExitCode {
        var table = OptionTable(
            ProcessDescription(
                name: "wiretool pretend",
                summary: "Says what a router, many workers and a frontend would say of so many requests a second. It serves none.",
                protocolVersion: WireVersion.current.description,
                examples: [
                    .init("wiretool pretend --workers 200 --requests 5000", "then: frontend --routers with the address that it prints")
                ]))
        let workers = table.option("workers", .integer(1...2_000), default: 200, help: "Workers, of one rank each.")
        let requests = table.option("requests", .integer(1...100_000), default: 5_000, help: "Requests a second, of two legs each.")
        let limit = table.option(
            "for", .duration(.seconds(1)...(.seconds(86_400))), default: .seconds(3_600), help: "Ends by itself after this long.")
        let options = LinkOptions(in: &table)
        switch CommandInvocation(table, arguments) {
        case .end(let code): return code
        case .run(let resolved):
            var size = SyntheticCluster.Size()
            size.workers = resolved[workers]
            size.requestsPerSecond = resolved[requests]
            return CommandLoop.run("wiretool pretend") { [size] loop, stop in
                do {
                    let network = try NngNetwork(on: loop, tls: options.tls(resolved))
                    defer { network.close() }
                    let cluster = try SyntheticCluster(
                        size, at: .init(host: "127.0.0.1", links: 0, feed: 0, others: 0),
                        policy: options.policy(resolved, name: "pretender", on: loop), seed: 1, loop: loop, network: network)
                    say("listening \(cluster.routerAddress)")
                    cluster.start()
                    _ = await stop.wait(until: loop.now + resolved[limit])
                    cluster.stop()
                    await loop.sleep(for: .milliseconds(200))
                    say("\(cluster.requestsEnded) requests ended")
                    return .ok
                } catch {
                    complain("wiretool pretend: \(error)")
                    return .failure
                }
            }
        }
    }
}
