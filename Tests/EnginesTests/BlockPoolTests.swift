import ClusterModel
import Engines
import Testing

@Suite("Blocks and what can be found in them")
struct BlockPoolTests {
    private static let size = 4
    private static let salt = CacheSalt(bytes: Array(repeating: 7, count: 16))

    private func tokens(_ first: TokenID) -> [TokenID] { (0..<TokenID(Self.size)).map { first + $0 } }

    private func pool(_ total: Int = 8) -> BlockPool { BlockPool(rank: Rank(0), total: total, blockSize: Self.size, caches: true) }

    // Spans do not go through the macros of tests.
    private func find(_ pool: BlockPool, _ hash: SequenceHash, _ tokens: [TokenID], after parent: BlockNumber?, label: BlockLabel?)
        -> BlockNumber?
    {
        pool.find(hash, tokens.span, after: parent, label: label)
    }

    private func register(
        _ pool: inout BlockPool, _ number: BlockNumber, _ hash: SequenceHash, _ tokens: [TokenID], after parent: BlockNumber?,
        label: BlockLabel?
    ) {
        pool.register(number, hash, tokens.span, after: parent, label: label)
    }

    private func changes(_ pool: inout BlockPool) -> [String] {
        var output = StepOutput()
        pool.moveChanges(to: &output)
        return output.cache.map { change in
            let hashes = output.hashes[Int(change.first)..<Int(change.first + change.count)].map { String($0.rawValue) }
            return switch change.kind {
            case .cleared: "cleared"
            case .removed: "removed " + hashes.joined(separator: " ")
            case .stored(let parent): "stored \(parent.map { String($0.rawValue) } ?? "-"): " + hashes.joined(separator: " ")
            }
        }
    }

    @Test("a hash that means something else finds nothing and is not registered: other tokens, parent, adapter, salt or media")
    func collisions() {
        var pool = pool()
        let hash = SequenceHash(1), child = SequenceHash(2), own = tokens(10), next = tokens(20)
        let root = pool.take(), second = pool.take()
        register(&pool, root, hash, own, after: nil, label: nil)
        register(&pool, second, child, next, after: root, label: nil)
        #expect(find(pool, hash, own, after: nil, label: nil) == root)
        #expect(find(pool, child, next, after: root, label: nil) == second)

        let labels = [
            BlockLabel(adapter: "x"), BlockLabel(salt: Self.salt), BlockLabel(media: [3]), BlockLabel(adapter: "x", salt: Self.salt),
        ]
        let others = [tokens(11), own.dropLast() + [99], [99] + own.dropFirst()]
        for other in others { #expect(find(pool, hash, other, after: nil, label: nil) == nil) }
        for label in labels { #expect(find(pool, hash, own, after: nil, label: label) == nil) }
        #expect(find(pool, hash, own, after: second, label: nil) == nil, "it begins a sequence")
        #expect(find(pool, child, next, after: nil, label: nil) == nil, "it stands behind another")
        #expect(find(pool, child, next, after: second, label: nil) == nil, "it stands behind another")
        _ = changes(&pool)

        var held = [root, second]
        for (label, tokens) in labels.map({ ($0, own) }) + others.map({ (nil, $0) }) {
            let block = pool.take(), behind = pool.take()
            register(&pool, block, hash, tokens, after: nil, label: label)
            #expect(!pool.isRegistered(block))
            // What stands behind it could never be found either.
            register(&pool, behind, SequenceHash(77), next, after: block, label: nil)
            #expect(!pool.isRegistered(behind))
            #expect(find(pool, SequenceHash(77), next, after: block, label: nil) == nil)
            #expect(find(pool, hash, own, after: nil, label: nil) == root)
            pool.release([block, behind])
        }
        #expect(changes(&pool) == [])
        #expect(pool.problems(held: held, pinned: []) == [])

        // When what it meant is gone the hash may mean something else.
        pool.release(held)
        held = (0..<8).map { _ in pool.take() }
        #expect(changes(&pool) == ["removed 2 1"])
        register(&pool, held[0], hash, others[0], after: nil, label: labels[0])
        #expect(find(pool, hash, others[0], after: nil, label: labels[0]) == held[0])
        #expect(find(pool, hash, others[0], after: nil, label: nil) == nil)
        #expect(changes(&pool) == ["stored -: 1"])
        #expect(pool.problems(held: held, pinned: []) == [])
    }

    @Test("a block behind content that was replaced under the same hash is not found")
    func replacedParent() {
        var pool = pool(2)
        let first = tokens(10), other = tokens(30), next = tokens(20)
        let root = pool.take(), child = pool.take()
        register(&pool, root, SequenceHash(1), first, after: nil, label: nil)
        register(&pool, child, SequenceHash(2), next, after: root, label: nil)
        // The parent goes first here, as it never does where sequences are given back from their end.
        pool.release(root)
        let taken = pool.take()
        #expect(taken == root)
        register(&pool, taken, SequenceHash(1), other, after: nil, label: nil)
        #expect(find(pool, SequenceHash(2), next, after: taken, label: nil) == nil)
        #expect(pool.problems(held: [taken, child], pinned: []) == [])
    }

    @Test("equal blocks are twins: stored once, found until the last is gone, removed once; their children are the same")
    func twins() {
        var pool = pool(4)
        let first = tokens(10), next = tokens(20)
        let one = pool.take(), two = pool.take(), child = pool.take()
        register(&pool, one, SequenceHash(1), first, after: nil, label: nil)
        register(&pool, two, SequenceHash(1), first, after: nil, label: nil)
        register(&pool, child, SequenceHash(2), next, after: two, label: nil)
        #expect(changes(&pool) == ["stored -: 1 2"])
        #expect(find(pool, SequenceHash(2), next, after: one, label: nil) == child)
        pool.release(one)
        let fresh = pool.take(), again = pool.take()
        #expect(fresh == 3 && again == one)
        #expect(changes(&pool) == [])
        #expect(find(pool, SequenceHash(1), first, after: nil, label: nil) == two)
        #expect(pool.problems(held: [two, child, fresh, again], pinned: []) == [])
        pool.release([two, child])
        #expect(pool.usedCount == 4)
        _ = (pool.take(), pool.take())
        #expect(changes(&pool) == ["removed 2 1"])
        #expect(pool.cachedBlocks == [])
    }

    @Test("blocks never used come first, then those given back longest ago; a held or pinned block is not free")
    func order() {
        var pool = pool(4)
        let blocks = (0..<3).map { _ in pool.take() }
        pool.pin(blocks[1])
        pool.release(blocks)
        #expect(pool.freeCount == 3 && pool.heldCount == 0 && pool.pinnedCount == 1 && pool.onlyPinnedCount == 1)
        pool.hold(blocks[0])
        #expect(pool.problems(held: [blocks[0]], pinned: [blocks[1]]) == [])
        #expect([pool.take(), pool.take()] == [3, blocks[2]])
        #expect(pool.freeCount == 0)
        pool.unpin(blocks[1])
        #expect(pool.take() == blocks[1])
    }

    @Test("a cleared pool finds nothing, says so once, and begins anew")
    func clear() {
        var pool = pool(4)
        let first = tokens(10), held = pool.take(), free = pool.take()
        register(&pool, held, SequenceHash(1), first, after: nil, label: BlockLabel(salt: Self.salt))
        register(&pool, free, SequenceHash(2), first, after: held, label: nil)
        pool.release(free)
        #expect(
            pool.cachedBlocks == [
                CachedBlock(hash: SequenceHash(1), parent: nil), CachedBlock(hash: SequenceHash(2), parent: SequenceHash(1)),
            ])
        _ = changes(&pool)
        pool.clear()
        #expect(changes(&pool) == ["cleared"])
        #expect(pool.cachedBlocks == [] && pool.usedCount == 1)
        #expect(find(pool, SequenceHash(1), first, after: nil, label: BlockLabel(salt: Self.salt)) == nil)
        let again = pool.take()
        register(&pool, again, SequenceHash(1), first, after: nil, label: nil)
        #expect(changes(&pool) == ["stored -: 1"])
        #expect(pool.problems(held: [held, again], pinned: []) == [])
    }
}
