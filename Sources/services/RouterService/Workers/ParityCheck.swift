import ClusterModel
import WireProtocol

/// Whether a worker hashes tokens as everybody else does: some lists, and what their hashes must be.
///
/// At least a hundred golden lists: those of the table in `proto-spec/05-block-hash.md`, and `GoldenPrompts` in blocks of several sizes, with adapters
/// and salts where the worker knows them. Random ones besides use the card's own block size, so that a worker cannot know them.
struct ParityCheck {
    let probe: ParityProbe
    private let expected: [ParityHashes]
    /// Of the lists.
    private let names: [String]

    init(of card: ModelCard, random: inout SeededRandom) {
        var lists = Self.table(card.capabilities) + Self.prompts(card)
        for _ in 0..<RouterLimits.randomParityLists {
            guard let list = Self.randomList(card, &random) else { break }
            lists.append(NamedList("random tokens", list))
        }
        probe = ParityProbe(lists: lists.map(\.list))
        expected = lists.map { Self.hashes($0.list) }
        names = lists.map(\.name)
    }

    /// What differs, by list and block; nil if nothing does.
    func fault(in answer: ParityAnswer) -> ParityFault? {
        guard answer.lists.count == expected.count else {
            return .differs("it hashed \(answer.lists.count) lists of \(expected.count)")
        }
        for (list, (theirs, ours)) in zip(answer.lists, expected).enumerated() {
            if let fault = fault(list, "block", theirs.blockHashes, ours.blockHashes) { return fault }
            if let fault = fault(list, "sequence", theirs.sequenceHashes, ours.sequenceHashes) { return fault }
        }
        return nil
    }

    private func fault(_ list: Int, _ what: String, _ theirs: [UInt64], _ ours: [UInt64]) -> ParityFault? {
        let name = "its hashes differ: list \(list)", size = probe.lists[list].blockSize, kind = "(\(names[list]), blocks of \(size))"
        guard theirs.count == ours.count else {
            return .differs("\(name) has \(theirs.count) \(what) hashes, not \(ours.count) \(kind)")
        }
        guard let block = ours.indices.first(where: { ours[$0] != theirs[$0] }) else { return nil }
        return .differs("\(name), \(what) hash of block \(block) \(kind)")
    }

    // MARK: Lists

    private struct NamedList {
        let name: String
        let list: ParityList

        init(_ name: String, _ list: ParityList) {
            self.name = name
            self.list = list
        }
    }

    private static func table(_ capabilities: Capabilities) -> [NamedList] {
        let short = Array(UInt32(0)..<16), first = Array(UInt32(0)..<4)
        var lists = [
            NamedList("0 to 15", list(short, 4)), NamedList("0 to 15", list(short, 16)), NamedList("1 to 32", list(Array(1...32), 16)),
            NamedList("no whole block", list(first, 16)), NamedList("a block and a rest", list(short + [16], 4)),
            NamedList("the largest tokens", list([.max, 0, .max, .max - 1], 2)),
        ]
        if capabilities.contains(.loRA) { lists.append(NamedList("an adapter", list(short, 4, loRA: "my-lora"))) }
        if capabilities.contains(.saltedEvents) { lists.append(NamedList("a salt", list(short, 4, salt: salt))) }
        if capabilities.contains(.multimodal) {
            lists.append(NamedList("a picture", list(first, 4, media: [MultimodalItem(hash: 42, firstToken: 0, tokenCount: 4)])))
        }
        return lists
    }

    private static let salt = Array(0..<UInt8(Limits.saltBytes))

    /// Each prompt in blocks of several sizes, the card's among them; some with an adapter, a salt, or both, where the worker tells them apart.
    private static func prompts(_ card: ModelCard) -> [NamedList] {
        let room = Limits.parityLists - RouterLimits.randomParityLists - 16
        var lists: [NamedList] = []
        for (place, prompt) in GoldenPrompts.all.enumerated() {
            let tokens = prompt.tokens
            for (turn, size) in [1, 4, 16, max(card.blockSize, 1)].enumerated() where lists.count < room {
                let isAdapted = card.capabilities.contains(.loRA) && (place + turn) % 3 == 1
                let isSalted = card.capabilities.contains(.saltedEvents) && (place + turn) % 4 == 1
                lists.append(
                    NamedList(prompt.name, list(tokens, size, loRA: isAdapted ? "Größe-7b" : "", salt: isSalted ? salt : [])))
            }
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

    static func hashes(_ list: ParityList) -> ParityHashes {
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

/// Why a worker's hashes cannot be taken for everybody's.
enum ParityFault: Equatable {
    /// Which, of what.
    case differs(String)
    case unanswered(String)

    var reason: String {
        switch self {
        case .differs(let reason), .unanswered(let reason): reason
        }
    }

    var label: String {
        switch self {
        case .differs: "differ"
        case .unanswered: "unanswered"
        }
    }
}
