import Scheduling

/// The block index under a trace of requests, on one core and on two, and its lookups in fleets of different sizes.
struct IndexReplay: BenchmarkCase {
    let name = "index"
    /// What T36 speaks of, whatever this machine has.
    private static let cores = 2
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

    func instructions(_ settings: Settings) throws(BenchmarkFailure) -> [Figure] {
        [Figure("instructions a block operation", try TraceReplay.instructionsOfOperation(), "", kind: .instructions)]
    }

    // MARK: A trace

    private func replay(_ settings: Settings) throws(BenchmarkFailure) -> [Figure] {
        let trace = CacheTrace(prompts: try RequestTrace.prompts(settings), workers: 8, blocksEach: 6_000)
        var replay = try TraceReplay(trace), least = Int64.max, bytes = 0.0
        let rounds = settings.isQuick ? 3 : 20
        for _ in 0..<rounds {
            let start = Measuring.nanoseconds
            replay.run()
            least = min(least, Measuring.nanoseconds - start)
            bytes = replay.bytesOfCopy
            replay.empty()
        }
        var lookups: [Double] = []
        replay.run(times: &lookups)
        replay.empty()
        let allocations = Measuring.allocations { replay.run() }
        guard replay.found > 0 else { throw BenchmarkFailure("no lookup found anything") }
        let together = try ParallelReplay.operationsPerSecond(trace, threads: Self.cores, rounds: rounds)
        return [
            Figure("T36: replay on \(Self.cores) cores, block operations a second", together, "", .atLeast(14_000_000)),
            Figure("T36: replay, a lookup, p99", lookups.percentile(99) / 1_000, "µs", .atMost(10)),
            Figure("T36: bytes a block and worker", bytes, "B", .atMost(32)),
            Figure("replay, block operations a second", Double(trace.operations) * 1e9 / Double(least), "", .atLeast(10_000_000)),
            Figure("replay, a lookup, p50", lookups.percentile(50) / 1_000, "µs"),
            Figure("replay, allocations", Double(allocations), "", .atMost(0), kind: .allocations),
        ]
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
