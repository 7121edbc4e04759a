package import EventLoop
package import ServiceRuntime
package import Telemetry
import ClusterModel

/// The host of a process's services: the loop's time, the process's signals, its log and its service manager.
@LoopActor
package final class LoopHost {
    private let loop: Loop
    private let log: Logger
    private let systemd: SystemdNotify
    private let started: Instant
    private let stop: Promise<StopReason>
    /// What a bounded wait in progress is interrupted with: any stop during a start, an order to leave during a drain.
    private var interruption: (phase: ServicePhase, promise: Promise<BoundedOutcome>)?
    /// The first reason that was given, and the last word: leave without draining.
    private var stopping: StopReason?
    private var leaving: StopReason?
    /// True from the moment all services stand until the process is told to end.
    package private(set) var isReady = false

    package init(on loop: Loop, log: Logger, systemd: SystemdNotify) {
        self.loop = loop
        self.log = log
        self.systemd = systemd
        started = loop.now
        stop = Promise(on: loop)
        keepWatchdog()
    }

    /// A reason from outside: a signal, or a service that cannot go on.
    package func request(_ reason: StopReason) {
        if case .leaveNow = reason { leaving = reason }
        stopping = stopping ?? reason
        stop.fulfil(reason)
        guard let (phase, promise) = interruption else { return }
        switch (phase, reason) {
        case (.start, _), (.drain, .leaveNow): promise.fulfil(.interrupted(reason))
        case (.drain, _): break
        }
    }

    // MARK: ServiceHost

    package var elapsed: Duration { started.duration(to: loop.now) }

    package func stopRequested() async -> StopReason {
        // A process serves without an end; the deadline is only the wait's form.
        while true { if let reason = await stop.wait(until: loop.now + .seconds(86_400)) { return reason } }
    }

    package func bounded(
        by limit: Duration, during phase: ServicePhase, _ operation: @escaping () async -> Void
    ) async -> BoundedOutcome {
        if let leaving { return .interrupted(leaving) }
        // It came when nothing was being started: what is not yet started need not be.
        if phase == .start, let stopping { return .interrupted(stopping) }
        let outcome = Promise<BoundedOutcome>(on: loop), errand = Errand(operation)
        interruption = (phase, outcome)
        let task = loop.spawn {
            await errand.operation()
            outcome.fulfil(.finished)
        }
        let ended = await outcome.wait(until: loop.now + limit) ?? .deadlinePassed
        interruption = nil
        if ended != .finished { task.cancel() }
        return ended
    }

    package func report(_ event: ServiceEvent) {
        switch event {
        case .starting(let name): log.debug("starting", ["service": .text(name)])
        case .started(let name): log.debug("started", ["service": .text(name)])
        case .startFailed(let name, let reason): log.error("start failed", ["service": .text(name), "reason": .text(reason)])
        case .startDeadlinePassed(let name): log.error("start took too long", ["service": .text(name)])
        case .ready:
            isReady = true
            systemd.ready()
            log.info("serving", ["after": .duration(elapsed)])
        case .stopping(let reason):
            isReady = false
            systemd.stopping()
            log.info("stopping", ["reason": .text("\(reason)")])
        case .draining(let name): log.debug("draining", ["service": .text(name)])
        case .drained(let name, let endedWell): log.debug("drained", ["service": .text(name), "ended_well": .flag(endedWell)])
        case .drainDeadlinePassed(let name): log.warning("drain limit passed", ["service": .text(name)])
        case .stopped(let name): log.debug("stopped", ["service": .text(name)])
        case .ended(let code): log.info("ended", ["code": .integer(Int64(code.rawValue)), "after": .duration(elapsed)])
        }
    }

    /// At half the pace that systemd asks for.
    private func keepWatchdog() {
        guard let interval = systemd.watchdogInterval else { return }
        systemd.watchdog()
        loop.schedule(after: interval / 2) { [weak self] in self?.keepWatchdog() }
    }

    /// The group's operations run on this loop as everything here does; the language cannot know.
    private final class Errand: @unchecked Sendable {
        // Safety: made, run and dropped on one loop.
        let operation: () async -> Void
        init(_ operation: @escaping () async -> Void) { self.operation = operation }
    }
}

extension LoopHost: @LoopActor ServiceHost {}
