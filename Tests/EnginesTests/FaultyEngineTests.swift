import ClusterModel
import Engines
import Testing

@Suite("Injected faults of engines")
struct FaultyEngineTests {
    private func faults(_ change: (inout EngineFaults) -> Void) -> EngineFaults {
        var faults = EngineFaults()
        faults.seed = 11
        change(&faults)
        return faults
    }

    private func request(_ key: UInt64) -> EngineRequest {
        EngineRequest(
            key: EngineRequestKey(key), rank: Rank(0), prompt: [1, 2, 3], sampling: EngineSampling(),
            choices: [EngineChoice(choice: 0, maxTokens: 1)], contextLimit: 100)
    }

    @Test("without faults every output and every duration is that of the engine inside")
    func none() throws {
        let configuration = MockConfiguration.test(ranks: 2, speedup: 1)
        let plain = MockEngine(configuration), faulty = FaultyEngine(MockEngine(configuration), EngineFaults())
        #expect(EngineFaults().isNone && faulty.profile.model == plain.profile.model && faulty.profile.ranks == plain.profile.ranks)
        for key in 1...20 {
            plain.admit(request(UInt64(key)))
            faulty.admit(request(UInt64(key)))
        }
        var left = StepOutput(), right = StepOutput()
        while plain.hasWork {
            left.removeAll()
            right.removeAll()
            #expect(faulty.hasWork)
            #expect(try plain.step(at: .zero, into: &left) == faulty.step(at: .zero, into: &right))
            #expect(left.events == right.events && left.runs == right.runs && left.tokens == right.tokens)
            #expect(left.ends == right.ends && left.loads == right.loads)
        }
        #expect(!faulty.hasWork)
    }

    @Test("a share of requests is refused, each once and with every rank's load, and the same ones for the same seed")
    func refusals() throws {
        func refused(seed: UInt64) throws -> [EngineRequestKey] {
            let script = ScriptedEngine(), engine = FaultyEngine(script, faults { ($0.refusals, $0.seed) = (0.25, seed) })
            for key in 1...400 { engine.admit(request(UInt64(key))) }
            var output = StepOutput()
            #expect(engine.hasWork && !script.hasWork)
            _ = try engine.step(at: .zero, into: &output)
            #expect(!engine.hasWork && script.steps == 0, "an engine without work is not stepped")
            #expect(output.loads.count == 1)
            #expect(output.ends.allSatisfy { $0.reason == .failed(.capacity) && $0.promptTokens == 3 })
            #expect(Set(output.ends.map(\.key)).count == output.ends.count)
            #expect(script.admitted.count + output.ends.count == 400)
            return output.ends.map(\.key)
        }
        let first = try refused(seed: 1)
        #expect((70...130).contains(first.count))
        #expect(try refused(seed: 1) == first)
        #expect(try refused(seed: 2) != first)
    }

    @Test("requests are refused for a time from the first one on, then taken; who leaves before that is told ends as well")
    func refusalSpan() throws {
        let script = ScriptedEngine(outputs: [StepOutput(), StepOutput()])
        let engine = FaultyEngine(script, faults { ($0.refusals, $0.refusesFor) = (1, .seconds(2)) })
        func refused(_ keys: [UInt64], at seconds: Int, leaving: UInt64? = nil) throws -> [EngineRequestKey] {
            for key in keys { engine.admit(request(key)) }
            if let leaving { engine.cancel(EngineRequestKey(leaving), choice: nil) }
            var output = StepOutput()
            #expect(engine.hasWork)
            _ = try engine.step(at: .zero + .seconds(seconds), into: &output)
            return output.ends.map(\.key)
        }
        #expect(try refused([1, 2], at: 10) == [1, 2].map { EngineRequestKey($0) })
        #expect(try refused([3], at: 11) == [EngineRequestKey(3)])
        #expect(try refused([4, 5], at: 12, leaving: 4) == [EngineRequestKey(4)])
        #expect(script.admitted == [EngineRequestKey(5)])
    }

    @Test("the engine's ends and those of refused requests stand in one output, after a step of the engine")
    func refusalBesideWork() throws {
        let script = ScriptedEngine(outputs: [StepOutput()]), engine = FaultyEngine(script, faults { $0.refusals = 1 })
        script.loads = [EngineLoad(waitingTokens: 5)]
        engine.admit(request(1))
        var output = StepOutput()
        _ = try engine.step(at: .zero, into: &output)
        #expect(output.ends.map(\.key) == [EngineRequestKey(1)] && output.loads == script.loads)
        engine.admit(request(2))
        output.removeAll()
        #expect(try engine.step(at: .zero, into: &output) == .zero)
        #expect(output.loads == script.loads, "the loads of the last step still hold")
    }

    @Test("slow steps take longer by a factor or by a span, as often as was asked")
    func slowSteps() throws {
        func durations(_ slow: EngineFaults.SlowStep) throws -> [Duration] {
            let script = ScriptedEngine(outputs: Array(repeating: StepOutput(), count: 400))
            let engine = FaultyEngine(script, faults { $0.slowStep = slow })
            return try (0..<400).map { _ in
                var output = StepOutput()
                return try engine.step(at: .zero, into: &output)
            }
        }
        let factor = try durations(.init(share: 0.25, .factor(5))), longer = try durations(.init(share: 0.25, .longer(.seconds(1))))
        #expect(Set(factor) == [.milliseconds(10), .milliseconds(50)])
        #expect(Set(longer) == [.milliseconds(10), .milliseconds(1_010)])
        #expect((70...130).contains(factor.count { $0 > .milliseconds(10) }))
        #expect(factor.map { $0 > .milliseconds(10) } == longer.map { $0 > .milliseconds(10) }, "the same steps for the same seed")
    }

    @Test("a stall is one step")
    func stall() throws {
        let script = ScriptedEngine(outputs: Array(repeating: StepOutput(), count: 9))
        let engine = FaultyEngine(script, faults { $0.stall = .init(step: 3, duration: .seconds(7)) })
        let durations = try (0..<9).map { _ in
            var output = StepOutput()
            return try engine.step(at: .zero, into: &output)
        }
        #expect(durations.enumerated().filter { $0.element != .milliseconds(10) }.map(\.offset) == [2])
        #expect(durations[2] == .milliseconds(7_010))
    }

    @Test("the step that would give a certain token fails, or ends the process", arguments: [false, true])
    func failure(isCrash: Bool) throws {
        var three = StepOutput()
        for position in 0..<3 { three.append(65, of: EngineRequestKey(1), choice: 0, position: UInt32(position), finish: nil) }
        let script = ScriptedEngine(outputs: Array(repeating: three, count: 9))
        let engine = FaultyEngine(script, faults { if isCrash { $0.crashesAtToken = 7 } else { $0.failsAtToken = 7 } })
        var output = StepOutput()
        for _ in 0..<2 {
            output.removeAll()
            _ = try engine.step(at: .zero, into: &output)
        }
        #expect { _ = try engine.step(at: .zero, into: &output) } throws: { ($0 as? EngineFailure)?.isCrash == isCrash }
    }

    @Test("wrong hashes are wrong in the same way wherever they are told")
    func wrongHashes() throws {
        let hashes = (0..<1_000).map { SequenceHash(UInt64($0) &* 0x9E37_79B9_7F4A_7C15) }
        var stored = StepOutput(), removed = StepOutput(), next = StepOutput()
        stored.hashes = hashes
        stored.cache = [CacheChange(kind: .stored(parent: nil), rank: Rank(0), first: 0, count: 1_000)]
        removed.hashes = hashes.reversed()
        removed.cache = [CacheChange(kind: .removed, rank: Rank(0), first: 0, count: 1_000)]
        next.cache = hashes.map { CacheChange(kind: .stored(parent: $0), rank: Rank(0)) }
        let engine = FaultyEngine(ScriptedEngine(outputs: [stored, removed, next]), faults { $0.wrongHashes = 0.1 })
        var told: [[SequenceHash]] = []
        for _ in 0..<3 {
            var output = StepOutput()
            _ = try engine.step(at: .zero, into: &output)
            told.append(output.hashes)
            if output.hashes.isEmpty {
                #expect(output.cache.map(\.kind) == told[0].map { .stored(parent: $0) })
            }
        }
        #expect(told[1] == told[0].reversed())
        let wrong = zip(told[0], hashes).count { $0 != $1 }
        #expect((60...150).contains(wrong))
        #expect(Set(told[0]).count == 1_000)
    }

    @Test("a silent clear empties every rank and tells nobody; one that was asked for is told")
    func silentClear() throws {
        var clears = StepOutput()
        clears.cache = [0, 1].map { CacheChange(kind: .cleared, rank: Rank($0)) }
        let script = ScriptedEngine(outputs: Array(repeating: clears, count: 4), ranks: 2)
        let engine = FaultyEngine(script, faults { $0.clearsSilentlyEvery = 2 })
        var told: [[Rank]] = []
        for step in 1...4 {
            if step == 4 { engine.clearCache(of: Rank(1)) }
            var output = StepOutput()
            _ = try engine.step(at: .zero, into: &output)
            told.append(output.cache.map(\.rank))
        }
        #expect(script.cleared.map(\.rawValue) == [0, 1, 1, 0, 1])
        #expect(told == [[Rank(0), Rank(1)], [], [Rank(0), Rank(1)], [Rank(1)]])
    }

    @Test("a damaged export has one wrong byte")
    func exports() throws {
        let bytes = [UInt8](repeating: 0xAB, count: 50)
        let slice = KVSlice(firstBlock: 0, blockCount: 1, firstLayer: 0, layerCount: 2)
        var output = StepOutput()
        output.events = (0..<200).map { .exported(EngineRequestKey($0), slice, bytes: bytes) } + [.prefillDone(EngineRequestKey(1))]
        let engine = FaultyEngine(ScriptedEngine(outputs: [output]), faults { $0.damagedExports = 0.5 })
        var told = StepOutput()
        _ = try engine.step(at: .zero, into: &told)
        var damaged = 0
        for case .exported(_, slice, let given) in told.events {
            #expect(given.count == bytes.count)
            let wrong = zip(given, bytes).count { $0 != $1 }
            #expect(wrong <= 1)
            damaged += wrong
        }
        #expect((70...130).contains(damaged))
        #expect(told.events.count == 201 && told.events.last == .prefillDone(EngineRequestKey(1)))
    }

    @Test("so have damaged parameters, and an end without any stays as it is")
    func parameters() throws {
        var output = StepOutput()
        let ends = (0..<200 as Range<UInt64>).map { key in
            var end = EngineEnd(key: EngineRequestKey(key), reason: .handedOver, promptTokens: 1, cachedTokens: 0, outputTokens: 1)
            end.handOver = key % 2 == 0 ? [UInt8](repeating: 0xAB, count: 50) : []
            return end
        }
        output.ends = ends
        let engine = FaultyEngine(ScriptedEngine(outputs: [output]), faults { $0.damagedExports = 0.5 })
        var told = StepOutput(), damaged = 0
        _ = try engine.step(at: .zero, into: &told)
        for (given, end) in zip(told.ends, ends) {
            #expect(given.key == end.key && given.handOver.count == end.handOver.count)
            let wrong = zip(given.handOver, end.handOver).count { $0 != $1 }
            #expect(wrong <= 1)
            damaged += wrong
        }
        #expect(told.ends.count == 200 && (30...70).contains(damaged))
    }

    @Test("a refused store ends its request as failed; others, and whoever is cancelled later, end as they do")
    func stores() throws {
        let slice = KVSlice(firstBlock: 0, blockCount: 1, firstLayer: 0, layerCount: 2)
        var ends = StepOutput(), later = StepOutput()
        func end(_ key: UInt64, _ reason: EngineEnd.Reason) -> EngineEnd {
            EngineEnd(key: EngineRequestKey(key), reason: reason, promptTokens: 1, cachedTokens: 0, outputTokens: 0)
        }
        ends.ends = [end(1, .cancelled), end(2, .finished), end(3, .cancelled)]
        later.ends = [end(4, .cancelled)]
        let script = ScriptedEngine(outputs: [ends, later]), engine = FaultyEngine(script, faults { $0.refusedStores = 1 })
        for key in [1, 2, 4] as [UInt64] { engine.transfer(.store(EngineRequestKey(key), slice, bytes: [1])) }
        engine.transfer(.release(EngineRequestKey(1)))
        #expect(script.cancelled.map(\.rawValue) == [1, 2, 4] && script.transfers == 1)
        var told: [EngineEnd.Reason] = []
        for _ in 0..<2 {
            var output = StepOutput()
            _ = try engine.step(at: .zero, into: &output)
            told += output.ends.map(\.reason)
        }
        #expect(told == [.failed(.failed("injected refusal of a store")), .finished, .cancelled, .cancelled])
    }

    @Test("what is on has a name, and a share of nothing is off")
    func names() {
        #expect(faults { ($0.refusals, $0.clearsSilentlyEvery) = (0.1, 5) }.names == ["refused requests", "silent clears"])
        #expect(faults { $0.slowStep = .init(share: 0, .factor(9)) }.isNone)
    }
}

/// An engine that says what it was given, and keeps what it is told.
private final class ScriptedEngine: InferenceEngine {
    let profile: EngineProfile
    var loads: [EngineLoad]
    private var outputs: [StepOutput]
    private(set) var steps = 0
    private(set) var admitted: [EngineRequestKey] = []
    private(set) var cancelled: [EngineRequestKey] = []
    private(set) var cleared: [Rank] = []
    private(set) var transfers = 0

    init(outputs: [StepOutput] = [], ranks: Int = 1) {
        let room = EngineRank(totalBlocks: 1, maxSequences: 1, maxBatchedTokens: 1, maxWaiting: 1)
        profile = EngineProfile(
            name: "script", build: "1", capabilities: [], cacheReport: .exact,
            model: EngineModel(name: "m", weights: "w", blockSize: 1, contextLength: 1, vocabularySize: 1),
            ranks: Array(repeating: room, count: ranks))
        loads = profile.ranks.map { _ in EngineLoad() }
        self.outputs = outputs
    }

    var hasWork: Bool { !outputs.isEmpty }
    func admit(_ request: EngineRequest) { admitted.append(request.key) }
    func cancel(_ key: EngineRequestKey, choice: UInt8?) { cancelled.append(key) }
    func transfer(_ command: KVCommand) { transfers += 1 }
    func clearCache(of rank: Rank) { cleared.append(rank) }

    func step(at now: Instant, into output: inout StepOutput) throws(EngineFailure) -> Duration {
        steps += 1
        output = outputs.removeFirst()
        output.loads = loads
        return .milliseconds(10)
    }
}

extension EngineLoad {
    fileprivate init(waitingTokens: UInt64) {
        self.init()
        self.waitingTokens = waitingTokens
    }
}
