import Scheduling

/// The block index under a trace of requests, and its lookups in fleets of different sizes.
struct IndexReplay: BenchmarkCase {
    let name = "index"
    /// Tokens of a decision's prompt over the block size: what the budgets are for.
    private static let promptBlocks = 128
    private static let sharedBlocks = 32
    private static let indexedBlocks = 1_000_000
    private static let fleets: [(workers: Int, budget: Double)] = [(8, 5), (64, 8), (512, 20), (4_096, 60)]

    func run(_ settings: Settings) throws(BenchmarkFailure) -> [Figure] {
        var figures = try replay(settings)
        for fleet in Self.fleets { figures += Self.lookups(fleet.workers, budget: fleet.budget, settings) }
        return figures
    }

    // MARK: A trace

    private func replay(_ settings: Settings) throws(BenchmarkFailure) -> [Figure] {
        let prompts = if let path = settings.trace { try CacheTrace.prompts(ofFile: path) } else { CacheTrace.conversations() }
        let trace = CacheTrace(prompts: prompts, workers: 8, blocksEach: 6_000)
        var index = BlockIndex(), matches = BlockMatches(), slots: [PlacementSlot] = []
        for _ in 0..<trace.workers {
            guard let slot = index.open() else { throw BenchmarkFailure("no slot") }
            slots.append(slot)
        }
        var least = Int64.max, bytes = 0.0, found = 0
        for _ in 0..<(settings.isQuick ? 3 : 20) {
            let start = Measuring.nanoseconds
            found = Self.run(trace, slots, &index, &matches)
            least = min(least, Measuring.nanoseconds - start)
            let counts = index.counts
            bytes = Double(counts.bytes) / Double(counts.copies)
            Self.empty(slots, &index)
        }
        var lookups: [Double] = []
        _ = Self.run(trace, slots, &index, &matches, times: &lookups)
        Self.empty(slots, &index)
        let allocations = Measuring.allocations { found += Self.run(trace, slots, &index, &matches) }
        guard found > 0 else { throw BenchmarkFailure("no lookup found anything") }
        return [
            Figure("replay, block operations a second", Double(trace.operations) * 1e9 / Double(least), "", .atLeast(10_000_000)),
            Figure("replay, a lookup, p50", lookups.percentile(50) / 1_000, "µs"),
            Figure("replay, a lookup, p99", lookups.percentile(99) / 1_000, "µs", .atMost(10)),
            Figure("bytes a block and worker", bytes, "B", .atMost(32)),
            Figure("replay, allocations", Double(allocations), "", .atMost(0), kind: .allocations),
        ]
    }

    @inline(never)
    private static func run(
        _ trace: CacheTrace, _ slots: [PlacementSlot], _ index: inout BlockIndex, _ matches: inout BlockMatches
    ) -> Int {
        var found = 0
        for step in trace.steps { found += run(step, trace, slots, &index, &matches) }
        return found
    }

    private static func run(
        _ trace: CacheTrace, _ slots: [PlacementSlot], _ index: inout BlockIndex, _ matches: inout BlockMatches, times: inout [Double]
    ) -> Int {
        var found = 0
        for step in trace.steps {
            let start = Measuring.nanoseconds
            found += run(step, trace, slots, &index, &matches)
            if case .lookup = step { times.append(Double(Measuring.nanoseconds - start)) }
        }
        return found
    }

    @inline(__always)
    private static func run(
        _ step: CacheTrace.Step, _ trace: CacheTrace, _ slots: [PlacementSlot], _ index: inout BlockIndex, _ matches: inout BlockMatches
    ) -> Int {
        switch step {
        case .lookup(let number):
            let prompt = trace.prompts[number]
            index.match(prompt.span, into: &matches)
            return Int(matches.longest)
        case .store(let number, let from, let worker):
            let prompt = trace.prompts[number]
            let parent = from == 0 ? nil : prompt[from - 1]
            index.store(prompt.span.extracting(droppingFirst: from), after: parent, on: slots[worker], tier: .device)
        case .remove(let number, let worker):
            let run = trace.removals[number]
            index.remove(run.span, on: slots[worker], tier: .device)
        }
        return 0
    }

    private static func empty(_ slots: [PlacementSlot], _ index: inout BlockIndex) {
        for slot in slots { index.clear(slot) }
        while index.sweep(atMost: 1 << 20) {}
    }

    // MARK: A fleet

    /// Prompts of 8k tokens in blocks of 64: a beginning that everyone has, and an end that one worker has.
    private static func lookups(_ workers: Int, budget: Double, _ settings: Settings) -> [Figure] {
        var index = BlockIndex(), matches = BlockMatches(), random = SeededNumbers(5)
        let slots = (0..<workers).compactMap { _ in index.open() }
        let shared = (0..<sharedBlocks).map { _ in random.next() }
        for slot in slots { index.store(shared.span, after: nil, on: slot, tier: .device) }
        let prompts = (0..<indexedBlocks / (promptBlocks - sharedBlocks)).map { number in
            let prompt = shared + (sharedBlocks..<promptBlocks).map { _ in random.next() }
            let slot = slots[number % slots.count], parent = shared[sharedBlocks - 1]
            index.store(prompt.span.extracting(droppingFirst: sharedBlocks), after: parent, on: slot, tier: .device)
            return prompt
        }
        var times: [Double] = [], leases: [Double] = []
        for turn in 0..<(settings.isQuick ? 1_000 : 20_000) {
            let prompt = prompts[Int(random.next() % UInt64(prompts.count))]
            let start = Measuring.nanoseconds
            index.match(prompt.span, into: &matches)
            times.append(Double(Measuring.nanoseconds - start))
            guard turn % 10 == 0 else { continue }
            let booking = Measuring.nanoseconds
            index.hold(prompt.span, on: slots[turn % slots.count])
            leases.append(Double(Measuring.nanoseconds - booking))
            index.release(prompt.span, on: slots[turn % slots.count], isPredicted: true)
        }
        let allocations = Measuring.allocations {
            for prompt in prompts.prefix(1_000) {
                index.match(prompt.span, into: &matches)
                index.hold(prompt.span, on: slots[0])
                index.release(prompt.span, on: slots[0], isPredicted: true)
            }
        }
        return [
            Figure("\(workers) workers: a lookup of 128 blocks, p50", times.percentile(50) / 1_000, "µs", .atMost(budget)),
            Figure("\(workers) workers: a lookup of 128 blocks, p99", times.percentile(99) / 1_000, "µs", .atMost(4 * budget)),
            Figure("\(workers) workers: a lease of 128 blocks held, p50", leases.percentile(50) / 1_000, "µs", .atMost(20)),
            Figure("\(workers) workers: allocations", Double(allocations), "", .atMost(0), kind: .allocations),
        ]
    }
}
