import ClusterModel
import Engines
import Testing

/// The sequential path: a prefill leg that ends with parameters, and a decode leg that begins with them.
@Suite("Parameters of the reference engine")
struct ReferenceHandOverTests {
    private let model: LlamaModel
    private static let prompt = (0..<70).map { TokenID(1 + $0 % 90) }

    init() throws { model = try ReferenceFiles.model(ReferenceFiles.micro) }

    private struct Answer {
        var texts: [UInt8: [TokenID]] = [:]
        var reason: EngineEnd.Reason?
        var handOver: [UInt8] = []
        var prefillTokens = 0
    }

    private func answer(
        _ leg: EngineLeg, _ handOver: HandOver, prompt: [TokenID] = prompt, shown: [TokenID] = [], choices: UInt8 = 1, times: Int = 1,
        _ change: (inout ReferenceConfiguration) -> Void = { _ in }
    ) throws -> Answer {
        let engine = ReferenceRun(model, change).engine
        var answer = Answer()
        for time in 0..<times {
            answer = Answer()
            var request = EngineRequest(
                key: EngineRequestKey(UInt64(time)), rank: Rank(0), prompt: prompt, sampling: EngineSampling(),
                choices: (0..<choices).map { EngineChoice(choice: $0, shown: shown, maxTokens: 12) }, contextLimit: 1_000)
            request.leg = leg
            request.handOver = handOver
            request.sampling.temperature = 0.9
            request.sampling.ignoreEndOfText = true
            engine.admit(request)
            var output = StepOutput(), steps = 0
            while engine.hasWork, steps < 500 {
                steps += 1
                output.removeAll()
                _ = try engine.step(at: .zero, into: &output)
                for (run, token) in zip(output.runs, output.tokens) { answer.texts[run.choice, default: []].append(token) }
                answer.prefillTokens += output.prefillTokens
                if let end = output.ends.first { (answer.reason, answer.handOver) = (end.reason, end.handOver) }
                #expect(engine.checkInvariants() == [])
            }
        }
        return answer
    }

    @Test("the two legs give the text of a whole request, and the second computes nothing of the prompt", arguments: [1, 3] as [UInt8])
    func text(choices: UInt8) throws {
        let whole = try answer(.whole, .none, choices: choices), given = try answer(.prefill, .none, choices: choices)
        #expect(given.reason == .handedOver && given.texts.mapValues(\.count) == whole.texts.mapValues { _ in 1 })
        let taken = try answer(.decode, .parameters(given.handOver), choices: choices)
        #expect(taken.reason == .finished && taken.texts == whole.texts && taken.prefillTokens == 0)
    }

    @Test("the decode worker's blocks may have another size")
    func blocks() throws {
        let whole = try answer(.whole, .none), given = try answer(.prefill, .none)
        for size in [1, 7, 64, 100] as [UInt32] {
            let taken = try answer(.decode, .parameters(given.handOver)) {
                $0.blockSize = size
                $0.room.maxBatchedTokens = 5
                $0.room.maxSequences = 2
            }
            #expect(taken.texts == whole.texts && taken.prefillTokens == 0, "blocks of \(size)")
        }
    }

    @Test(
        "of a long prompt the state goes over as far as a message takes it, and the rest is computed again", arguments: [1, 3] as [UInt8])
    func long(choices: UInt8) throws {
        let prompt = (0..<600).map { TokenID(1 + $0 % 89) }
        let whole = try answer(.whole, .none, prompt: prompt, choices: choices)
        let given = try answer(.prefill, .none, prompt: prompt, choices: choices)
        #expect((60 << 10...64 << 10).contains(given.handOver.count))
        let taken = try answer(.decode, .parameters(given.handOver), prompt: prompt, choices: choices)
        // 256 bytes a token.
        #expect(taken.texts == whole.texts && taken.prefillTokens == 600 - (63 << 10) / 256)
    }

    @Test("what shown tokens left goes over, too; and what the decode worker has in its cache is used")
    func continued() throws {
        let whole = try answer(.whole, .none), shown = Array((whole.texts[0] ?? []).prefix(4))
        let given = try answer(.prefill, .none, shown: shown)
        let taken = try answer(.decode, .parameters(given.handOver), shown: shown, times: 2)
        #expect(taken.prefillTokens == 0 && Array((taken.texts[0] ?? []).prefix(8)) == Array((whole.texts[0] ?? []).dropFirst(4)))
    }

    @Test("the text depends on the state that came")
    func matters() throws {
        let own = try answer(.prefill, .none), other = try answer(.prefill, .none, prompt: Self.prompt.reversed())
        let (head, size) = (own.handOver.count - Self.prompt.count * 256 - 8, own.handOver.count)
        // The other one's state behind the own one's head, with a sum that is right.
        var mixed = Array(own.handOver.prefix(head)) + other.handOver[head..<size - 8]
        withUnsafeBytes(of: mixed.withUnsafeBytes { XXH3.hash($0) }.littleEndian) { mixed.append(contentsOf: $0) }
        let right = try answer(.decode, .parameters(own.handOver)), wrong = try answer(.decode, .parameters(mixed))
        #expect(right.reason == .finished && wrong.reason == .finished && right.texts != wrong.texts)
    }

    @Test("a flipped bit anywhere, and an end anywhere, are seen")
    func damage() throws {
        let given = try answer(.prefill, .none).handOver
        var random = SeededRandom(seed: 9)
        for _ in 0..<60 {
            var flipped = given
            flipped[Int(random.next() % UInt64(given.count))] ^= 1 << UInt8(random.next() % 8)
            #expect(try answer(.decode, .parameters(flipped)).reason == .failed(.incompatible("parameters")))
            let cut = Array(given.prefix(Int(random.next() % UInt64(given.count))))
            #expect(try answer(.decode, .parameters(cut)).reason == .failed(.incompatible("parameters")))
        }
    }

    @Test("sizes that a peer made up trap nowhere, though the sum is right", arguments: [0, .max, 1 << 31, 71] as [UInt32])
    func hostile(number: UInt32) throws {
        let given = try answer(.prefill, .none).handOver
        // Behind the mark and the weights: layers, width of keys, tokens, tokens that have their state here.
        for field in 0..<4 {
            var bytes = Array(given.dropLast(8))
            withUnsafeBytes(of: number.littleEndian) { bytes.replaceSubrange(12 + field * 4..<16 + field * 4, with: $0) }
            withUnsafeBytes(of: bytes.withUnsafeBytes { XXH3.hash($0) }.littleEndian) { bytes.append(contentsOf: $0) }
            guard case .failed(.incompatible) = try answer(.decode, .parameters(bytes)).reason else {
                Issue.record("field \(field) with \(number) was taken")
                continue
            }
        }
    }

    @Test("state of other weights, of another prompt, or of a path that the worker has not, is refused by name")
    func refusals() throws {
        let given = HandOver.parameters(try answer(.prefill, .none).handOver)
        #expect(try answer(.decode, given) { $0.weights = "others" }.reason == .failed(.incompatible("weights")))
        #expect(try answer(.decode, given, prompt: Self.prompt.reversed()).reason == .failed(.incompatible("promptTokens")))
        #expect(try answer(.decode, given) { $0.handOver = .concurrent }.reason == .failed(.unsupported("handOver")))
        #expect(try answer(.prefill, .none) { $0.handOver = nil }.reason == .failed(.unsupported("handOver")))
        #expect(try answer(.prefill, .export) { $0.handOver = .sequential }.reason == .failed(.unsupported("handOver")))
        let tiny = try ReferenceFiles.model(ReferenceFiles.tiny)
        let other = ReferenceRun(tiny).engine
        var request = EngineRequest(
            key: EngineRequestKey(1), rank: Rank(0), prompt: Self.prompt, sampling: EngineSampling(),
            choices: [EngineChoice(choice: 0, maxTokens: 2)], contextLimit: 1_000)
        (request.leg, request.handOver) = (.decode, given)
        other.admit(request)
        var output = StepOutput()
        _ = try other.step(at: .zero, into: &output)
        #expect(output.ends.map(\.reason) == [.failed(.incompatible("layers"))])
    }
}
