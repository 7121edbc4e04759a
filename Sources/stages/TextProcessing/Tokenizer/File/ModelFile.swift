import ClusterModel
import JSONText

/// What stands under `model`, checked: the vocabulary, one behind the other, and what merges are made of.
struct ModelFile {
    /// Bytes of the tokens' texts, as they stand in the file, and `PaddedBytes.padding` behind them.
    private(set) var text: [UInt8] = []
    /// In the file's order: the token, and where its text begins.
    private(set) var entries: [(id: TokenID, start: Int)] = []
    /// Above the highest id.
    private(set) var count = 0
    let ignoresMerges: Bool
    let byteFallback: Bool
    let fusesUnknown: Bool
    let unknownToken: String?
    let node: FileNode

    init(_ node: FileNode) throws(TextError) {
        let kind = node["type"] == nil ? "BPE" : try node.kind()
        // A file without a type is told apart by its merges.
        guard kind == "BPE", node["merges"] != nil else { throw node.unsupported(node["type"] == nil ? "a model without merges" : kind) }
        self.node = node
        ignoresMerges = try node.flag("ignore_merges", else: false)
        byteFallback = try node.flag("byte_fallback", else: false)
        fusesUnknown = try node.flag("fuse_unk", else: false)
        unknownToken = try node["unk_token"]?.text(atMost: TextLimits.tokenBytes)
        for member in ["continuing_subword_prefix", "end_of_word_suffix"] {
            guard try node[member]?.text(atMost: TextLimits.tokenBytes).isEmpty ?? true else {
                throw node.error(at: ".\(member)", "is not supported")
            }
        }
        if let dropout = node["dropout"], dropout.value.asDouble != 0 {
            throw dropout.error("must be null: tokens are not drawn at random")
        }
        try readVocabulary(node.required("vocab"))
    }

    func text(of entry: Int) -> Range<Int> {
        entries[entry].start..<(entry + 1 < entries.count ? entries[entry + 1].start : text.count - PaddedBytes.padding)
    }

    private mutating func readVocabulary(_ node: FileNode) throws(TextError) {
        guard let object = node.value.asObject else { throw node.error("must be a JSON object") }
        guard object.count <= TextLimits.tokens else { throw node.error("has more than \(TextLimits.tokens) tokens") }
        var seen = [UInt64](repeating: 0, count: TextLimits.tokens / 64)
        text.reserveCapacity(object.count * 8)
        entries.reserveCapacity(object.count)
        for (index, member) in object.members.enumerated() {
            func wrong(_ reason: String) -> TextError {
                node.error(at: "[\"\(FileText.printable(member.name))\"]", "(entry \(index)) \(reason)")
            }
            guard let id = member.value.asInt, id >= 0, id < TextLimits.tokens else {
                throw wrong("must be a whole number from 0 to \(TextLimits.tokens - 1)")
            }
            guard seen[id / 64] >> (id % 64) & 1 == 0 else { throw wrong("has the id of another token") }
            seen[id / 64] |= 1 << (id % 64)
            let start = text.count
            text.append(contentsOf: member.name.utf8)
            guard text.count - start <= TextLimits.tokenBytes else { throw wrong("has more than \(TextLimits.tokenBytes) bytes") }
            entries.append((TokenID(id), start))
            count = max(count, id + 1)
        }
        text.append(contentsOf: repeatElement(0, count: PaddedBytes.padding))
    }
}
