import ClusterHarness
import EventLoop
import JSONText
import Testing

/// Whole clusters whose workers compute: a wrong bit of state anywhere would be another text.
@Suite("Clusters with an engine that computes")
struct ReferenceClusterTests {
    private static let tiny =
        #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/") + "/deploy/models/tiny"
    private static let engine = [
        "--engine", "reference", "--model", tiny, "--weights", "\(tiny)/tiny-f16.gguf", "--block-size", "16",
    ]
    private static let questions = [
        "What is the capital of Japan?", "What is 7 + 8? /think", "Repeat: owl red kite soup bell map crow", "Count from 3 to 11.",
        "Tell me a story about a fox named Zara.",
    ]

    private func shape(_ workers: [ClusterShape.WorkerPart], _ options: String...) -> ClusterShape {
        var shape = ClusterShape()
        shape.workers = workers
        shape.workerOptions = Self.engine + options
        // By cost, decode workers would prefill prompts as short as these for themselves.
        shape.routerOptions = ["--policy", "least-loaded", "--busy-batches", "1000", "--queue-batches", "10000"]
        return shape
    }

    /// The texts of all questions, each twice, so that some of it is found in caches; then what the body looks at.
    private func texts(_ shape: ClusterShape, _ look: (VirtualCluster) throws -> Void = { _ in }) throws -> [String] {
        let cluster = VirtualCluster(seed: 7)
        defer { cluster.end() }
        try cluster.add(shape)
        try cluster.untilReady()
        let frontend = cluster.member("frontend-1")
        let replies = try (Self.questions + Self.questions).map { question in
            var request = ChatRequest(model: "tiny", prompt: question, maxTokens: 40)
            (request.temperature, request.ignoresEnd) = (0, false)
            let pending = cluster.begin(request, at: frontend)
            try cluster.until("answered") { pending.reply != nil }
            #expect(pending.reply?.isComplete == true, "\(pending.reply?.summary ?? "")")
            return pending.reply?.text ?? ""
        }
        try look(cluster)
        cluster.pass(.seconds(30))
        #expect(cluster.heldAtRest == [])
        return replies
    }

    private func sum(_ metric: String, _ cluster: VirtualCluster) -> Double {
        cluster.members(.worker).reduce(0) { $0 + ($1.process.metric(metric) ?? 0) }
    }

    @Test("whole, split while prefill goes on, split by parameters: the texts are the same, and Tokyo is among them")
    func paths() throws {
        let whole = try texts(shape([.aggregated, .aggregated]))
        #expect(whole[0] == "The capital of Japan is Tokyo." && Set(whole).count == Self.questions.count)
        let concurrent = try texts(shape([.prefill, .decode], "--reference-hand-over", "concurrent")) { cluster in
            #expect(sum("apus_worker_kv_transfers_total{direction=\"sent\",outcome=\"done\"}", cluster) > 0)
        }
        #expect(concurrent == whole)
        let sequential = try texts(shape([.prefill, .decode], "--reference-hand-over", "sequential")) { cluster in
            #expect(sum("apus_worker_kv_transfers_total", cluster) == 0)
            let prefill = cluster.member("worker-1").process
            #expect(prefill.metric("apus_worker_requests_ended_total{reason=\"handed_over\"}") == 10)
        }
        #expect(sequential == whole)
    }

    @Test("state that is damaged where it leaves is seen, and every client has its answer", arguments: ["concurrent", "sequential"])
    func damage(path: String) throws {
        let whole = try texts(shape([.aggregated]))
        let shape = shape(
            [.prefill, .prefill, .decode, .decode], "--reference-hand-over", path, "--fault-damage-exports", "0.3", "--fault-seed", "5")
        let damaged = try texts(shape) { cluster in
            #expect(sum("apus_worker_requests_ended_total{reason=\"failed\"}", cluster) > 0, "something was damaged")
        }
        #expect(damaged == whole)
    }

    @Test("workers of other weights, and of other ways to hand over, are told by name, and requests are served without them")
    func strangers() throws {
        let cluster = VirtualCluster(seed: 7)
        defer { cluster.end() }
        try cluster.add(shape([.prefill, .decode], "--reference-hand-over", "concurrent"))
        try cluster.untilReady()
        try cluster.addWorker(.decode, Self.engine + ["--reference-hand-over", "sequential"])
        let router = cluster.member("router-1")
        try cluster.until("the other way is told of") {
            router.log.contains { $0.contains("fits nobody of the other role") && $0.contains("hand-over") }
        }
        let other = try cluster.addWorker(.aggregated, ["--engine", "mock", "--model", Self.tiny])
        try cluster.until("other weights are told of") { other.log.contains { $0.contains("weights") && $0.contains("other card") } }
        var request = ChatRequest(model: "tiny", prompt: Self.questions[0], maxTokens: 40)
        (request.temperature, request.ignoresEnd) = (0, false)
        let pending = cluster.begin(request, at: cluster.member("frontend-1"))
        try cluster.until("answered") { pending.reply != nil }
        #expect(pending.reply?.text == "The capital of Japan is Tokyo.")
    }
}
