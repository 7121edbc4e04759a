import ClusterModel
import Engines
import Testing

/// What a check would like an engine to be; one that cannot be so is what it is, and the check follows its profile.
struct EngineWishes: Sendable {
    var blockSize: UInt32 = 16
    var contextLength: UInt32 = 1_024
    var blocks: UInt32 = 256
    var sequences: UInt32 = 8
    var batchedTokens: UInt32 = 64
    var waiting: UInt32 = 64
}

/// An engine that the suite runs against: a name, and how one is made. A new engine needs one more of these, and no change to any check.
struct EngineUnderTest: Sendable, CustomTestStringConvertible {
    let name: String
    /// Requests that overflow its blocks are preempted, and not only held back: then the checks insist on it.
    var preempts = false
    /// With what a prompt ends that has opened a thought, and what ends that; nil: its model has none that the suite knows.
    var thoughts: (opening: [TokenID], closing: [TokenID])?
    private let maker: @Sendable (EngineWishes) throws -> any InferenceEngine

    init(
        _ name: String, preempts: Bool = false, thoughts: (opening: [TokenID], closing: [TokenID])? = nil,
        _ maker: @escaping @Sendable (EngineWishes) throws -> any InferenceEngine
    ) {
        self.name = name
        self.preempts = preempts
        self.thoughts = thoughts
        self.maker = maker
    }

    var testDescription: String { name }

    func make(_ wish: (inout EngineWishes) -> Void = { _ in }) throws -> any InferenceEngine {
        var wishes = EngineWishes()
        wish(&wishes)
        return try maker(wishes)
    }

    /// A run of a fresh one.
    func run(_ wish: (inout EngineWishes) -> Void = { _ in }) throws -> ConformanceRun { ConformanceRun(try make(wish)) }

    static let all = own + llama

    private static let own: [EngineUnderTest] = [
        EngineUnderTest("mock", preempts: true) { MockEngine(mock($0)) },
        EngineUnderTest("mock, two ranks", preempts: true) { wishes in MockEngine(mock(wishes) { $0.ranks = 2 }) },
        EngineUnderTest("mock with adapters") { wishes in MockEngine(mock(wishes) { $0.adapters = ["first", "second"] }) },
        EngineUnderTest("mock with one adapter at a time") { wishes in
            MockEngine(
                mock(wishes) {
                    $0.adapters = ["first", "second"]
                    $0.maxAdapters = 1
                })
        },
        EngineUnderTest("mock without a prefix cache", preempts: true) { wishes in MockEngine(mock(wishes) { $0.prefixCaching = false }) },
        EngineUnderTest("mock without chunks") { wishes in
            MockEngine(
                mock(wishes) {
                    $0.chunkedPrefill = false
                    $0.room.maxBatchedTokens = max($0.room.maxBatchedTokens, $0.contextLength)
                })
        },
        EngineUnderTest("mock, oldest preempted first", preempts: true) { wishes in
            MockEngine(
                mock(wishes) {
                    $0.preemption = .fifo
                    $0.watermark = 0
                })
        },
        EngineUnderTest("mock, long prompts held back") { wishes in MockEngine(mock(wishes) { $0.longPrefillThreshold = 16 }) },
        EngineUnderTest("mock with KV state", preempts: true) { wishes in MockEngine(mock(wishes) { $0.kv = MockKVConfiguration() }) },
        EngineUnderTest("mock with KV state, two ranks, no prefix cache") { wishes in
            MockEngine(
                mock(wishes) {
                    $0.kv = MockKVConfiguration(layers: 3, headDimension: 2)
                    $0.ranks = 2
                    $0.prefixCaching = false
                })
        },
        EngineUnderTest("mock with a vocabulary, with KV state", preempts: true) { wishes in
            MockEngine(
                mock(wishes) {
                    $0.vocabulary = MockVocabulary(
                        files: [], generationDefaults: [], size: 1_000, endOfText: 999, speech: (300..<700).map { TokenID($0) })
                    $0.kv = MockKVConfiguration()
                })
        },
        EngineUnderTest("mock that says what it is told, with KV state", preempts: true) { wishes in
            MockEngine(
                mock(wishes) {
                    $0.answers = MockAnswers((0..<3 as Range<TokenID>).map(answer))
                    $0.kv = MockKVConfiguration()
                })
        },
        EngineUnderTest("mock with a spelling") { wishes in
            MockEngine(
                mock(wishes) {
                    // Two bytes a token, as far as there are two: tokens of texts are not those of their bytes.
                    let spelling = MockSpelling { text in
                        stride(from: 0, to: text.count, by: 2).map {
                            $0 + 1 < text.count ? 256 + TokenID(text[$0]) * 256 + TokenID(text[$0 + 1]) : TokenID(text[$0])
                        }
                    }
                    $0.vocabulary = MockVocabulary(
                        files: [], generationDefaults: [], size: 70_000, endOfText: 69_999, speech: (300..<700).map { TokenID($0) },
                        spelling: spelling)
                })
        },
        EngineUnderTest("mock that thinks", thoughts: (opening: [221, 222], closing: [223, 224])) { wishes in
            MockEngine(mock(wishes) { $0.thoughts = MockThoughts(openings: [[221, 222]], closing: [223, 224]) })
        },
        EngineUnderTest("mock without constraints") { wishes in MockEngine(mock(wishes) { $0.constraints = false }) },
        EngineUnderTest("mock that takes time") { wishes in MockEngine(mock(wishes) { $0.latency = LatencyModel() }) },
        EngineUnderTest("mock with KV state behind faults that are off", preempts: true) { wishes in
            FaultyEngine(MockEngine(mock(wishes) { $0.kv = MockKVConfiguration() }), EngineFaults())
        },
        EngineUnderTest("reference", preempts: true) { ReferenceEngine(try reference($0)) },
        EngineUnderTest("mock with KV state, two ranks, served over a pair of sockets", preempts: true) { wishes in
            try ServedEngine {
                MockEngine(
                    mock(wishes) {
                        $0.kv = MockKVConfiguration()
                        $0.ranks = 2
                    })
            }
        },
        EngineUnderTest("mock with adapters, served over a pair of sockets") { wishes in
            try ServedEngine { MockEngine(mock(wishes) { $0.adapters = ["first", "second"] }) }
        },
    ]

    /// A model of random weights, which has every kind of number; its file is read once.
    private static let micro = Result { try LlamaModel(try GGUFFile(parsing: FixtureFile.bytes("reference/micro.gguf"))) }

    private static func reference(_ wishes: EngineWishes) throws -> ReferenceConfiguration {
        var configuration = ReferenceConfiguration(
            try micro.get(), name: "micro", weights: "micro",
            room: EngineRank(
                totalBlocks: wishes.blocks, maxSequences: wishes.sequences, maxBatchedTokens: wishes.batchedTokens,
                maxWaiting: wishes.waiting))
        configuration.blockSize = wishes.blockSize
        configuration.contextLength = wishes.contextLength
        return configuration
    }

    /// One with a thought.
    private static func answer(_ number: TokenID) -> MockAnswer {
        var answer = MockAnswer()
        answer.opening = [250]
        answer.thought = (0..<9).map { 10 + number + $0 }
        answer.closing = [251]
        answer.words = (0..<12 + number).map { 100 + number * 5 + $0 }
        return answer
    }

    private static func mock(_ wishes: EngineWishes, _ change: (inout MockConfiguration) -> Void = { _ in }) -> MockConfiguration {
        var configuration = MockConfiguration(
            blockSize: wishes.blockSize, contextLength: wishes.contextLength,
            room: EngineRank(
                totalBlocks: wishes.blocks, maxSequences: wishes.sequences, maxBatchedTokens: wishes.batchedTokens,
                maxWaiting: wishes.waiting),
            latency: LatencyModel(speedup: 0))
        change(&configuration)
        return configuration
    }
}
