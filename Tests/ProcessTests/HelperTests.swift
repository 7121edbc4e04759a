import ClusterHarness
import EventLoop
import Glibc
import JSONText
import Testing

extension ProcessSuites {
    @Suite("An engine in a process of its own")
    struct HelperTests {
        private static let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")

        /// The reference engine, served as engines in processes of their own are; a step takes ten milliseconds.
        private func with(
            _ parts: [ClusterShape.WorkerPart], fault: String? = nil, _ options: [String] = [],
            _ body: @escaping @LoopActor @Sendable (ProcessCluster) async throws -> Void
        ) async throws {
            let folder = try TemporaryFolder("helper"), program = try "\(ProcessCluster.folder())/enginehelper"
            defer { folder.remove() }
            let faults = fault.map { "ENGINE_HELPER_FAULT=\($0):\(folder.path)/once " } ?? ""
            let script = try folder.write("#!/bin/sh\n\(faults)ENGINE_HELPER_PACE=10 exec \(program)\n", to: "engine")
            guard chmod(script, 0o700) == 0 else { throw Unmet("\(script) can be run") }
            var shape = ClusterShape()
            shape.workers = parts
            shape.workerOptions =
                [
                    "--engine", "llama", "--engine-helper", script, "--model", "\(Self.root)/deploy/models/tiny", "--weights",
                    "\(Self.root)/deploy/models/tiny/tiny-f16.gguf",
                ] + options
            try await ProcessCluster.with(shape, body)
        }

        private static var request: ChatRequest {
            var request = ChatRequest(model: "tiny", prompt: "Tell me a story about a fox.", maxTokens: 60)
            request.temperature = 0
            return request
        }

        /// The number of the engine's process, as its worker said it last.
        @LoopActor
        private static func helper(of worker: ClusterMember) throws -> Int32 {
            let number = worker.process?.log.last { $0.message == "engine's process serves" }?.fields["process"]?.asInt
            guard let number else { throw Unmet("\(worker.name) has said which process is its engine's") }
            return Int32(number)
        }

        /// The answer to the same request once more, while something happens after its first tokens.
        @LoopActor
        private static func ask(
            _ cluster: ProcessCluster, tokensOf worker: ClusterMember, _ happens: @LoopActor () throws -> Void
        ) async throws -> String {
            let client = try cluster.client(of: cluster.frontends[0]), before = try await produced(worker, cluster)
            var text: String?
            cluster.loop.spawn {
                let reply = await client.chat(request)
                #expect(reply.isComplete && reply.violations == [], "\(reply.summary)")
                text = reply.text
            }
            for _ in 0..<3_000 {
                if try await produced(worker, cluster) >= before + 5 { break }
                await cluster.loop.sleep(for: .milliseconds(5))
            }
            #expect(text == nil, "the answer is under way")
            try happens()
            try await cluster.loop.until("the answer goes on", within: .seconds(90)) { text != nil }
            return text ?? ""
        }

        @LoopActor
        private static func produced(_ worker: ClusterMember, _ cluster: ProcessCluster) async throws -> Double {
            try await cluster.metric("apus_worker_output_tokens_total", of: worker) ?? 0
        }

        @Test(
            "it is killed amid a stream: the same text goes on, by the next process of the only worker there is",
            arguments: [[ClusterShape.WorkerPart.aggregated], [.prefill, .decode]])
        func killed(parts: [ClusterShape.WorkerPart]) async throws {
            try await with(parts) { cluster in
                let worker = cluster.workers[parts.count - 1], client = try cluster.client(of: cluster.frontends[0])
                let whole = await client.chat(Self.request)
                #expect(whole.isComplete, "\(whole.summary)")
                let victim = try Self.helper(of: worker)
                let text = try await Self.ask(cluster, tokensOf: worker) { #expect(kill(victim, SIGKILL) == 0) }
                #expect(text == whole.text)
                #expect(try Self.helper(of: worker) != victim && cluster.dead == [])
                #expect(try await cluster.metric("apus_engine_process_restarts_total", of: worker) == 1)
            }
        }

        @Test(
            "it aborts, says what is no protocol, or says nothing any more: it is replaced, and the answer is whole",
            arguments: ["abort", "garbage", "hang"])
        func faults(fault: String) async throws {
            // Patience for one that hangs; who is slow to start on a machine with much else to do is given his time.
            let patience = fault == "hang" ? ["--engine-patience", "5s"] : []
            try await with([.aggregated], fault: "\(fault):30", patience) { cluster in
                let worker = cluster.workers[0], client = try cluster.client(of: cluster.frontends[0])
                let reply = await client.chat(Self.request)
                #expect(reply.isComplete && reply.violations == [], "\(reply.summary)")
                #expect(try await cluster.metric("apus_engine_process_restarts_total", of: worker) == 1)
                let again = await client.chat(Self.request)
                #expect(again.text == reply.text && again.isComplete && cluster.dead == [])
                let said = worker.process?.log.filter { $0.message == "engine says" }.compactMap { $0["line"] } ?? []
                if fault == "abort" { #expect(said.contains { $0.contains("an assertion of the library failed") }, "\(said)") }
            }
        }

        @Test("it is gone when its worker is killed")
        func workerKilled() async throws {
            try await with([.aggregated]) { cluster in
                let worker = cluster.workers[0], helper = try Self.helper(of: worker)
                #expect(Self.runs(helper))
                try await worker.killNow()
                try await cluster.loop.until("its engine's process ends", within: .seconds(20)) { !Self.runs(helper) }
            }
        }

        /// Whether it is there and no zombie, for which nobody may be there to wait.
        private static func runs(_ process: Int32) -> Bool {
            guard let file = fopen("/proc/\(process)/stat", "r") else { return false }
            defer { fclose(file) }
            var line = [CChar](repeating: 0, count: 512)
            guard fgets(&line, Int32(line.count), file) != nil else { return false }
            let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            // The state stands behind the name, which is in parentheses.
            return text.split(separator: ")").last?.first { $0 != " " } != "Z"
        }
    }
}
