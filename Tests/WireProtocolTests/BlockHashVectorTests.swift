import ClusterModel
import JSONText
import TestSupport
import Testing

/// `proto-spec/vectors/block-hash.json`: what `check.py` computes with another implementation of XXH3 and HMAC.
@Suite("Block hash vectors")
struct BlockHashVectorTests {
    @Test("blocks, sequences and salts are those of the vectors")
    func vectors() throws {
        var kinds: [String: Int] = [:]
        for vector in try GoldenVectors.array("block-hash") {
            let name = Comment(rawValue: vector["name"]?.asString ?? "?"), type = vector["type"]?.asString ?? "?"
            kinds[type, default: 0] += 1
            switch type {
            case "blocks": try blocks(vector, name)
            case "salt":
                let secret = try #require(Hex.bytes(vector["secret"]?.asString ?? ""), name)
                let salt = try CacheSalt.of(group: vector["group"]?.asString ?? "", secret: secret)
                #expect(salt == CacheSalt(bytes: Hex.bytes(vector["salt"]?.asString ?? "") ?? []), name)
                #expect(salt != nil, name)
            case "seed": break  // an intermediate value; the blocks that follow from it are checked above
            default:
                let bytes = try #require(Hex.bytes(vector["bytes"]?.asString ?? ""), name)
                #expect(XXH3.hash(bytes.span.bytes, seed: vector["seed"]?.asUInt64 ?? 0) == vector["hash"]?.asUInt64, name)
            }
        }
        #expect(kinds["blocks", default: 0] >= 12 && kinds["salt", default: 0] >= 2)
    }

    private func blocks(_ vector: JSONValue, _ name: Comment) throws {
        let tokens = integers(vector["tokens"]).map { TokenID($0) }
        var media: [BlockMedium] = []
        for (block, hashes) in (vector["multimodal"]?.asArray ?? []).enumerated() {
            media += integers(hashes).map { BlockMedium(block: block, hash: $0) }
        }
        let hasher = BlockHasher(
            blockSize: UInt32(vector["blockSize"]?.asInt ?? 0), adapter: vector["lora"]?.asString ?? "",
            salt: CacheSalt(bytes: Hex.bytes(vector["salt"]?.asString ?? "") ?? []),
            window: vector["overlap"]?.asInt == 1 ? .blockAndNextToken : .block)
        var blocks: [BlockHash] = [], sequence: [SequenceHash] = []
        hasher.appendBlockHashes(of: tokens.span, media: media, to: &blocks)
        hasher.extend(&sequence, toCover: tokens.span, media: media)
        #expect(blocks.map(\.rawValue) == integers(vector["blocks"]), name)
        #expect(sequence.map(\.rawValue) == integers(vector["sequence"]), name)
    }

    private func integers(_ value: JSONValue?) -> [UInt64] { (value?.asArray ?? []).compactMap(\.asUInt64) }
}
