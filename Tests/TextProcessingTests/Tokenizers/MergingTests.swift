import ClusterModel
import JSONText
import Testing

@testable import TextProcessing

@Suite("Merging") struct MergingTests {
    /// Merges as the definition says: look at all pairs, take the first of the lowest rank, again and again.
    private func naive(_ symbols: [TokenID], _ table: MergeTable) -> [TokenID] {
        var symbols = symbols
        while true {
            let pairs = symbols.indices.dropLast().map { (rank: table.merge(symbols[$0], symbols[$0 + 1]).rank, place: $0) }
            guard let best = pairs.min(by: { $0 < $1 }), best.rank != MergeTable.never else { return symbols }
            symbols[best.place] = table.merge(symbols[best.place], symbols[best.place + 1]).token
            symbols.remove(at: best.place + 1)
        }
    }

    private func merged(_ symbols: [TokenID], _ table: MergeTable, _ merger: PairMerger = PairMerger()) -> [TokenID] {
        merger.reserve(symbols.count)
        for (place, symbol) in symbols.enumerated() { merger.symbols.base[place] = symbol }
        let count = merger.merge(symbols.count, with: table, isCancelled: { false })
        return Array(UnsafeBufferPointer(start: merger.symbols.base, count: count))
    }

    @Test("short and long pretokens merge as the definition says", arguments: 0..<60 as Range<UInt64>)
    func random(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let table = MergeTable(merges: 40)
        var known: TokenID = 4
        for rank in 0..<40 as Range<UInt32> {
            let (left, right) = (TokenID.random(in: 0..<known, using: &random), TokenID.random(in: 0..<known, using: &random))
            table.set(left, right, rank: rank, token: known)
            known += 1
        }
        for count in [0, 1, 2, 7, PairMerger.scanned, PairMerger.scanned + 1, 200] {
            let symbols = (0..<count).map { _ in TokenID.random(in: 0..<4, using: &random) }
            #expect(merged(symbols, table) == naive(symbols, table))
        }
    }

    @Test("a long pretoken costs little more than its length") func steps() {
        let table = MergeTable(merges: 20)
        for rank in 0..<20 as Range<UInt32> { table.set(rank, rank, rank: rank, token: rank + 1) }
        var steps: [Int] = []
        for count in [50_000, 100_000] {
            let merger = PairMerger()
            _ = merged([TokenID](repeating: 0, count: count), table, merger)
            steps.append(merger.steps)
            #expect(merger.steps < count * 40)
        }
        #expect(steps[1] < steps[0] * 5 / 2)
    }

    @Test("a merge that comes twice has the later rank") func twice() throws {
        let file = SmallTokenizer(["a", "b", "c", "ab", "bc"], merges: [("a", "b"), ("b", "c"), ("a", "b")])
        #expect(try file.ids("abc") == [0, 4])
    }

    @Test("a pretoken that is a token is that token, if merges are to be ignored") func ignoresMerges() throws {
        var file = SmallTokenizer.bytes(merges: [("a", "b")])
        file.vocabulary.append(("abc", 257))
        file.preTokenizer = ["type": "Sequence", "pretokenizers": [SmallTokenizer.split(#"\p{N}"#, "Isolated"), SmallTokenizer.byteLevel]]
        #expect(try file.ids("abc1abca") == [256, 99, 49, 256, 99, 97])
        file.model = [("ignore_merges", true)]
        #expect(try file.ids("abc1abca") == [257, 49, 256, 99, 97])
    }

    // MARK: What has no token

    private func pieces(fallback: Bool, unknown: Bool, fuses: Bool, without missing: String? = nil) throws -> [TokenID] {
        let digits = (0..<256).map { ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) }
        var tokens = ["a", "?"] + digits.map { "<0x\($0)>" }
        tokens.removeAll { $0 == missing }
        var file = SmallTokenizer(tokens)
        file.model = [("byte_fallback", .bool(fallback)), ("fuse_unk", .bool(fuses))]
        if unknown { file.model.append(("unk_token", "?")) }
        return try file.ids("aéèa")
    }

    /// Bytes are tokens from 2.
    @Test("becomes its bytes, or one unknown token for each or for all, or nothing") func unknown() throws {
        #expect(try pieces(fallback: true, unknown: true, fuses: true) == [0, 0xC5, 0xAB, 0xC5, 0xAA, 0] as [TokenID])
        #expect(try pieces(fallback: false, unknown: true, fuses: true) == [0, 1, 0])
        #expect(try pieces(fallback: false, unknown: true, fuses: false) == [0, 1, 1, 0])
        #expect(try pieces(fallback: false, unknown: false, fuses: false) == [0, 0])
        // As Hugging Face's tokenizers: the unknown token waits for the next known one.
        #expect(try pieces(fallback: true, unknown: true, fuses: true, without: "<0xA9>") == [0, 0xC4, 0xAA, 1, 0] as [TokenID])
    }

    @Test("text without a pre-tokenizer is cut before words only where no token lies across") func cutter() throws {
        let merges = [("▁", "a"), ("b", "▁"), ("b▁", "a")]
        let across = SmallTokenizer(["▁", "a", "b", "▁a", "b▁", "b▁a"], merges: merges)
        #expect(try across.ids("a▁ab▁a") == [1, 3, 2, 3])
        let file = SmallTokenizer(["▁", "a", "b", "▁a", "b▁", "b▁a"], merges: [("b", "▁"), ("b▁", "a"), ("▁", "a")])
        #expect(try file.ids("a▁ab▁a") == [1, 3, 5])
    }

    // MARK: The memory of pretokens

    @Test("what was met before has the same tokens, and memory is bounded") func cache() throws {
        let file = SmallTokenizer.bytes(merges: [("a", "b"), ("b", "c"), ("ab", "c")])
        let tokenizer = try file.tokenizer()
        var random = SeededRandom(seed: 1)
        var words: [String] = []
        for _ in 0..<TextLimits.cachedPretokens * 3 { words.append(String((0..<6).map { _ in "abcdefgh".randomElement(using: &random)! })) }
        let cache = PretokenCache()
        for word in words + words.reversed() {
            let expected = Array(word.utf8).map(TokenID.init)
            var output = [TokenID](repeating: 0, count: 128)
            let key = Array(word.utf8) + [UInt8](repeating: 0, count: 16)
            let found = key.withUnsafeBufferPointer { key in
                output.withUnsafeMutableBufferPointer { output in
                    let hash = ByteStringMap.hash(key.baseAddress!, 6)
                    let found = cache.find(key.baseAddress!, 6, hash: hash, into: output.baseAddress!)
                    if found == nil { cache.insert(key.baseAddress!, 6, hash: hash, expected, count: 6) }
                    return found
                }
            }
            if let found { #expect(Array(output.prefix(found)) == expected) }
        }
        #expect(try tokenizer.ids(PromptText(raw: "abcabcab")) == [258, 258, 256])
    }
}
