import ClusterModel
import Concurrency
import Engines
import WorkerService

/// What an engine says of its cache, step by step, as the test wrote it or as it draws it.
final class CacheScript: Sendable {
    typealias Step = @Sendable (inout StepOutput) -> Void
    private let steps = Lock<[Step]>([])
    /// What the engine was told of the trace of each request, in order.
    var traceParents: [String] { told.with { $0 } }
    private let told = Lock<[String]>([])

    /// In the next step that nothing was said in yet.
    func say(_ step: @escaping Step) { steps.with { $0.append(step) } }
    var isEmpty: Bool { steps.with { $0.isEmpty } }
    fileprivate func tell(_ traceParent: String) { told.with { $0.append(traceParent) } }
    fileprivate func next() -> Step? { steps.with { $0.isEmpty ? nil : $0.removeFirst() } }
}

extension StepOutput {
    mutating func stored(_ hashes: [UInt64], after parent: UInt64? = nil, rank: UInt32 = 0, tier: EngineTier = .device) {
        change(.stored(parent: parent.map { SequenceHash($0) }), hashes, rank, tier)
    }

    mutating func removed(_ hashes: [UInt64], rank: UInt32 = 0, tier: EngineTier = .device) { change(.removed, hashes, rank, tier) }

    mutating func cleared(rank: UInt32) { change(.cleared, [], rank, .device) }

    private mutating func change(_ kind: CacheChange.Kind, _ all: [UInt64], _ rank: UInt32, _ tier: EngineTier) {
        cache.append(CacheChange(kind: kind, rank: Rank(rank), tier: tier, first: Int32(hashes.count), count: Int32(all.count)))
        hashes += all.map { SequenceHash($0) }
    }
}

/// An engine that computes every prompt in one step and gives one token a step to each request, and says of its cache what a script says.
final class ScriptedEngine: InferenceEngine {
    let profile: EngineProfile
    private let script: CacheScript
    private let stepDuration: Duration
    /// That a choice has ended is said in the step behind its last token.
    private let endsLater: Bool
    private var running: [Running] = []
    private var ends: [EngineEnd] = []

    init(ranks: Int, script: CacheScript, stepDuration: Duration, endsLater: Bool = false, cacheReport: EngineCacheReport = .exact) {
        self.endsLater = endsLater
        self.script = script
        self.stepDuration = stepDuration
        let room = EngineRank(totalBlocks: 1_000_000, maxSequences: 64, maxBatchedTokens: 4_096, maxWaiting: 4_096)
        profile = EngineProfile(
            name: "scripted", build: "scripted-1", capabilities: [.exactContinuation, .salts], cacheReport: cacheReport,
            model: EngineModel(name: "scripted", weights: "none", blockSize: 16, contextLength: 65_536, vocabularySize: 259),
            ranks: Array(repeating: room, count: ranks))
    }

    var hasWork: Bool { !running.isEmpty || !ends.isEmpty }
    func admit(_ request: EngineRequest) {
        script.tell(request.traceParent)
        running.append(Running(request: request))
    }

    func cancel(_ key: EngineRequestKey, choice: UInt8?) {
        guard let index = running.firstIndex(where: { $0.request.key == key }) else { return }
        end(running.remove(at: index), .cancelled)
    }

    func clearCache(of rank: Rank) {}

    func step(at now: Instant, into output: inout StepOutput) throws(EngineFailure) -> Duration {
        script.next()?(&output)
        for index in running.indices {
            let request = running[index].request
            if running[index].produced == request.choices[0].maxTokens {
                output.runs.append(
                    TokenRun(
                        key: request.key, position: running[index].produced, choice: 0, finish: .length, first: Int32(output.tokens.count),
                        count: 0))
                running[index].hasEnded = true
                continue
            }
            if running[index].produced == 0 {
                output.events.append(.started(request.key, cachedTokens: 0))
                output.events.append(.prefillDone(request.key))
            }
            let isLast = running[index].produced + 1 == request.choices[0].maxTokens
            output.append(
                TokenID(1), of: request.key, choice: 0, position: running[index].produced, finish: isLast && !endsLater ? .length : nil)
            running[index].produced += 1
            running[index].hasEnded = isLast && !endsLater
        }
        for done in running where done.hasEnded { end(done, .finished) }
        running.removeAll { $0.hasEnded }
        output.ends += ends
        ends = []
        output.loads = profile.ranks.map { _ in EngineLoad() }
        return stepDuration
    }

    private struct Running {
        let request: EngineRequest
        var produced: UInt32 = 0
        var hasEnded = false
    }

    private func end(_ done: Running, _ reason: EngineEnd.Reason) {
        ends.append(
            EngineEnd(
                key: done.request.key, reason: reason, promptTokens: UInt32(done.request.prompt.count), cachedTokens: 0,
                outputTokens: done.produced))
    }
}

extension EngineSelection {
    static func scripted(_ script: CacheScript, ranks: Int = 1, step: Duration = .milliseconds(5), endsLater: Bool = false)
        -> EngineSelection
    {
        .made { ScriptedEngine(ranks: ranks, script: script, stepDuration: step, endsLater: endsLater) }
    }
}
