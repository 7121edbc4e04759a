import ClusterModel
import EngineServing
import Engines
import TestSupport
import Testing
import WireProtocol

@Suite("What a worker and the process of its engine say, as bytes")
struct LayoutTests {
    @Test("everything that is written is read back as it was", arguments: FrameContent.all.indices)
    func roundTrip(index: Int) throws {
        let content = FrameContent.all[index]
        for seed in 0..<200 as Range<UInt64> {
            let body = content.random(seed, seed < 2 ? (seed == 0 ? .empty : .full) : .random)
            #expect(try content.rewritten(body.span.bytes) == body, "\(content.kind), seed \(seed)")
        }
    }

    @Test("every cut and every byte too many is refused", arguments: FrameContent.all.indices)
    func cuts(index: Int) {
        let content = FrameContent.all[index], body = content.random(7, .full)
        for count in body.indices {
            #expect(throws: EngineProtocolError.self, "cut at \(count)") { try content.rewritten(Array(body[..<count]).span.bytes) }
        }
        #expect(throws: EngineProtocolError.bytesBehind(content.kind)) { try content.rewritten((body + [0]).span.bytes) }
    }

    @Test("damage is refused or read as something else, and never traps", arguments: FrameContent.all.indices)
    func damage(index: Int) {
        let content = FrameContent.all[index]
        var random = SeededRandom(seed: 3)
        for seed in 0..<300 as Range<UInt64> {
            var body = content.random(seed, .random)
            guard !body.isEmpty else { continue }
            for _ in 0...(random.next() % 3) {
                body[Int(random.next() % UInt64(body.count))] = UInt8(truncatingIfNeeded: random.next())
            }
            // What is accepted has one way to be written.
            if let once = try? content.rewritten(body.span.bytes) {
                #expect((try? content.rewritten(once.span.bytes)) == once, "\(content.kind), seed \(seed)")
            }
        }
    }

    @Test("a request keeps every field but what a reader made of its constraint")
    func request() throws {
        var request = EngineRequest(
            key: EngineRequestKey(5), rank: Rank(1), prompt: [1, 2, 3], sampling: EngineSampling(),
            choices: [EngineChoice(choice: 2, shown: [9], maxTokens: nil)], contextLimit: 64)
        request.leg = .decode
        request.handOver = .parameters([4])
        request.salt = CacheSalt(bytes: (1...16).map { $0 })
        request.promptHashes = [SequenceHash(77)]
        request.constraint = .regex([65])
        request.session = 8
        var command = EngineCommand.admit(request), bytes: [UInt8] = [], read = EngineCommand()
        EngineFrame.append(.command, &command, to: &bytes)
        try EngineFrame.read(&read, .command, from: bytes.span.bytes.extracting(5..<bytes.count))
        guard case .admit(let arrived) = read else { return #expect(Bool(false), "it is another command") }
        #expect(arrived.key == request.key && arrived.rank == request.rank && arrived.prompt == request.prompt)
        #expect(arrived.choices == request.choices && arrived.leg == .decode && arrived.handOver == request.handOver)
        #expect(arrived.salt == request.salt && arrived.promptHashes == request.promptHashes && arrived.session == 8)
        #expect(arrived.constraint == request.constraint && arrived.contextLimit == 64 && arrived.sampling == request.sampling)
    }

    @Test("scores that are no numbers pass, as within one process")
    func scores() throws {
        var output = StepOutput(), bytes: [UInt8] = [], read = StepOutput()
        output.logprobs = [ScoredToken(token: 1, logprob: -.infinity), ScoredToken(token: 2, logprob: .nan)]
        EngineFrame.append(.step, &output, to: &bytes)
        try EngineFrame.read(&read, .step, from: bytes.span.bytes.extracting(5..<bytes.count))
        #expect(read.logprobs.map(\.logprob.bitPattern) == output.logprobs.map(\.logprob.bitPattern))
    }
}
