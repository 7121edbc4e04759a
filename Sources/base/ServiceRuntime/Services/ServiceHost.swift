/// Why a group of services ends.
package enum StopReason: Hashable, Sendable {
    /// Asked from outside, such as by `SIGTERM`: drain, then exit code 0.
    case requested(by: String)
    /// A service cannot go on: drain what can be drained, then exit code 1.
    case failed(String)
    /// The second request: no draining.
    case leaveNow(by: String)
}

/// How a wait with a bound ended.
package enum BoundedOutcome: Hashable, Sendable {
    case finished
    case deadlinePassed
    /// Something more urgent came: a stop during a start, an order to leave during a drain.
    case interrupted(StopReason)
}

/// What a group needs from the loop it runs on: time, waiting, and somebody to tell. A loop implements it for real and virtual time.
///
/// As with `Service`, an implementation that belongs to a global actor conforms in an empty extension.
package protocol ServiceHost: AnyObject {
    /// Monotonic time since any fixed moment.
    var elapsed: Duration { get }

    /// Returns when the process is to end.
    func stopRequested() async -> StopReason

    /// Runs the operation for at most `limit`. An operation that outlives it is cancelled, then left behind: its end is nobody's business any more.
    func bounded(by limit: Duration, during phase: ServicePhase, _ operation: @escaping () async -> Void) async -> BoundedOutcome

    /// Told at each step, in order: for the log, readiness, and the service manager.
    func report(_ event: ServiceEvent)
}

/// What a bounded wait is for: during a start any stop interrupts, during a drain only an order to leave.
package enum ServicePhase: Hashable, Sendable {
    case start
    case drain
}

/// The life of a group of services, step by step. The text names the service.
package enum ServiceEvent: Hashable, Sendable {
    case starting(String)
    case started(String)
    case startFailed(String, reason: String)
    case startDeadlinePassed(String)
    /// All are started: the process is ready.
    case ready
    /// The process begins to end: readiness is false from here on.
    case stopping(StopReason)
    case draining(String)
    case drained(String, endedWell: Bool)
    case drainDeadlinePassed(String)
    case stopped(String)
    case ended(ExitCode)
}
