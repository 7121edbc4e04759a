import ClusterHarness
import EventLoop
import Glibc
import JSONText
import TestSupport
import Testing

extension ProcessSuites {
    /// Requests come one at a time, so that nothing depends on how fast this machine is; and to one worker, or to two in turn, so that nothing
    /// depends on how fresh a router's news is. What is left is counting: blocks found, kept and evicted, through every layer there is.
    @Suite("Simulated against live")
    struct SimulatedAgainstLiveTests {
        private static let requests = 40
        private static let mostBlocks = 4
        private static let mostOutput = 12
        /// Fewer than the trace has: most of it is evicted again.
        private static let fleet = ["--block-size", "64", "--blocks", "300", "--speedup", "20"]

        /// The begin of Mooncake's trace with its prompts cut to four blocks, and a minute between any two.
        private static func write(to path: String) throws {
            let whole = try GoldenVectors.contents("\(GoldenVectors.root)/Tests/Fixtures/traces/mooncake-conversation-200.jsonl")
            var text = ""
            for (number, line) in whole.split(separator: UInt8(ascii: "\n")).prefix(requests).enumerated() {
                let told = try JSONValue(parsing: Array(line), limits: .file)
                let prompt = try #require(told["input_length"]?.asInt), output = try #require(told["output_length"]?.asInt)
                let ids = try #require(told["hash_ids"]?.asArray).prefix(mostBlocks).compactMap(\.asInt).map { "\($0)" }
                text += "{\"timestamp\": \(number * 60_000), \"input_length\": \(min(prompt, mostBlocks * 512)), "
                text += "\"output_length\": \(min(output, mostOutput)), \"hash_ids\": [\(ids.joined(separator: ", "))]}\n"
            }
            let bytes = Array(text.utf8), file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
            defer { close(file) }
            guard Glibc.write(file, bytes, bytes.count) == bytes.count else { throw Unmet("\(path) is written") }
        }

        @LoopActor
        private static func report(_ arguments: [String], on loop: EpollLoop) async throws -> JSONValue {
            let child = try ChildProcess("loadgen", at: "\(ProcessCluster.folder())/loadgen", arguments + ["--json", "-"], on: loop)
            let ending = try await child.ended(within: .seconds(60))
            guard ending == .exited(0) else { throw Unmet("loadgen ends well, and not by \(ending):\n\(child.lastWords)") }
            return try JSONValue(parsing: Array(child.outputLines.joined(separator: "\n").utf8), limits: .file)
        }

        @Test(
            "a trace on a real cluster and in the simulator: requests, tokens of prompts and answers and tokens found in caches are the same numbers",
            arguments: [(1, "kv"), (2, "round-robin")])
        func counts(workers: Int, policy: String) async throws {
            var shape = ClusterShape()
            shape.workers = Array(repeating: .aggregated, count: workers)
            // No more context than its blocks hold.
            shape.workerOptions = Self.fleet + ["--context-length", "4096"]
            shape.routerOptions = ["--policy", policy]
            try await ProcessCluster.with(shape) { cluster in
                var name = Array("/tmp/apus-simulated-XXXXXX".utf8CString)
                guard mkdtemp(&name) != nil else { throw Unmet("a folder") }
                let folder = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self), path = "\(folder)/trace.jsonl"
                defer {
                    unlink(path)
                    rmdir(folder)
                }
                try Self.write(to: path)
                guard let port = cluster.frontends[0].addresses.http?.split(separator: ":").last else {
                    throw Unmet("the frontend said where it listens")
                }
                let live = try await Self.report(
                    [
                        "run", "--url", "http://127.0.0.1:\(port)", "--trace", path, "--concurrency", "1", "--api", "completions",
                        "--model",
                        "apus-mock", "--chars-per-token", "1",
                    ], on: cluster.loop)
                let simulated = try await Self.report(
                    ["simulate", "--trace", path, "--workers", "\(workers)", "--policy", policy] + Self.fleet, on: cluster.loop)
                for count in ["complete", "failed", "left", "prompt_tokens", "output_tokens", "cached_tokens"] {
                    let one = try #require(live["summary"]?["requests"]?[count]?.asInt)
                    #expect(one == simulated["summary"]?["requests"]?[count]?.asInt, "\(count)")
                }
                #expect(live["summary"]?["requests"]?["complete"]?.asInt == Self.requests)
                #expect(try #require(live["summary"]?["requests"]?["cached_tokens"]?.asInt) > Self.requests * 400)
                // A model of an engine beside the time of this machine: for whoever reads the log.
                for measure in ["ttft", "e2e"] {
                    func text(_ report: JSONValue) -> String {
                        "\(report["summary"]?["latency"]?[measure]?["p50_ms"]?.asNumber?.asDouble ?? -1) ms"
                    }
                    note("\(workers) workers, \(policy): \(measure) p50 live \(text(live)), simulated \(text(simulated))")
                }
            }
        }
    }
}
