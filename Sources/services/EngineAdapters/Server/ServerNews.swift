import ClusterModel
import Engines
import EventLoop

/// What there is to tell, in the order of a step's output. It is bounded by what was asked: a request has as many tokens as it may have.
@LoopActor
final class ServerNews {
    private var output = StepOutput()
    /// Of ranks, as far as their requests tell.
    private(set) var ranks: [RankUse]
    /// Told when there is something where there was nothing.
    var whenFilled: (() -> Void)?
    private(set) var isEmpty = true

    /// What the requests of one rank hold here.
    struct RankUse {
        var running: UInt32 = 0
        var waiting: UInt32 = 0
        var waitingTokens: UInt64 = 0
        var blocks: UInt32 = 0
    }

    nonisolated init(ranks: Int) { self.ranks = [RankUse](repeating: RankUse(), count: ranks) }

    /// Changes what is to be told.
    func add(_ change: (inout StepOutput) -> Void) {
        change(&output)
        guard isEmpty else { return }
        isEmpty = false
        whenFilled?()
    }

    func use(of rank: Rank, _ change: (inout RankUse) -> Void) { change(&ranks[Int(rank.rawValue)]) }

    /// Everything since the last call; the memory of `told`, which is empty, takes its place.
    func take(into told: inout StepOutput) {
        swap(&output, &told)
        isEmpty = true
    }
}
