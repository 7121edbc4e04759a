import Engines
import FleetSimulation
import LoadGeneration
import Scheduling
import Testing

/// What routing has to achieve, with loads of some hundred requests. `deploy/dev/routing-quality` asks for the same of whole traces.
@Suite struct RoutingQualityTests {
    @Test("T33: prompts that share their first block and nothing else do not gather on one worker")
    func bait() {
        let workload = Loads.groups(1, requests: 240, perSecond: 24, shared: 1, own: 5, outputTokens: 60).behindFirst(.seconds(5))
        var options = FleetOptions()
        options.blockSize = 64
        let chosen = FleetSimulation.run(workload, options)
        #expect(chosen.figures.requestSkew <= 1.5, "\(chosen.figures.requests)")
        #expect(chosen.recorder.summary.counts.complete == 241)
        options.policy = .overlapOnly
        let baited = FleetSimulation.run(workload, options)
        #expect(baited.figures.requestSkew == 8, "the bait is one: \(baited.figures.requests)")
    }

    @Test(
        "T34: two and four routers find as much as one, and spread as well, however requests come to them", arguments: RouterRule.allCases)
    func routers(rule: RouterRule) {
        let workload = Loads.groups(24, requests: 480, perSecond: 30, shared: 8, own: 2, outputTokens: 40)
        var options = FleetOptions()
        options.workers = 4
        options.blockSize = 64
        options.room.totalBlocks = 2_000
        options.routerChoice = rule
        var rates: [Double] = []
        for routers in [1, 2, 4] {
            options.routers = routers
            let result = FleetSimulation.run(workload, options)
            rates.append(result.figures.hitRate)
            #expect(abs(result.figures.hitRate - rates[0]) <= 0.02, "\(routers): \(rates)")
            #expect(result.figures.requestSkew <= 1.2, "\(routers): \(result.figures.requests)")
            #expect(result.recorder.summary.counts.complete == 480 && result.figures.leasesLeft == 0)
        }
        #expect(rates[0] > 0.5, "there is something to find: \(rates)")
    }

    @Test("T35: prompts of 32k tokens with one token for an answer spread evenly over eight workers")
    func prefillHeavy() {
        let workload = Loads.steady(64, every: .milliseconds(250), promptTokens: 32_768, outputTokens: 1)
        let result = FleetSimulation.run(workload, FleetOptions())
        #expect(result.figures.requestSkew <= 1.2, "\(result.figures.requests)")
        #expect(result.recorder.summary.counts.complete == 64)
    }
}
