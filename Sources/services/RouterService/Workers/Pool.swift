import ClusterModel
import EventLoop
import Scheduling
import WireProtocol

/// Workers whose cards are equal: a request that one of them can take, each of them can.
@LoopActor
final class Pool: StateEntry {
    let digest: Digest
    private let card: ModelCard
    /// Attached ones, by id.
    private(set) var members: [WorkerRecord] = []
    /// Their ranks, by placement: what a policy chooses among.
    private(set) var candidates: [Candidate] = []
    private var turns: UInt64 = 0
    var isCurrent = false
    /// When the last member left.
    var emptySince: Instant?
    var isGone = false
    var isPending = false

    init(_ card: ModelCard) {
        digest = card.digest
        self.card = card
    }

    var name: String { card.name }
    var blockSize: UInt32 { card.blockSize }
    var contextLength: UInt32 { card.contextLength }
    var readyWorkers: Int { members.count { $0.takesWork } }

    // MARK: Members

    func put(_ record: WorkerRecord) {
        let old = Dictionary(uniqueKeysWithValues: candidates[candidates.ranks(of: record.life.worker)].map { ($0.placement, $0) })
        remove(record)
        members.insert(record, at: members.firstIndex { record.life.worker < $0.life.worker } ?? members.count)
        record.pool = self
        guard let registration = record.registration else { return }
        let loRAs = Set(registration.card.loRAs.map(\.text)), place = candidates.ranks(of: record.life.worker).lowerBound
        let fresh = record.ranks.indices.map { index in
            let placement = record.placement(index), known = old[placement].flatMap { $0.generation == record.life.generation ? $0 : nil }
            return Candidate(
                placement: placement, generation: record.life.generation, role: registration.role.placementRole,
                capabilities: registration.card.capabilities.rawValue, loRAs: loRAs,
                maxBatchedTokens: record.ranks[index].capacity.maxBatchedTokens, isReady: record.takesWork,
                load: known?.load ?? CandidateLoad(), lastTurn: known?.lastTurn ?? 0)
        }
        candidates.insert(contentsOf: fresh, at: place)
        emptySince = nil
    }

    func remove(_ record: WorkerRecord) {
        members.removeAll { $0 === record }
        candidates.removeSubrange(candidates.ranks(of: record.life.worker))
        if record.pool === self { record.pool = nil }
    }

    /// After anything on which `takesWork` depends. True if it changed.
    func judge(_ record: WorkerRecord) -> Bool {
        let takesWork = record.takesWork
        var changed = false
        for index in candidates.ranks(of: record.life.worker) where candidates[index].isReady != takesWork {
            candidates[index].isReady = takesWork
            changed = true
        }
        return changed
    }

    func setLoad(_ load: RankLoad, of placement: Placement) {
        guard let index = candidates.index(of: placement) else { return }
        candidates[index].load.waitingTokens = load.waitingTokens
        candidates[index].load.requests = UInt32(clamping: UInt64(load.waitingRequests) + UInt64(load.runningRequests))
        candidates[index].load.activeBlocks = load.activeBlocks
        candidates[index].load.totalBlocks = load.totalBlocks
    }

    func setLeases(_ count: LeaseCount, of placement: Placement) {
        guard let index = candidates.index(of: placement) else { return }
        candidates[index].load.bookedTokens = count.bookedTokens
        candidates[index].load.bookedRequests = count.bookedRequests
    }

    /// It was this one's turn.
    func took(_ index: Int) {
        turns += 1
        candidates[index].lastTurn = turns
    }

    // MARK: StateEntry

    func change() -> RouterChange? { isGone ? nil : .modelPool(entry) }

    var entry: ModelPool {
        var shown = card
        shown.capabilities = []
        shown.servedNames = servedNames.prefix(Limits.servedNames).map { Label(text: $0) }
        shown.loRAs = []
        var bytes = 0
        for name in loRAs {
            // The message of a feed is not without end: an adapter too many is not shown, but served.
            bytes += name.utf8.count + 2
            guard bytes <= Limits.registrationBytes / 4, shown.loRAs.count < Limits.loRAs else { break }
            shown.loRAs.append(Label(text: name))
        }
        for member in members where member.takesWork { shown.capabilities.formUnion(member.registration?.card.capabilities ?? []) }
        return ModelPool(
            card: shown, workers: UInt32(clamping: members.count), readyWorkers: UInt32(clamping: readyWorkers), current: isCurrent)
    }

    /// Sorted: what any member answers to beside the card's name.
    var servedNames: [String] { union { $0.card.servedNames } }
    var loRAs: [String] { union { $0.card.loRAs } }

    private func union(_ names: (RegisterWorker) -> [Label]) -> [String] {
        var all: Set<String> = []
        for member in members { for label in member.registration.map(names) ?? [] { all.insert(label.text) } }
        return all.sorted()
    }
}
