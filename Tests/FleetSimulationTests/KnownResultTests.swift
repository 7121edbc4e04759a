import ClusterModel
import Engines
import FleetSimulation
import LoadGeneration
import Scheduling
import Testing

/// Loads whose result can be told by hand.
@Suite struct KnownResultTests {
    @Test("what a cache without a bound would find is counted by leading blocks, in the order of arrival")
    func reachable() {
        let prompts: [[UInt64]] = [[1, 2], [1, 2], [1, 3], [4, 2]]
        var workload = Loads.steady(4, every: .seconds(20), promptTokens: 1_024, outputTokens: 2, blockTokens: 512) { prompts[$0] }
        var options = FleetOptions()
        options.workers = 1
        let figures = FleetSimulation.run(workload, options).figures
        #expect(figures.promptBlocks == 8 && figures.reachableBlocks == 3 && figures.reachableHitRate == 0.375)
        #expect(figures.hitBlocks == 2, "the last block of a prompt that is there as a whole is computed all the same")
        // Blocks that are not full are nobody's, and count as blocks of their prompt.
        workload.requests.append(PlannedRequest(due: .seconds(80), promptTokens: 700, outputTokens: 1, blocks: [1, 2]))
        let more = FleetSimulation.run(workload, options).figures
        #expect(more.promptBlocks == 10 && more.reachableBlocks == 4 && more.hitBlocks == 3)
        #expect(WorkloadStatistics(workload).reusableBlocks == 5, "which the statistics of a trace do count")
    }

    @Test("two groups of prompts on two workers: each beginning is computed once, and found ever after", arguments: [1, 2, 3])
    func groups(ranks: Int) {
        let workload = Loads.steady(40, every: .seconds(5), promptTokens: 5 * 512, outputTokens: 3, blockTokens: 512) { number in
            let group = UInt64(number % 2) << 8
            return [group, group + 1, group + 2, group + 3, 1_000 + UInt64(number)]
        }
        var options = FleetOptions()
        options.workers = 2
        options.ranks = ranks
        let figures = FleetSimulation.run(workload, options).figures
        #expect(figures.reachableBlocks == 38 * 4 && figures.hitBlocks == 38 * 4)
        let computed = (2 * 5 + 38) * 512
        #expect(figures.prefillTokens.reduce(0, +) == computed)
        #expect(figures.requestSkew == 1 || ranks > 1, "a group each, of which two ranks of one worker may be")
    }

    @Test("round robin gives equal numbers of requests")
    func roundRobin() throws {
        var options = FleetOptions.small(workers: 4)
        options.policy = try #require(FleetPolicy.named("round-robin"))
        let result = FleetSimulation.run(Loads.mixed(120), options)
        #expect(result.figures.requests == [30, 30, 30, 30] && result.figures.requestSkew == 1)
    }

    @Test("looking at nothing but the cache sends a trace whose prompts all begin alike to one worker")
    func overlapOnly() throws {
        var options = FleetOptions()
        options.policy = .overlapOnly
        let result = FleetSimulation.run(try Loads.trace(100).behindFirst(.seconds(10)), options)
        #expect(result.figures.requestSkew == 8, "\(result.figures.requests)")
        #expect(result.recorder.summary.counts.complete == 101)
    }

    @Test("a request alone takes four hops and the steps of its worker, as long as the latency model says", arguments: [1, 7])
    func alone(outputTokens: UInt32) {
        var options = FleetOptions.small(workers: 1)
        options.hop = .milliseconds(3)
        // The model's decode depends on blocks held, which is the engine's own affair: here it takes as long at every load.
        if outputTokens > 1 {
            options.latency = Engines.LatencyModel(form: .fixed(prefillPerToken: .microseconds(20), decodeStep: .milliseconds(7)))
        }
        let workload = Loads.steady(1, every: .zero, promptTokens: 690, outputTokens: outputTokens)
        let result = FleetSimulation.run(workload, options)
        func step(_ work: (inout Engines.LatencyModel.Work) -> Void) -> Duration {
            var made = Engines.LatencyModel.Work()
            made.totalTokens = Int(options.room.totalBlocks * options.blockSize)
            work(&made)
            return options.latency.stepDuration(made)
        }
        // To the router, back, to the worker, and its tokens' way: the prompt takes two steps.
        var expected = Duration.milliseconds(4 * 3) + step { $0.prefillTokens = 512 } + step { $0.prefillTokens = 178 }
        for _ in 1..<outputTokens {
            expected += step {
                $0.decodes = 1
                // The answer ends in the last block of the prompt.
                $0.activeTokens = 44 * 16
            }
        }
        #expect(result.figures.completions == [expected])
        #expect(result.figures.steps == 1 + Int(outputTokens))
        #expect(result.recorder.summary.counts.outputTokens == UInt64(outputTokens))
    }

    @Test("prefill of a split request adds the way of its state, of which what left while it was computed takes no time")
    func split() throws {
        var options = FleetOptions.small(workers: 0)
        options.prefillWorkers = 1
        options.decodeWorkers = 1
        options.hop = .milliseconds(1)
        options.latency = Engines.LatencyModel(form: .fixed(prefillPerToken: .microseconds(100), decodeStep: .milliseconds(10)))
        // Splits whatever it costs.
        options.policy = try #require(FleetPolicy.named("round-robin"))
        // A second for each token: what had not left when prefill ended is all but the time of prefill.
        options.stateBytesPerToken = 1_000
        options.stateBytesPerSecond = 1_000
        let workload = Loads.steady(1, every: .zero, promptTokens: 100, outputTokens: 3)
        let result = FleetSimulation.run(workload, options)
        #expect(result.figures.split == 1 && result.figures.requests == [1])
        // The last chunk is the whole prompt here: all of it leaves behind its step. Three hops before, one for the state and one for tokens.
        let hops = Duration.milliseconds(5), prefill = Duration.milliseconds(10), state = Duration.seconds(100)
        let decode = Duration.milliseconds(20)
        let expected: [Duration] = [hops + prefill + state + decode]
        #expect(result.figures.completions == expected)
    }

    @Test("what a fleet carries is measured with all of the load at once, and the load can be offered at a share of it")
    func capacity() {
        var options = FleetOptions.small(workers: 2)
        options.latency = Engines.LatencyModel(form: .fixed(prefillPerToken: .milliseconds(1), decodeStep: .zero))
        let workload = Loads.steady(100, every: .seconds(1), promptTokens: 100, outputTokens: 1)
        // 100 ms each, on two workers.
        let capacity = FleetSimulation.capacity(of: workload, options)
        #expect(capacity > 17 && capacity < 23, "\(capacity)")
        #expect(abs(workload.requestsPerSecond - 1) < 1e-9)
        #expect(abs(workload.offered(atSpeed: 10).requestsPerSecond - 10) < 1e-6)
        #expect(FleetSimulation.capacity(of: Loads.steady(1, every: .zero, promptTokens: 9, outputTokens: 1), options) == 0)
    }
}
