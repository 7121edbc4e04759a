import ClusterHarness
import TestSupport
import Testing

extension ProcessSuites {
    /// The drills of `deploy/dev/chaos`, small; whole ones take minutes, and are run by command.
    @Suite("Drills of chaos")
    struct ChaosTests {
        @Test(
            "T10, T11, T12: a worker is killed, drained or frozen under streams: no answer is lost or wrong, and nothing is held at the end",
            arguments: ["kill", "drain", "freeze"])
        func workers(name: String) async throws { try await Self.hold(name, requests: 12) }

        @Test("T15: workers come and go while requests are asked")
        func churn() async throws { try await Self.hold("churn", requests: 30, haste: 6) }

        @Test(
            "T18: a network that parts between two roles, or forgets what was open, costs no answer",
            arguments: ["parted 1 s", "half-open"])
        func network(fault: String) async throws { try await Self.hold("network", requests: 8, haste: 2, only: fault) }

        @Test(
            "T18: the same between hosts that are cut off from one another, where this machine has such hosts",
            arguments: ["parted back 1 s"])
        func partition(fault: String) async throws { try await Self.hold("partition", requests: 8, haste: 2, only: fault) }

        @Test("T16: clients leave before their first token, with long prompts: nothing of them stays", arguments: ["whole", "concurrent"])
        func cancel(way: String) async throws { try await Self.hold("cancel", requests: 20, only: way) }

        @Test(
            "L9, L10: long prompts through prefill and decode workers are answered as by one worker, on both paths, and count once",
            arguments: ["concurrent, whole", "sequential, whole", "concurrent, damaged", "concurrent, refused", "sequential, refused"])
        func split(way: String) async throws { try await Self.hold("split", requests: 20, only: way) }

        @Test(
            "T17: one leg of split requests dies, freezes or fails: each goes on",
            arguments: ["concurrent, prefill killed", "concurrent, decode killed", "sequential, decode killed"])
        func legs(way: String) async throws { try await Self.hold("legs", requests: 8, haste: 2, only: way) }

        @Test(
            "T13: the only router, one of two, or the only one and a worker are killed: streams end well, its next life knows all caches",
            arguments: ["the only router", "one of two"])
        func router(which: String) async throws { try await Self.hold("router", requests: 12, only: which) }

        @Test("T14: every process is drained and started anew under load: no request fails")
        func rolling() async throws { try await Self.hold("rolling", requests: 200) }

        @Test("T21: the only router listens no more, for a while: workers keep their memory, and it knows all of them again")
        func consumer() async throws { try await Self.hold("consumer", requests: 12, haste: 5) }

        @Test("T24: descriptors, disk and memory run out: others are served, who is not is told, and it is well again by itself")
        func scarcity() async throws { try await Self.hold("scarcity", requests: 12, haste: 3) }

        /// Runs the drill, and asks that each of its cases passes.
        private static func hold(_ name: String, requests: Int, haste: Double = 1, only: String? = nil) async throws {
            let drill = try #require(Drill.named(name))
            var settings = DrillSettings()
            settings.requests = requests
            settings.haste = haste
            settings.only = only
            let thread = try LoopThread("chaos"), chosen = settings
            let rows = await thread.run { loop in
                let stage = DrillStage(on: loop, chosen)
                await stage.run(drill)
                return stage.rows
            }
            thread.stop()
            #expect(!rows.isEmpty)
            for row in rows {
                #expect(row.passes, "\(row.drill), \(row.name): \(row.failures)")
                if let skipped = row.skipped { note("\(row.drill), \(row.name) was skipped: \(skipped)") }
            }
        }
    }
}
