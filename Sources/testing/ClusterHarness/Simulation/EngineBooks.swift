import ClusterModel
import Concurrency
import Engines
import EventLoop
import WireProtocol
import WorkerService

/// The simulated engine of a worker's process, for whoever looks into its books: what its worker says of it may be wrong.
final class EngineBooks: Sendable {
    /// Made where the worker makes its engine.
    private let made = Lock<MockEngine?>(nil)
    private var engine: MockEngine? { made.with { $0 } }

    /// The same engine, which can be looked into once it is made; others stay as they are.
    func open(_ selection: EngineSelection) -> EngineSelection {
        switch selection {
        case .mock(let configuration):
            .made(at: selection.place) { [made] in
                let engine = MockEngine(configuration)
                made.with { $0 = engine }
                return engine
            }
        case .faulty(let inner, let faults): .faulty(open(inner), faults)
        case .reference, .remote, .made: selection
        }
    }

    /// More than a rank may run at once, in words.
    var beyondLimits: [String] {
        guard let engine else { return [] }
        return engine.profile.ranks.enumerated().compactMap { rank, room in
            let running = engine.sequences(ofRank: Rank(UInt32(rank)))
            return running > room.maxSequences ? "rank \(rank) runs \(running) sequences, and has room for \(room.maxSequences)" : nil
        }
    }

    /// What is wrong with them, or with what the worker believes of them, while no step is under way. Looks at every block and request.
    @LoopActor
    func problems(beside worker: WorkerService) -> [String] {
        guard let engine else { return [] }
        let wrong = worker.ranks.compactMap { rank -> String? in
            // The simulated engine keeps its blocks on the device.
            let cached = Set(engine.cachedBlocks(ofRank: Rank(rank)).map(\.hash.rawValue))
            let believed = worker.cachedBlocks(rank: rank, tier: .device)
            let known = believed.count { cached.contains($0) }
            guard known != cached.count || known != believed.count else { return nil }
            return "of \(cached.count) blocks in its engine's rank \(rank) it knows \(known), and believes in \(believed.count)"
        }
        return engine.checkInvariants().map { "its engine's books: \($0)" } + wrong
    }
}
