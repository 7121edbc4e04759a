import ClusterModel
import EventLoop
import LoadGeneration
import ServiceRuntime
import Transport
import WireProtocol

/// `wiretool record`: what a living cluster is asked, and what it makes of that, into a file without any text. Guide:
/// `deploy/guides/recording.md`.
enum RecordCommand {
    /// What the command line says.
    struct Wish: Sendable {
        let routers: [Address]
        let path: String
        let span: Duration?
        let requests: Int?
        let bytes: Int
        /// A second.
        let decisions: Int
    }

    /// So that a record holds its requests and no more work is put on a router than on one busy frontend's account.
    private static let decisionsEachSecond = 200

    nonisolated static func run(_ arguments: [String]) -> ExitCode {
        var table = OptionTable(
            ProcessDescription(
                name: "wiretool record",
                summary: """
                    Writes one line for each request that ends in a living cluster: when it came, how long its prompt and its answer were, \
                    what it shared with others, where it was sent and what became of it. Never text, never tokens. `loadgen` replays and \
                    simulates such files.
                    """,
                protocolVersion: WireVersion.current.description,
                examples: [
                    .init("wiretool record --router tcp://127.0.0.1:8100 --for 60s --out minute.jsonl", "a minute"),
                    .init(
                        "wiretool record --router tcp://10.0.0.5:8100,tcp://10.0.0.6:8100 --requests 10000 --out day.jsonl",
                        "ten thousand requests, of two routers"),
                ]))
        let routers = table.list("router", .address(.peer), count: 1...RecordLimits.routers, help: "Every router of the cluster.")
        let out = table.required("out", .path("FILE"), help: "The file; one that exists is not written over.")
        let span = table.optional(
            "for", .duration(.seconds(1)...(.seconds(7 * 86_400))), help: "How long is recorded; unset: until it is interrupted.")
        let requests = table.optional("requests", .integer(1...RecordLimits.requests), help: "Ends when so many requests have ended.")
        let limit = table.option(
            "limit", .bytes(64 << 10...RecordLimits.largestFile), default: RecordLimits.fileBytes, help: "Ends when the file has this size."
        )
        let decisions = table.option(
            "decisions", .integer(0...100_000), default: decisionsEachSecond,
            help: "Of so many requests a second the routers are asked for queue time, policy and session; the others' are not known.")
        let options = LinkOptions(in: &table)
        table.check(routers) { [routers] resolved in
            resolved[routers].isEmpty
                ? [resolved.issue(routers, problem: "no router is named", remedy: "give --router tcp://HOST:PORT")] : []
        }
        switch CommandInvocation(table, arguments) {
        case .end(let code): return code
        case .run(let resolved):
            return CommandLoop.run("wiretool record") { loop, stop in
                do {
                    let wish = Wish(
                        routers: try resolved[routers].map { try Address(parsing: $0) }, path: resolved[out], span: resolved[span],
                        requests: resolved[requests], bytes: resolved[limit], decisions: resolved[decisions])
                    let network = try NngNetwork(on: loop, tls: options.tls(resolved))
                    defer { network.close() }
                    let policy = options.policy(resolved, name: "recorder", on: loop)
                    let recorder = try Recorder(
                        wish, endpoint: LinkEndpoint(loop: loop, network: network, policy: policy), loop: loop, network: network, stop: stop
                    )
                    return await recorder.run()
                } catch {
                    complain("wiretool record: \(error)")
                    return .failure
                }
            }
        }
    }
}
