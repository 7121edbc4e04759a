package import ClusterModel
package import EngineServing
package import Engines
package import EventLoop
import Telemetry
import WireProtocol

/// An engine that runs in a process of its own, so that its end is not this one's: started, watched, and when it dies started again.
///
/// What was under way in a process that dies ends `lost`, and whoever asked goes on elsewhere, or here once there is another one. What comes in between
/// waits for that. An engine whose processes die again and again fails as a whole.
@LoopActor
package final class HelperEngine: RemoteEngine {
    package weak var listener: (any RemoteEngineListener)?
    private let loop: Loop
    private let log: Logger
    private let launcher: any HelperLauncher
    private let settings: EngineSettings
    private let limits: HelperLimits
    private let restarts: Counter
    private let complete: @Sendable (inout EngineProfile) throws(EngineFailure) -> Void
    private let stands: Promise<Result<EngineProfile, EngineFailure>>
    private var lines = RateLimit(lines: HelperLimits.logLines, perMilliseconds: HelperLimits.logMilliseconds)
    private var policy: RestartPolicy
    private var life: HelperLife?
    /// As the first life told it.
    private var profile: EngineProfile?
    private var book: HelperBook?
    private var held = HeldCommands()
    /// Why the last life ended, until it was told.
    private var lost: String?
    private var failure: EngineFailure?
    private var isServing = false
    private var isClosed = false
    /// A start that is due, or the end of a process that is waited for.
    private var timer: TimerHandle?

    /// - Parameter complete: adds to a profile what the worker knows and the process does not, the files of the model above all; throws where the two
    ///   do not belong together.
    package init(
        _ settings: EngineSettings, _ launcher: any HelperLauncher, _ surroundings: EngineSurroundings,
        limits: HelperLimits = HelperLimits(),
        complete: @escaping @Sendable (inout EngineProfile) throws(EngineFailure) -> Void
    ) {
        self.settings = settings
        self.launcher = launcher
        self.limits = limits
        self.complete = complete
        loop = surroundings.loop
        log = surroundings.log
        restarts = surroundings.metrics.counter(
            "apus_engine_process_restarts_total", help: "Processes of the engine that died and were started again.")
        stands = Promise(on: surroundings.loop)
        policy = RestartPolicy(limits)
    }

    package func begin(until deadline: Instant) async throws(EngineFailure) -> EngineProfile {
        start(until: deadline)
        guard let stood = await stands.wait(until: deadline) else { throw EngineFailure("the engine's process did not begin in time") }
        return try stood.get()
    }

    package func close() {
        isClosed = true
        loop.cancel(timer)
        life?.kill()
        stands.fulfil(.failure(EngineFailure("closed")))
    }

    // MARK: Its processes

    private func start(until deadline: Instant) {
        let life = HelperLife(loop, limits, self)
        self.life = life
        do throws(SystemError) {
            try life.start(launcher, settings, until: deadline) { [weak self] in self?.said($0) }
        } catch {
            let reason = "the engine's process cannot be started: \(error)"
            // At the beginning somebody waits to hear it; later it may be what passes, such as a program that is being replaced.
            guard profile != nil, case .again(let pause) = policy.died(at: loop.now) else { return giveUp(reason) }
            log.error("engine's process cannot be started", ["reason": .text("\(error)")])
            timer = loop.schedule(after: pause) { [weak self] in self?.startAgain() }
            return
        }
        log.info("engine's process started", ["process": .integer(Int64(life.number))])
    }

    private func startAgain() {
        timer = nil
        guard !isClosed else { return }
        // What the last one said before it died is told first.
        if life?.hasNews ?? false {
            timer = loop.schedule(after: limits.firstPause) { [weak self] in self?.startAgain() }
            return
        }
        restarts.increment()
        start(until: loop.now + limits.loading)
    }

    private func said(_ line: String) {
        let verdict = lines.admit("engine", atMilliseconds: loop.now.nanoseconds / 1_000_000)
        log.limited(verdict)?.info("engine says", ["line": .text(line.cut(toBytes: HelperLimits.logLineBytes))])
    }

    private func giveUp(_ reason: String) {
        isServing = false
        failure = EngineFailure(reason)
        life?.kill()
        stands.fulfil(.failure(EngineFailure(reason)))
        listener?.engineHasNews()
    }

    // MARK: Commands

    package func take(_ command: consuming EngineCommand) {
        guard let profile, !isClosed, failure == nil else { return }
        let command = command
        if case .session(let session) = command { book?.note(session) }
        guard isServing else {
            if held.keep(command, room: profile.ranks) { listener?.engineHasNews() }
            return
        }
        if case .admit(let request) = command { book?.admit(request) }
        life?.send(command)
    }

    // MARK: News

    package var hasNews: Bool { lost != nil || failure != nil || !held.ends.isEmpty || (life?.hasNews ?? false) }

    package func tell(into output: inout StepOutput, at now: Instant) throws(EngineFailure) {
        // What it had said before it died comes first: some of it was finished.
        if let life, life.hasNews { return tellStep(of: life, into: &output) }
        if let failure { throw failure }
        guard let profile else { return }
        if let reason = lost {
            lost = nil
            book?.lose(reason, into: &output)
        } else {
            for _ in profile.ranks { output.loads.append(EngineLoad()) }
        }
        output.ends.append(contentsOf: held.takeEnds())
    }

    private func tellStep(of life: HelperLife, into output: inout StepOutput) {
        do throws(EngineProtocolError) {
            try life.takeStep(into: &output)
            try book?.judge(output)
        } catch {
            // Nothing of it is believed, nor of what follows.
            output.removeAll()
            for _ in profile?.ranks ?? [] { output.loads.append(EngineLoad()) }
            life.drop()
            life.fail("it broke the protocol: \(error)")
        }
    }
}

// MARK: - One life

extension HelperEngine: HelperLifeOwner {
    func began(_ told: EngineProfile, _ life: HelperLife) {
        var told = told
        do throws(EngineFailure) { try complete(&told) } catch { return giveUp(error.description) }
        log.info("engine's process serves", ["process": .integer(Int64(life.number)), "build": .text(life.build)])
        guard let profile else {
            profile = told
            book = HelperBook(told)
            isServing = true
            return stands.fulfil(.success(told))
        }
        guard told.isSame(as: profile) else {
            return giveUp("the engine came back as another one: its weights or its program have changed")
        }
        isServing = true
        for session in book?.openSessions ?? [] { life.send(.session(session)) }
        for command in held.takeCommands() { take(command) }
        listener?.engineIs(.serving)
    }

    func hasNews(_ life: HelperLife) { listener?.engineHasNews() }

    func broke(_ reason: String, _ life: HelperLife) {
        guard !isClosed, failure == nil else { return }
        log.error("engine's process is lost", ["process": .integer(Int64(life.number)), "reason": .text(reason)])
        guard profile != nil else { return giveUp("the engine's process did not begin: \(reason)") }
        if isServing {
            isServing = false
            lost = "the engine's process is lost: \(reason)"
            listener?.engineIs(.away("the engine's process is started again"))
            listener?.engineHasNews()
        }
        timer = loop.schedule(after: limits.ending) { [weak self] in self?.giveUp("the engine's process was killed and does not end") }
    }

    func isGone(_ life: HelperLife, _ ending: String) {
        loop.cancel(timer)
        timer = nil
        guard !isClosed, failure == nil, profile != nil else { return }
        log.info("engine's process is over", ["process": .integer(Int64(life.number)), "how": .text(ending)])
        switch policy.died(at: loop.now) {
        case .again(let pause): timer = loop.schedule(after: pause) { [weak self] in self?.startAgain() }
        case .giveUp: giveUp("\(policy.count) processes of the engine died within \(limits.span)")
        }
    }
}
