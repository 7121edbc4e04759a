import Engines
import LlamaEngine
import Testing

@Suite("What llama.cpp cannot run")
struct LlamaRefusalTests {
    @Test("settings that make no engine are refused with their name")
    func settings() {
        func refusal(_ change: (inout LlamaSettings) -> Void) -> String {
            do { _ = try TinyModel.engine(change) } catch { return "\(error)" }
            return "none"
        }
        #expect(refusal { $0.weightsPath = "/nowhere.gguf" }.contains("/nowhere.gguf"))
        #expect(refusal { $0.room.maxSequences = 200 }.contains("max-sequences"))
        #expect(refusal { $0.room.maxSequences = 0 }.contains("max-sequences"))
        #expect(refusal { $0.room.totalBlocks = .max }.contains("blocks"))
        #expect(refusal { $0.blockSize = 0 }.contains("block-size"))
        #expect(refusal { $0.threads = 0 }.contains("threads"))
        #expect(refusal { $0.contextLength = 4_096 }.contains("made for 2048"))
        #expect(
            refusal {
                $0.cacheType = .q8
                $0.flashAttention = false
            }.contains("q8_0"))
    }

    @Test("those that change what state means change the build, so that peers tell one another apart")
    func builds() throws {
        let plain = try TinyModel.engine().profile
        let others = try [
            TinyModel.engine { $0.cacheType = .q8 }, TinyModel.engine { $0.cacheType = .f32 },
            TinyModel.engine { $0.flashAttention = false },
        ].map(\.profile.build)
        #expect(Set(others + [plain.build]).count == 4)
        #expect(try TinyModel.engine { $0.threads = 2 }.profile.build == plain.build)
        #expect(plain.kvShape?.blockBytes == 16 * 1_024 + 8, "of the tiny model 1,024 bytes a token in halves, and a sum")
    }

    @Test("the room grows to the longest context where nobody said how large it is")
    func room() throws {
        let small = EngineRank(totalBlocks: 10, maxSequences: 2, maxBatchedTokens: 64, maxWaiting: 4)
        #expect(try TinyModel.engine { $0.room = small }.profile.ranks[0].totalBlocks == 10)
        let grown = try TinyModel.engine {
            $0.room = small
            $0.roomGrows = true
        }
        #expect(grown.profile.ranks[0].totalBlocks == 128)
    }
}
