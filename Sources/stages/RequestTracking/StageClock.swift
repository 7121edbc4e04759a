import ClusterModel

/// What the stages of a request are made of, before they are fitted to its moments.
///
/// Attempts before the first token add up; of workers only those of the attempt that gave the first token count. What later attempts need to
/// go on is time between tokens, and so part of decode: their moments are not kept.
struct StageClock: Sendable {
    /// Asked to answered, without the time parked.
    private(set) var route: Duration?
    private(set) var queue: Duration?
    private(set) var decision: Duration?
    /// Of attempts that are over: plan to accepted.
    private(set) var earlierDispatch: Duration?
    /// What the leg that computes the prompt says.
    private(set) var prompt = WorkerSlice()
    /// What the leg that makes the tokens says.
    private(set) var output = WorkerSlice()
    private(set) var write: Duration?
    /// Parked for longer than the question took.
    private(set) var clampedRests = 0

    // Moments of the present attempt, each the first of its kind.

    private(set) var answeredAt: Instant?
    private(set) var dispatchedAt: Instant?
    private(set) var acceptedAt: Instant?

    private var isPastFirstToken = false

    mutating func beginAttempt(hasFirstToken: Bool) {
        isPastFirstToken = isPastFirstToken || hasFirstToken
        guard !isPastFirstToken else { return }
        if let acceptedAt, let answeredAt { earlierDispatch = Self.sum(earlierDispatch, answeredAt.span(to: acceptedAt)) }
        answeredAt = nil
        dispatchedAt = nil
        acceptedAt = nil
        prompt = WorkerSlice()
        output = WorkerSlice()
    }

    /// `slice` nil: no placement came of it.
    mutating func routed(asked: Instant, answered: Instant, _ slice: RouterSlice?) {
        guard !isPastFirstToken else { return }
        let span = asked.span(to: answered)
        guard let slice else {
            route = Self.sum(route, span)
            return
        }
        let parked = max(slice.queue, .zero)
        if parked > span { clampedRests += 1 }
        queue = Self.sum(queue, min(parked, span))
        route = Self.sum(route, span - min(parked, span))
        decision = Self.sum(decision, max(slice.decision, .zero))
        answeredAt = answeredAt ?? answered
    }

    mutating func dispatched(at now: Instant) {
        guard !isPastFirstToken else { return }
        dispatchedAt = dispatchedAt ?? now
    }

    mutating func accepted(at now: Instant) {
        guard !isPastFirstToken else { return }
        acceptedAt = acceptedAt ?? now
    }

    mutating func worker(_ slice: WorkerSlice, of phase: RequestPhase) {
        guard !isPastFirstToken else { return }
        if phase != .decode { prompt.fill(from: slice) }
        if phase != .prefill { output.fill(from: slice) }
    }

    mutating func wrote(for span: Duration) { write = Self.sum(write, max(span, .zero)) }

    private static func sum(_ some: Duration?, _ more: Duration) -> Duration { (some ?? .zero) + more }
}

extension Instant {
    /// To what should be later: never negative.
    func span(to later: Instant) -> Duration { later < self ? .zero : duration(to: later) }
}
