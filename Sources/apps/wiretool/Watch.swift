import ClusterModel
import EventLoop
import ServiceRuntime
import StreamFollowing
import Transport
import WireProtocol

/// `wiretool watch`: the events of a living worker, one a line.
enum Watch {
    /// What the command line says.
    struct Wish: Sendable {
        let events: Address
        let links: Address?
        let showsBeats: Bool
        let showsSnapshot: Bool
        let isJSON: Bool
        let count: Int?
        let limit: Duration?
    }

    nonisolated static func run(_ arguments: [String]) -> ExitCode {
        var table = OptionTable(
            ProcessDescription(
                name: "wiretool watch",
                summary: """
                    Prints the events of a worker as they come: number, time since the last one, and what happened. Without --links it shows \
                    what the feed brings, and where numbers are missing. With it, it follows the stream as a router does: joins by a \
                    snapshot, and asks for what was lost.
                    """,
                protocolVersion: WireVersion.current.description,
                examples: [
                    .init("wiretool watch --events tcp://127.0.0.1:41234", "prints until it is interrupted"),
                    .init(
                        "wiretool watch --events tcp://127.0.0.1:41234 --links tcp://127.0.0.1:41233 --snapshot", "and what there is now"),
                    .init("wiretool watch --events tcp://127.0.0.1:41234 --json --count 100", "a hundred events for a program"),
                ]))
        let events = table.required("events", .address(.peer), help: "The worker's feed; its log names it, and a router's directory.")
        let links = table.optional("links", .address(.peer), help: "The worker's links: for what was lost, and for --snapshot.")
        let beats = table.flag("beats", help: "Also prints the beats of a silent feed.")
        let snapshot = table.flag("snapshot", help: "First prints a summary of what the worker holds; needs --links.")
        let json = table.flag("json", help: "Prints each event as one line of JSON.")
        let count = table.optional("count", .integer(1...Int.max), help: "Ends after so many events.")
        let seconds = table.optional("seconds", .integer(1...86_400), help: "Ends after so many seconds.")
        let options = LinkOptions(in: &table)
        table.check(links, snapshot) { [links, snapshot] resolved in
            guard resolved[snapshot], resolved[links] == nil else { return [] }
            return [resolved.issue(links, problem: "--snapshot asks the worker, which needs an address", remedy: "give --links")]
        }
        switch CommandInvocation(table, arguments) {
        case .end(let code): return code
        case .run(let resolved):
            return onLoop { loop, stop in
                do {
                    let wish = Wish(
                        events: try Address(parsing: resolved[events]), links: try resolved[links].map { try Address(parsing: $0) },
                        showsBeats: resolved[beats], showsSnapshot: resolved[snapshot], isJSON: resolved[json], count: resolved[count],
                        limit: resolved[seconds].map { .seconds($0) })
                    let network = try NngNetwork(on: loop, tls: options.tls(resolved))
                    defer { network.close() }
                    let endpoint = LinkEndpoint(loop: loop, network: network, policy: options.policy(resolved, name: "watcher", on: loop))
                    return try await watch(wish, endpoint, network, loop, stop)
                } catch {
                    complain("wiretool watch: \(error)")
                    return .failure
                }
            }
        }
    }

    @LoopActor
    private static func watch(
        _ wish: Wish, _ endpoint: LinkEndpoint, _ network: NngNetwork, _ loop: EpollLoop, _ stop: Promise<Void>
    ) async throws -> ExitCode {
        let watcher = Watcher(wish, loop: loop) { stop.fulfil(()) }
        var follower: StreamFollower?
        if let links = wish.links {
            // Whose stream it is, and of which life.
            let link = try await endpoint.dial(links, kind: .recovery).get()
            let source = StreamSource(.workerEvents, publisher: link.peer.id, generation: link.peer.generation, feed: wish.events)
            link.goodbye(.done)
            follower = try StreamFollower(
                source, mirror: watcher, line: RecoveryLine(dialling: { links }, endpoint: endpoint, loop: loop), gate: RecoveryGate(),
                loop: loop, network: network)
        }
        let feed = try FeedSubscriber(to: wish.events, kind: .workerEvents, loop: loop, network: network, reader: watcher)
        // Nobody watches for a year.
        _ = await stop.wait(until: loop.now + (wish.limit ?? .seconds(365 * 86_400)))
        follower?.close()
        feed.close()
        await loop.sleep(for: .milliseconds(20))
        guard watcher.hasHeard else {
            complain("wiretool watch: nothing was heard from \(wish.events)")
            return .failure
        }
        return .ok
    }
}
