import ClusterFollowing
package import ClusterModel
package import EventLoop
import HTTPServing
import JSONText
package import ProcessKit
import ServiceRuntime
import Telemetry
package import Transport
package import WireProtocol

/// The dashboard of a cluster on a frontend's admin side: a page, the events that feed it, and requests by their ids.
///
/// The cluster is followed as any tool follows it, on links of its own, from the first page that is opened until a minute after the last was closed.
/// While nobody looks, all there is to it is what this frontend's own last requests were.
@LoopActor
package final class Dashboard {
    package let name = "dashboard"
    private let context: ProcessContext
    private let routers: [Address]
    private let feed: Address
    private var book = RequestBook()
    private(set) var picture: ClusterPicture?
    private var tables = PictureBook()
    private var timer: TimerHandle?
    private var lonely: TimerHandle?
    private var isClosed = false
    private lazy var watchers = Watchers { [weak self] in self?.watchersChanged() }
    private var waits = WaitBook()
    /// Told whether somebody watches: only then a frontend says which of its requests wait.
    package var whenWatched: (@LoopActor (Bool) -> Void)?
    /// Workers to which this frontend gives no requests, since they fail all of them.
    package var barredWorkers: (@LoopActor () -> [(worker: UInt64, failures: Int)])?
    /// What clients of this frontend call their requests, by their labels.
    package var request: (@LoopActor (_ label: String) -> RequestID?)?

    /// - Parameters:
    ///   - routers: the cluster's.
    ///   - feed: where the follower's own stream would be had; nothing is ever said there.
    package init(_ context: ProcessContext, routers: [Address], feed: Address = Address(host: "127.0.0.1", port: 0)) {
        self.context = context
        self.routers = routers
        self.feed = feed
    }

    /// Pages that are fed now.
    package var pages: Int { watchers.count }
    /// Whether the cluster is followed.
    package var isFollowing: Bool { picture != nil }

    // MARK: Service

    package func start() async throws {}
    package func drain() async -> Bool { true }

    package func stop() {
        isClosed = true
        watchers.close()
        endFollowing()
    }

    /// A request of this frontend's clients has ended.
    package func ended(_ slice: RequestSlice) { change { $0.endedHere(slice, origin: context.identity.generation) } }

    /// A request of this frontend's clients waits for a place from now on.
    package func beganToWait(_ id: RequestID, tenant: String, priorityClass: UInt32) {
        waits.began(id, tenant: tenant, priorityClass: priorityClass, at: context.loop.now)
    }

    /// It waits no more, whatever came of it.
    package func endedToWait(_ id: RequestID) { waits.ended(id, at: context.loop.now) }

    /// While the cluster is followed the picture has the book.
    private func change(_ body: (inout RequestBook) -> Void) {
        if let picture { body(&picture.book) } else { body(&book) }
    }

    private var requests: RequestBook { picture?.book ?? book }

    // MARK: Following

    private func watchersChanged() {
        guard !isClosed else { return }
        if watchers.count > 0 {
            context.loop.cancel(lonely)
            lonely = nil
            beginFollowing()
        } else if lonely == nil, picture != nil {
            lonely = context.loop.schedule(after: DashboardLimits.linger) { [weak self] in self?.endFollowing() }
        }
    }

    private func beginFollowing() {
        guard picture == nil else { return }
        var policy = context.policy
        // A tool, not this frontend: routers give nobody's plans to it, and answer it about everybody's decisions.
        policy.identity = Identity(
            role: .tool, id: context.loop.secureRandomUInt64(), generation: context.loop.secureRandomUInt64(),
            name: "\(context.identity.name)-dashboard".cut(toBytes: Limits.nameBytes))
        let endpoint = LinkEndpoint(loop: context.loop, network: context.network, policy: policy)
        do {
            let cluster = try ClusterFollower(routers, endpoint: endpoint, loop: context.loop, network: context.network, feed: feed)
            let picture = ClusterPicture(cluster, book: book, loop: context.loop)
            self.picture = picture
            picture.start()
            whenWatched?(true)
            context.log.info("dashboard follows the cluster", ["routers": .count(routers.count)])
        } catch {
            context.log.warning("dashboard cannot follow the cluster", ["reason": .text("\(error)")])
        }
        tick()
    }

    private func endFollowing() {
        context.loop.cancel(lonely)
        lonely = nil
        context.loop.cancel(timer)
        timer = nil
        guard let picture else { return }
        picture.stop()
        whenWatched?(false)
        waits = WaitBook()
        book = picture.book
        self.picture = nil
        tables.clear()
        context.log.info("dashboard follows the cluster no more")
    }

    private func tick() {
        timer = context.loop.schedule(after: DashboardLimits.tick) { [weak self] in self?.tick() }
        guard let picture else { return }
        let point = picture.tick()
        if point != nil { waits.beat() }
        let teller = PictureBook.Teller(
            name: context.identity.name, version: BuildInfo.version, generation: context.identity.generation, watchers: watchers.count)
        let own = point == nil ? [] : ownWarnings(picture)
        tables.update(from: picture, waits: waits, own: own, told: teller, point: point, at: context.loop.now)
        watchers.tell(tables.tables, atMilliseconds: context.loop.wallClockMilliseconds)
    }

    /// What no stream tells: of this frontend itself, and how it judges others.
    private func ownWarnings(_ picture: ClusterPicture) -> [Warning] {
        let now = context.loop.wallClockMilliseconds / 1_000
        let barred = (barredWorkers?() ?? []).map { worker, failures in
            Warning.barred(picture.names[worker] ?? Hexadecimal.text(worker), failures: failures)
        }
        return context.certificates.entries.flatMap { Warning.of($0, at: now) } + barred
    }

    // MARK: Answers

    /// Puts its paths beside those of the admin side.
    package func serve(on admin: AdminService) {
        admin.home = "/dashboard"
        admin.tokenChanged = { [weak self] in
            self?.watchers.close()
            self?.watchersChanged()
        }
        admin.webPage("/dashboard") { $0.respond(DashboardPage.response) }
        admin.webPage("/dashboard/events") { [weak self] in self?.events($0) }
        admin.webPage("/dashboard/requests") { [weak self] in self?.list($0) }
        admin.webPage("/dashboard/requests/{id}") { [weak self] in self?.one($0) }
    }

    private func events(_ exchange: HTTPExchange) {
        guard !isClosed, !watchers.isFull else {
            let reason = isClosed ? "this frontend is ending" : "\(DashboardLimits.watchers) pages are open already; close one of them"
            return refuse(exchange, .serviceUnavailable, reason)
        }
        watchers.add(exchange)
    }

    private func list(_ exchange: HTTPExchange) {
        let query = exchange.request.query, meant = query.first { $0.name == "id" }.flatMap { request?($0.value) }
        let question: RequestBook.Question
        do throws(QuestionFault) { question = try RequestBook.Question(query, meant: meant) } catch {
            return refuse(exchange, .badRequest, error.description)
        }
        var json = JSONWriter()
        json.beginObject()
        json.flag("following", picture != nil)
        json.key("requests")
        json.beginArray()
        for found in requests.requests(question) { RequestJSON.writeLine(found, to: &json) }
        json.endArray()
        json.endObject()
        exchange.respond(.json(.ok, json.finish(), headers: Self.unkept))
    }

    private func one(_ exchange: HTTPExchange) {
        let name = exchange.parameter("id") ?? ""
        guard let id = RequestID(text: name) ?? request?(name), let found = requests.request(id) else {
            return refuse(exchange, .notFound, "no such request is kept; it ended too long ago, or before anybody watched")
        }
        context.loop.spawn { [self] in
            let decisions = await decisions(on: found.timeline)
            exchange.respond(
                .json(.ok, RequestJSON.request(found, names: picture?.names ?? [:], decisions: decisions), headers: Self.unkept))
        }
    }

    /// Routers' records of each attempt, in order. Asked on the follower's links, who may ask about every frontend's requests.
    private func decisions(on timeline: Timeline) async -> [[UInt8]] {
        guard let picture else { return [] }
        let attempts = timeline.slice.map { Int($0.attempts) } ?? timeline.legs.map { Int($0.attempt) }.max() ?? 1
        var found: [[UInt8]] = []
        for attempt in 1...min(max(attempts, 1), DashboardLimits.explainedAttempts) {
            for router in picture.cluster.routers {
                guard let link = router.link else { continue }
                let question = ExplainQuestion(
                    request: RequestKey(origin: timeline.id.origin, counter: timeline.id.counter, attempt: UInt8(attempt)), ordinals: false)
                let answer = try? await link.ask(question, answeredBy: ExplainAnswer.self, within: DashboardLimits.explainLimit)
                // It is put into our own JSON: what is none stays out.
                if let record = answer?.decision, (try? JSONValue(parsing: record)) != nil { found.append(record) }
            }
        }
        return found
    }

    private static let unkept = [HTTPField("Cache-Control", "no-store")] + AdminService.pageGuards

    private func refuse(_ exchange: HTTPExchange, _ status: HTTPStatus, _ reason: String) {
        var json = JSONWriter()
        json.beginObject()
        json.key("error")
        json.beginObject()
        json.text("message", reason)
        json.endObject()
        json.endObject()
        exchange.respond(.json(status, json.finish(), headers: Self.unkept))
    }
}

extension Dashboard: @LoopActor Service {}
