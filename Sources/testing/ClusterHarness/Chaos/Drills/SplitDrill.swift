import ClusterModel
import EventLoop

/// Prompts of thousands of tokens through two prefill and two decode workers: every answer is what one worker alone would have said.
enum SplitDrill {
    static let split = Drill(
        "split", proves: "L9 L10", "long prompts through prefill and decode workers, on both paths, whole and with transfers that fail"
    ) { stage in
        for path in SplitCluster.Path.allCases {
            try await play(stage, path, "whole", [], isWhole: true)
            try await play(stage, path, "damaged exports", ["--fault-damage-exports", "0.05"], isWhole: false)
            try await play(stage, path, "refused stores", ["--fault-refuse-stores", "0.05"], isWhole: false)
        }
    }

    /// At once; so many legs wait for one another.
    private static let users = 16
    private static let tokens = 32

    private static func play(
        _ stage: DrillStage, _ path: SplitCluster.Path, _ name: String, _ faults: [String], isWhole: Bool
    ) async throws {
        let requests = stage.settings.requests(200), seed = stage.settings.seed
        var shape = SplitCluster.shape(path)
        shape.workerOptions += faults
        try await stage.play("split", "\(path.rawValue), \(name)", shape, isMinor: !isWhole) { cluster, row in
            let clients = DrillClients(cluster)
            var random = SeededRandom(seed: seed)
            for number in 0..<requests {
                try await cluster.loop.until("a client is free", within: DrillClients.patience) { clients.open < users }
                var request = ChatRequest.drill(
                    number, tokens: tokens, prompt: 1_000 + Int(random.next() % 7_000), seed: seed)
                request.streams = number % 2 == 0
                request.extra = SplitAnswer.asked
                try clients.ask(request)
            }
            try await clients.end()
            clients.judge(into: &row, mayFail: !isWhole)
            // With transfers that fail, a few may fail more often than they may be tried.
            let tolerated = isWhole ? 0 : max(1, row.requests / 100), errors = row.errors
            row.require(errors <= tolerated, "\(errors) ended by errors, and \(tolerated) may")
            let answers = clients.complete.map(SplitAnswer.init)
            row.note("split", "\(answers.count { $0.isSplit }) of \(answers.count)")
            row.require(answers.contains { $0.isSplit }, "no answer was split")
            if isWhole { tell(answers, path, &row) }
            row.moved = try await cluster.moved()
            if isWhole { try await count(cluster, requests, path, &row) }
            try await cluster.settle(&row, clients)
        }
    }

    private static func tell(_ answers: [SplitAnswer], _ path: SplitCluster.Path, _ row: inout DrillRow) {
        let faults = answers.flatMap(\.faults)
        row.require(faults.isEmpty, "of \(answers.count) answers \(faults.count) tell something wrong; the first: \(faults.first ?? "")")
        let telling = answers.count { $0.exposedTransfer != nil }
        // Between linked workers the transfer is seen apart from what else goes on.
        row.require(path == .sequential || telling * 2 > answers.count, "only \(telling) tell how much of the transfer showed")
        let exposed = answers.compactMap(\.exposedTransfer).sorted(), estimated = answers.compactMap(\.transferEstimate).sorted()
        // None where the prefill worker's word comes behind the decode worker's, as it may on a busy machine.
        let taking = estimated.count { $0 > 0 }
        row.require(taking * 2 > answers.count, "only \(taking) tell how long the transfer took")
        for (name, times) in [("transfer that showed, median", exposed), ("estimated, median", estimated)] where !times.isEmpty {
            row.note(name, "\(Int(times[times.count / 2] * 1_000)) µs")
        }
    }

    /// One request is one in every family that counts requests, whatever number of legs it had.
    @LoopActor
    private static func count(_ cluster: ProcessCluster, _ requests: Int, _ path: SplitCluster.Path, _ row: inout DrillRow) async throws {
        let once = [
            "dynamo_frontend_requests_total", "dynamo_frontend_time_to_first_token_seconds_count",
            "dynamo_frontend_input_sequence_tokens_count", "dynamo_frontend_output_sequence_tokens_count",
            "dynamo_component_router_requests_total", "dynamo_component_router_time_to_first_token_seconds_count",
            "apus_frontend_split_attempts_total",
        ]
        for name in once { try await expect(requests, name, of: cluster.frontends, cluster, &row) }
        try await expect(requests * tokens, "dynamo_frontend_output_tokens_total", of: cluster.frontends, cluster, &row)
        let answered = "dynamo_component_router_output_sequence_tokens_count"
        try await expect(requests, answered, of: cluster.frontends, cluster, &row)
        if path == .concurrent {
            // Once at the sender, once at the receiver.
            try await expect(2 * requests, "apus_worker_kv_transfers_total", of: cluster.workers, cluster, &row)
        }
    }

    @LoopActor
    private static func expect(
        _ count: Int, _ name: String, of members: [ClusterMember], _ cluster: ProcessCluster, _ row: inout DrillRow
    ) async throws {
        var sum = 0.0
        for member in members { sum += try await cluster.metric(name, of: member) ?? 0 }
        row.require(Int(sum) == count, "\(name) is \(Int(sum)), not \(count)")
    }
}
