import ClusterModel
@testable import EngineAdapters
import Engines
import Testing

@Suite("An engine's cache under our hashes")
struct ForeignCacheTests {
    /// A cache of blocks of two tokens, and what was told of it.
    private struct Bed {
        var cache: ForeignCache
        var salts = EngineSalts()
        var told = ToldCache()

        init(limit: Int = 1_000) { cache = ForeignCache(rank: Rank(3), blockSize: 2, blockLimit: limit) }

        mutating func apply(_ event: EngineCacheEvent) -> Bool {
            let mayHaveLost = cache.apply(event, salts: &salts)
            var output = StepOutput()
            cache.moveChanges(to: &output)
            told.take(output)
            return mayHaveLost
        }

        @discardableResult
        mutating func stored(
            _ names: [UInt64], after parent: UInt64? = nil, _ tokens: [TokenID], _ change: (inout StoredBlocks) -> Void = { _ in }
        ) -> [ForeignCache.Omission: Int] {
            var blocks = StoredBlocks()
            blocks.hashes = names.map { EngineBlockHash($0) }
            blocks.parent = parent.map { EngineBlockHash($0) }
            blocks.tokens = tokens
            blocks.blockSize = 2
            change(&blocks)
            _ = apply(.stored(blocks))
            return cache.takeOmitted()
        }

        @discardableResult
        mutating func removed(_ names: [UInt64], _ place: BlockPlace = BlockPlace()) -> [ForeignCache.Omission: Int] {
            var blocks = RemovedBlocks()
            blocks.hashes = names.map { EngineBlockHash($0) }
            blocks.place = place
            _ = apply(.removed(blocks))
            return cache.takeOmitted()
        }
    }

    private static func hashes(_ tokens: [TokenID], adapter: String = "", salt: CacheSalt? = nil) -> [SequenceHash] {
        EventScene.hashes(tokens.map(UInt64.init), adapter: adapter, salt: salt)
    }

    @Test("a chain over two events has the hashes that a router computes of the prompt")
    func chain() {
        var bed = Bed()
        #expect(bed.stored([10, 11], [1, 2, 3, 4]).isEmpty)
        #expect(bed.stored([12], after: 11, [5, 6]).isEmpty)
        let hashes = Self.hashes([1, 2, 3, 4, 5, 6])
        #expect(bed.told.device == Set(hashes) && bed.told.problems.isEmpty && bed.cache.count == 3)
        #expect(bed.removed([12, 10]).isEmpty)
        #expect(bed.told.device == [hashes[1]] && bed.cache.count == 1)
    }

    @Test("neighbours are told as one change, behind what the output had")
    func runs() {
        var cache = ForeignCache(rank: Rank(3), blockSize: 2, blockLimit: 9), salts = EngineSalts(), output = StepOutput()
        output.hashes = [SequenceHash(1)]
        for (name, parent) in [(10, nil), (11, 10), (20, nil)] as [(UInt64, UInt64?)] {
            var blocks = StoredBlocks()
            blocks.hashes = [EngineBlockHash(name)]
            blocks.parent = parent.map { EngineBlockHash($0) }
            blocks.tokens = [TokenID(name), 0]
            blocks.blockSize = 2
            _ = cache.apply(.stored(blocks), salts: &salts)
        }
        let chain = Self.hashes([10, 0, 11, 0]), other = Self.hashes([20, 0])
        cache.moveChanges(to: &output)
        #expect(output.hashes == [SequenceHash(1)] + chain + other)
        #expect(
            output.cache == [
                CacheChange(kind: .stored(parent: nil), rank: Rank(3), first: 1, count: 2),
                CacheChange(kind: .stored(parent: nil), rank: Rank(3), first: 3, count: 1),
            ])
        #expect(!cache.hasChanges)
    }

    @Test("copies come once and go once")
    func copies() {
        var bed = Bed()
        for _ in 0..<3 { bed.stored([10], [1, 2]) }
        bed.removed([10, 10])
        #expect(bed.told.device.count == 1 && bed.told.problems.isEmpty)
        bed.removed([10])
        #expect(bed.told.device.isEmpty && bed.told.problems.isEmpty && bed.cache.count == 0)
        #expect(bed.removed([10]) == [.unknownBlock: 1])
    }

    @Test("tiers are apart, and a lower one is known by names alone")
    func tiers() {
        var bed = Bed()
        bed.stored([10, 11], [1, 2, 3, 4]) { $0.place.medium = "GPU" }
        #expect(bed.stored([10, 11], []) { $0.place.medium = "CPU" }.isEmpty)
        #expect(bed.stored([12], []) { $0.place.medium = "CPU" } == [.unknownBlock: 1])
        bed.stored([10], [1, 2]) { $0.place.medium = "DISK" }
        bed.stored([10], [1, 2]) {
            $0.place.medium = "STORAGE"; $0.place.locality = "REMOTE"
        }
        #expect(bed.removed([10, 11], BlockPlace(medium: "GPU")).isEmpty)
        let hashes = Self.hashes([1, 2, 3, 4])
        #expect(bed.told.blocks == [.device: [], .host: Set(hashes), .disk: [hashes[0]], .external: [hashes[0]]])
        #expect(bed.stored([12], after: 11, [5, 6]).isEmpty, "a block may go on from one of a lower tier")
        #expect(bed.stored([13], [7, 8]) { $0.place.medium = "TAPE" } == [.unknownMedium: 1])
        #expect(bed.removed([10], BlockPlace(medium: "TAPE")) == [.unknownMedium: 1] && bed.told.problems.isEmpty)
    }

    @Test("what cannot be placed is left out and counted")
    func omissions() {
        var bed = Bed(limit: 4)
        #expect(bed.stored([11], after: 10, [3, 4]) == [.unknownParent: 1])
        #expect(bed.stored([10], [1, 2, 3]) == [.blockSize: 1])
        #expect(bed.stored([10], [1, 2, 3, 4]) { $0.blockSize = 4 } == [.blockSize: 1])
        #expect(bed.stored([10], [1, 2]) { $0.extraKeys = [] } == [.blockSize: 1])
        #expect(bed.stored([10], [1, 2]) { $0.adapterNumber = 1 } == [.unknownAdapter: 1])
        #expect(bed.told.blocks.isEmpty)
        bed.stored([10], [1, 2])
        #expect(bed.stored([10], [3, 4]) == [.conflict: 1])
        #expect(bed.stored([90], [1, 2]) == [.conflict: 1])
        #expect(bed.stored([20, 21, 22, 23, 24], [2, 2, 3, 4, 5, 6, 7, 8, 9, 9]) == [.full: 2])
        #expect(bed.cache.count == 4 && bed.told.problems.isEmpty)
        bed.removed([10])
        #expect(bed.stored([30], [9, 9]).isEmpty, "there is room again")
    }

    @Test("of a hybrid model only blocks of full attention count, in the group that had them first")
    func groups() {
        var bed = Bed()
        func group(_ number: Int64, _ kind: String?, window: Int64? = nil) -> (inout StoredBlocks) -> Void {
            {
                $0.place.group = number
                $0.attention = kind
                $0.slidingWindow = window
            }
        }
        #expect(bed.stored([10], [1, 2], group(0, "sliding_window", window: 128)) == [.otherGroup: 1])
        #expect(bed.stored([10], [1, 2], group(1, "full_attention")).isEmpty)
        #expect(bed.stored([10], [1, 2], group(2, "full_attention")) == [.otherGroup: 1])
        #expect(bed.stored([10], [1, 2], group(3, "mamba")) == [.otherGroup: 1])
        #expect(bed.removed([10], BlockPlace(group: 0)) == [.otherGroup: 1])
        #expect(bed.told.device.count == 1)
        #expect(bed.removed([10], BlockPlace(group: 1)).isEmpty && bed.told.device.isEmpty)
        // Without a word on what the groups are, the first is the main one.
        var plain = Bed()
        #expect(plain.stored([10], [1, 2], group(1, nil)) == [.otherGroup: 1])
        #expect(plain.stored([10], [1, 2], group(0, nil)).isEmpty && plain.told.device.count == 1)
    }

    // MARK: What tells blocks apart

    private static let salt = CacheSalt(bytes: Array(1...16))!

    @Test("adapter and salt are said of the first block, and hold for the chain")
    func salts() {
        var bed = Bed()
        bed.salts.remember(Self.salt, sentAs: "group a")
        bed.stored([10, 11], [1, 2, 3, 4]) {
            $0.adapterName = "tuned"
            $0.extraKeys = [BlockExtraKeys(texts: ["tuned", "group a"]), BlockExtraKeys(texts: ["tuned"])]
        }
        bed.stored([12], after: 11, [5, 6]) {
            $0.adapterName = "tuned"
            $0.extraKeys = [BlockExtraKeys(texts: ["tuned"])]
        }
        #expect(bed.told.device == Set(Self.hashes([1, 2, 3, 4, 5, 6], adapter: "tuned", salt: Self.salt)))
        var plain = Bed()
        plain.stored([10], [1, 2]) { $0.extraKeys = [BlockExtraKeys()] }
        #expect(plain.told.device == Set(Self.hashes([1, 2])))
    }

    @Test("a salted block is never told under another salt's hash, or under none")
    func noLeaks() {
        var bed = Bed()
        let salted: (inout StoredBlocks) -> Void = { $0.extraKeys = [BlockExtraKeys(texts: ["somebody's"])] }
        #expect(bed.stored([10], [1, 2], salted) == [.unknownSalt: 1], "a salt that was not sent from here")
        #expect(bed.stored([11], after: 10, [3, 4]) == [.unknownParent: 1], "nor what follows it")
        bed.salts.remember(Self.salt, sentAs: "group a")
        #expect(bed.stored([10], [1, 2], salted) == [.unknownSalt: 1])
        #expect(bed.stored([10], [1, 2]) { $0.extraKeys = [BlockExtraKeys(texts: ["group a", "picture"])] } == [.unknownSalt: 1])
        #expect(bed.stored([10], [1, 2]) == [.unknownSalt: 1], "an engine that does not say may mean the salt that it was given")
        #expect(bed.stored([10], [1, 2]) { $0.extraKeys = [BlockExtraKeys()] }.isEmpty)
        #expect(bed.told.device == Set(Self.hashes([1, 2])))
    }

    @Test("blocks with media end what is known of a chain")
    func media() {
        var bed = Bed()
        #expect(bed.stored([9], [1, 2]) { $0.extraKeys = [BlockExtraKeys(others: 1)] } == [.media: 1])
        let keys = [BlockExtraKeys(), BlockExtraKeys(texts: ["picture"]), BlockExtraKeys()]
        #expect(bed.stored([10, 11, 12], [1, 2, 3, 4, 5, 6]) { $0.extraKeys = keys } == [.media: 2])
        #expect(bed.stored([13], after: 12, [7, 8]) == [.unknownParent: 1])
        #expect(bed.told.device == [Self.hashes([1, 2])[0]])
    }

    @Test("the salts that were used last are known, and so many")
    func saltTable() {
        var salts = EngineSalts(limit: 8)
        #expect(!salts.isUsed)
        for number in 0..<4 { salts.remember(Self.salt, sentAs: "\(number)") }
        for number in 4..<12 {
            salts.remember(Self.salt, sentAs: "\(number)")
            let oldest = salts.salt(sentAs: "0")
            #expect(oldest != nil, "used between \(number) others")
        }
        var known: [Int] = []
        for number in 0..<12 where salts.salt(sentAs: "\(number)") != nil { known.append(number) }
        #expect(known.contains(11) && !known.contains(1) && known.count <= 8 && salts.isUsed)
    }

    // MARK: As a whole

    @Test("after an event that cannot be read nothing is believed that it may have taken")
    func unreadable() {
        var bed = Bed()
        bed.stored([10], [1, 2])
        let afterStore = bed.apply(.unreadable(EngineEventError("token_ids"), mayRemove: false))
        let afterAnything = bed.apply(.unreadable(EngineEventError("type"), mayRemove: true)), afterUnknown = bed.apply(.unknown)
        #expect(!afterStore && afterAnything && !afterUnknown && bed.told.device.count == 1)
        _ = bed.apply(.allCleared)
        #expect(bed.told.device.isEmpty && bed.told.clears == 1 && bed.cache.count == 0)
        _ = bed.apply(.allCleared)
        #expect(bed.told.clears == 1, "what is empty is not cleared once more")
    }

    @Test(
        "whatever an engine says, what is told contradicts nothing, and of an honest one it is the truth",
        arguments: 0..<8 as Range<UInt64>)
    func random(seed: UInt64) {
        var random = SeededRandom(seed: seed), bed = Bed(limit: 200)
        func draw(_ count: Int) -> Int { Int(random.next() % UInt64(count)) }
        // Prompts of a small alphabet, so that they share beginnings; a block's name is its path.
        var copies: [[TokenID]: Int] = [:]
        func name(_ path: [TokenID]) -> UInt64 { path.reduce(7) { $0 &* 31 &+ UInt64($1) &+ 1 } }
        for _ in 0..<800 {
            if draw(10) < 5 || copies.isEmpty {
                var path = [TokenID](), names: [UInt64] = []
                if draw(2) == 0, let known = copies.keys.min(by: { name($0) ^ seed < name($1) ^ seed }) { path = known }
                let parent = path.isEmpty ? nil : name(path), first = path.count
                for _ in 0...draw(3) {
                    path += [TokenID(draw(3)), TokenID(draw(3))]
                    names.append(name(path))
                }
                for end in stride(from: first + 2, through: path.count, by: 2) { copies[Array(path[..<end]), default: 0] += 1 }
                #expect(bed.stored(names, after: parent, Array(path[first...])).isEmpty)
            } else {
                // Those with nothing behind them go first, as engines let them go.
                let leaves = copies.keys.filter { path in !copies.keys.contains { $0.count > path.count && $0.starts(with: path) } }
                let path = leaves.sorted { name($0) < name($1) }[draw(leaves.count)]
                #expect(bed.removed([name(path)]).isEmpty)
                copies[path] = copies[path] == 1 ? nil : copies[path].map { $0 - 1 }
            }
            if copies.count > 60 {
                _ = bed.apply(.allCleared)
                copies = [:]
            }
        }
        let truth = Set(copies.keys.compactMap { Self.hashes($0).last })
        #expect(bed.told.device == truth && bed.told.problems.isEmpty, "seed \(seed)")
    }
}
