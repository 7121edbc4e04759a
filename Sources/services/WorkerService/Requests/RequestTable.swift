import ClusterModel
import Engines
import EventLoop
import WireProtocol

/// The requests of this worker: what runs or waits by slot, and what is remembered of each.
@LoopActor
final class RequestTable {
    var memory = RequestMemory()
    private(set) var ranks: [RankTally]
    private var slots: [OpenRequest?] = []
    private var free: [UInt32] = []
    private var serial: UInt32 = 0
    /// Accepted and not ended.
    private(set) var openCount = 0
    /// Ended, and not yet let go by the engine.
    private(set) var closingCount = 0

    init(_ ranks: [EngineRank]) { self.ranks = ranks.enumerated().map { RankTally(rank: UInt32($0.offset), $0.element) } }

    /// Nothing runs here and nothing is left of what ran; tombstones stay.
    var isEmpty: Bool { openCount == 0 && closingCount == 0 }

    /// The key for a request that is about to be accepted: its slot, and a number that tells it from the slot's former owners.
    func makeKey() -> EngineRequestKey {
        serial &+= 1
        let slot: UInt32
        if let last = free.popLast() {
            slot = last
        } else {
            slot = UInt32(slots.count)
            slots.append(nil)
        }
        return EngineRequestKey(UInt64(serial) << 32 | UInt64(slot))
    }

    func add(_ request: OpenRequest) {
        slots[request.key.slot] = request
        openCount += 1
        memory.opened(request.id, attempt: request.attempt, leg: request.leg, slot: UInt32(request.key.slot))
        ranks[request.rank].waitingTokens += UInt64(request.remainingTokens)
        ranks[request.rank].waitingRequests += 1
    }

    /// What an engine calls `key`, also while it is closing; nil for a slot's former owner.
    @inline(__always)
    subscript(key: EngineRequestKey) -> OpenRequest? {
        guard key.slot < slots.count, let request = slots[key.slot], request.key == key else { return nil }
        return request
    }

    func open(_ id: RequestID) -> [OpenRequest] { memory.open(id).compactMap { slots[Int($0)] } }

    /// In the order of slots.
    var open: [OpenRequest] { slots.compactMap { $0 }.filter { !$0.isClosing } }
    var closing: [OpenRequest] { slots.compactMap { $0 }.filter(\.isClosing) }

    // MARK: What happens to a request

    func started(_ request: OpenRequest, cachedTokens: UInt32) {
        reserved(request)
        let prefill = request.remainingTokens + request.expectedCachedTokens
        progressed(request, remaining: prefill - min(cachedTokens, prefill))
    }

    /// It has blocks, if not all that it needs to begin.
    func reserved(_ request: OpenRequest) {
        guard !request.isRunning else { return }
        request.isRunning = true
        ranks[request.rank].waitingRequests -= 1
        ranks[request.rank].runningRequests += 1
    }

    func preempted(_ request: OpenRequest, remaining: UInt32) {
        progressed(request, remaining: remaining)
        guard request.isRunning else { return }
        request.isRunning = false
        ranks[request.rank].waitingRequests += 1
        ranks[request.rank].runningRequests -= 1
    }

    func progressed(_ request: OpenRequest, remaining: UInt32) {
        ranks[request.rank].waitingTokens -= UInt64(request.remainingTokens)
        ranks[request.rank].waitingTokens += UInt64(remaining)
        request.know(remaining: remaining)
    }

    /// Its end for everybody outside; the engine may still hold it.
    func close(_ request: OpenRequest, at now: Instant) {
        progressed(request, remaining: 0)
        if request.isRunning { ranks[request.rank].runningRequests -= 1 } else { ranks[request.rank].waitingRequests -= 1 }
        request.isClosing = true
        request.link = nil
        openCount -= 1
        closingCount += 1
        memory.closed(request.id, leg: request.leg, at: now)
    }

    /// The engine says nothing of it any more.
    func release(_ request: OpenRequest) {
        slots[request.key.slot] = nil
        free.append(UInt32(request.key.slot))
        closingCount -= 1
    }

    /// The engine is gone, and says nothing of anybody any more.
    func releaseAll() { for request in slots.compactMap({ $0 }) where request.isClosing { release(request) } }

    func report(_ loads: [EngineLoad]) { for (rank, load) in loads.enumerated() where rank < ranks.count { ranks[rank].report(load) } }
}

/// One rank as the worker knows it at this moment: requests and tokens by its own count, which runs ahead of the engine's; blocks by the
/// engine's.
struct RankTally: Hashable {
    let rank: UInt32
    let room: EngineRank
    /// Prefill tokens not yet computed.
    var waitingTokens: UInt64 = 0
    var waitingRequests: UInt32 = 0
    var runningRequests: UInt32 = 0
    private var activeBlocks: UInt32 = 0
    private var usedBlocks: UInt32 = 0
    private var sessionBlocks: UInt32 = 0

    init(rank: UInt32, _ room: EngineRank) {
        self.rank = rank
        self.room = room
    }

    mutating func report(_ load: EngineLoad) {
        activeBlocks = load.activeBlocks
        usedBlocks = load.usedBlocks
        sessionBlocks = load.sessionBlocks
    }

    var load: RankLoad {
        RankLoad(
            rank: rank, waitingTokens: waitingTokens, waitingRequests: waitingRequests, runningRequests: runningRequests,
            activeBlocks: activeBlocks, usedBlocks: usedBlocks, totalBlocks: room.totalBlocks, sessionBlocks: sessionBlocks)
    }
}

extension EngineRequestKey {
    @inline(__always)
    fileprivate var slot: Int { Int(UInt32(truncatingIfNeeded: rawValue)) }
}
