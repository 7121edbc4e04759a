import ClusterModel
import EventLoop
import Glibc
import LoadGeneration
import ServiceRuntime
import StreamFollowing
import Transport
import WireProtocol

/// One recording: follows the streams of routers, of the workers that these name and of their frontends, and writes what they tell.
@LoopActor
final class Recorder {
    private let wish: RecordCommand.Wish
    private let endpoint: LinkEndpoint
    private let loop: EpollLoop
    private let network: NngNetwork
    private let stop: Promise<Void>
    private let file: RecordFile
    private var assembler: RecordAssembler
    private var routers: [FollowedRouter] = []
    private var workers: [RecordedLife: FollowedWorker] = [:]
    private var frontends: [UInt64: FollowedFrontend] = [:]
    /// Lives that no router names any more, and since when.
    private var missing: [RecordedLife: Instant] = [:]
    private let gate = RecoveryGate()
    private let questions: DecisionQuestions
    /// What this process registers as its own stream: who registers with a router has one. Nothing is ever said on it.
    private let feed: FeedPublisher
    private var began: Instant?
    private var cause = RecordSummary.Cause.signal
    private var fault: String?
    private let showsProgress = isatty(STDERR_FILENO) == 1

    /// How long streams may take to be in step before what is there is recorded.
    private static let joining = Duration.seconds(5)
    /// No router within this: there is nothing to record.
    private static let reaching = Duration.seconds(8)
    /// How long a worker that no router names is still listened to.
    private static let farewell = Duration.seconds(10)
    private static let beat = Duration.milliseconds(200)
    /// What happened before the end is on its way for so long: frontends say it each 250 ms.
    private static let lastWords = Duration.milliseconds(600)

    init(_ wish: RecordCommand.Wish, endpoint: LinkEndpoint, loop: EpollLoop, network: NngNetwork, stop: Promise<Void>) throws {
        self.wish = wish
        self.endpoint = endpoint
        self.loop = loop
        self.network = network
        self.stop = stop
        assembler = RecordAssembler(key: RecordKey(secret: loop.secureRandomBytes(32)), routers: wish.routers.count)
        questions = DecisionQuestions(loop: loop, eachSecond: wish.decisions)
        let identity = endpoint.policy.identity
        feed = try FeedPublisher(
            on: try Address(parsing: "tcp://127.0.0.1:0"), kind: .frontendState, publisher: identity.id, generation: identity.generation,
            dialect: endpoint.policy.dialect, loop: loop, network: network)
        // Last: who fails before it leaves no file.
        file = try RecordFile(creating: wish.path)
    }

    /// Returns when the recording has ended, and its file is whole.
    func run() async -> ExitCode {
        let registration = RegisterFrontend(
            endpoints: Endpoints(linkAddress: "", feedAddress: feed.address.description), httpAddress: "", state: .starting,
            streamPosition: 0)
        for (ordinal, address) in wish.routers.enumerated() {
            let router = FollowedRouter(ordinal, address, registration, endpoint: endpoint, loop: loop, network: network, recorder: self)
            routers.append(router)
            router.start()
        }
        let started = loop.now
        while began == nil, fault == nil, await stop.wait(until: loop.now + .milliseconds(20)) == nil { beginIfReady(started) }
        if let began {
            while fault == nil, await stop.wait(until: loop.now + Self.beat) == nil {
                turn()
                if let span = wish.span, began.duration(to: loop.now) >= span { end(.time) }
            }
            await loop.sleep(for: Self.lastWords)
        }
        let code = finish()
        await loop.sleep(for: .milliseconds(20))
        return code
    }

    // MARK: Time

    /// Since the begin.
    private var now: Duration { began.map { $0.duration(to: loop.now) } ?? .zero }

    private func beginIfReady(_ started: Instant) {
        let waited = started.duration(to: loop.now)
        let isInStep =
            routers.allSatisfy(\.isInStep) && workers.values.allSatisfy(\.isInStep) && frontends.values.allSatisfy(\.isHeard)
        guard isInStep || waited >= Self.joining && routers.contains(where: \.isInStep) else {
            if waited >= Self.reaching { fault = "no router was reached: \(routers.compactMap(\.problem).joined(separator: "; "))" }
            return
        }
        began = loop.now
        assembler.begin()
        say(
            "recording \(workers.count) workers and \(frontends.count) frontends of \(routers.count { $0.isInStep }) of \(routers.count) "
                + "routers into \(wish.path)")
    }

    private func turn() {
        assembler.tick(at: now)
        for life in missing.keys.sorted() {
            if let since = missing[life], since.duration(to: loop.now) >= Self.farewell { drop(life) }
        }
        write()
        if showsProgress { progress() }
    }

    /// Ends with the first reason.
    private func end(_ cause: RecordSummary.Cause) {
        guard !stop.isFulfilled else { return }
        self.cause = cause
        stop.fulfil(())
    }

    private func write() {
        do throws(RecordFile.Failure) { try file.append(assembler.takeBytes()) } catch { fault = error.description }
        if let requests = wish.requests, assembler.requests >= UInt64(requests) { end(.count) }
        if assembler.writtenBytes >= wish.bytes { end(.limit) }
    }

    private func finish() -> ExitCode {
        for life in workers.keys.sorted() { workers[life]?.close() }
        for frontend in frontends.values { frontend.close() }
        for router in routers { router.stop() }
        feed.close()
        if showsProgress { StandardStreams.complain("\r\u{1B}[K") }
        if began == nil { file.remove() }
        guard began != nil, fault == nil else {
            complain("wiretool record: \(fault ?? "interrupted before the streams were in step")")
            return .failure
        }
        let summary = assembler.finish(cause, at: now)
        write()
        if let fault {
            complain("wiretool record: \(fault)")
            return .failure
        }
        say("recorded \(summary.requests) requests in \(summary.span.inMilliseconds / 1_000) s, \(assembler.writtenBytes) bytes: \(cause)")
        let missed = summary.missed.named.map { "\($0.count) \(String($0.name.map { $0 == "_" ? " " : $0 }))" }
        say(missed.isEmpty ? "nothing is missing" : "missing: \(missed.joined(separator: ", "))")
        return .ok
    }

    private func progress() {
        let parked = routers.reduce(UInt64(0)) { $0 + $1.directory.parked }
        StandardStreams.complain(
            "\r\(now.inMilliseconds / 1_000) s  \(assembler.requests) requests, \(assembler.openCount) open, \(parked) parked, "
                + "\(assembler.writtenBytes / 1024) KiB, \(assembler.missed.gaps) gaps\u{1B}[K")
    }

    // MARK: What routers say

    func told(_ change: RouterChange, by router: FollowedRouter) {
        switch change {
        case .leaseMade(let made):
            assembler.made(made, by: router.ordinal, at: now)
            askWhy()
        case .leaseReleased(let released): assembler.released(released, at: now)
        default: break
        }
    }

    /// At once: a short request is over soon.
    private func askWhy() {
        for question in assembler.takeQuestions() {
            questions.ask(question, over: routers[question.router].link) { [weak self] decision in
                guard let self else { return }
                assembler.decided(question.request, decision, at: now)
            }
        }
    }

    /// The workers, pools or frontends of a router are others now.
    func directoryChanged() {
        var lives: [RecordedLife: WorkerEntry] = [:], newest: [UInt64: RecordedLife] = [:]
        var feeds: [UInt64: FrontendEntry] = [:]
        for directory in routers.map(\.directory) {
            for digest in directory.pools.keys.sorted() { if let card = directory.pools[digest] { assembler.pool(card) } }
            for entry in directory.workers.values {
                let life = RecordedLife(worker: entry.workerID, generation: entry.generation)
                lives[life] = entry
                newest[entry.workerID] = life
            }
            for entry in directory.frontends.values where entry.frontendID != endpoint.policy.identity.id {
                feeds[entry.generation] = entry
            }
        }
        for life in workers.keys.sorted() {
            if lives[life] != nil {
                missing[life] = nil
            } else if newest[life.worker] != nil {
                drop(life)
            } else if missing[life] == nil {
                missing[life] = loop.now
            }
        }
        for life in lives.keys.sorted() { if let entry = lives[life] { follow(entry, life) } }
        for generation in frontends.keys.sorted() where feeds[generation] == nil { frontends.removeValue(forKey: generation)?.close() }
        for generation in feeds.keys.sorted() where frontends[generation] == nil {
            if let entry = feeds[generation] { follow(entry) }
        }
    }

    /// Routers know no such life any more. Its requests may run on for a while: only its link to a router may have ended.
    private func drop(_ life: RecordedLife) {
        missing[life] = nil
        workers.removeValue(forKey: life)?.close()
        assembler.left(life, at: now)
    }

    private func follow(_ entry: WorkerEntry, _ life: RecordedLife) {
        guard assembler.joined(entry, at: now), workers[life] == nil, workers.count < RecordLimits.workers else { return }
        workers[life] = FollowedWorker(
            life, entry.endpoints, endpoint: endpoint, gate: gate, loop: loop, network: network, recorder: self)
    }

    private func follow(_ entry: FrontendEntry) {
        guard frontends.count < RecordLimits.workers else { return }
        frontends[entry.generation] = FollowedFrontend(
            entry, loop: loop, network: network, ended: { [weak self] in self?.told($0, by: entry.generation) })
    }

    private func told(_ slice: RequestSlice, by frontend: UInt64) { assembler.told(slice, by: frontend, at: now) }

    // MARK: What workers say

    func told(_ event: WorkerEvent, by life: RecordedLife) { assembler.event(event, on: life, at: now) }

    func rejoined(_ life: RecordedLife, held: Set<UInt64>) { assembler.rejoined(life, held: held, at: now) }

    // MARK: What was missed

    func noted(_ notice: StreamNotice) {
        guard began != nil else { return }
        switch notice {
        case .gap: assembler.missed.gaps += 1
        case .recovered(by: .snapshot): assembler.missed.rejoins += 1
        case .recovered, .malformed, .failed: break
        }
    }
}
