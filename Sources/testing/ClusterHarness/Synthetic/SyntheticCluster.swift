import ClusterModel
package import EventLoop
package import Transport
import WireProtocol

/// A cluster that does not exist, as it would tell of itself: one router, any number of workers and a frontend, whose streams say what so many requests a
/// second would make them say. What follows a cluster is tried on it, without the machines.
///
/// It computes nothing and places nothing: who asks it for a plan is refused.
@LoopActor
package final class SyntheticCluster {
    package struct Size: Sendable {
        package var workers = 200
        package var requestsPerSecond = 5_000
        /// How long each runs.
        package var span = Duration.seconds(1)

        package init() {}
    }

    /// Beyond loopback nobody needs it; in a simulation it has a host.
    package struct Place: Sendable {
        package let host: String
        package let links: UInt16
        package let feed: UInt16
        /// Of workers and the frontend: 0 lets the system choose, else ports from here on.
        package let others: UInt16

        package init(host: String, links: UInt16, feed: UInt16, others: UInt16) {
            self.host = host
            self.links = links
            self.feed = feed
            self.others = others
        }
    }

    private let size: Size
    private let loop: Loop
    private let card: ModelCard
    private let router: SyntheticRouter
    private var workers: [SyntheticWorker] = []
    private let entries: [WorkerEntry]
    private let frontend: FeedPublisher
    private let frontendGeneration: UInt64
    private var random: SeededRandom
    private var timer: TimerHandle?
    private var began: Instant?
    private var started = 0
    /// By when they end; the line is in that order, since all take equally long.
    private var running: [SyntheticRequest] = []
    private var nextEnd = 0
    private var ended: UInt64 = 0
    private var tokens: UInt64 = 0
    private var beats = 0

    /// Twenty times a second, which is more often than processes flush.
    private static let beat = Duration.milliseconds(50)
    /// A load of each worker four times a second.
    private static let beatsPerLoad = 5
    /// Changes in one message of a feed: a slice has some 150 bytes.
    private static let changesPerMessage = 200

    package init(_ size: Size, at place: Place, policy: LinkPolicy, seed: UInt64, loop: Loop, network: any Network) throws {
        self.size = size
        self.loop = loop
        random = SeededRandom(seed: seed)
        var card = ModelCard()
        card.name = "synthetic"
        card.weights = "none"
        card.blockSize = 16
        card.contextLength = 131_072
        card.vocabularySize = 256
        card.digest = card.computedDigest
        self.card = card
        frontendGeneration = random.next()
        func port(_ index: Int) -> UInt16 { place.others == 0 ? 0 : place.others + UInt16(index) }
        frontend = try FeedPublisher(
            on: Address(host: place.host, port: port(0)), kind: .frontendState, publisher: 1, generation: frontendGeneration, loop: loop,
            network: network)
        for number in 0..<size.workers {
            workers.append(
                try SyntheticWorker(
                    number, card, role: number % 4 == 0 ? .prefill : .decode, links: Address(host: place.host, port: port(1 + 2 * number)),
                    feed: Address(host: place.host, port: port(2 + 2 * number)), generation: random.next(), policy: policy, loop: loop,
                    network: network))
        }
        entries = workers.map(\.entry)
        let known = FrontendEntry(
            frontendID: 1, generation: frontendGeneration, name: "synthetic-frontend", state: .ready,
            endpoints: Endpoints(linkAddress: "", feedAddress: frontend.address.description), httpAddress: "127.0.0.1:1")
        router = try SyntheticRouter(
            card, entries, known, links: Address(host: place.host, port: place.links),
            feed: Address(host: place.host, port: place.feed), generation: random.next(), policy: policy, loop: loop, network: network)
    }

    package var routerAddress: Address { router.address }
    package var requestsEnded: UInt64 { ended }
    package var openLinks: Int { router.openLinks + workers.reduce(0) { $0 + $1.openLinks } }

    package func start() {
        began = loop.now
        tick()
    }

    package func stop() {
        loop.cancel(timer)
        router.close()
        for worker in workers { worker.close() }
        frontend.close()
    }

    // MARK: What happens

    private func tick() {
        timer = loop.schedule(after: Self.beat) { [weak self] in self?.tick() }
        guard let began else { return }
        let now = loop.now
        beats += 1
        var placements: [RouterChange] = [], told: [[WorkerEvent]] = Array(repeating: [], count: workers.count)
        let due = Int(Double(began.duration(to: now).inMicroseconds) * 1e-6 * Double(size.requestsPerSecond))
        while started < due {
            started += 1
            let request = SyntheticRequest(
                number: UInt64(started), origin: frontendGeneration,
                prefill: pick(4 * Int(random.next() % UInt64(max(workers.count / 4, 1)))),
                decode: pick(Int(random.next() % UInt64(workers.count))), draw: random.next(), endsAt: now + size.span)
            running.append(request)
            placements.append(.routeSlice(request.route(entries)))
            for (place, events) in request.beginning(router: router.id) { told[place] += events }
        }
        var slices: [FrontendChange] = []
        while nextEnd < running.count, running[nextEnd].endsAt <= now {
            let request = running[nextEnd]
            nextEnd += 1
            ended += 1
            tokens += UInt64(request.outputTokens)
            let (place, event) = request.end()
            told[place].append(event)
            slices.append(.requestSlice(request.slice(card.name, at: loop.wallClockMilliseconds, ran: size.span)))
        }
        if nextEnd > 10_000 {
            running.removeFirst(nextEnd)
            nextEnd = 0
        }
        if beats % Self.beatsPerLoad == 0 {
            placements += workers.map { .placementLoad($0.load(random.next())) }
            placements.append(
                .queueDepth(
                    QueueDepth(
                        model: card.name, pool: card.digest, requests: UInt32(random.next() % 50), tokens: random.next() % 50_000,
                        oldestMilliseconds: UInt32(random.next() % 900), drainedTokensPerSecond: 100_000)))
            slices.append(
                .frontendLoad(
                    FrontendLoad(
                        connections: 100, requests: UInt32(running.count - nextEnd), streams: UInt32(running.count - nextEnd),
                        bufferedBytes: 0,
                        requestsTotal: UInt64(started), tokensTotal: tokens)))
        }
        router.tell(placements, inMessagesOf: Self.changesPerMessage)
        for start in stride(from: 0, to: slices.count, by: Self.changesPerMessage) {
            let part = Array(slices[start..<min(start + Self.changesPerMessage, slices.count)])
            frontend.publish(count: part.count) { Codec.appendBody(FrontendState(changes: part), to: &$0) }
        }
        for (place, events) in told.enumerated() where !events.isEmpty { workers[place].tell(events) }
    }

    private func pick(_ place: Int) -> Int { min(place, workers.count - 1) }
}
