import Engines
import FleetSimulation
import LoadGeneration
import Scheduling

/// What routing achieves on the conversation trace: simulated, so that its figures are the same on every machine and at every load of it.
///
/// `deploy/dev/routing-quality` has more of such rows, and fails where a mark is missed.
struct RoutingQuality: BenchmarkCase {
    let name = "routing"
    private static let workers = 8
    private static let blocks: UInt32 = 6_000
    /// Of what the fleet can carry.
    private static let loads: [(name: String, share: Double)] = [("0.7", 0.7), ("0.9", 0.9), ("1.1", 1.1)]
    /// Full steps of all ranks that may wait at the routers under a load beyond what the fleet can carry.
    private static let queueBatches = 4
    /// For goodput: the first token, and each after it in the mean.
    private static let good = GoodputLimits(timeToFirstToken: .seconds(2), timePerToken: .milliseconds(100))

    func run(_ settings: Settings) throws(BenchmarkFailure) -> [Figure] {
        let workload = try RequestTrace.workload(settings), options = Self.options(.kv)
        let figures = try Self.run(workload, options).figures
        var rows = [
            Figure("kv, block hits", figures.hitRate * 100, "%", .atLeast(34.5)),
            Figure("kv, block hits within reach", figures.reachableHitRate * 100, "%"),
            Figure("kv, request skew", figures.requestSkew, "", .atMost(1.15)),
            Figure("kv, prefill skew", figures.prefillSkew, "", .atMost(1.05)),
        ]
        guard !settings.isQuick else { return rows }
        let capacity = FleetSimulation.capacity(of: workload, options), pace = workload.requestsPerSecond
        guard capacity > 0, pace > 0 else { throw BenchmarkFailure("what the fleet can carry cannot be told from this trace") }
        for load in Self.loads { rows += try Self.goodput(workload.offered(atSpeed: load.share * capacity / pace), load: load.name) }
        return rows
    }

    /// Beside Dynamo's formula on the same fleet.
    private static func goodput(_ workload: Workload, load: String) throws(BenchmarkFailure) -> [Figure] {
        var rates: [Double] = []
        for policy in [FleetPolicy.named("latency"), .dynamo] {
            guard let policy else { throw BenchmarkFailure("there is no policy latency") }
            var options = options(policy)
            options.queue.batches = queueBatches
            guard let rate = try run(workload, options).recorder.summary.goodPerSecond else { throw BenchmarkFailure("no goodput") }
            rates.append(rate)
        }
        return [
            Figure("latency, load \(load): goodput", rates[0], "/s"),
            Figure("Dynamo's formula, load \(load): goodput", rates[1], "/s"),
            Figure("load \(load): goodput, latency : Dynamo's formula", rates[0] / rates[1], "x", .atLeast(1)),
        ]
    }

    private static func options(_ policy: FleetPolicy) -> FleetOptions {
        var options = FleetOptions()
        options.workers = workers
        options.room.totalBlocks = blocks
        options.limits = good
        options.policy = policy
        return options
    }

    private static func run(_ workload: Workload, _ options: FleetOptions) throws(BenchmarkFailure) -> FleetSimulation.Result {
        let result = FleetSimulation.run(workload, options)
        guard result.figures.leasesLeft == 0 else { throw BenchmarkFailure("\(result.figures.leasesLeft) leases are left") }
        return result
    }
}
