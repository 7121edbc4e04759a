import ClusterModel
import OpenAIDialect
import WireProtocol

/// How one attempt ended.
enum AttemptEnd {
    case finished
    case clientGone
    case failed(AttemptFailure)
}

/// An attempt that did not end its request well.
struct AttemptFailure: Error {
    /// What the client is told if no other attempt follows.
    let failure: ServiceFailure
    let fault: AttemptFault
    /// No other attempt would do better.
    let isFinal: Bool

    init(_ kind: ServiceFailure.Kind, _ fault: AttemptFault, isFinal: Bool = false) {
        self.init(ServiceFailure(kind), fault, isFinal: isFinal)
    }

    init(_ failure: ServiceFailure, _ fault: AttemptFault, isFinal: Bool = false) {
        self.failure = failure
        self.fault = fault
        self.isFinal = isFinal
    }

    /// What a router or a worker said of a request with these hints; the specification has where another one may be asked.
    init(_ detail: FailureDetail, _ fault: AttemptFault, of hints: RoutingHints = RoutingHints()) {
        // The model was there when the request came: its last worker left, and may come back.
        guard detail.code != .unknownModel else {
            self.init(.noWorker, fault, isFinal: true)
            return
        }
        self.init(
            ServiceFailure(
                wireCode: detail.code.rawValue, field: hints.member(detail.code == .sessionUnsupported ? "session" : detail.field),
                reason: detail.reason,
                retryAfterMilliseconds: detail.retryAfterMilliseconds),
            fault, isFinal: !detail.code.isRetryableElsewhere)
    }
}

/// What went wrong with an attempt; the words are for metrics and logs.
enum AttemptFault: String {
    case noRouter = "no_router"
    case routerLost = "router_lost"
    case planTimedOut = "plan_timed_out"
    case planRefused = "plan_refused"
    case planStrange = "plan_strange"
    case tooLong = "too_long"
    case unreachable
    case refused
    case sessionRefused = "session_refused"
    case sessionNotOpened = "session_not_opened"
    case notAccepted = "not_accepted"
    case workerLost = "worker_lost"
    case noFirstToken = "no_first_token"
    case silent
    case tokensLost = "tokens_lost"
    case engineFailed = "engine_failed"
    case timedOut = "timed_out"
    case drained
    case ended

    /// What the router is told of the attempt's lease.
    var lease: LeaseEnd {
        switch self {
        case .unreachable, .planStrange, .tooLong, .sessionRefused, .sessionNotOpened: .neverDispatched
        case .refused: .refused
        case .notAccepted: .expired
        case .workerLost: .workerLost
        default: .cancelled
        }
    }
}

/// What the attempts of one request have taught: where not to go again, and what routers should know.
struct AttemptHistory {
    private(set) var excluded: [UInt64] = []
    private(set) var unreachable: [UInt64] = []
    private(set) var overbooked: [OverbookedReport] = []
    private var youngDeaths = 0

    /// Workers that died soon after they had started the same request: the next one would be the third.
    private static let mostYoungDeaths = 2

    mutating func exclude(_ worker: UInt64) { if !excluded.contains(worker) { excluded.append(worker) } }
    mutating func notReached(_ worker: UInt64) { if !unreachable.contains(worker) { unreachable.append(worker) } }
    mutating func refused(_ report: OverbookedReport) { overbooked.append(report) }

    /// True if the request is more likely the cause than the victim.
    mutating func diedYoung() -> Bool {
        youngDeaths += 1
        return youngDeaths >= Self.mostYoungDeaths
    }

    /// Whether some worker is ruled out: a request that is pinned has no other one.
    var rulesOut: Bool { !excluded.isEmpty || !unreachable.isEmpty }
}
