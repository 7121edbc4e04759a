#if APUS_LLAMA
    import Engines
    import LlamaEngine

    /// The engine over llama.cpp, where it is built: with the tiny model, in each form of its memory.
    extension EngineUnderTest {
        static let llama: [EngineUnderTest] = [
            EngineUnderTest("llama", preempts: true) { try LlamaEngine.make(llama($0)) },
            EngineUnderTest("llama with eight-bit keys", preempts: true) { wishes in
                try LlamaEngine.make(llama(wishes) { $0.cacheType = .q8 })
            },
            EngineUnderTest("llama without flash attention", preempts: true) { wishes in
                try LlamaEngine.make(llama(wishes) { $0.flashAttention = false })
            },
            EngineUnderTest("llama, served over a pair of sockets", preempts: true) { wishes in
                try ServedEngine { try LlamaEngine.make(llama(wishes)) }
            },
        ]

        private static let library: Void = LlamaLibrary.start { _ in }

        private static func llama(_ wishes: EngineWishes, _ change: (inout LlamaSettings) -> Void = { _ in }) -> LlamaSettings {
            _ = library
            var settings = LlamaSettings(
                modelName: "tiny", weightsPath: FixtureFile.path("../deploy/models/tiny/tiny-f16.gguf"), weights: "tiny",
                room: EngineRank(
                    totalBlocks: wishes.blocks, maxSequences: wishes.sequences, maxBatchedTokens: wishes.batchedTokens,
                    maxWaiting: wishes.waiting))
            settings.blockSize = wishes.blockSize
            settings.contextLength = min(wishes.contextLength, wishes.blocks * wishes.blockSize)
            change(&settings)
            return settings
        }
    }
#else
    extension EngineUnderTest {
        static let llama: [EngineUnderTest] = []
    }
#endif
