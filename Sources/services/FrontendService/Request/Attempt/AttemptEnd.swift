import ClusterModel
import OpenAIDialect
import WireProtocol

/// How one attempt ended.
enum AttemptEnd {
    case finished
    case clientGone
    case failed(AttemptFailure)
}

/// An attempt that did not end its request well. An object: it is rare, and every waiting call that may end so has room for it.
final class AttemptFailure: Error {
    /// What the client is told if no other attempt follows.
    let failure: ServiceFailure
    let fault: AttemptFault
    /// No other attempt would do better.
    let isFinal: Bool
    /// Nobody failed it who could have done it, so that another attempt is no retry: see `RetryBudgets`.
    let isNobodys: Bool

    convenience init(_ kind: ServiceFailure.Kind, _ fault: AttemptFault, isFinal: Bool = false) {
        self.init(ServiceFailure(kind), fault, isFinal: isFinal)
    }

    /// Nobody hears of it: the client left.
    static let clientGone = AttemptFailure(.cancelled, .ended, isFinal: true)

    init(_ failure: ServiceFailure, _ fault: AttemptFault, isFinal: Bool = false, isNobodys: Bool = false) {
        self.failure = failure
        self.fault = fault
        self.isFinal = isFinal
        self.isNobodys = isNobodys || fault.isLoss
    }

    /// Whether it counts against the worker that is to blame: it was there, and another one may do better.
    var countsAgainstWorker: Bool {
        // One that holds as many sessions as it can may do well otherwise.
        !isFinal && !isNobodys && fault != .sessionRefused && fault != .sessionNotOpened
    }

    /// What a router or a worker said of a request; the specification has where another one may be asked.
    convenience init(_ detail: FailureDetail, _ fault: AttemptFault, in words: ClientWords = ClientWords()) {
        // The model was there when the request came: its last worker left, and may come back.
        guard detail.code != .unknownModel else {
            self.init(.noWorker, fault, isFinal: true)
            return
        }
        self.init(
            ServiceFailure(
                wireCode: detail.code.rawValue, field: words.member(detail.code == .sessionUnsupported ? "session" : detail.field),
                reason: detail.reason,
                retryAfterMilliseconds: detail.retryAfterMilliseconds),
            fault, isFinal: !detail.code.isRetryableElsewhere, isNobodys: fault != .planRefused && detail.isNobodys)
    }
}

extension EndedStatus {
    /// Its worker was lost with it: what `LegNews.loss` says.
    var isLoss: Bool { reason == .failed && failure?.isOfTheWorker == true }
}

extension FailureDetail {
    /// The worker says that it will be able to do it, and when: it is not to blame.
    var isPassing: Bool { retryAfterMilliseconds > 0 }
    /// Its engine gave up, and it leaves: it is as lost as if it had died.
    var isOfTheWorker: Bool { code == .engineFailed && field == "worker" }
    /// It leaves, begins anew, or had less room than its router believed.
    fileprivate var isNobodys: Bool { isPassing || isOfTheWorker || code == .draining || code == .overbooked }
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
    /// A leg could not give its state to the other one, or did not.
    case handOverFailed = "hand_over_failed"
    /// The decode worker had no blocks for what it was to be given.
    case noRoom = "no_room"
    case timedOut = "timed_out"
    case drained
    case ended

    /// Somebody is gone or about to go, and what ran there goes on elsewhere.
    var isLoss: Bool {
        switch self {
        case .noRouter, .routerLost, .unreachable, .workerLost, .drained: true
        default: false
        }
    }

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
