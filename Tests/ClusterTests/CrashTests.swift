import ClusterHarness
import ClusterModel
import Testing

@Suite("A worker that crashes at a known token")
struct CrashTests {
    @Test("the client sees one stream: what the worker had not said comes from its next life")
    func crash() throws {
        let cluster = VirtualCluster(seed: 4)
        defer { cluster.end() }
        var shape = ClusterShape()
        shape.workers = [.aggregated]
        shape.workerOptions += ["--fault-crash-at-token", "60"]
        try cluster.add(shape)
        try cluster.untilReady()
        var request = ChatRequest(model: "apus-mock", prompt: "Once upon a time", maxTokens: 90)
        request.seed = 5
        let pending = cluster.begin(request, at: cluster.member("frontend-1")), worker = cluster.member("worker-1")
        try cluster.until("it crashes") { !worker.isAlive }
        #expect(worker.process.exitCode == nil && pending.reply == nil)
        worker.restart()
        try cluster.until("the stream ends") { pending.reply != nil }
        let reply = try #require(pending.reply)
        #expect(reply.isComplete && reply.text == ExpectedText.text(of: request))
        #expect(worker.isAlive, "the next life gives less than 60 tokens")
    }
}
