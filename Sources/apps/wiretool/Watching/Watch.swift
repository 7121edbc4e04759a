import ClusterModel
import EventLoop
import LoadGeneration
import ServiceRuntime
import StreamFollowing
import Transport
import WireProtocol

/// `wiretool watch`: a living cluster, or the events of one worker, one a line. Guide: `deploy/guides/watching.md`.
enum Watch {
    /// What the command line says of a cluster.
    struct ClusterWish: Sendable {
        let routers: [Address]
        let isJSON: Bool
        let once: Bool
        let count: Int?
        let span: Duration?
    }

    /// What it says of a worker.
    struct Wish: Sendable {
        let events: Address
        let links: Address?
        let showsBeats: Bool
        let showsSnapshot: Bool
        let isJSON: Bool
        let count: Int?
        let limit: Duration?
    }

    /// What was said last leaves in that time.
    private static let goodbyes = Duration.milliseconds(20)

    nonisolated static func run(_ arguments: [String]) -> ExitCode {
        var table = OptionTable(
            ProcessDescription(
                name: "wiretool watch",
                summary: """
                    With --router it shows what a living cluster does: each request as it ends, with what frontend, router and worker spent \
                    on it, the load of every rank, and what waits in queues; a table on a terminal, lines elsewhere. With --events it prints \
                    the events of one worker as they come; with --links too it follows them as a router does, and asks for what was lost.
                    """,
                protocolVersion: WireVersion.current.description,
                examples: [
                    .init("wiretool watch --router tcp://127.0.0.1:8100", "a cluster, until it is interrupted"),
                    .init("wiretool watch --router tcp://127.0.0.1:8100 --once --json", "its loads and queues now, for a program"),
                    .init("wiretool watch --events tcp://127.0.0.1:41234 --json --count 100", "a hundred events of a worker"),
                    .init(
                        "wiretool watch --events tcp://127.0.0.1:41234 --links tcp://127.0.0.1:41233 --snapshot", "and what it holds now"),
                ]))
        let routers = table.list("router", .address(.peer), count: 0...RecordLimits.routers, help: "Every router of the cluster.")
        let events = table.optional("events", .address(.peer), help: "A worker's feed; its log names it, and a router's directory.")
        let links = table.optional("links", .address(.peer), help: "The worker's links: for what was lost, and for --snapshot.")
        let beats = table.flag("beats", help: "Also prints the beats of a worker's silent feed.")
        let snapshot = table.flag("snapshot", help: "First prints a summary of what the worker holds; needs --links.")
        let json = table.flag("json", help: "Prints one object of JSON a line.")
        let once = table.flag("once", help: "Prints loads and queues as they are, and ends; with --router.")
        let count = table.optional("count", .integer(1...Int.max), help: "Ends after so many requests, or events of a worker.")
        let span = table.optional(
            "for", .duration(.seconds(1)...(.seconds(7 * 86_400))), help: "Ends after this time; unset: when it is interrupted.")
        let options = LinkOptions(in: &table)
        table.check(links, snapshot) { [links, snapshot] resolved in
            guard resolved[snapshot], resolved[links] == nil else { return [] }
            return [resolved.issue(links, problem: "--snapshot asks the worker, which needs an address", remedy: "give --links")]
        }
        table.check(routers, events) { [routers, events] resolved in
            guard resolved[routers].isEmpty == (resolved[events] == nil) else { return [] }
            return [resolved.issue(routers, problem: "either a cluster is watched or a worker", remedy: "give --router or --events")]
        }
        table.check(events, once) { [events, once] resolved in
            guard resolved[once], resolved[events] != nil else { return [] }
            return [resolved.issue(once, problem: "events of a worker have no end", remedy: "give --count or --for")]
        }
        switch CommandInvocation(table, arguments) {
        case .end(let code): return code
        case .run(let resolved):
            return CommandLoop.run("wiretool watch") { loop, stop in
                do {
                    let network = try NngNetwork(on: loop, tls: options.tls(resolved))
                    defer { network.close() }
                    let endpoint = LinkEndpoint(loop: loop, network: network, policy: options.policy(resolved, name: "watcher", on: loop))
                    guard let feed = resolved[events] else {
                        let wish = ClusterWish(
                            routers: try resolved[routers].map { try Address(parsing: $0) }, isJSON: resolved[json], once: resolved[once],
                            count: resolved[count], span: resolved[span])
                        let code = await (try ClusterWatch(wish, endpoint: endpoint, loop: loop, network: network, stop: stop)).run()
                        await loop.sleep(for: goodbyes)
                        return code
                    }
                    let wish = Wish(
                        events: try Address(parsing: feed), links: try resolved[links].map { try Address(parsing: $0) },
                        showsBeats: resolved[beats], showsSnapshot: resolved[snapshot], isJSON: resolved[json], count: resolved[count],
                        limit: resolved[span])
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
        await loop.sleep(for: goodbyes)
        guard watcher.hasHeard else {
            complain("wiretool watch: nothing was heard from \(wish.events)")
            return .failure
        }
        return .ok
    }
}
