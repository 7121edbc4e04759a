import ClusterModel
import EventLoop
import JSONText

/// Clients of very long prompts who leave while these are computed.
enum CancelDrill {
    static let cancel = Drill(
        "cancel", proves: "T16", "clients leave before their first token, with prompts of 128k tokens: prefill stops, nothing of them stays"
    ) { stage in
        try await play(stage, "whole requests", [.aggregated, .aggregated], [])
        for path in SplitCluster.Path.allCases {
            try await play(
                stage, "split, \(path.rawValue)", [.prefill, .prefill, .decode, .decode], ["--mock-hand-over", path.rawValue])
        }
    }

    private static let promptTokens = 128 << 10
    /// Clients at once, with such prompts.
    private static let users = 16
    /// Others beside them, who stay.
    private static let bystanders = 4
    private static let workerOptions = [
        "--context-length", "140000", "--blocks", "65536", "--mock-decode-step", "10ms", "--mock-prefill-token", "5us",
    ]

    private static func play(_ stage: DrillStage, _ name: String, _ workers: [ClusterShape.WorkerPart], _ options: [String]) async throws {
        let requests = stage.settings.requests(1_000), seed = stage.settings.seed
        var shape = ClusterShape()
        shape.workers = workers
        shape.workerOptions = workerOptions + options
        // The queue is to hold such prompts, not to refuse them.
        shape.routerOptions = ["--queue-batches", "10000"]
        try await stage.play("cancel", name, shape) { cluster, row in
            let staying = DrillClients(cluster), leaving = DrillClients(cluster)
            try staying.keepAsking(bystanders, pause: .milliseconds(50)) { .drill($0, tokens: 40, seed: seed) }
            var random = SeededRandom(seed: seed)
            for number in 0..<requests {
                try await cluster.loop.until("a client is free", within: DrillClients.patience) { leaving.open < users }
                var conduct = ClientConduct()
                // From before it is placed to the middle of its prefill.
                conduct.leavesAfter = .milliseconds(Int64(random.next() % 400))
                conduct.leavesAbruptly = random.next() % 2 == 0
                try leaving.ask(.drill(number, tokens: 100, prompt: promptTokens, seed: seed), conduct)
            }
            try await leaving.end()
            let left = leaving.lastAnswer
            try await staying.end()
            try await cluster.reach("the workers stop", within: RestCheck.limit) {
                for worker in cluster.workers where try await cluster.state(of: worker)?["state"]?["requests"]?.asInt != 0 { return false }
                return true
            }
            row.note("the last prefill stopped after", "\(left.duration(to: cluster.loop.now).inMilliseconds) ms")
            leaving.judge(into: &row)
            let stayed = row.requests - row.left
            row.require(stayed == 0, "\(stayed) of the clients that leave had an answer before")
            // What the others saw counts as well.
            staying.judge(into: &row)
            try await cluster.settle(&row, staying)
        }
    }
}
