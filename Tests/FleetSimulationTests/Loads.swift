import ClusterModel
import Engines
import FleetSimulation
import LoadGeneration
import TestSupport

/// Loads of known shape.
enum Loads {
    /// The first requests of Mooncake's conversation trace: they all have their first block in common.
    static func trace(_ requests: Int = 200) throws -> Workload {
        var options = TraceOptions()
        options.requests = requests
        let name = "mooncake-conversation-200.jsonl"
        let bytes = try GoldenVectors.contents("\(GoldenVectors.root)/Tests/Fixtures/traces/\(name)")
        return try TraceReader(options: options).read(bytes, name: name)
    }

    /// Request after request, in equal steps.
    static func steady(
        _ count: Int, every step: Duration, promptTokens: UInt32, outputTokens: UInt32, blockTokens: UInt32 = 0,
        blocks: (Int) -> [UInt64] = { _ in [] }
    ) -> Workload {
        let requests = (0..<count).map { number in
            PlannedRequest(due: step * number, promptTokens: promptTokens, outputTokens: outputTokens, blocks: blocks(number))
        }
        return Workload(requests: requests, blockTokens: blockTokens, source: "steady")
    }

    /// Prompts of a few groups that begin alike, as chance has it: many users, few system prompts.
    static func groups(
        _ groups: Int, requests: Int, perSecond rate: Double, shared: Int, own: Int, outputTokens: UInt32, blockTokens: UInt32 = 64,
        seed: UInt64 = 1
    ) -> Workload {
        var random = SeededRandom(seed: seed), times = ArrivalTimes(.poisson, rate: rate, seed: seed)
        let made = (0..<requests).map { number in
            let group = random.next() % UInt64(groups), ownID = UInt64(number) << 20 | 1 << 50
            let blocks = (0..<UInt64(shared)).map { group << 10 | $0 } + (0..<UInt64(own)).map { ownID | $0 }
            return PlannedRequest(
                due: times.next(), promptTokens: UInt32(shared + own) * blockTokens, outputTokens: outputTokens, blocks: blocks)
        }
        return Workload(requests: made, blockTokens: blockTokens, source: "groups")
    }

    /// Something of everything, for fleets of `small`: shared beginnings and none, odd lengths, answers of one token, clients in a hurry.
    static func mixed(_ count: Int, perSecond rate: Double = 40, hurried: Bool = false, seed: UInt64 = 3) -> Workload {
        var random = SeededRandom(seed: seed), times = ArrivalTimes(.poisson, rate: rate, seed: seed)
        var requests: [PlannedRequest] = []
        for number in 0..<count {
            let shared = random.next() % 6
            var request = PlannedRequest(
                due: times.next(), promptTokens: UInt32(1 + random.next() % 300), outputTokens: UInt32(1 + random.next() % 40),
                blocks: (0..<shared).map { random.next() % 3 << 8 | $0 })
            request.blocks = Array(request.blocks.prefix(Int(request.promptTokens + 31) / 32))
            request.tenant = UInt32(random.next() % 3)
            if hurried, number % 3 == 0 { request.patience = .milliseconds(Int64(random.next() % 400)) }
            requests.append(request)
        }
        return Workload(requests: requests, blockTokens: 32, source: "mixed")
    }
}

extension FleetOptions {
    /// Blocks of 16 tokens, and room for some requests at once.
    static func small(workers: Int = 3) -> FleetOptions {
        var options = FleetOptions()
        options.workers = workers
        options.blockSize = 16
        options.room.totalBlocks = 400
        options.room.maxBatchedTokens = 512
        options.room.maxSequences = 16
        return options
    }
}

extension Workload {
    /// The same load so long after its first request, which comes once more: what all have in common is in one cache when they come.
    func behindFirst(_ pause: Duration) -> Workload {
        var later = self
        for index in later.requests.indices { later.requests[index].due += pause }
        later.requests.insert(requests[0], at: 0)
        later.requests[0].due = .zero
        return later
    }

    var promptTokens: UInt64 { requests.reduce(0) { $0 + UInt64($1.promptTokens) } }
    var outputTokens: UInt64 { requests.reduce(0) { $0 + UInt64($1.outputTokens) } }
}
