import ClusterModel
import Engines

/// What a reader of an engine's cache changes believes: for each rank and tier a set of hashes.
struct CacheTwin {
    private var tiers: [[EngineTier: Set<SequenceHash>]]
    private(set) var breaches: [String] = []

    init(ranks: Int) { tiers = Array(repeating: [:], count: ranks) }

    func count(_ rank: Int, _ tier: EngineTier = .device) -> Int { tiers[rank][tier]?.count ?? 0 }
    func holds(_ hash: SequenceHash, _ rank: Int) -> Bool { tiers[rank].values.contains { $0.contains(hash) } }

    mutating func take(_ output: StepOutput) {
        for change in output.cache {
            let rank = Int(change.rank.rawValue), first = Int(change.first), end = first + Int(change.count)
            guard tiers.indices.contains(rank), first >= 0, end >= first, end <= output.hashes.count else {
                breaches.append("a change outside of ranks or hashes: \(change)")
                continue
            }
            let hashes = output.hashes[first..<end]
            switch change.kind {
            case .stored(let parent):
                if let parent, !holds(parent, rank) { breaches.append("stored behind a parent that is not there") }
                if hashes.isEmpty { breaches.append("nothing stored") }
                for hash in hashes where !tiers[rank][change.tier, default: []].insert(hash).inserted {
                    breaches.append("\(hash) stored twice")
                }
            case .removed:
                if hashes.isEmpty { breaches.append("nothing removed") }
                for hash in hashes where tiers[rank][change.tier, default: []].remove(hash) == nil {
                    breaches.append("\(hash) removed, and was not there")
                }
            case .cleared: tiers[rank] = [:]
            }
        }
    }
}
