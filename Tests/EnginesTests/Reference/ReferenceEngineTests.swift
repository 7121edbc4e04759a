import ClusterModel
import Engines
import Testing

/// What the conformance suite cannot know: the limits of this engine, and state that was damaged on its way.
@Suite("The reference engine")
struct ReferenceEngineTests {
    private let model: LlamaModel

    init() throws { model = try ReferenceFiles.model(ReferenceFiles.micro) }

    private func request(_ prompt: [TokenID], key: UInt64 = 1, _ change: (inout EngineRequest) -> Void = { _ in }) -> EngineRequest {
        var request = EngineRequest(
            key: EngineRequestKey(key), rank: Rank(0), prompt: prompt, sampling: EngineSampling(),
            choices: [EngineChoice(choice: 0, maxTokens: 4)], contextLimit: 200)
        change(&request)
        return request
    }

    private func finish(_ engine: ReferenceEngine, into output: inout StepOutput) throws {
        var all = StepOutput(), steps = 0
        while engine.hasWork, steps < 2_000 {
            steps += 1
            output.removeAll()
            _ = try engine.step(at: .zero, into: &output)
            all.events += output.events
            all.tokens += output.tokens
            all.ends += output.ends
        }
        output = all
    }

    @Test("what this engine cannot do ends with the name of the field, tokens outside of the vocabulary among it")
    func refusals() throws {
        let engine = ReferenceRun(model).engine
        func end(_ change: (inout EngineRequest) -> Void) throws -> EngineEnd.Reason? {
            var output = StepOutput()
            engine.admit(request([1, 2, 3], change))
            try finish(engine, into: &output)
            return output.ends.first?.reason
        }
        #expect(try end { _ in } == .finished)
        #expect(try end { $0.prompt = [1, 96] } == .failed(.unsupported("promptTokens")))
        #expect(try end { $0.choices[0].shown = [.max] } == .failed(.unsupported("choices")))
        #expect(try end { $0.media = [EngineMedium(hash: 1, firstToken: 0, tokenCount: 1)] } == .failed(.unsupported("media")))
        #expect(try end { $0.sampling.promptLogprobs = 1 } == .failed(.unsupported("promptLogprobs")))
        #expect(try end { $0.contextLimit = 1_025 } == .failed(.unsupported("choices")))
        #expect(engine.checkInvariants() == [])
    }

    /// A prefill leg of 40 tokens in blocks of 16, its pages and its first token.
    private func exported() throws -> (pages: [UInt8], first: KVFirstToken) {
        let engine = ReferenceRun(model).engine
        var output = StepOutput()
        engine.admit(
            request(Array(1...40)) {
                $0.leg = .prefill
                $0.handOver = .export
            })
        try finish(engine, into: &output)
        let first = KVFirstToken(choice: 0, token: output.tokens[0])
        engine.transfer(.export(EngineRequestKey(1), KVSlice(firstBlock: 0, blockCount: 3, firstLayer: 0, layerCount: 2)))
        engine.transfer(.release(EngineRequestKey(1)))
        try finish(engine, into: &output)
        guard case .exported(_, _, let bytes)? = output.events.first else { throw EngineFailure("nothing was exported") }
        #expect(output.ends.map(\.reason) == [.handedOver])
        return (bytes, first)
    }

    /// The end of a decode leg that is given these pages, and its tokens.
    private func received(_ pages: [UInt8], _ first: KVFirstToken, state: [UInt8] = []) throws -> (EngineEnd.Reason?, [TokenID]) {
        let engine = ReferenceRun(model).engine, key = EngineRequestKey(1)
        var output = StepOutput()
        engine.admit(
            request(Array(1...40)) {
                $0.leg = .decode
                $0.handOver = .receive
            })
        try finish(engine, into: &output)
        #expect(output.events == [.reserved(key, heldBlocks: 0)])
        engine.transfer(.store(key, KVSlice(firstBlock: 0, blockCount: 3, firstLayer: 0, layerCount: 2), bytes: pages))
        engine.transfer(.complete(key, firstTokens: [first], handOver: state))
        try finish(engine, into: &output)
        #expect(engine.checkInvariants() == [])
        return (output.ends.first?.reason, output.tokens)
    }

    /// Two parts a page, one a layer: keys and values, of 16 tokens each of 16 numbers, and a sum.
    private static let numbersBytes = 2 * 16 * 16 * 4
    private static let partBytes = numbersBytes + 8

    /// With sums that hold.
    private func summed(_ pages: [UInt8]) -> [UInt8] {
        stride(from: 0, to: pages.count, by: Self.partBytes).flatMap { first in
            let numbers = Array(pages[first..<first + Self.numbersBytes])
            return numbers + withUnsafeBytes(of: numbers.withUnsafeBytes { XXH3.hash($0) }.littleEndian) { Array($0) }
        }
    }

    @Test("behind the last token of the last page there are zeros, before it there are none")
    func pages() throws {
        let (pages, _) = try exported(), half = Self.numbersBytes / 2
        #expect(pages.count == 3 * 2 * Self.partBytes && summed(pages) == pages)
        #expect(ReferenceRun(model).engine.profile.kvShape?.blockBytes == UInt64(2 * Self.partBytes))
        for part in 4..<6 {
            for first in [part * Self.partBytes, part * Self.partBytes + half] {
                let numbers = pages[first..<first + half]
                #expect(numbers.dropFirst(8 * 16 * 4).allSatisfy { $0 == 0 } && numbers.prefix(8 * 16 * 4).contains { $0 != 0 })
            }
        }
    }

    @Test("state that is cut, damaged, or another engine's, ends the leg; state that is no number gives tokens and no trap")
    func damage() throws {
        let (pages, first) = try exported()
        let (reason, tokens) = try received(pages, first)
        #expect(reason == .finished && tokens.count == 4 && tokens[0] == first.token)
        #expect(try received(pages.dropLast(), first).0 == .failed(.failed("KV state of another size")))
        #expect(try received(pages, first, state: [1]).0 == .failed(.failed("state of another engine")))
        for place in [0, 1_000, Self.numbersBytes, Self.partBytes - 1, pages.count - 1] {
            var flipped = pages
            flipped[place] ^= 0x10
            #expect(try received(flipped, first).0 == .failed(.failed("KV state with wrong bytes")))
        }
        for byte in [0xFF, 0x7F, 0x80] as [UInt8] {
            let (reason, tokens) = try received(summed(Array(repeating: byte, count: pages.count)), first)
            #expect(reason == .finished && tokens.count == 4 && tokens.allSatisfy { $0 < 96 })
        }
    }

    @Test("the second half of a text depends on the state that came: other state gives another text")
    func matters() throws {
        let (pages, first) = try exported()
        var other = pages
        for index in 0..<pages.count where index % 4 == 3 { other[index] ^= 0x80 }
        #expect(try received(summed(other), first).1 != received(pages, first).1)
    }

    @Test("under pressure of blocks and with sessions, its books stay right in every step", arguments: [1, 2] as [UInt64])
    func pressure(seed: UInt64) throws {
        let engine = ReferenceRun(model) {
            $0.room = EngineRank(totalBlocks: 20, maxSequences: 6, maxBatchedTokens: 24, maxWaiting: 12)
        }.engine
        var random = SeededRandom(seed: seed), output = StepOutput(), next: UInt64 = 1
        engine.session(.open(session: 1, rank: Rank(0)))
        for _ in 0..<250 {
            let key = next
            if random.next() % 3 == 0 {
                next += 1
                engine.admit(
                    request((0..<1 + random.next() % 90).map { TokenID(1 + $0 % 7) }, key: key) {
                        $0.choices = (0..<UInt8(1 + random.next() % 3)).map { EngineChoice(choice: $0, maxTokens: 30) }
                        $0.session = random.next() % 2 == 0 ? 1 : nil
                        $0.sampling.seed = random.next()
                        $0.sampling.temperature = 1
                    })
            }
            if random.next() % 9 == 0 {
                engine.cancel(EngineRequestKey(1 + random.next() % next), choice: random.next() % 2 == 0 ? 0 : nil)
            }
            if random.next() % 40 == 0 { engine.clearCache(of: Rank(0)) }
            output.removeAll()
            if engine.hasWork { _ = try engine.step(at: .zero, into: &output) }
            #expect(engine.checkInvariants() == [])
        }
    }
}
