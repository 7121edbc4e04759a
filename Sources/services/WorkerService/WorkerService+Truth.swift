package import ClusterModel
import EventLoop
import Engines
import Transport
package import WireProtocol

/// What a worker has, for whoever compares it with what others believe of it.
extension WorkerService {
    /// The blocks of one tier in a rank's cache, as the worker's own picture has them.
    package func cachedBlocks(rank: UInt32, tier: Tier) -> [UInt64] {
        guard let mirror = core?.cache.mirror, mirror.has(rank) else { return [] }
        var hashes: [UInt64] = [], next: UInt64? = 0
        while let start = next {
            let page = mirror.page(tier, from: start)
            for blocks in page.blocks where blocks.rank == rank { hashes += blocks.hashes }
            next = page.next
        }
        return hashes
    }

    package var ranks: [UInt32] { core?.table.ranks.map(\.load.rank) ?? [] }
    package var id: UInt64 { policy.identity.id }

    /// The card that is served; nil before the engine stands.
    package var pool: Digest? { core?.model.card.digest }

    /// What is above the engine's limits now, in words: nothing, ever.
    package var beyondLimits: [String] {
        (core?.table.ranks ?? []).enumerated().flatMap { place, tally in
            let load = tally.load, room = tally.room
            return [
                ("in the batch", UInt64(clamping: Int(load.runningRequests) - legsAwaitingFetch(of: place)), UInt64(room.maxSequences)),
                ("waiting", UInt64(clamping: Int(load.waitingRequests) - legsPreempted(of: place)), UInt64(room.maxWaiting)),
                ("blocks held", UInt64(load.activeBlocks), UInt64(room.totalBlocks)),
                ("blocks used", UInt64(load.usedBlocks), UInt64(room.totalBlocks)),
            ].filter { $0.1 > $0.2 }.map { "rank \(load.rank) has \($0.1) \($0.0), and room for \($0.2)" }
        }
    }

    /// Prefill legs that have computed all, and hold it until it is fetched: they run to all others, and are in no step of the engine any more.
    private func legsAwaitingFetch(of rank: Int) -> Int {
        core?.table.open.count { $0.rank == rank && $0.leg == .prefill && $0.isRunning && $0.prefilledAt != nil } ?? 0
    }

    /// What ran there and waits again was let in long ago, and takes nobody's place.
    private func legsPreempted(of rank: Int) -> Int {
        core?.table.open.count { $0.rank == rank && !$0.isRunning && $0.preemptions > 0 } ?? 0
    }

    /// Rooms of either side, and offers that wait for their request.
    package var openRooms: Int { core?.rooms.openCount ?? 0 }
    /// Of KV state, between links and engine.
    package var kvBytesHeld: Int {
        (core?.rooms.bytesToSend ?? 0) + (core?.rooms.bytesToStore ?? 0) + kvLinks.reduce(0) { $0 + $1.bytesHeld }
    }

    /// Legs that were accepted and have not ended, in the order of their slots.
    package var openLegs: [OpenLeg] { core?.table.open.map(OpenLeg.init) ?? [] }
    /// Legs that have ended, and that the engine has not let go of.
    package var closingLegs: [OpenLeg] { core?.table.closing.map(OpenLeg.init) ?? [] }

    /// Each with the counter of its binding.
    package var sessionsBound: [(key: SessionKey, counter: UInt64)] { core?.sessions.all.map { ($0.key, $0.bindCounter) } ?? [] }
}

/// A leg that a worker has accepted, and how far it has come there.
package struct OpenLeg: Sendable {
    package let request: RequestKey
    package let leg: Leg
    package let promptTokens: Int
    /// Its engine has begun with it; for a decode leg, its state is there.
    package let hasStarted: Bool
    package let isPrefilled: Bool
    package let hasOutput: Bool

    @LoopActor
    init(_ request: OpenRequest) {
        self.request = request.request
        leg = request.leg
        promptTokens = Int(request.promptTokens)
        hasStarted = request.startedAt != nil
        isPrefilled = request.prefilledAt != nil
        hasOutput = request.firstTokenAt != nil
    }
}
