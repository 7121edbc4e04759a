import ClusterFollowing
import ClusterModel
import EventLoop
import Glibc
import LoadGeneration
import ServiceRuntime
import StreamFollowing
import Transport
import WireProtocol

/// One recording: follows a living cluster, and writes what its streams tell.
@LoopActor
final class Recorder: ClusterObserver {
    private let wish: RecordCommand.Wish
    private let loop: EpollLoop
    private let stop: Promise<Void>
    private let file: RecordFile
    private var assembler: RecordAssembler
    private let cluster: ClusterFollower
    private let questions: DecisionQuestions
    private var began: Instant?
    private var cause = RecordSummary.Cause.signal
    private var fault: String?
    private let showsProgress = isatty(STDERR_FILENO) == 1

    private static let beat = Duration.milliseconds(200)
    /// What happened before the end is on its way for so long: frontends say it each 250 ms.
    private static let lastWords = Duration.milliseconds(600)

    init(_ wish: RecordCommand.Wish, endpoint: LinkEndpoint, loop: EpollLoop, network: NngNetwork, stop: Promise<Void>) throws {
        self.wish = wish
        self.loop = loop
        self.stop = stop
        assembler = RecordAssembler(key: RecordKey(secret: loop.secureRandomBytes(32)), routers: wish.routers.count)
        questions = DecisionQuestions(loop: loop, eachSecond: wish.decisions)
        cluster = try ClusterFollower(wish.routers, endpoint: endpoint, loop: loop, network: network)
        // Last: who fails before it leaves no file.
        file = try RecordFile(creating: wish.path)
    }

    /// Returns when the recording has ended, and its file is whole.
    func run() async -> ExitCode {
        switch await cluster.join(stop, telling: self) {
        case .inStep: begin()
        case .stopped: break
        case .failed(let reason): fault = EventText.plain(reason)
        }
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

    private func begin() {
        began = loop.now
        assembler.begin()
        say(
            "recording \(cluster.workerCount) workers and \(cluster.frontendCount) frontends of \(cluster.routersInStep) of "
                + "\(wish.routers.count) routers into \(wish.path)")
    }

    private func turn() {
        assembler.tick(at: now)
        cluster.tick()
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
        cluster.stop()
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
        let parked = cluster.routers.reduce(UInt64(0)) { $0 + $1.directory.parked }
        StandardStreams.complain(
            "\r\(now.inMilliseconds / 1_000) s  \(assembler.requests) requests, \(assembler.openCount) open, \(parked) parked, "
                + "\(assembler.writtenBytes / 1024) KiB, \(assembler.missed.gaps) gaps\u{1B}[K")
    }

    // MARK: What routers say

    func told(_ card: ModelCard) { assembler.pool(card) }
    func joined(_ entry: WorkerEntry) -> Bool { assembler.joined(entry, at: now) }
    func left(_ life: FollowedLife) { assembler.left(RecordedLife(life), at: now) }

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
            questions.ask(question, over: cluster.routers[question.router].link) { [weak self] decision in
                guard let self else { return }
                assembler.decided(question.request, decision, at: now)
            }
        }
    }

    // MARK: What frontends say

    func told(_ slice: RequestSlice, by frontend: UInt64) { assembler.told(slice, by: frontend, at: now) }

    // MARK: What workers say

    func told(_ event: WorkerEvent, by life: FollowedLife) { assembler.event(event, on: RecordedLife(life), at: now) }

    func rejoined(_ life: FollowedLife, held: Set<UInt64>) { assembler.rejoined(RecordedLife(life), held: held, at: now) }

    // MARK: What was missed

    func cannotFollow(_ what: String) { complain("wiretool record: not followed: \(EventText.plain(what))") }

    func noted(_ notice: StreamNotice) {
        guard began != nil else { return }
        switch notice {
        case .gap: assembler.missed.gaps += 1
        case .recovered(by: .snapshot): assembler.missed.rejoins += 1
        case .recovered, .malformed, .failed: break
        }
    }
}

extension RecordedLife {
    fileprivate init(_ life: FollowedLife) { self.init(worker: life.worker, generation: life.generation) }
}
