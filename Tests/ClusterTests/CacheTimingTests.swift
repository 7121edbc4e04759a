import ClusterHarness
import ClusterModel
import EventLoop
import Testing
import Transport

/// What the time to the first token tells one tenant of what another one has asked.
@Suite("Cached prompts of others")
struct CacheTimingTests {
    /// Guesses over so few prompts scatter: over this many an honest half lies within 0.45 and 0.55 but once in four hundred seeds.
    private static let prompts = 600
    /// What is there to be seen is seen over fewer.
    private static let fewer = 150

    @Test(
        "T47: whether another tenant asked a prompt cannot be told by how fast the first token comes; of one cache group it can",
        arguments: 1...2 as ClosedRange<UInt64>)
    func apart(seed: UInt64) throws {
        let apart = try advantage(of: ["victim", "prober"].map { TenantFixture.entry($0) }, Self.prompts, seed: seed)
        #expect(apart <= 0.55 && apart >= 0.45, "\(apart)")
        // The same eyes see what is there to be seen.
        let together = ["victim", "prober"].map { TenantFixture.entry($0, #","cacheGroup":"all""#) }
        let shared = try advantage(of: together, Self.fewer, seed: seed)
        #expect(shared >= 0.99, "\(shared)")
    }

    /// How well a prober tells prompts that a victim has asked from others, by their times to the first token: the area under the curve of right
    /// and wrong guesses, over all thresholds. A half is guessing.
    private func advantage(of tenants: [String], _ prompts: Int, seed: UInt64) throws -> Double {
        let fixture = TenantFixture(tenants)
        var network = LinkFaults()
        (network.delay, network.jitter) = (.microseconds(200), .milliseconds(1))
        let cluster = VirtualCluster(seed: seed, faults: network)
        defer { cluster.end() }
        var shape = ClusterShape()
        shape.workerOptions = ["--mock-prefill-token", "100us", "--mock-decode-step", "2ms", "--blocks", "16384"] + fixture.secretOptions
        shape.routerOptions = fixture.secretOptions
        shape.frontendOptions = fixture.frontendOptions
        try cluster.add(shape)
        try cluster.untilReady()
        var random = SeededRandom(seed: seed)
        for number in 0..<prompts { _ = try time(number, as: "victim", in: cluster) }
        // As many prompts that nobody asked, in no order.
        var asked: [Duration] = [], fresh: [Duration] = []
        for number in Array(0..<2 * prompts).shuffled(using: &random) {
            let took = try time(number, as: "prober", in: cluster)
            if number < prompts { asked.append(took) } else { fresh.append(took) }
        }
        withExtendedLifetime(fixture) {}
        let wins = asked.reduce(0.0) { sum, one in sum + fresh.reduce(0.0) { $0 + (one < $1 ? 1 : one == $1 ? 0.5 : 0) } }
        return wins / Double(asked.count * fresh.count)
    }

    /// To the first token, of a prompt that has as many tokens as all others.
    private func time(_ number: Int, as tenant: String, in cluster: VirtualCluster) throws -> Duration {
        let digits = String(10_000 + number)
        var request = ChatRequest(model: "apus-mock", prompt: String(repeating: "\(digits) words ", count: 24), maxTokens: 2)
        request.seed = 1
        var conduct = ClientConduct()
        conduct.key = TenantFixture.key(tenant)
        // Whoever asked before is gone from every book: where it ran is not what is measured.
        cluster.pass(.milliseconds(100))
        let pending = cluster.begin(request, at: cluster.member("frontend-1"), conduct)
        try cluster.until("it is answered") { pending.reply != nil }
        let reply = try #require(pending.reply)
        #expect(reply.isComplete, "\(reply.summary)")
        return try #require(reply.http.eventTimes.dropFirst().first)
    }
}
