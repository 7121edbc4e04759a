import ClusterHarness
import ClusterModel
import Testing

@Suite("A worker that crashes at a known token")
struct CrashTests {
    @Test("the client sees one stream: what the worker had not said comes from another one")
    func crash() throws {
        let cluster = VirtualCluster(seed: 4)
        defer { cluster.end() }
        var shape = ClusterShape()
        shape.workers = [.aggregated, .aggregated]
        shape.workerOptions += ["--fault-crash-at-token", "60"]
        try cluster.add(shape)
        try cluster.untilReady()
        var request = ChatRequest(model: "apus-mock", prompt: "Once upon a time", maxTokens: 90)
        request.seed = 5
        let pending = cluster.begin(request, at: cluster.member("frontend-1"))
        try cluster.until("one of them crashes") { cluster.members(.worker).contains { !$0.isAlive } }
        #expect(pending.reply == nil)
        try cluster.until("the stream ends") { pending.reply != nil }
        let reply = try #require(pending.reply)
        #expect(reply.isComplete, "\(reply.summary)")
        #expect(reply.text == ExpectedText.text(of: request))
        let dead = cluster.members(.worker).filter { !$0.isAlive }
        #expect(dead.count == 1, "the other one gave less than 60 tokens")
        #expect(dead.allSatisfy { $0.process.exitCode == nil }, "it did not drain")
        for worker in dead { worker.restart() }
        try cluster.untilReady()
    }
}
