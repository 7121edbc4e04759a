import ClusterModel
import Engines
import JSONText
import Testing

@Suite("Models of the llama architecture")
struct LlamaModelTests {
    @Test("the shape and the ends of texts are those of the file")
    func shape() throws {
        let tiny = try ReferenceFiles.model(ReferenceFiles.tiny)
        #expect(tiny.contextLength == 2_048 && tiny.vocabularySize == 1_167 && tiny.endTokens == [1_162])
        let micro = try ReferenceFiles.model(ReferenceFiles.micro)
        #expect(micro.contextLength == 1_024 && micro.vocabularySize == 96 && micro.endTokens == [95])
    }

    @Test("a model that this engine would compute wrongly is refused by the name of what is missing, unfit or unknown")
    func unfit() throws {
        let bytes = try ReferenceFiles.bytes(ReferenceFiles.micro)
        func field(_ name: String, becomes other: String) throws -> String? {
            let place = try #require(bytes.firstRange(of: Array(name.utf8)), "\(name)")
            var changed = bytes
            changed.replaceSubrange(place, with: Array(other.utf8))
            do throws(WeightsError) { _ = try LlamaModel(try GGUFFile(parsing: changed)) } catch { return error.field }
            return nil
        }
        #expect(try field("llama.block_count", becomes: "llama.block_c0unt") == "llama.block_count")
        #expect(try field("general.architecture", becomes: "general.architectur_") == "general.architecture")
        #expect(try field("llama.rope.freq_base", becomes: "llama.rope.freq_bass") == nil, "it has a usual value")
        #expect(try field("blk.1.attn_k.weight", becomes: "blk.1.attn_k.w_ight") == "blk.1.attn_k.weight")
        // Outputs would be those of the tokens, and the tensor is one that nobody knows.
        #expect(try field("\u{0D}\0\0\0\0\0\0\0output.weight", becomes: "\u{0D}\0\0\0\0\0\0\0output.w_ight") == "output.w_ight")
    }

    @Test("heads of no numbers are refused, however the rest of the shape counts up to them")
    func noHead() throws {
        var bytes = try ReferenceFiles.bytes(ReferenceFiles.tiny)
        // Without a length of its own a head has the width's share, and behind the key comes its type, then the number.
        if let own = bytes.firstRange(of: Array("attention.key_length".utf8)) {
            bytes.replaceSubrange(own, with: Array("attention.key_lengtH".utf8))
        }
        let width = try #require(bytes.firstRange(of: Array("llama.embedding_length".utf8))).upperBound + 4
        bytes.replaceSubrange(width..<width + 4, with: [1, 0, 0, 0])
        #expect(bytes.firstRange(of: Array("llama.rope.dimension_count".utf8)) != nil, "what counts up to it is there")
        var field: String?
        do throws(WeightsError) { _ = try LlamaModel(try GGUFFile(parsing: bytes)) } catch { field = error.field }
        #expect(field == "llama.embedding_length")
    }
}
