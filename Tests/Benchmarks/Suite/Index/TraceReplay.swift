import CTwins
import Scheduling

/// A block index of its own that goes through a trace, again and again: what both cores do at once, and what callgrind counts.
struct TraceReplay: ~Copyable {
    let trace: CacheTrace
    private var index = BlockIndex()
    private var matches = BlockMatches()
    private var slots: [PlacementSlot] = []
    /// Blocks that lookups found, so that nothing is optimised away.
    private(set) var found = 0

    init(_ trace: CacheTrace) throws(BenchmarkFailure) {
        self.trace = trace
        for _ in 0..<trace.workers {
            guard let slot = index.open() else { throw BenchmarkFailure("no slot") }
            slots.append(slot)
        }
    }

    /// Of the index as it is.
    var bytesOfCopy: Double {
        let counts = index.counts
        return Double(counts.bytes) / Double(counts.copies)
    }

    /// The whole trace, on top of what is there.
    @inline(never)
    mutating func run() {
        for step in trace.steps { run(step) }
    }

    /// The same, with the nanoseconds of each lookup.
    mutating func run(times: inout [Double]) {
        for step in trace.steps {
            let start = Measuring.nanoseconds
            run(step)
            if case .lookup = step { times.append(Double(Measuring.nanoseconds - start)) }
        }
    }

    @inline(__always)
    private mutating func run(_ step: CacheTrace.Step) {
        switch step {
        case .lookup(let number):
            let prompt = trace.prompts[number]
            index.match(prompt.span, into: &matches)
            found &+= Int(matches.longest)
        case .store(let number, let from, let worker):
            let prompt = trace.prompts[number]
            let parent = from == 0 ? nil : prompt[from - 1]
            index.store(prompt.span.extracting(droppingFirst: from), after: parent, on: slots[worker], tier: .device)
        case .remove(let number, let worker):
            let run = trace.removals[number]
            index.remove(run.span, on: slots[worker], tier: .device)
        }
    }

    mutating func empty() {
        for slot in slots { index.clear(slot) }
        while index.sweep(atMost: 1 << 20) {}
    }

    // MARK: Instructions

    /// Few enough for callgrind, which takes fifty times as long.
    private static let countedRequests = 1_000

    private static func countedTrace() -> CacheTrace {
        CacheTrace(prompts: CacheTrace.conversations(requests: countedRequests), workers: 8, blocksEach: 500)
    }

    /// Of a block operation, its share of emptying the index among them.
    static func instructionsOfOperation() throws(BenchmarkFailure) -> Double {
        Double(try Callgrind.instructions(of: ["--role", "index-replay"])) / Double(countedTrace().operations)
    }

    /// The body of the role: once so that every table has its size, then once more, which is counted.
    static func replayForCallgrind() throws(BenchmarkFailure) {
        var replay = try TraceReplay(countedTrace())
        replay.run()
        replay.empty()
        withUnsafeMutablePointer(to: &replay) { pointer in
            ctwins_collect(
                { context in
                    guard let replay = context?.assumingMemoryBound(to: TraceReplay.self) else { return }
                    replay.pointee.run()
                    replay.pointee.empty()
                }, pointer)
        }
    }
}
