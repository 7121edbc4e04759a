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
            #expect(table.set(left, right, rank: rank, token: known))
            known += 1
        }
        for count in [0, 1, 2, 7, PairMerger.scanned, PairMerger.scanned + 1, 200] {
            let symbols = (0..<count).map { _ in TokenID.random(in: 0..<4, using: &random) }
            #expect(merged(symbols, table) == naive(symbols, table))
        }
    }

    @Test("a long pretoken costs little more than its length") func steps() {
        let table = MergeTable(merges: 20)
        for rank in 0..<20 as Range<UInt32> { #expect(table.set(rank, rank, rank: rank, token: rank + 1)) }
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
        // What is left out between two words makes them neighbours.
        let gap = SmallTokenizer(["▁", "▁▁"], merges: [("▁", "▁")])
        #expect(try gap.ids("▁é▁") == [1])
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

    // MARK: Crowds

    /// Texts of eight bytes whose place is one of the first four of so many.
    private func crowd(_ wanted: Int, of places: UInt64) -> [[UInt8]] {
        var found: [[UInt8]] = []
        var number = 0
        while found.count < wanted {
            number += 1
            var text: [UInt8] = []
            for place in 0..<8 { text.append(0x61 + UInt8(number >> (place * 4) & 15)) }
            let padded = text + [UInt8](repeating: 0, count: PaddedBytes.padding)
            if padded.withUnsafeBufferPointer({ ByteStringMap.hash($0.baseAddress!, 8) }) & (places - 1) < 4 { found.append(text) }
        }
        return found
    }

    @Test("keys that crowd one place are refused and cost no more than others") func crowded() {
        let map = ByteStringMap(keys: 32, bytes: 1024, mostSteps: 8)
        let keys = crowd(20, of: 64)
        var placed: [Bool] = []
        for (index, key) in keys.enumerated() {
            let padded = key + [UInt8](repeating: 0, count: PaddedBytes.padding)
            padded.withUnsafeBufferPointer { key in
                let hash = ByteStringMap.hash(key.baseAddress!, 8)
                placed.append(map.set(key.baseAddress!, 8, hash: hash, value: UInt32(index)))
                #expect(map.value(of: key.baseAddress!, 8) == (placed[index] ? UInt32(index) : nil))
            }
        }
        #expect((8...11).contains(placed.count { $0 }))
        #expect(map.count == placed.count { $0 })
    }

    @Test("a vocabulary made to crowd one place is refused by name, and words that do so are encoded all the same") func flood() throws {
        // A table for so many keys has 1,024 places, and the cache of pretokens is asked for all of them twice.
        let words = crowd(300, of: 1024).map { String(decoding: $0, as: UTF8.self) }
        let letters = (0..<16).map { String(UnicodeScalar(0x61 + UInt8($0))) }
        #expect(
            throws: TextError.invalidFile(
                name: "tokenizer.json", path: "model.vocab", reason: "has too many texts that crowd one place of a table")
        ) { try SmallTokenizer(letters + words).tokenizer() }
        let cache = PretokenCache()
        let flood = crowd(64, of: 1 << 12)
        var remembered = 0
        for word in flood + flood {
            let key = word + [UInt8](repeating: 0, count: PaddedBytes.padding)
            var output = [TokenID](repeating: 0, count: TextLimits.cachedPretokenLength)
            key.withUnsafeBufferPointer { key in
                let hash = ByteStringMap.hash(key.baseAddress!, 8) & 3
                if cache.find(key.baseAddress!, 8, hash: hash, into: &output) == 1, output[0] == TokenID(word[0]) { remembered += 1 }
                cache.insert(key.baseAddress!, 8, hash: hash, [TokenID(word[0])], count: 1)
            }
        }
        #expect((TextLimits.cacheSteps...TextLimits.cacheSteps + 3).contains(remembered))
    }

    @Test("pairs that crowd one place of a table are refused, and merge in one with room") func crowdedMerges() {
        // The inverse of what the table does to a pair, for pairs whose place is the first.
        func pair(_ number: UInt64) -> UInt64 {
            func inverse(_ odd: UInt64) -> UInt64 {
                var inverse = odd
                for _ in 0..<6 { inverse = inverse &* (2 &- odd &* inverse) }
                return inverse
            }
            var hash = (number << 40 | number) &* inverse(0xD6E8_FEB8_6659_FD93)
            hash ^= hash >> 29 ^ hash >> 58
            return hash &* inverse(0x9E37_79B9_7F4A_7C15)
        }
        let table = MergeTable(merges: 400)
        var placed = 0
        for number in 0..<400 as Range<UInt64> {
            let pair = pair(number)
            let (left, right) = (TokenID(pair >> 32), TokenID(pair & 0xFFFF_FFFF))
            if table.set(left, right, rank: UInt32(number), token: 7) { placed += 1 }
            #expect(table.merge(left, right).rank == (UInt64(placed) > number ? UInt32(number) : MergeTable.never))
        }
        #expect(placed == TextLimits.modelSteps)
    }
}
