import ClusterModel
import OpenAIDialect
import WireProtocol

/// What the attempts of one request have taught: where not to go again, what routers should know, and what the next attempt is to be.
///
/// The table that it follows: `proto-spec/03-exchanges.md#one-recovery`.
struct AttemptHistory {
    /// What a router is asked for in the next attempt.
    struct Next: Equatable {
        var wish = LegWish.any
        /// It may still have what the request needs.
        var preferred: PlacementRef?
        /// It drains, and has all of the request's blocks.
        var source: PlanLeg?
        /// The worker of the last attempt drains: whether its blocks are brought or computed anew is counted.
        var isDrained = false

        /// All blocks are computed where it is placed.
        var withoutSource: Next { Next(preferred: preferred, isDrained: isDrained) }
    }

    private(set) var next: Next
    private(set) var excluded: [UInt64] = []
    private(set) var unreachable: [UInt64] = []
    private(set) var overbooked: [OverbookedReport] = []
    /// Of those that are excluded, the ones that were not asked about yet.
    private var newlyExcluded: [UInt64] = []
    private var youngDeaths = 0
    private var wasTrial = false
    /// Workers of pairs between which state did not pass.
    private var suspects: [UInt64] = []

    /// Workers that died soon after they had started the same request: the next one would be the third.
    private static let mostYoungDeaths = 2

    /// - Parameter place: may have some of what the request needs.
    init(preferring place: PlacementRef? = nil) { next = Next(preferred: place) }

    mutating func exclude(_ worker: UInt64) {
        guard !excluded.contains(worker) else { return }
        excluded.append(worker)
        newlyExcluded.append(worker)
    }

    /// The worker that failed it was barred, and it was let through to see whether that has healed.
    mutating func failedAsTrial() { wasTrial = true }

    mutating func takeTrial() -> Bool {
        defer { wasTrial = false }
        return wasTrial
    }

    /// Whom the last attempt was ended by; each is told once.
    mutating func takeBlamed() -> [UInt64] {
        defer { newlyExcluded = [] }
        return newlyExcluded
    }

    mutating func notReached(_ worker: UInt64) { if !unreachable.contains(worker) { unreachable.append(worker) } }
    mutating func reached(_ worker: UInt64) { unreachable.removeAll { $0 == worker } }

    /// Whether one of these workers is ruled out: a request that is pinned to it has no other one.
    func rulesOut(_ pinned: [WorkerID]) -> Bool {
        pinned.contains { excluded.contains($0.rawValue) || unreachable.contains($0.rawValue) }
    }

    /// How the next attempt goes on after a drain was counted.
    mutating func isSent() { next.isDrained = false }

    // MARK: How legs fail

    /// Nobody is to blame: the same may be tried at the same places.
    mutating func tokensLost() -> AttemptFailure {
        next = Next()
        return AttemptFailure(.internalError, .tokensLost)
    }

    mutating func refused(_ leg: FailedLeg, _ refusal: RefusedStatus, in words: ClientWords) -> AttemptFailure {
        leave(leg, excluding: refusal.failure.code != .overbooked && !refusal.failure.isPassing)
        if refusal.failure.code == .overbooked {
            overbooked.append(
                OverbookedReport(
                    workerID: leg.placement.workerID, generation: leg.placement.generation, rank: leg.placement.rank,
                    lease: leg.placement.lease, waitingTokens: refusal.load.waitingTokens, streamNumber: refusal.streamNumber))
        }
        return AttemptFailure(refusal.failure, .refused, in: words)
    }

    mutating func lost(_ leg: FailedLeg, _ loss: WorkerLoss) -> AttemptFailure {
        leave(leg)
        if case .diedYoung = loss {
            youngDeaths += 1
            // The request is more likely the cause than the victim.
            if youngDeaths >= Self.mostYoungDeaths { return AttemptFailure(.quarantined, .workerLost, isFinal: true) }
        }
        return AttemptFailure(.workerLost, .workerLost)
    }

    mutating func late(_ leg: FailedLeg, _ wait: LegWait) -> AttemptFailure {
        leave(leg)
        return switch wait {
        case .acceptance: AttemptFailure(.workerLost, .notAccepted)
        case .firstToken: AttemptFailure(.timeout, .noFirstToken)
        case .nextToken: AttemptFailure(.timeout, .silent)
        }
    }

    /// A prefill leg ended well, and gave nothing that a decode leg could start with.
    mutating func gaveNothing(_ prefill: FailedLeg) -> AttemptFailure {
        leave(prefill)
        return AttemptFailure(.transferFailed, .handOverFailed)
    }

    /// A decode leg gave its prefill leg up.
    mutating func prefillLost(_ prefill: FailedLeg) -> AttemptFailure {
        leave(pairOf: prefill)
        return AttemptFailure(.transferFailed, .handOverFailed)
    }

    /// The decode worker could not reserve what the prefill worker would have sent; there the request can run whole.
    mutating func noRoom(_ prefill: PlanLeg) -> AttemptFailure {
        next = Next(wish: .aggregated, preferred: PlacementRef(prefill))
        return AttemptFailure(.capacity, .noRoom)
    }

    /// The worker's own limits are those of this side; that one ran out there a moment earlier makes no difference.
    mutating func ended(_ leg: FailedLeg, _ ended: EndedStatus, in words: ClientWords) -> AttemptFailure {
        let code = ended.failure?.code
        switch ended.reason {
        // Its engine begins anew, and may be the only one there is: routers give the worker nothing until it is back.
        case .failed where code == .engineFailed && (ended.failure?.isPassing ?? false): leave(leg, excluding: false)
        // Finished, and tokens are missing: the worker may well do it again.
        case .finished: return tokensLost()
        // What an engine cannot hold it says in other fields.
        case .failed where leg.partner != nil && code == .capacity && ended.failure?.field == "room":
            return noRoom(leg.isPrefill ? leg.placement : leg.partner ?? leg.placement)
        // The decode worker was not there for it; unless this one leaves, and was given up before.
        case .failed where leg.isPrefill && code == .roomClosed:
            leave(pairOf: leg, isPartnerLikely: !excluded.contains(leg.placement.workerID))
        // What a decode leg was given may be why it gave nothing.
        case .failed where (code?.isOfTheRoom ?? false) || (!leg.isPrefill && !leg.hasOutput): leave(pairOf: leg)
        default: leave(leg)
        }
        switch ended.reason {
        case .timedOut: return AttemptFailure(.timeout, .timedOut)
        // Between two workers a cancel is a room that was closed.
        case .failed where leg.partner != nil && (code?.isOfTheRoom ?? false): return AttemptFailure(.transferFailed, .handOverFailed)
        case .failed: return AttemptFailure(ended.failure ?? FailureDetail(), .engineFailed, in: words)
        case .drained:
            if !leg.isPrefill {
                next.isDrained = true
                if leg.canMove { (next.wish, next.source) = (.decode, leg.placement) }
            }
            return AttemptFailure(.workerLost, .drained)
        default: return AttemptFailure(.workerLost, .ended)
        }
    }

    /// State did not pass between two workers, or one could do nothing with it. Whoever was of such a pair before is why; else it is whom the
    /// other one had to wait for, or the one that failed.
    private mutating func leave(pairOf leg: FailedLeg, isPartnerLikely: Bool = false) {
        guard let other = leg.partner else { return leave(leg) }
        let partner = FailedLeg(placement: other, isPrefill: !leg.isPrefill, partner: leg.placement)
        let (likely, unlikely) = isPartnerLikely ? (partner, leg) : (leg, partner)
        let isKnown = suspects.contains(unlikely.placement.workerID) && !suspects.contains(likely.placement.workerID)
        suspects += [likely.placement.workerID, unlikely.placement.workerID]
        leave(isKnown ? unlikely : likely)
    }

    /// Without the worker, if it is to blame. Of a split attempt whose prefill leg failed, the decode worker has blocks for the request, and
    /// perhaps some of its state.
    private mutating func leave(_ leg: FailedLeg, excluding: Bool = true) {
        if excluding { exclude(leg.placement.workerID) }
        next = Next()
        guard leg.isPrefill, let partner = leg.partner, !excluded.contains(partner.workerID) else { return }
        next.preferred = PlacementRef(partner)
    }
}

/// A leg that failed, in its attempt.
struct FailedLeg {
    let placement: PlanLeg
    let isPrefill: Bool
    /// Of the other leg.
    var partner: PlanLeg?
    /// It gave tokens: its state was all right.
    var hasOutput = false
    /// Its worker has all blocks of the request, and can send them elsewhere.
    var canMove = false
}

/// What a leg's worker is waited for.
enum LegWait { case acceptance, firstToken, nextToken }

extension PlacementRef {
    init(_ leg: PlanLeg) { self.init(workerID: leg.workerID, rank: leg.rank) }
}

extension FailureCode {
    /// Said of the exchange between two workers, not of one of them.
    fileprivate var isOfTheRoom: Bool { [.roomClosed, .incompatibleKV, .checksum, .stalled, .cancelled].contains(self) }
}
