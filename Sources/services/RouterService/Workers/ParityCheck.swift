import ClusterModel
import WireProtocol

/// Whether a worker hashes tokens as everybody else does: some lists, and what their hashes must be.
///
/// The golden lists are those of `proto-spec/05-block-hash.md`; random ones use the card's own block size, so that a worker cannot know them.
struct ParityCheck {
    let probe: ParityProbe
    private let expected: [ParityHashes]

    init(of card: ModelCard, random: inout SeededRandom) {
        var lists = Self.golden(card.capabilities)
        for _ in 0..<RouterLimits.randomParityLists {
            guard let list = Self.randomList(card, &random) else { break }
            lists.append(list)
        }
        probe = ParityProbe(lists: lists)
        expected = lists.map(Self.hashes)
    }

    /// What differs, by list and block; nil if nothing does.
    func fault(in answer: ParityAnswer) -> String? {
        guard answer.lists.count == expected.count else { return "it hashed \(answer.lists.count) lists of \(expected.count)" }
        for (list, (theirs, ours)) in zip(answer.lists, expected).enumerated() {
            if let fault = Self.fault(list, "block", theirs.blockHashes, ours.blockHashes) { return fault }
            if let fault = Self.fault(list, "sequence", theirs.sequenceHashes, ours.sequenceHashes) { return fault }
        }
        return nil
    }

    private static func fault(_ list: Int, _ what: String, _ theirs: [UInt64], _ ours: [UInt64]) -> String? {
        guard theirs.count == ours.count else {
            return "its hashes differ: list \(list) has \(theirs.count) \(what) hashes, not \(ours.count)"
        }
        guard let block = ours.indices.first(where: { ours[$0] != theirs[$0] }) else { return nil }
        return "its hashes differ: list \(list), \(what) hash of block \(block)"
    }

    // MARK: Lists

    private static func golden(_ capabilities: Capabilities) -> [ParityList] {
        let short = Array(UInt32(0)..<16), first = Array(UInt32(0)..<4)
        var lists = [
            list(short, 4), list(short, 16), list(Array(1...32), 16),
            // No whole block, and one with a rest.
            list(first, 16), list(short + [16], 4),
        ]
        if capabilities.contains(.loRA) { lists.append(list(short, 4, loRA: "my-lora")) }
        if capabilities.contains(.saltedEvents) { lists.append(list(short, 4, salt: Array(0..<UInt8(Limits.saltBytes)))) }
        if capabilities.contains(.multimodal) {
            lists.append(list(first, 4, media: [MultimodalItem(hash: 42, firstToken: 0, tokenCount: 4)]))
        }
        return lists
    }

    private static func list(
        _ tokens: [UInt32], _ blockSize: UInt32, loRA: String = "", salt: [UInt8] = [], media: [MultimodalItem] = []
    ) -> ParityList {
        ParityList(tokens: tokens, blockSize: blockSize, loRA: loRA, salt: salt, multimodal: media)
    }

    /// A few blocks and a rest, of tokens that the model has. None if one block is longer than a list may be.
    private static func randomList(_ card: ModelCard, _ random: inout SeededRandom) -> ParityList? {
        let blockSize = Int(card.blockSize)
        guard blockSize > 0, blockSize <= Limits.parityTokens / 8 else { return nil }
        let blocks = 1 + Int(random.next() % 4), rest = Int(random.next() % UInt64(blockSize))
        let vocabulary = UInt64(max(card.vocabularySize, 2))
        let tokens = (0..<blocks * blockSize + rest).map { _ in UInt32(truncatingIfNeeded: random.next() % vocabulary) }
        return list(tokens, card.blockSize)
    }

    private static func hashes(_ list: ParityList) -> ParityHashes {
        let hasher = BlockHasher(blockSize: list.blockSize, adapter: list.loRA, salt: CacheSalt(bytes: list.salt))
        var media: [BlockMedium] = []
        for item in list.multimodal where item.tokenCount > 0 {
            let first = item.firstToken / list.blockSize, last = (item.firstToken + item.tokenCount - 1) / list.blockSize
            for block in first...last { media.append(BlockMedium(block: Int(block), hash: item.hash)) }
        }
        var blocks: [BlockHash] = [], sequence: [SequenceHash] = []
        hasher.appendBlockHashes(of: list.tokens.span, media: media, to: &blocks)
        BlockHasher.appendSequenceHashes(of: blocks.span, after: nil, to: &sequence)
        return ParityHashes(blockHashes: blocks.map(\.rawValue), sequenceHashes: sequence.map(\.rawValue))
    }
}
