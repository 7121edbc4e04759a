import ClusterModel

/// One rank of a simulated engine: a queue in order of arrival, and a batch that is filled up in each step.
final class MockRank {
    private let room: EngineRank
    private let blockSize: Int
    private var waiting: [MockRequest] = []
    private var running: [MockRequest] = []
    /// Of this step: a sequence that ends makes room for the next one only.
    private var runningSequences = 0
    private var reservedBlocks = 0

    init(room: EngineRank, blockSize: Int) {
        self.room = room
        self.blockSize = blockSize
    }

    var hasWork: Bool { !waiting.isEmpty || !running.isEmpty }

    /// The fault if it cannot be taken.
    func admit(_ request: MockRequest) -> EngineFault? {
        guard waiting.count < room.maxWaiting, request.mostBlocks <= room.totalBlocks, request.choices.count <= room.maxSequences else {
            return .capacity
        }
        let place = waiting.lastIndex { $0.priority >= request.priority }.map { $0 + 1 } ?? 0
        waiting.insert(request, at: place)
        return nil
    }

    /// The request if that ended it.
    func cancel(_ request: MockRequest, choice: UInt8?) -> Bool {
        let ends = choice.map { request.cancel(choice: $0) } ?? true
        if let place = waiting.firstIndex(where: { $0 === request }) {
            if ends { waiting.remove(at: place) }
        } else if ends, let place = running.firstIndex(where: { $0 === request }) {
            running.remove(at: place)
            reservedBlocks -= request.mostBlocks
        }
        return ends
    }

    /// Decode first, then prompts that were begun, then new ones, all from one budget of tokens.
    func step(into output: inout StepOutput, ended: (MockRequest) -> Void) -> LatencyModel.Work {
        var work = LatencyModel.Work()
        runningSequences = running.reduce(0) { $0 + $1.unfinished }
        let decoding = running.prefix { $0.isPrefilled }.count
        for request in running.prefix(decoding) {
            work.decodes += request.unfinished
            work.meanContext += Double(request.heldTokens)
            request.decode(into: &output)
        }
        var budget = max(0, Int(room.maxBatchedTokens) - work.decodes)
        for request in running.dropFirst(decoding) where budget > 0 { prefill(request, &budget, &work, into: &output) }
        while budget > 0, let next = waiting.first, start(next, into: &output) {
            waiting.removeFirst()
            prefill(next, &budget, &work, into: &output)
        }
        removeEnded(ended)
        if decoding > 0 { work.meanContext /= Double(decoding) }
        work.activeTokens = reportedBlocks * blockSize
        work.totalTokens = Int(room.totalBlocks) * blockSize
        return work
    }

    var load: EngineLoad {
        var load = EngineLoad()
        load.waitingRequests = UInt32(clamping: waiting.count)
        load.runningRequests = UInt32(clamping: running.count)
        load.waitingTokens = UInt64(waiting.reduce(0) { $0 + $1.prefillTokens } + running.reduce(0) { $0 + $1.remainingTokens })
        load.activeBlocks = UInt32(clamping: reportedBlocks)
        load.usedBlocks = load.activeBlocks
        return load
    }

    private var reportedBlocks: Int { running.reduce(0) { $0 + $1.heldBlocks } }

    private func start(_ request: MockRequest, into output: inout StepOutput) -> Bool {
        let sequences = runningSequences + request.unfinished, blocks = reservedBlocks + request.mostBlocks
        guard sequences <= room.maxSequences, blocks <= room.totalBlocks else { return false }
        runningSequences = sequences
        reservedBlocks = blocks
        running.append(request)
        output.events.append(.started(request.key, cachedTokens: 0))
        return true
    }

    /// Requests become prefilled in the order in which they started, since each takes all of the budget that it can use.
    private func prefill(_ request: MockRequest, _ budget: inout Int, _ work: inout LatencyModel.Work, into output: inout StepOutput) {
        let count = min(budget, request.remainingTokens)
        request.prefill(count)
        budget -= count
        work.prefillTokens += count
        output.prefillTokens += count
        guard request.isPrefilled else {
            output.events.append(
                .prefilled(
                    request.key, computed: UInt32(clamping: request.computedTokens), remaining: UInt32(clamping: request.remainingTokens)))
            return
        }
        output.events.append(.prefillDone(request.key))
        request.decode(into: &output)
    }

    private func removeEnded(_ ended: (MockRequest) -> Void) {
        var kept = 0
        for place in running.indices {
            let request = running[place]
            if request.unfinished == 0 {
                reservedBlocks -= request.mostBlocks
                ended(request)
            } else {
                running[kept] = request
                kept += 1
            }
        }
        running.removeLast(running.count - kept)
    }
}
