import ClusterHarness
import EventLoop
import Testing

/// What routers find out about real workers.
@Suite("Caches that are not what workers say")
struct TrustTests {
    @Test(
        "T20: a real worker whose cache is emptied without a word is found out within 20 requests, and believed again in the end",
        arguments: 1...3)
    func silentClear(_ seed: Int) throws {
        let cluster = VirtualCluster(seed: UInt64(seed))
        defer { cluster.end() }
        var shape = ClusterShape()
        shape.workers = [.aggregated]
        // Some fifty requests of three steps each.
        shape.workerOptions = ["--mock-decode-step", "1ms", "--fault-silent-clear", "160"]
        try cluster.add(shape)
        try cluster.untilReady()
        let router = cluster.member("router-1"), frontend = cluster.member("frontend-1")
        try cluster.until("the worker's hashes are found to be everybody's") {
            router.process.metric("apus_router_workers") == 1 && router.process.metric("apus_router_parity_faults_total") == nil
        }
        func ask(_ number: Int) throws {
            let text = String(repeating: "\(number % 10) of ten long prompts, each with a beginning of its own. ", count: 20)
            var request = ChatRequest(model: "apus-mock", prompt: text, maxTokens: 3)
            request.seed = Int64(number)
            let pending = cluster.begin(request, at: frontend)
            try cluster.until("answered") { pending.reply != nil }
            #expect(pending.reply?.text == ExpectedText.text(of: request))
        }
        func doubts() -> Double { router.process.metric("apus_router_cache_doubts_total") ?? 0 }
        var asked = 0, promised = [0.0], found = [0.0]
        while doubts() == 0, asked < 150 {
            try ask(asked)
            asked += 1
            promised.append(router.process.metric("apus_router_promised_blocks_total") ?? 0)
            found.append(router.process.metric("apus_router_found_blocks_total") ?? 0)
        }
        #expect(doubts() == 1 && asked > 20, "\(asked)")
        // Since the first request that missed what it was promised.
        let missing = promised.indices.first { promised[$0] - found[$0] > Double($0) } ?? promised.count
        #expect(asked - missing < 20, "\(asked), \(missing)")
        #expect((router.process.metric("apus_router_stale_hits_total") ?? 0) > 0, "they were placed in vain, and that is counted")
        // The worker's own books do not know of it either: it may be doubted once more, and then has half a minute.
        for number in 0..<10 { try ask(number) }
        #expect(doubts() <= 2)
        cluster.pass(.seconds(31))
        let before = router.process.metric("apus_router_promised_blocks_total") ?? 0, doubted = doubts()
        for number in 0..<15 { try ask(number) }
        #expect((router.process.metric("apus_router_promised_blocks_total") ?? 0) > before, "its cache counts again")
        #expect(doubts() == doubted)
    }
}
