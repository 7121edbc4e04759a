import ClusterFollowing
import ClusterModel
import EventLoop
import Glibc
import ServiceRuntime
import StreamFollowing
import Transport
import WireProtocol

/// `wiretool watch --router`: what a living cluster does. Requests as they end, put together from what three processes tell; how busy ranks and queues
/// are. A table on a terminal, lines elsewhere, objects of JSON for programs.
@LoopActor
final class ClusterWatch: ClusterObserver {
    private let wish: Watch.ClusterWish
    private let loop: EpollLoop
    private let stop: Promise<Void>
    private let cluster: ClusterFollower
    private var book = TimelineBook()
    private var names: [UInt64: String] = [:]
    private var shown = 0
    private var gaps = 0
    private var hasHead = false
    /// What was printed last, so that only what changed is.
    private var ranks: [LoadPlace: ClusterLoad.Rank] = [:]
    private var queues: [QueuePlace: ClusterLoad.Queue] = [:]
    /// On a terminal: the last requests, oldest first.
    private var recent: [String] = []
    private let isTable: Bool

    private struct QueuePlace: Hashable {
        let router: Int
        let pool: Digest
    }

    private static let beat = Duration.milliseconds(250)
    /// Loads and queues are looked at this often; routers say them no more than four times a second.
    private static let interval = Duration.seconds(1)
    /// What happened before the end is on its way for so long, and one that misses a word of somebody waits as long for it.
    private static let lastWords = Duration.milliseconds(1_750)
    /// Below the loads of a table.
    private static let recentRequests = 20

    init(_ wish: Watch.ClusterWish, endpoint: LinkEndpoint, loop: EpollLoop, network: NngNetwork, stop: Promise<Void>) throws {
        self.wish = wish
        self.loop = loop
        self.stop = stop
        cluster = try ClusterFollower(wish.routers, endpoint: endpoint, loop: loop, network: network)
        isTable = !wish.isJSON && !wish.once && isatty(STDOUT_FILENO) == 1
    }

    func run() async -> ExitCode {
        switch await cluster.join(stop, telling: self) {
        case .inStep: break
        case .stopped: return end(.ok)
        case .failed(let reason):
            complain("wiretool watch: \(EventText.plain(reason))")
            return end(.failure)
        }
        let began = loop.now
        book.begin()
        complain(
            "wiretool watch: follows \(cluster.workerCount) workers and \(cluster.frontendCount) frontends of \(cluster.routersInStep) of "
                + "\(wish.routers.count) routers")
        show(everything: true)
        if wish.once { return end(.ok) }
        var next = began + Self.interval
        while await stop.wait(until: loop.now + Self.beat) == nil {
            turn()
            if loop.now >= next {
                next = loop.now + Self.interval
                show(everything: false)
            }
            if let span = wish.span, began.duration(to: loop.now) >= span { stop.fulfil(()) }
        }
        let limit = loop.now + Self.lastWords
        while loop.now < limit, !isDone {
            await loop.sleep(for: Self.beat)
            turn()
        }
        show(everything: false)
        return end(.ok)
    }

    private func end(_ code: ExitCode) -> ExitCode {
        cluster.stop()
        if book.dropped > 0 { complain("wiretool watch: \(book.dropped) words on requests past the bound were not followed") }
        if gaps > 0 { complain("wiretool watch: \(gaps) gaps in streams were made up for, or hide something") }
        return code
    }

    private var isDone: Bool { wish.count.map { shown >= $0 } ?? false }
    private var milliseconds: Int64 { loop.wallClockMilliseconds }

    private func turn() {
        cluster.tick()
        book.tick(at: loop.now)
        for timeline in book.takeEnded() where !isDone {
            shown += 1
            tell(timeline)
        }
        if isDone { stop.fulfil(()) }
    }

    // MARK: Printing

    private func tell(_ timeline: Timeline) {
        if wish.isJSON { return say(WatchJSON.request(timeline, at: milliseconds)) }
        let line = WatchText.request(timeline, named: names, cuts: isTable)
        if isTable {
            recent.append(line)
            if recent.count > Self.recentRequests { recent.removeFirst() }
        } else {
            if !hasHead { say(WatchText.requestHead) }
            hasHead = true
            say(line)
        }
    }

    private func show(everything: Bool) {
        let load = ClusterLoad(cluster.routers.filter(\.isCurrent).map { ($0.ordinal, $0.directory) })
        names = [:]
        // A worker keeps its name when the router that told it is gone.
        for router in cluster.routers { names.merge(router.directory.workers.mapValues(\.name)) { first, _ in first } }
        if isTable { return draw(load) }
        var newRanks: [LoadPlace: ClusterLoad.Rank] = [:], newQueues: [QueuePlace: ClusterLoad.Queue] = [:]
        for rank in load.ranks {
            let place = LoadPlace(worker: rank.load.workerID, rank: rank.load.load.rank)
            newRanks[place] = rank
            guard everything || ranks[place] != rank else { continue }
            say(wish.isJSON ? WatchJSON.load(rank, at: milliseconds) : "load   \(WatchText.load(rank))")
        }
        for queue in load.queues {
            let place = QueuePlace(router: queue.router, pool: queue.depth.pool)
            newQueues[place] = queue
            guard everything || queues[place] != queue else { continue }
            say(wish.isJSON ? WatchJSON.queue(queue, at: milliseconds) : "queue  \(WatchText.queue(queue))")
        }
        (ranks, queues) = (newRanks, newQueues)
    }

    /// From the top of the screen, over what was there.
    private func draw(_ load: ClusterLoad) {
        let routers = "\(cluster.routersInStep) of \(wish.routers.count) routers"
        let lines = WatchScreen(size: WatchScreen.sizeOfTerminal()).lines(
            "\(shown) requests ended, \(book.openCount) open, \(gaps) gaps, \(routers)",
            ranks: load.ranks.map { WatchText.load($0, cuts: true) }, queues: load.queues.map { WatchText.queue($0, cuts: true) },
            requests: recent)
        say("\u{1B}[H\u{1B}[J" + lines.joined(separator: "\n"))
    }

    // MARK: What the cluster tells

    func told(_ card: ModelCard) {}
    func joined(_ entry: WorkerEntry) -> Bool { true }
    func left(_ life: FollowedLife) { book.left(life, at: loop.now) }

    func told(_ change: RouterChange, by router: FollowedRouter) {
        if case .routeSlice(let slice) = change { book.placed(slice, by: router.ordinal, at: loop.now) }
    }

    func joined(frontend: UInt64) { book.joined(frontend: frontend) }
    func left(frontend: UInt64) { book.left(frontend: frontend) }
    func told(_ slice: RequestSlice, by frontend: UInt64) { book.told(slice, by: frontend, at: loop.now) }

    func told(_ event: WorkerEvent, by life: FollowedLife) { book.event(event, on: life, at: loop.now) }
    func rejoined(_ life: FollowedLife, held: Set<UInt64>) { book.rejoined(life, held: held) }
    func noted(_ notice: StreamNotice) { if case .gap = notice { gaps += 1 } }
    func cannotFollow(_ what: String) { complain("wiretool watch: not followed: \(EventText.plain(what))") }
}
