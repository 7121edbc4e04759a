import ClusterModel
import EventLoop
import Scheduling
import WireProtocol

/// Workers whose cards are equal: a request that one of them can take, each of them can.
@LoopActor
final class Pool: StateEntry {
    let digest: Digest
    let card: ModelCard
    /// Attached ones, by id.
    private(set) var members: [WorkerRecord] = []
    /// Their ranks, by placement: what a policy chooses among.
    private(set) var candidates: [Candidate] = []
    private var turns: UInt64 = 0
    /// Of the members; kept, since every decision's pool is told by it.
    private(set) var readyWorkers = 0
    /// What any member answers to beside the card's name, and which adapters one has. Where nobody is left, what the last one had: these names
    /// come back with whoever comes back, as the card's does.
    private(set) var servedNames = LabelUnion()
    private(set) var loRAs = LabelUnion()
    private(set) var kvKinds = KVKinds()
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

    // MARK: Members

    func put(_ record: WorkerRecord) {
        guard let registration = record.registration else { return }
        let old = candidates[candidates.ranks(of: record.life.worker)]
        let known = Dictionary(uniqueKeysWithValues: old.filter { $0.generation == record.life.generation }.map { ($0.placement, $0) })
        remove(record)
        if members.isEmpty { (servedNames, loRAs) = (LabelUnion(), LabelUnion()) }
        let least = leastTurnover(of: registration.role.placementRole)
        for index in record.ranks.indices where record.ranks[index].turnover == nil {
            record.ranks[index].turnover = CacheTurnover(from: least)
        }
        members.insert(record, at: members.firstIndex { record.life.worker < $0.life.worker } ?? members.count)
        record.pool = self
        record.pooledLabels = (registration.card.servedNames.map(\.text), registration.card.loRAs.map(\.text))
        servedNames.add(record.pooledLabels.served)
        loRAs.add(record.pooledLabels.loRAs)
        record.pooledKind = kvKinds.enter(KVKind(registration))
        let kv = KVSide(kind: record.pooledKind, paths: SplitPaths(registration.card.capabilities))
        let loaded = Set(record.pooledLabels.loRAs), takesWork = record.takesWork
        let fresh = record.ranks.indices.map { index in
            let placement = record.placement(index), known = known[placement]
            var candidate = Candidate(
                placement: placement, generation: record.life.generation, role: registration.role.placementRole,
                capabilities: registration.card.capabilities.rawValue, loRAs: loaded, kv: kv,
                maxBatchedTokens: record.ranks[index].capacity.maxBatchedTokens,
                maxSequences: record.ranks[index].capacity.maxSequences, isReady: takesWork, load: known?.load ?? CandidateLoad(),
                lastTurn: known?.lastTurn ?? 0)
            candidate.slot = record.isRoutedByBlocks ? record.ranks[index].slot : nil
            candidate.takeCache(record.ranks[index])
            candidate.latency = known?.latency
            return candidate
        }
        candidates.insert(contentsOf: fresh, at: candidates.ranks(of: record.life.worker).lowerBound)
        record.isPooledReady = takesWork
        if takesWork { readyWorkers += 1 }
        emptySince = nil
    }

    func remove(_ record: WorkerRecord) {
        guard record.pool === self else { return }
        record.pool = nil
        members.removeAll { $0 === record }
        candidates.removeSubrange(candidates.ranks(of: record.life.worker))
        if !members.isEmpty {
            servedNames.remove(record.pooledLabels.served)
            loRAs.remove(record.pooledLabels.loRAs)
        }
        kvKinds.leave(record.pooledKind)
        record.pooledKind = 0
        if record.isPooledReady { readyWorkers -= 1 }
        record.isPooledReady = false
    }

    /// After anything on which `takesWork` depends. True if it changed.
    func judge(_ record: WorkerRecord) -> Bool {
        for (index, rank) in zip(candidates.ranks(of: record.life.worker), record.ranks) {
            candidates[index].slot = record.isRoutedByBlocks ? rank.slot : nil
        }
        let takesWork = record.takesWork
        guard takesWork != record.isPooledReady else { return false }
        record.isPooledReady = takesWork
        readyWorkers += takesWork ? 1 : -1
        for index in candidates.ranks(of: record.life.worker) { candidates[index].isReady = takesWork }
        return true
    }

    /// Whether a worker that is expected back may run the request, by what it can and whom the request wants.
    func awaits(_ query: RouteQuery) -> Bool {
        members.contains { member in
            guard member.isReturning, let registration = member.registration else { return false }
            // One that serves a leg alone is no hope for what wants to run whole; half of a pair is some for what may be split.
            let isWhole = query.wish == .aggregated
            if isWhole, registration.role == .prefill || registration.card.capabilities.contains(.legsOnly) { return false }
            return query.needs & ~registration.card.capabilities.rawValue == 0 && query.names(member.life.worker)
                && candidates[candidates.ranks(of: member.life.worker)].contains { $0.takes(choices: query.choices) }
        }
    }

    /// How many choices of one request some member can run side by side, whether or not it takes work now.
    func mostChoices(atMost asked: UInt32) -> UInt32 {
        var most: UInt32 = 0
        for candidate in candidates {
            if candidate.takes(choices: asked) { return asked }
            most = max(most, candidate.maxSequences)
        }
        return candidates.isEmpty ? asked : most
    }

    /// Nobody takes work, and somebody is expected back.
    var isReturning: Bool { readyWorkers == 0 && members.contains(where: \.isReturning) }

    func setLoad(_ load: RankLoad, of placement: Placement) {
        guard let index = candidates.index(of: placement) else { return }
        candidates[index].load.waitingTokens = load.waitingTokens
        candidates[index].load.requests = UInt32(clamping: UInt64(load.waitingRequests) + UInt64(load.runningRequests))
        candidates[index].load.activeBlocks = load.activeBlocks
        candidates[index].load.totalBlocks = load.totalBlocks
    }

    func setLeases(_ ledger: (count: LeaseCount, blocks: UInt64), of placement: Placement) {
        guard let index = candidates.index(of: placement) else { return }
        candidates[index].load.take(ledger)
    }

    func setCache(of placement: Placement, _ rank: RankRecord) {
        guard let index = candidates.index(of: placement) else { return }
        candidates[index].takeCache(rank)
    }

    /// Where a new rank begins: not above those who take work, whose past is none of its debt, nor so far below them that it would get all the work.
    /// Roles write at paces of their own.
    private func leastTurnover(of role: PlacementRole) -> Double {
        var least: Double?
        for member in members where member.isPooledReady && member.registration?.role.placementRole == role {
            for rank in member.ranks {
                guard let turnover = rank.turnover else { continue }
                least = min(least ?? turnover.times, turnover.times)
            }
        }
        return least ?? 0
    }

    func setLatency(_ estimate: LatencyEstimate?, of placement: Placement) {
        guard let index = candidates.index(of: placement) else { return }
        candidates[index].latency = estimate
    }

    /// It was this one's turn.
    func took(_ index: Int) {
        turns += 1
        candidates[index].lastTurn = turns
    }

    // MARK: Roles

    /// Whether it serves one leg of split requests, and there are workers for the other leg of whom none can read its state, nor it theirs. Without
    /// any there is nothing to say: they may be on their way.
    func isUnpaired(_ record: WorkerRecord) -> Bool {
        guard let own = SplitClass(record) else { return false }
        return own.isUnpaired(among: Set(members.compactMap { SplitClass($0) }))
    }

    /// By what the state of one that is not paired differs from that of the first worker that could serve the other leg.
    func unpairedDifference(of registration: RegisterWorker) -> String? {
        let others = members.compactMap(\.registration)
        guard let other = others.first(where: { $0.role != registration.role && [$0.role, registration.role].contains(.prefill) }) else {
            return nil
        }
        if other.engineBuild != registration.engineBuild { return "engineBuild" }
        guard let one = other.kvShape, let two = registration.kvShape else { return "shape" }
        return two.difference(from: one).map { "shape, \($0)" } ?? "hand-over"
    }

    /// So many of them are.
    var unpairedCount: Int {
        var classes: [SplitClass: Int] = [:]
        for record in members { if let own = SplitClass(record) { classes[own, default: 0] += 1 } }
        let known = Set(classes.keys)
        // Order: a sum.
        return classes.reduce(0) { $1.key.isUnpaired(among: known) ? $0 + $1.value : $0 }
    }

    /// Workers that are alike to whoever looks for the other leg of a split request. There are few of them, however many workers.
    private struct SplitClass: Hashable {
        let role: WorkerRole
        let side: KVSide

        @LoopActor
        init?(_ record: WorkerRecord) {
            guard let registration = record.registration else { return nil }
            role = registration.role
            side = KVSide(kind: record.pooledKind, paths: SplitPaths(registration.card.capabilities))
        }

        func isUnpaired(among all: Set<SplitClass>) -> Bool {
            guard role != .aggregated else { return false }
            // Whoever serves whole requests decodes for others too, and prefills for nobody.
            let others = all.filter { $0.role != role && (role == .prefill || $0.role == .prefill) }
            return !others.isEmpty && !others.contains { side.reaches($0.side) }
        }
    }

    /// What those compute in one step together who prefill: where some do nothing else, those who decode are not counted on for it.
    func prefillStepTokens(assumed: UInt64) -> UInt64 {
        var all: UInt64 = 0, byPrefillers: UInt64 = 0
        let isSplit = candidates.contains { $0.role == .prefill }
        for candidate in candidates {
            let step = candidate.maxBatchedTokens > 0 ? UInt64(candidate.maxBatchedTokens) : assumed
            all += step
            if candidate.role != .decode { byPrefillers += step }
        }
        return isSplit ? byPrefillers : all
    }

    // MARK: StateEntry

    func change() -> RouterChange? { isGone ? nil : .modelPool(entry) }

    var entry: ModelPool {
        var shown = card
        shown.capabilities = []
        shown.servedNames = servedNames.sorted.prefix(Limits.servedNames).map { Label(text: $0) }
        shown.loRAs = []
        var bytes = 0
        for name in loRAs.sorted {
            // The message of a feed is not without end: an adapter too many is not shown, but served.
            bytes += name.utf8.count + 2
            guard bytes <= Limits.registrationBytes / 4, shown.loRAs.count < Limits.loRAs else { break }
            shown.loRAs.append(Label(text: name))
        }
        for member in members where member.isPooledReady { shown.capabilities.formUnion(member.registration?.card.capabilities ?? []) }
        return ModelPool(
            card: shown, workers: UInt32(clamping: members.count), readyWorkers: UInt32(clamping: readyWorkers), current: isCurrent)
    }
}

extension Candidate {
    fileprivate mutating func takeCache(_ rank: RankRecord) {
        indexedBlocks = rank.indexedBlocks
        turnover = Float(rank.turnover?.times ?? 0)
    }
}

/// Labels of many workers: each once, sorted, as long as one of them has it.
struct LabelUnion {
    private(set) var sorted: [String] = []
    private var holders: [String: Int] = [:]

    mutating func add(_ labels: [String]) {
        for label in labels {
            let count = (holders[label] ?? 0) + 1
            holders[label] = count
            if count == 1 { sorted.insert(label, at: sorted.firstIndex { label < $0 } ?? sorted.count) }
        }
    }

    mutating func remove(_ labels: [String]) {
        for label in labels {
            guard let count = holders[label] else { continue }
            holders[label] = count > 1 ? count - 1 : nil
            if count == 1 { sorted.removeAll { $0 == label } }
        }
    }
}
