import ClusterModel
import Testing

@Suite("Block hashes") struct BlockHashTests {
    private static let sixteen = Array(TokenID(0)..<16)

    private func blocks(_ hasher: BlockHasher, _ tokens: [TokenID], _ media: [BlockMedium] = []) -> [UInt64] {
        var hashes: [BlockHash] = []
        hasher.appendBlockHashes(of: tokens.span, media: media, to: &hashes)
        return hashes.map(\.rawValue)
    }

    private func sequence(_ hasher: BlockHasher, _ tokens: [TokenID], _ media: [BlockMedium] = []) -> [SequenceHash] {
        var hashes: [SequenceHash] = []
        hasher.extend(&hashes, toCover: tokens.span, media: media)
        return hashes
    }

    @Test("golden: plain blocks")
    func plain() {
        #expect(
            blocks(BlockHasher(blockSize: 4), Self.sixteen) == [
                9_143_094_415_614_847_814, 12_124_091_508_212_882_195, 1_088_361_764_653_601_668, 16_024_980_976_528_976_948,
            ])
        #expect(blocks(BlockHasher(blockSize: 16), Self.sixteen) == [15_310_707_395_893_867_146])
        #expect(blocks(BlockHasher(blockSize: 16), Array(1...32)) == [16_863_443_419_780_771_464, 2_287_610_619_914_608_821])
    }

    @Test("golden: sequence")
    func chain() {
        #expect(
            sequence(BlockHasher(blockSize: 4), Self.sixteen).map(\.rawValue) == [
                9_143_094_415_614_847_814, 9_510_318_385_840_434_533, 16_998_148_715_716_822_651, 16_790_386_768_269_814_709,
            ])
    }

    @Test("golden: adapter")
    func adapter() {
        #expect(
            blocks(BlockHasher(blockSize: 4, adapter: "my-lora"), Self.sixteen) == [
                11_367_233_877_683_710_475, 10_806_867_458_282_884_383, 11_756_766_543_752_569_427, 632_425_584_626_392_276,
            ])
    }

    @Test("golden: one token ahead")
    func eagle() {
        let hasher = BlockHasher(blockSize: 4, window: .blockAndNextToken)
        #expect(
            blocks(hasher, Self.sixteen) == [14_562_210_786_876_287_112, 15_916_330_181_359_808_192, 14_047_779_161_337_223_320])
        #expect((0...9).map(hasher.blockCount(ofTokens:)) == [0, 0, 0, 0, 0, 1, 1, 1, 1, 2])
    }

    @Test("golden: medium")
    func medium() {
        #expect(blocks(BlockHasher(blockSize: 4), Array(0..<4), [BlockMedium(block: 0, hash: 42)]) == [18_280_081_842_874_931_122])
    }

    @Test("golden: bytes")
    func bytes() { #expect(XXH3.hash("test data", seed: 1337) == 13_226_331_709_069_118_873) }

    @Test("media change their own block alone, in any order of mention")
    func media() {
        let hasher = BlockHasher(blockSize: 4)
        let plain = blocks(hasher, Self.sixteen)
        let first = BlockMedium(block: 1, hash: 7)
        let second = BlockMedium(block: 1, hash: .max)
        let other = BlockMedium(block: 3, hash: 5)
        let mixed = blocks(hasher, Self.sixteen, [other, second, first])
        #expect(mixed == blocks(hasher, Self.sixteen, [first, second, other]))
        #expect(zip(plain, mixed).map { $0 == $1 } == [true, false, true, false])
        #expect(mixed[1] != blocks(hasher, Self.sixteen, [first])[1])
        #expect(blocks(hasher, Self.sixteen, [BlockMedium(block: -1, hash: 1), BlockMedium(block: 4, hash: 1)]) == plain)
        var words: [TokenID] = [4, 5, 6, 7, 7, 0, .max, .max]  // the block's tokens, then both hashes as little-endian words
        #expect(blocks(BlockHasher(blockSize: 8), words) == [mixed[1]])
        words[4] = 8
        #expect(blocks(BlockHasher(blockSize: 8), words) != [mixed[1]])
    }

    @Test("a partial tail and a block size of zero give no hash")
    func partial() {
        for count in 0..<16 {
            #expect(blocks(BlockHasher(blockSize: 4), Array(Self.sixteen[..<count])).count == count / 4)
        }
        #expect(blocks(BlockHasher(blockSize: 0), Self.sixteen).isEmpty)
        #expect(blocks(BlockHasher(blockSize: 0, window: .blockAndNextToken), Self.sixteen).isEmpty)
        #expect(blocks(BlockHasher(blockSize: .max), Self.sixteen).isEmpty)
    }

    @Test(
        "sequences of blocks of any size are the blocks' own hashes, one after another", arguments: [1, 4, 16, 60, 61, 64, 256, 257],
        [BlockHasher.Window.block, .blockAndNextToken])
    func chains(blockSize: UInt32, window: BlockHasher.Window) {
        let tokens = (0..<blockSize * 5 + 3).map { TokenID($0 &* 2_654_435_761) }
        for adapter in ["", "an adapter"] {
            let hasher = BlockHasher(blockSize: blockSize, adapter: adapter, window: window)
            var blocks: [BlockHash] = [], chained: [SequenceHash] = [], whole: [SequenceHash] = []
            hasher.appendBlockHashes(of: tokens.span, to: &blocks)
            BlockHasher.appendSequenceHashes(of: blocks.span, after: nil, to: &chained)
            hasher.appendSequenceHashes(of: tokens.span, after: nil, to: &whole)
            #expect(whole == chained && whole.count == blocks.count && Set(whole).count == whole.count)
            // In two parts, behind what is in the array already.
            var parts = Array(whole[..<2])
            hasher.extend(&parts, toCover: tokens.span)
            #expect(parts == whole)
        }
    }

    @Test("extending token by token gives what hashing at once gives", arguments: [BlockHasher.Window.block, .blockAndNextToken])
    func incremental(_ window: BlockHasher.Window) {
        var random = SeededRandom(seed: 3)
        let tokens = (0..<203).map { _ in TokenID.random(in: 0..<128_000, using: &random) }
        let media = [BlockMedium(block: 2, hash: 9), BlockMedium(block: 11, hash: 1), BlockMedium(block: 11, hash: 0)]
        let hasher = BlockHasher(blockSize: 8, adapter: "a", window: window)
        let whole = sequence(hasher, tokens, media)
        var hashes: [SequenceHash] = []
        for count in 0...tokens.count {
            hasher.extend(&hashes, toCover: tokens.span.extracting(0..<count), media: media)
            #expect(hashes == Array(whole.prefix(hasher.blockCount(ofTokens: count))))
        }
        #expect(hashes == whole)
    }

    @Test("a chain goes on from an earlier hash, from tokens and from block hashes")
    func continuation() {
        let hasher = BlockHasher(blockSize: 4)
        let whole = sequence(hasher, Self.sixteen)
        var fromTokens = Array(whole[..<2])
        hasher.appendSequenceHashes(of: Self.sixteen.span.extracting(8..<16), after: whole[1], to: &fromTokens)
        #expect(fromTokens == whole)
        var blocks: [BlockHash] = []
        hasher.appendBlockHashes(of: Self.sixteen.span, to: &blocks)
        var fromBlocks: [SequenceHash] = []
        BlockHasher.appendSequenceHashes(of: blocks.span, after: nil, to: &fromBlocks)
        #expect(fromBlocks == whole)
    }

    @Test("a salt separates groups, depends on the secret, and is absent for the empty group")
    func salt() throws {
        let secret = Array("cluster secret".utf8)
        func first(_ group: String, _ secret: [UInt8], adapter: String = "") throws -> UInt64 {
            blocks(BlockHasher(blockSize: 4, adapter: adapter, salt: try CacheSalt.of(group: group, secret: secret)), Self.sixteen)[0]
        }
        let plain = blocks(BlockHasher(blockSize: 4), Self.sixteen)[0]
        #expect(try first("", secret) == plain)
        #expect(try first("", []) == plain)
        let all = Set([
            plain, try first("a", secret), try first("b", secret), try first("a", Array("other".utf8)),
            try first("a", secret, adapter: "my-lora"),
        ])
        #expect(all.count == 5)
        #expect(try first("a", secret) == first("a", secret))
        #expect(throws: CacheSaltError.missingSecret) { try CacheSalt.of(group: "a", secret: []) }
    }

    /// The seed rule written out a second time: 1337 + XXH3(adapter, 0) + XXH3(first 16 bytes of the code, 1).
    @Test("the salt enters the seed as the definition says")
    func saltSeed() throws {
        let secret = Array("Jefe".utf8)
        let group = "what do ya want for nothing?"  // RFC 4231, case 2: the code is known
        let code: [UInt8] = [0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24, 0x26, 0x08, 0x95, 0x75, 0xc7]
        let seed = 1337 &+ XXH3.hash("my-lora", seed: 0) &+ XXH3.hash(code.span.bytes, seed: 1)
        let expected = XXH3.hash(Self.sixteen.span.bytes.extracting(0..<16), seed: seed)
        let hasher = BlockHasher(blockSize: 4, adapter: "my-lora", salt: try CacheSalt.of(group: group, secret: secret))
        #expect(blocks(hasher, Self.sixteen)[0] == expected)
    }
}
