/// What a router's index goes through when requests are sent to workers whose caches are small: a lookup for each request, a store for what its
/// worker had not, a removal for what that worker dropped.
struct CacheTrace {
    enum Step {
        case lookup(prompt: Int)
        /// From that block of the prompt on.
        case store(prompt: Int, from: Int, worker: Int)
        case remove(run: Int, worker: Int)
    }

    let workers: Int
    let prompts: [[UInt64]]
    private(set) var removals: [[UInt64]] = []
    private(set) var steps: [Step] = []
    /// A lookup of n hashes and an event of n blocks count n.
    private(set) var operations = 0

    /// Each request goes where most of it is, less what that worker had to compute so far; each worker keeps the blocks it used last.
    init(prompts: [[UInt64]], workers: Int, blocksEach: Int) {
        self.prompts = prompts
        self.workers = workers
        var caches = [LeastRecent](repeating: LeastRecent(), count: workers), computed = [Int](repeating: 0, count: workers)
        for (number, prompt) in prompts.enumerated() {
            steps.append(.lookup(prompt: number))
            let least = computed.min() ?? 0
            let scores = caches.indices.map { 4 * caches[$0].prefix(of: prompt) - (computed[$0] - least) / 64 }
            let worker = scores.indices.max { scores[$0] < scores[$1] } ?? 0
            let found = caches[worker].prefix(of: prompt)
            computed[worker] += prompt.count - found
            operations += prompt.count + prompt.count - found
            if found < prompt.count { steps.append(.store(prompt: number, from: found, worker: worker)) }
            let dropped = caches[worker].use(prompt, keeping: blocksEach)
            guard !dropped.isEmpty else { continue }
            operations += dropped.count
            steps.append(.remove(run: removals.count, worker: worker))
            removals.append(dropped)
        }
    }

    /// Made to the figures of the conversation trace of Mooncake (FAST'25), in blocks of 512 tokens: 12,031 requests of 24 blocks on average, in
    /// conversations that come back with a longer prompt.
    static func conversations(requests: Int = 12_031, seed: UInt64 = 1) -> [[UInt64]] {
        var random = SeededNumbers(seed), prompts: [[UInt64]] = [], waiting: [[UInt64]] = []
        let system = random.next()
        while prompts.count < requests {
            var prompt = [system]
            // Two of five requests continue one of the last thousand.
            if random.next() % 5 < 2, !waiting.isEmpty { prompt = waiting[Int(random.next() % UInt64(waiting.count))] }
            let isLong = random.next() % 8 == 0, more = Int(random.next() % (isLong ? 100 : 18)) + 1
            for _ in 0..<more { prompt.append(random.next()) }
            prompts.append(prompt)
            if waiting.count < 1_000 { waiting.append(prompt) } else { waiting[Int(random.next() % 1_000)] = prompt }
        }
        return prompts
    }

    /// A worker's cache.
    private struct LeastRecent {
        private var uses: [UInt64: Int] = [:]
        private var order: [(hash: UInt64, use: Int)] = []
        private var head = 0
        private var clock = 0

        func prefix(of prompt: [UInt64]) -> Int { prompt.prefix { uses[$0] != nil }.count }

        /// The end of the prompt is the first to go.
        mutating func use(_ prompt: [UInt64], keeping limit: Int) -> [UInt64] {
            for hash in prompt.reversed() {
                clock += 1
                uses[hash] = clock
                order.append((hash, clock))
            }
            var dropped: [UInt64] = []
            while uses.count > limit {
                let (hash, use) = order[head]
                head += 1
                guard uses[hash] == use else { continue }
                uses[hash] = nil
                dropped.append(hash)
            }
            return dropped
        }
    }
}

/// Numbers that follow from a seed.
struct SeededNumbers {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Self.mixed(state)
    }

    static func mixed(_ value: UInt64) -> UInt64 {
        var mixed = value
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
