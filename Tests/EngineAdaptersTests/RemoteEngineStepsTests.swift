import ClusterModel
import EngineAdapters
import Engines
import EventLoop
import TestSupport
import Testing

/// Says of each request that it was cancelled, when it is told to.
@LoopActor
private final class Canceller: RemoteEngine {
    weak var listener: (any RemoteEngineListener)?
    private var asked: [EngineRequestKey] = []
    private var isBroken = false

    nonisolated init() {}

    func begin(until deadline: Instant) async throws(EngineFailure) -> EngineProfile {
        EngineProfile(
            name: "canceller", build: "1", capabilities: [], cacheReport: .noCache,
            model: EngineModel(name: "none", weights: "", blockSize: 16, contextLength: 64, vocabularySize: 8),
            ranks: [EngineRank(totalBlocks: 4, maxSequences: 1, maxBatchedTokens: 64, maxWaiting: 1)])
    }

    var hasNews: Bool { !asked.isEmpty || isBroken }

    func take(_ command: consuming EngineCommand) {
        if case .cancel(let key, _) = command { asked.append(key) } else { isBroken = true }
        listener?.engineHasNews()
    }

    func tell(into output: inout StepOutput, at now: Instant) throws(EngineFailure) {
        if isBroken { throw EngineFailure("it takes nothing but ends") }
        for key in asked {
            output.ends.append(EngineEnd(key: key, reason: .cancelled, promptTokens: 0, cachedTokens: 0, outputTokens: 0))
        }
        asked.removeAll()
    }

    func close() {}
}

@Suite("A remote engine in steps on the loop")
struct RemoteEngineStepsTests {
    @Test("commands go through, news come out, and a failure ends it")
    func steps() async throws {
        let thread = try LoopThread("remote")
        defer { thread.stop() }
        try await thread.run { loop in
            let remote = Canceller(), steps = RemoteEngineSteps(remote, try await remote.begin(until: loop.now))
            var output = StepOutput()
            #expect(RemoteEngineSteps.isBrief && steps.profile.name == "canceller" && !steps.hasWork)
            steps.cancel(EngineRequestKey(1), choice: nil)
            steps.cancel(EngineRequestKey(2), choice: 0)
            #expect(steps.hasWork)
            #expect(try steps.step(at: loop.now, into: &output) == .zero)
            #expect(output.ends.map(\.key) == [EngineRequestKey(1), EngineRequestKey(2)] && !steps.hasWork)
            steps.clearCache(of: Rank(0))
            #expect(throws: EngineFailure.self) { try steps.step(at: loop.now, into: &output) }
        }
    }
}
