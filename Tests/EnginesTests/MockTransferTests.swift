import ClusterModel
import Engines
import Testing

/// What the mock engine makes of KV state that is wrong; what every engine does with the right one stands in the conformance suite.
@Suite("KV state of the mock engine")
struct MockTransferTests {
    private static let kv = MockKVConfiguration(layers: 2, headDimension: 4)
    /// Of 16 tokens each; the last one holds 5.
    private static let pages: UInt32 = 4
    private let run: EngineRun
    private let key: EngineRequestKey

    init() throws {
        run = EngineRun(.test { $0.kv = Self.kv })
        key = run.admit(1, prompt: 53, choices: [EngineChoice(choice: 0, maxTokens: 6)]) {
            $0.leg = .decode
            $0.handOver = .receive
        }
        try finish()
    }

    /// Steps it as long as it has work, and says how the request ended.
    private func finish() throws {
        var output = StepOutput()
        while run.engine.hasWork {
            output.removeAll()
            _ = try run.engine.step(at: .zero, into: &output)
            for end in output.ends { reasons.values.append(end.reason) }
            tokens.values += output.tokens
        }
        #expect(run.engine.checkInvariants() == [])
    }

    private final class Kept<Value> { var values: [Value] = [] }
    private let reasons = Kept<EngineEnd.Reason>()
    private let tokens = Kept<TokenID>()
    /// What the engine of the last export said to be needed beside its pages.
    private let besidePages = Kept<[UInt8]>()

    /// As a prefill leg with the same prompt gives it.
    private func exported(prompt: Int = 53, _ slice: KVSlice, adapter: String = "") throws -> [UInt8] {
        let engine = MockEngine(
            .test {
                $0.kv = Self.kv
                $0.adapters = ["x"]
            })
        var request = EngineRequest(
            key: EngineRequestKey(9), rank: Rank(0), prompt: (0..<prompt).map { TokenID($0 % 200) }, sampling: EngineSampling(),
            choices: [EngineChoice(choice: 0, maxTokens: 6)], contextLimit: 1_024)
        request.leg = .prefill
        request.handOver = .export
        request.adapter = adapter
        engine.admit(request)
        var output = StepOutput(), bytes: [UInt8] = []
        besidePages.values.removeAll()
        func steps() throws {
            while engine.hasWork {
                output.removeAll()
                _ = try engine.step(at: .zero, into: &output)
                for case .exported(_, _, let part) in output.events { bytes = part }
                for case .beside(_, let state) in output.events { besidePages.values.append(state) }
            }
        }
        try steps()
        engine.transfer(.export(EngineRequestKey(9), slice))
        try steps()
        return bytes
    }

    private func all() -> KVSlice { KVSlice(firstBlock: 0, blockCount: Self.pages, firstLayer: 0, layerCount: 2) }

    @Test("a page's bytes are as many as the shape says, the same each time, and zeros behind the last token")
    func pages() throws {
        let shape = try #require(run.engine.profile.kvShape)
        #expect(shape.blockBytes == 16 * UInt64(Self.kv.bytesPerToken) && Self.kv.bytesPerToken == 16)
        let bytes = try exported(all())
        #expect(bytes.count == Int(Self.pages) * Int(shape.blockBytes))
        #expect(try exported(all()) == bytes)
        let last = KVSlice(firstBlock: 3, blockCount: 1, firstLayer: 1, layerCount: 1)
        let page = try exported(last)
        #expect(page == Array(bytes.suffix(128)))
        #expect(page[..<40].contains { $0 != 0 } && page[40...].allSatisfy { $0 == 0 })
    }

    @Test("bytes follow from the adapter and from every token before, not only from those of the page")
    func differences() throws {
        let second = KVSlice(firstBlock: 1, blockCount: 1, firstLayer: 0, layerCount: 1)
        let bytes = try exported(second)
        #expect(try exported(second, adapter: "x") != bytes)
        #expect(try exported(KVSlice(firstBlock: 1, blockCount: 1, firstLayer: 1, layerCount: 1)) != bytes)
        // A prompt of the same tokens and more has the same first pages.
        #expect(try exported(prompt: 70, second) == bytes)
    }

    @Test("the right bytes are stored, and decode begins with their end")
    func right() throws {
        run.engine.transfer(.store(key, all(), bytes: try exported(all())))
        try finish()
        #expect(reasons.values == [] && besidePages.values.count == 1)
        run.engine.transfer(.complete(key, firstTokens: [], handOver: besidePages.values[0]))
        try finish()
        #expect(reasons.values == [.finished] && tokens.values.count == 6)
    }

    @Test("one wrong byte, wherever it is, fails the request", arguments: [0, 17, 500, 1_023])
    func damage(place: Int) throws {
        var bytes = try exported(all())
        bytes[place] ^= 1
        run.engine.transfer(.store(key, all(), bytes: bytes))
        try finish()
        #expect(reasons.values == [.failed(.failed("KV state with wrong bytes"))])
    }

    @Test(
        "slices that there are not fail the request",
        arguments: [
            (4, 1, 0, 2), (0, 0, 0, 2), (0, 5, 0, 2), (0, 4, 0, 3), (0, 4, 2, 1), (0, 4, 0, 0), (.max, .max, 0, 2), (0, 4, .max, 1),
        ]
            as [(UInt32, UInt32, UInt32, UInt32)])
    func slices(first: UInt32, count: UInt32, layer: UInt32, layers: UInt32) throws {
        let slice = KVSlice(firstBlock: first, blockCount: count, firstLayer: layer, layerCount: layers)
        run.engine.transfer(.store(key, slice, bytes: []))
        try finish()
        #expect(reasons.values == [.failed(.failed("KV state of no page"))])
    }

    @Test("a transfer that ends with gaps fails the request", arguments: [0, 1, 2, 3] as [UInt32])
    func gaps(missing: UInt32) throws {
        for page in 0..<Self.pages {
            // Of the page that is missing one layer comes, twice.
            for _ in 0..<2 {
                let slice = KVSlice(firstBlock: page, blockCount: 1, firstLayer: 0, layerCount: page == missing ? 1 : 2)
                run.engine.transfer(.store(key, slice, bytes: try exported(slice)))
            }
        }
        run.engine.transfer(.complete(key, firstTokens: [], handOver: []))
        try finish()
        #expect(reasons.values == [.failed(.failed("KV state with gaps"))])
    }

    @Test(
        "a first token of another text, and no parameters or those of another request, fail the request",
        arguments: [(true, nil), (false, []), (false, [1, 2, 3])] as [(Bool, [UInt8]?)])
    func wrongEnd(token: Bool, handOver: [UInt8]?) throws {
        run.engine.transfer(.store(key, all(), bytes: try exported(all())))
        let first = token ? [KVFirstToken(choice: 0, token: 1)] : []
        run.engine.transfer(.complete(key, firstTokens: first, handOver: handOver ?? besidePages.values[0]))
        try finish()
        #expect(
            reasons.values == [.failed(.failed(token ? "a first token that is not this text's" : "KV state of another request"))])
    }

    @Test("an export of what is not computed yet fails the request")
    func earlyExport() throws {
        let other = run.admit(2, prompt: 200) {
            $0.leg = .prefill
            $0.handOver = .export
        }
        run.engine.transfer(.export(other, all()))
        try finish()
        #expect(reasons.values == [.failed(.failed("an export of what is not there"))])
    }

    @Test("blocks that transfers hold stop others, and an engine that can only wait has no work")
    func stuck() throws {
        let run = EngineRun(.test(blocks: 8) { $0.kv = Self.kv })
        for key in 1...2 as ClosedRange<UInt64> {
            run.admit(key, prompt: 100) {
                $0.leg = .decode
                $0.handOver = .receive
            }
        }
        let whole = run.admit(3, prompt: 100)
        var output = StepOutput(), steps = 0
        while run.engine.hasWork, steps < 100 {
            output.removeAll()
            _ = try run.engine.step(at: .zero, into: &output)
            steps += 1
        }
        #expect(steps < 5 && output.loads[0].waitingRequests == 2 && output.loads[0].waitingTokens == 100)
        run.engine.cancel(EngineRequestKey(1), choice: nil)
        run.engine.cancel(EngineRequestKey(2), choice: nil)
        #expect(run.engine.hasWork)
        while run.engine.hasWork, steps < 100 {
            output.removeAll()
            _ = try run.engine.step(at: .zero, into: &output)
            steps += 1
        }
        #expect(output.ends.contains { $0.key == whole && $0.reason == .finished })
    }

    @Test("an engine without KV state refuses every leg")
    func none() throws {
        let run = EngineRun(.test())
        #expect(run.engine.profile.kvShape == nil)
        #expect(run.engine.profile.capabilities.isDisjoint(with: [.concurrentHandOver, .sequentialHandOver, .moves]))
    }
}
