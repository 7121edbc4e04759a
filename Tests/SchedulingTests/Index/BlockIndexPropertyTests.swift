import Scheduling
import Testing

/// The index against a twin that does the same slowly, over random prompts, placements, events and leases.
@Suite("The block index against a naive twin")
struct BlockIndexPropertyTests {
    private struct Held {
        let slot: PlacementSlot
        let hashes: [UInt64]
        var isPredicted = true
    }

    /// What a run does.
    struct Shape: CustomStringConvertible, Sendable {
        var name: String
        var slots = 8
        var prompts = 60
        var blocks = 1...30
        var steps = 600
        var tiers = BlockTier.allCases
        /// Of 100 steps.
        var removals = 20
        /// Now and then all leases end, and memory that is not needed goes back.
        var givesBack = false
        /// Of 100 stores, those that name a false parent.
        var lies = 0
        var limits = IndexLimits()
        var description: String { name }
    }

    static let shapes = [
        Shape(name: "one tier, chains removed from the end", tiers: [.device], removals: 0),
        Shape(name: "one tier, removed anywhere", tiers: [.device]),
        Shape(name: "all tiers"),
        Shape(name: "one long prompt on few", slots: 3, prompts: 4, blocks: 100...300),
        Shape(name: "long prompts that come and go", slots: 4, prompts: 300, blocks: 50...150, removals: 40, givesBack: true),
        Shape(name: "many slots", slots: 200, prompts: 12, blocks: 1...12, steps: 1_000, tiers: [.device]),
        Shape(name: "many slots, two tiers", slots: 150, prompts: 10, blocks: 1...10, steps: 1_000, tiers: [.device, .host]),
        Shape(name: "some lie", tiers: [.device], lies: 10),
    ]

    @Test("every lookup and count is the twin's", arguments: shapes, 1...2)
    func isExact(_ shape: Shape, _ seed: Int) { Self.run(shape, UInt64(seed)) }

    static func run(_ shape: Shape, _ seed: UInt64) {
        var random = SeededNumbers(seed)
        let tree = PromptTree(prompts: shape.prompts, blocks: shape.blocks, &random)
        var index = BlockIndex(limits: shape.limits), twin = NaiveIndex(), held: [Held] = [], liars: Set<PlacementSlot> = []
        var matches = BlockMatches()
        func open() {
            guard let slot = index.open() else { return }
            #expect(!twin.isOpen(slot))
            twin.open(slot)
            liars.remove(slot)
        }
        for _ in 0..<shape.slots { open() }
        for step in 0..<shape.steps {
            guard let slot = twin.open.randomElement(using: &random), let prompt = tree.prompts.randomElement(using: &random),
                let tier = shape.tiers.randomElement(using: &random)
            else { return }
            let start = Int.random(in: 0..<prompt.count, using: &random) * Int.random(in: 0...1, using: &random)
            let run = Array(prompt[start..<Int.random(in: start..<prompt.count, using: &random) + 1])
            switch Int.random(in: 0..<100, using: &random) {
            case ..<shape.removals:
                var gone = run
                if random.next() % 2 == 0 { gone.shuffle(using: &random) }
                index.remove(gone, on: slot, tier: tier)
                twin.remove(gone, on: slot, tier: tier)
            case ..<(shape.removals + 8):
                let end = Array(prompt.suffix(5).reversed())
                index.remove(end, on: slot, tier: tier)
                twin.remove(end, on: slot, tier: tier)
            case ..<(shape.removals + 20):
                let count = index.hold(run.span, on: slot)
                guard start == 0 else {
                    index.release(run.span, on: slot, isPredicted: true)
                    continue
                }
                #expect(count == run.count)
                twin.hold(run, on: slot)
                held.append(Held(slot: slot, hashes: run))
            case ..<(shape.removals + 30):
                guard let place = held.indices.randomElement(using: &random) else { continue }
                if held[place].isPredicted, random.next() % 2 == 0 {
                    let lease = held[place]
                    index.settle(lease.hashes.span, on: lease.slot)
                    twin.settle(lease.hashes, on: lease.slot)
                    held[place].isPredicted = false
                } else {
                    let lease = held.remove(at: place)
                    index.release(lease.hashes.span, on: lease.slot, isPredicted: lease.isPredicted)
                    twin.release(lease.hashes, on: lease.slot, isPredicted: lease.isPredicted)
                }
            case 96:
                index.clear(slot)
                twin.clear(slot)
                liars.remove(slot)
            case 97:
                index.retire(slot)
                twin.retire(slot)
                held.removeAll { $0.slot == slot }
                open()
            case 98: _ = index.sweep(atMost: Int.random(in: 1...200, using: &random))
            case 99: open()
            default:
                var parent = start == 0 ? nil : prompt[start - 1]
                if Int.random(in: 0..<100, using: &random) < shape.lies {
                    parent = tree.prompts.randomElement(using: &random)?.randomElement(using: &random)
                    liars.insert(slot)
                    guard parent != run.first else { continue }
                }
                if start > 0, random.next() % 4 == 0, shape.lies == 0 {
                    let order = run.indices.shuffled(using: &random)
                    let hashes = order.map { run[$0] }, parents = order.map { $0 == 0 ? parent ?? 0 : run[$0 - 1] }
                    index.restore(hashes.span, parents: parents.span, on: slot, tier: tier)
                } else {
                    index.store(run, after: parent, on: slot, tier: tier)
                }
                twin.store(run, on: slot, tier: tier)
            }
            if shape.givesBack, step % 50 == 0 {
                if step % 200 == 0 {
                    for lease in held {
                        index.release(lease.hashes.span, on: lease.slot, isPredicted: lease.isPredicted)
                        twin.release(lease.hashes, on: lease.slot, isPredicted: lease.isPredicted)
                    }
                    held = []
                    index.clear(slot)
                    twin.clear(slot)
                    while index.sweep(atMost: 1_000) {}
                }
                index.look()
                while index.giveBack(atMost: 1_000) {}
            }
            guard var asked = tree.prompts.randomElement(using: &random) else { return }
            if random.next() % 4 == 0 { asked.append(random.next()) }
            index.match(asked.span, into: &matches)
            for slot in twin.open where !liars.contains(slot) {
                let expected = twin.match(asked, slot)
                guard matches[slot] == expected else {
                    Issue.record("\(shape), seed \(seed), step \(step), slot \(slot.rawValue): \(matches[slot]), not \(expected)")
                    return
                }
            }
            let isListed = matches.slots.allSatisfy { twin.isOpen($0) && matches[$0] != BlockMatch() }
            guard isListed, Set(matches.slots).count == matches.slots.count else {
                Issue.record("\(shape), seed \(seed), step \(step): slots listed twice, or without a match, or closed")
                return
            }
            guard index.activeBlocks(on: slot) == twin.activeBlocks(on: slot), index.cachedBlocks(on: slot) == twin.cachedBlocks(on: slot),
                index.exclusiveBlocks(run.span, on: slot) == twin.exclusiveBlocks(run, on: slot)
            else {
                Issue.record("\(shape), seed \(seed), step \(step), slot \(slot.rawValue): counts differ")
                return
            }
            if step % 100 == 0, shape.lies == 0 {
                let marks = index.counts.openMarks, expected = twin.openMarks(parents: tree.parents)
                guard marks == expected else {
                    Issue.record("\(shape), seed \(seed), step \(step): \(marks) open marks, not \(expected)")
                    return
                }
            }
        }
        for lease in held { index.release(lease.hashes.span, on: lease.slot, isPredicted: lease.isPredicted) }
        for slot in twin.open { index.retire(slot) }
        while index.sweep(atMost: 1_000) {}
        let counts = index.counts
        let rest = [
            counts.blocks, counts.copies, counts.activeBlocks, counts.predictedBlocks, counts.openMarks, counts.slots, counts.retiredSlots,
        ]
        #expect(rest.allSatisfy { $0 == 0 }, "\(shape), seed \(seed): \(counts) is left")
    }
}
