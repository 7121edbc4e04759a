import ClusterModel
import Engines
import Testing

@testable import LlamaEngine

@Suite("llama.cpp: state that goes from one engine to another")
struct LlamaHandOverTests {
    private struct Side {
        var run: TinyRun
        let memory: BlockMemory
        var exportable: UInt32 = 0
        var held: UInt32?
        var pages: [(KVSlice, [UInt8])] = []

        init(_ change: (inout LlamaSettings) -> Void) throws {
            let (settings, computer) = try LlamaEngine.parts(TinyModel.settings(change))
            run = TinyRun(ReferenceEngine(settings, computer))
            memory = computer.memory
        }

        mutating func step() throws {
            guard run.engine.hasWork else { return }
            try run.step()
            for event in run.output.events {
                switch event {
                case .exportable(_, let blocks): exportable = blocks
                case .reserved(_, let blocks): held = blocks
                case .exported(_, let slice, let bytes): pages.append((slice, bytes))
                default: break
                }
            }
        }
    }

    /// One request in two legs; gives what the second one says.
    private func handOver(
        _ giver: inout Side, _ taker: inout Side, _ prompt: [TokenID], _ count: UInt32, choices: Int
    ) throws -> [TokenID] {
        giver.exportable = 0
        giver.pages = []
        taker.held = nil
        let first = giver.run.admit(prompt, count, choices: choices) {
            $0.leg = .prefill
            $0.handOver = .export
        }
        let second = taker.run.admit(prompt, count, choices: choices) {
            $0.leg = .decode
            $0.handOver = .receive
        }
        let pages = UInt32((prompt.count + 15) / 16)
        var asked: UInt32?, stored = 0, isComplete = false
        for _ in 0..<200 where taker.run.ends[second] == nil {
            try giver.step()
            try taker.step()
            #expect(giver.memory.problems == [] && taker.memory.problems == [])
            guard let held = taker.held, !isComplete else { continue }
            let from = asked ?? held
            if from < giver.exportable {
                let slice = KVSlice(firstBlock: from, blockCount: giver.exportable - from, firstLayer: 0, layerCount: 1)
                giver.run.engine.transfer(.export(first, slice))
                asked = giver.exportable
            }
            for (slice, bytes) in giver.pages[stored...] { taker.run.engine.transfer(.store(second, slice, bytes: bytes)) }
            stored = giver.pages.count
            let there = giver.pages.reduce(held) { $0 + $1.0.blockCount }
            guard there == pages, let tokens = giver.run.tokens[first], tokens.count == choices else { continue }
            isComplete = true
            let firsts = tokens.enumerated().map { KVFirstToken(choice: UInt8($0.offset), token: $0.element) }
            taker.run.engine.transfer(.complete(second, firstTokens: firsts, handOver: []))
            giver.run.engine.transfer(.release(first))
        }
        #expect(taker.run.ends[second] == .finished && giver.run.ends[first] == .handedOver)
        return taker.run.tokens[second] ?? []
    }

    @Test("whatever was handed over before, and however little room there is, each request goes on with its own tokens", arguments: [1, 2])
    func many(choices: Int) throws {
        // Two lanes and four shelves: most pages stay as bytes.
        func small(_ settings: inout LlamaSettings) {
            settings.room = EngineRank(totalBlocks: 48, maxSequences: 2, maxBatchedTokens: 40, maxWaiting: 8)
            settings.contextLength = 256
        }
        var giver = try Side(small), taker = try Side(small), alone = TinyRun(try TinyModel.engine())
        var random = SeededRandom(seed: 4)
        for _ in 0..<24 {
            let prompt =
                TinyModel.prompt(16 * Int(random.next() % 3), seed: 1)
                + TinyModel.prompt(1 + Int(random.next() % 90), seed: random.next() % 8)
            let expected = try alone.answer(prompt, 12).flatMap { Array(repeating: $0, count: choices) }
            #expect(try handOver(&giver, &taker, prompt, 12, choices: choices) == expected)
        }
    }

    @Test("a page with one wrong byte, anywhere, is not taken, and other requests hear nothing of it")
    func damaged() throws {
        var giver = try Side { _ in }, taker = try Side { _ in }
        let good = TinyModel.prompt(70, seed: 2), expected = try taker.run.answer(good, 20)
        let prompt = TinyModel.prompt(48, seed: 20)
        let first = giver.run.admit(prompt, 1) {
            $0.leg = .prefill
            $0.handOver = .export
        }
        for _ in 0..<100 where giver.exportable < 3 { try giver.step() }
        giver.run.engine.transfer(.export(first, KVSlice(firstBlock: 0, blockCount: 3, firstLayer: 0, layerCount: 1)))
        try giver.step()
        let (slice, bytes) = try #require(giver.pages.first)
        var random = SeededRandom(seed: 9)
        for _ in 0..<40 {
            taker.held = nil
            let key = taker.run.admit(prompt, 10) {
                $0.leg = .decode
                $0.handOver = .receive
            }
            for _ in 0..<100 where taker.held == nil { try taker.step() }
            // Pages before the damaged one were taken, and are not sent again.
            let held = taker.held ?? 0, size = bytes.count / 3
            var wrong = Array(bytes[(Int(held) * size)...])
            wrong[Int(random.next() % UInt64(wrong.count))] ^= 1 << UInt8(random.next() % 8)
            let rest = KVSlice(firstBlock: held, blockCount: slice.blockCount - held, firstLayer: 0, layerCount: 1)
            guard held < 3 else { break }
            taker.run.engine.transfer(.store(key, rest, bytes: wrong))
            try taker.run.finish()
            #expect(taker.run.ends[key] == .failed(.failed("KV state with wrong bytes")))
            #expect(taker.memory.problems == [])
            #expect(try taker.run.answer(good, 20) == expected)
        }
    }
}
