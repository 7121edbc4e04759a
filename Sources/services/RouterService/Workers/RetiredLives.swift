import ClusterModel
import Scheduling

/// Lives of workers that newer ones replaced: none of them is ever adopted again.
struct RetiredLives {
    private var generations: [WorkerID: [Generation]] = [:]
    /// In the order in which they first retired a life: the longest known is forgotten first.
    private var order: [WorkerID] = []

    mutating func retire(_ life: WorkerLife) {
        if generations[life.worker] == nil {
            if order.count >= RouterLimits.rememberedWorkers { generations[order.removeFirst()] = nil }
            order.append(life.worker)
        }
        var known = generations[life.worker] ?? []
        guard !known.contains(life.generation) else { return }
        known.append(life.generation)
        if known.count > RouterLimits.retiredLives { known.removeFirst() }
        generations[life.worker] = known
    }

    func contains(_ life: WorkerLife) -> Bool { generations[life.worker]?.contains(life.generation) ?? false }
}
