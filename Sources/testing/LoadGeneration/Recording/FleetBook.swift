import ClusterModel
import WireProtocol

/// What a recording has said of the cluster, and the numbers that it gave.
struct FleetBook: Sendable {
    private var models: [RecordedModel] = []
    private var pools: [Digest: Int] = [:]
    private var workers: [RecordedWorker] = []
    private var lives: [RecordedLife: Int] = [:]

    /// The number of a worker that is there, and that of its model.
    subscript(life: RecordedLife) -> (worker: Int, model: Int)? { lives[life].map { ($0, workers[$0].model) } }

    func blockTokens(of model: Int) -> UInt32 { models[model].blockTokens }

    mutating func pool(_ card: ModelCard, _ writer: inout RecordWriter) {
        guard pools[card.digest] == nil, models.count < RecordLimits.models, card.blockSize > 0 else { return }
        let model = RecordedModel(name: card.name, blockTokens: card.blockSize, contextTokens: card.contextLength)
        pools[card.digest] = models.count
        writer.model(models.count, model)
        models.append(model)
    }

    /// False: its model was not told of yet. One that is past the bound gets no number.
    mutating func joined(_ entry: WorkerEntry, at now: Duration, _ writer: inout RecordWriter) -> Bool {
        guard let model = pools[entry.pool] else { return false }
        let life = RecordedLife(worker: entry.workerID, generation: entry.generation)
        let worker = RecordedWorker(joined: now, model: model, role: RecordedRole(entry.role), ranks: entry.ranks.map(RecordedRank.init))
        if let known = lives[life].map({ workers[$0] }) {
            if known.role == worker.role, known.ranks == worker.ranks, known.model == model { return true }
            left(life, at: now, &writer)
        }
        guard workers.count < RecordLimits.workers else { return true }
        lives[life] = workers.count
        writer.worker(workers.count, worker)
        workers.append(worker)
        return true
    }

    mutating func left(_ life: RecordedLife, at now: Duration, _ writer: inout RecordWriter) {
        guard let worker = lives.removeValue(forKey: life) else { return }
        writer.left(worker, at: now)
    }
}

extension RecordedRank {
    fileprivate init(_ room: RankCapacity) {
        self.init(
            rank: room.rank, blocks: room.totalBlocks, hostBlocks: room.hostBlocks, diskBlocks: room.diskBlocks,
            maxSequences: room.maxSequences, maxBatchedTokens: room.maxBatchedTokens)
    }
}
