import ClusterModel
import EventLoop
import Scheduling
import WireProtocol

/// Decode legs that will be asked for once the prefill legs that were placed here have handed over: whose state they need.
@LoopActor
final class SequentialHandOvers {
    private let loop: Loop
    private var pending = PendingHandOvers<KVKind>()

    init(loop: Loop) { self.loop = loop }

    var count: Int { pending.count }

    /// Whoever asks for the decode leg of this attempt needs a worker that reads the state of this one.
    func expect(_ giver: Candidate, _ entry: RouteEntry, _ request: RequestID, in pool: Pool) {
        guard let kind = pool.kvKinds[giver.kv.kind] else { return }
        pending.note(request, attempt: entry.attempt, kind, at: loop.now)
    }

    /// Who has the state that a decode leg needs; nil if it needs none, or this router does not know. If all who had such state have left, nobody
    /// reads it.
    func giver(of entry: RouteEntry, _ request: RequestID, in pool: Pool) -> KVSide? {
        guard entry.wish == .decode, let known = pending[request, entry.attempt] else { return nil }
        guard let kind = pool.kvKinds.number(of: known) else { return KVSide.none }
        // What was given in sequence is taken in sequence, whatever else its giver can do.
        return KVSide(kind: kind, paths: .sequential)
    }

    /// The decode leg of that attempt has its place.
    func placed(_ request: RequestID, attempt: UInt8) { forget(request, through: attempt) }

    /// That attempt, and those below it, are over.
    func forget(_ request: RequestID, through attempt: UInt8) { pending.forget(request, through: attempt) }
}
