import ClusterModel
import WireProtocol

/// Hashes of a router's lists, computed as this worker's cache events compute them. Rule: `proto-spec/04-messages.md#parityprobe`.
enum HashParity {
    static func answer(_ probe: ParityProbe) -> Result<ParityAnswer, ParityProblem> {
        var answer = ParityAnswer(), bytes = 0
        for list in probe.lists {
            guard list.blockSize > 0 else { return .failure(ParityProblem("blockSize", "a block has a token at the least")) }
            let salt = CacheSalt(bytes: list.salt)
            guard list.salt.isEmpty || salt != nil else { return .failure(ParityProblem("salt", "a salt has \(Limits.saltBytes) bytes")) }
            let hasher = BlockHasher(blockSize: list.blockSize, adapter: list.loRA, salt: salt)
            let blocks = hasher.blockCount(ofTokens: list.tokens.count)
            // A question of many tokens in blocks of one would have an answer larger than a message.
            bytes += 2 * blocks * MemoryLayout<UInt64>.size
            guard bytes <= Limits.messageBytes / 2 else { return .failure(ParityProblem("lists", "the answer would not fit a message")) }
            let media = media(list.multimodal, blockSize: list.blockSize, blocks: blocks)
            guard media.count <= WorkerLimits.parityMedia else { return .failure(ParityProblem("multimodal", "too many blocks of media")) }
            var hashes: [BlockHash] = [], sequence: [SequenceHash] = []
            hasher.appendBlockHashes(of: list.tokens.span, media: media, to: &hashes)
            hasher.appendSequenceHashes(of: list.tokens.span, after: nil, media: media, to: &sequence)
            answer.lists.append(ParityHashes(blockHashes: hashes.map(\.rawValue), sequenceHashes: sequence.map(\.rawValue)))
        }
        return .success(answer)
    }

    /// Each item in every block that it touches, up to one more than is allowed: peers choose the numbers.
    static func media(_ items: [MultimodalItem], blockSize: UInt32, blocks: Int) -> [BlockMedium] {
        var media: [BlockMedium] = []
        for item in items where item.tokenCount > 0 && blockSize > 0 {
            let first = Int(item.firstToken / blockSize)
            let last = min(Int((UInt64(item.firstToken) + UInt64(item.tokenCount) - 1) / UInt64(blockSize)), blocks - 1)
            guard first <= last else { continue }
            for block in first...last {
                media.append(BlockMedium(block: block, hash: item.hash))
                if media.count > WorkerLimits.parityMedia { return media }
            }
        }
        return media
    }
}

/// What is wrong with a probe.
struct ParityProblem: Error, Hashable {
    let field: String
    let reason: String

    init(_ field: String, _ reason: String) {
        self.field = field
        self.reason = reason
    }
}
