import ClusterHarness
import ClusterModel
import EventLoop
import Glibc
import JSONText
import LoadGeneration
import TestSupport
import Testing

extension ProcessSuites {
    @Suite("wiretool record")
    struct RecordTests {
        /// 300 tokens each: the mock has one a byte.
        private static let openings = ["Of the sea. ", "Of the hills. ", "Of the wind. "].map {
            String(String(repeating: $0, count: 40).prefix(300))
        }
        private static let blockTokens = 64

        /// What a client was told of one request.
        private struct Told {
            let prompt: String
            let usage: ChatAnswer.Usage
            let worker: UInt64?
            let isTurn: Bool
        }

        @Test(
            "it writes each request as its client was told of it: lengths, what was cached, what is shared, the session; and not a word of it"
        )
        func requests() async throws {
            var shape = ClusterShape()
            shape.workerOptions = ["--block-size", "\(Self.blockTokens)", "--blocks", "4096"]
            try await ProcessCluster.with(shape) { cluster in
                let folder = try Self.folder(), path = "\(folder)/record.jsonl"
                defer {
                    unlink(path)
                    rmdir(folder)
                }
                guard let router = cluster.routers[0].addresses.links else { throw Unmet("the router said where it listens") }
                // One that began before.
                let before = try await Self.ask(cluster, "Before it all began.", outputTokens: 5)
                let tool = "\(try ProcessCluster.folder())/wiretool"
                let recorder = try ChildProcess("record", at: tool, ["record", "--router", router, "--out", path], on: cluster.loop)
                try await cluster.loop.until("it records", within: .seconds(20)) {
                    recorder.outputLines.contains { $0.hasPrefix("recording 2 workers and 1 frontends of 1 of 1 routers") }
                }
                // One that asks routers for nothing and has enough soon, and one that finds nobody.
                let short = "\(folder)/short.jsonl"
                defer { unlink(short) }
                let few = try ChildProcess(
                    "few", at: tool, ["record", "--router", router, "--out", short, "--requests", "5", "--decisions", "0"], on: cluster.loop
                )
                let lost = try ChildProcess(
                    "lost", at: tool, ["record", "--router", "tcp://127.0.0.1:1", "--out", "\(folder)/none.jsonl"], on: cluster.loop)
                try await cluster.loop.until("another records, too", within: .seconds(20)) { few.outputLines.count == 1 }
                let told = try await Self.load(cluster)
                recorder.signal(SIGINT)
                #expect(try await recorder.ended(within: .seconds(10)) == .exited(0), "\(recorder.lines)")
                #expect(recorder.outputLines.contains { $0.hasPrefix("recorded \(told.count) requests in ") }, "\(recorder.outputLines)")
                let bytes = try GoldenVectors.contents(path), record = try Record(file: path)
                #expect(Self.mode(path) == 0o600)
                try Self.check(record, told, recorder.outputLines)
                Self.isSilent(bytes, told + [before])

                #expect(try await few.ended(within: .seconds(10)) == .exited(0), "\(few.lines)")
                let enough = try Record(file: short), missed = try #require(enough.summary?.missed)
                #expect(
                    enough.summary?.cause == .count && enough.requests.count >= 5 && missed.unexplained == UInt64(enough.requests.count))
                #expect(enough.requests.allSatisfy { $0.policy == nil && $0.queued == nil && !$0.hashes.isEmpty })
                #expect(Set(enough.requests.flatMap(\.hashes)).isDisjoint(with: record.requests.flatMap(\.hashes)), "another secret")
                #expect(try await lost.ended(within: .seconds(20)) == .exited(1))
                #expect(lost.lines.contains { $0.contains("no router was reached: tcp://127.0.0.1:1") }, "\(lost.lines)")
                #expect(access("\(folder)/none.jsonl", F_OK) != 0, "nothing was recorded")

                // A file that is there is not written over, and a cluster that is not there is said to be none.
                let again = try ChildProcess("again", at: tool, ["record", "--router", router, "--out", path], on: cluster.loop)
                #expect(try await again.ended(within: .seconds(10)) == .exited(1))
                #expect(again.lines.contains { $0.contains("File exists") }, "\(again.lines)")
                #expect(try GoldenVectors.contents(path) == bytes)
            }
        }

        @Test("a worker that dies is said to have left, and a request that goes on elsewhere is one line of two legs")
        func death() async throws {
            var shape = ClusterShape()
            shape.workerOptions = ["--block-size", "\(Self.blockTokens)"]
            try await ProcessCluster.with(shape) { cluster in
                let folder = try Self.folder(), path = "\(folder)/record.jsonl", loop = cluster.loop
                defer {
                    unlink(path)
                    rmdir(folder)
                }
                guard let router = cluster.routers[0].addresses.links else { throw Unmet("the router said where it listens") }
                let tool = "\(try ProcessCluster.folder())/wiretool"
                let recorder = try ChildProcess("record", at: tool, ["record", "--router", router, "--out", path], on: loop)
                try await loop.until("it records", within: .seconds(20)) { recorder.outputLines.count == 1 }
                var told: [Told] = [], failures: [any Error] = []
                for number in 0..<4 {
                    loop.spawn {
                        let prompt = Self.openings[0] + "What becomes of \(number)?"
                        do { told.append(try await Self.ask(cluster, prompt, outputTokens: 400 + number)) } catch { failures.append(error) }
                    }
                }
                // All four run, some of them there for a while.
                let victim = cluster.workers[0]
                var running = 0.0
                let deadline = loop.now + .seconds(20)
                while running < 40, loop.now < deadline {
                    running = try await cluster.metric("apus_worker_output_tokens_total", of: victim) ?? 0
                }
                try await victim.killNow()
                try await loop.until("all are over", within: .seconds(60)) { told.count + failures.count == 4 }
                #expect(failures.isEmpty, "\(failures)")
                try await victim.start()
                try await cluster.ready(cluster.frontends[0])
                told.append(try await Self.ask(cluster, "And after it?", outputTokens: 3))
                recorder.terminate()
                #expect(try await recorder.ended(within: .seconds(10)) == .exited(0), "\(recorder.lines)")
                let record = try Record(file: path)
                #expect(record.requests.count == 5, "\(recorder.outputLines)")
                for one in told {
                    let line = try #require(record.requests.first { $0.outputTokens == UInt32(one.usage.completionTokens) })
                    #expect(line.promptTokens == UInt32(one.usage.promptTokens) && line.end == .finished && line.status == 200)
                    #expect(line.hashes.count == Self.hashes(of: one.prompt).count)
                }
                let moved = record.requests.filter { $0.attempts == 2 }
                #expect(!moved.isEmpty && moved.allSatisfy { $0.legs.count == 2 && $0.legs[0].end != .finished })
                // One that had just been accepted there has nothing to go on from.
                #expect(moved.allSatisfy { $0.legs[0].worker != $0.legs[1].worker && $0.legs[1].outputTokens <= $0.outputTokens })
                #expect(moved.contains { $0.legs[1].outputTokens < $0.outputTokens })
                #expect(Set(moved.map { $0.legs[0].worker }).count == 1)
            }
        }

        // MARK: The load

        /// Each asks for another number of tokens, by which its line is found.
        @LoopActor
        private static func ask(
            _ cluster: ProcessCluster, _ prompt: String, outputTokens: Int, session: String? = nil, action: String? = nil
        ) async throws -> Told {
            var request = ChatRequest.placed(prompt, maxTokens: outputTokens)
            request.isPlain = true
            if let session {
                var control = JSONObject()
                control["session_id"] = .string(session)
                if let action { control["action"] = .string(action) }
                request.extra = [("nvext", ["session_control": .object(control), "extra_fields": ["worker_id"]])]
            }
            let reply = await (try cluster.client(of: cluster.frontends[0])).chat(request)
            guard reply.isComplete, let usage = reply.answer.usage else { throw Unmet("an answer: \(reply.summary)") }
            return Told(prompt: prompt, usage: usage, worker: reply.worker, isTurn: session != nil)
        }

        @LoopActor
        private static func load(_ cluster: ProcessCluster) async throws -> [Told] {
            var told: [Told] = [], failures: [any Error] = [], open = 0
            for number in 0..<30 {
                open += 1
                let prompt = openings[number % 3] + String(repeating: "And thing \(number). ", count: 1 + number % 7)
                cluster.loop.spawn {
                    do { told.append(try await ask(cluster, prompt, outputTokens: 10 + number)) } catch { failures.append(error) }
                    open -= 1
                }
                if number % 4 == 3 { try await cluster.loop.until("some are over", within: .seconds(20)) { open < 2 } }
            }
            // A conversation: each turn has all of the one before.
            var prompt = "Let us speak of the moon. "
            for turn in 0..<5 {
                prompt += String(repeating: "What of turn \(turn)? ", count: 12)
                told.append(
                    try await ask(cluster, prompt, outputTokens: 60 + turn, session: "moonlight", action: turn == 0 ? "open" : nil))
            }
            try await cluster.loop.until("all are over", within: .seconds(30)) { open == 0 }
            if let failure = failures.first { throw failure }
            return told
        }

        // MARK: The file

        private static func check(_ record: Record, _ told: [Told], _ said: [String]) throws {
            let summary = try #require(record.summary)
            #expect(summary.cause == .signal && summary.requests == UInt64(told.count) && !record.isCut)
            // Feeds may lose something on a busy machine, and it is made up for.
            #expect(summary.missed.named.allSatisfy { $0.name == "gaps" }, "\(said)")
            #expect(record.fleet.models.map(\.name) == ["apus-mock"] && record.fleet.models[0].blockTokens == UInt32(blockTokens))
            #expect(record.fleet.workers.count == 2)
            #expect(record.fleet.workers.allSatisfy { $0.role == .aggregated && $0.ranks.count == 1 && $0.ranks[0].blocks == 4096 })
            #expect(record.fleet.workers.allSatisfy { $0.ranks[0].maxBatchedTokens > 0 && $0.ranks[0].maxSequences > 0 && $0.left == nil })

            // Workers by ordinal, as clients were told their ids.
            var workers: [Int: UInt64] = [:], hashes: [UInt64: UInt64] = [:]
            for one in told {
                let line = try #require(record.requests.first { $0.outputTokens == UInt32(one.usage.completionTokens) })
                #expect(line.promptTokens == UInt32(one.usage.promptTokens))
                #expect(line.cachedTokens == UInt32(one.usage.cachedTokens ?? 0), "\(line) \(one.usage)")
                #expect(line.end == .finished && line.status == 200 && line.attempts == 1 && line.router == 0 && line.policy == "kv")
                #expect(line.queued != nil && line.total != nil && line.firstToken ?? .zero <= line.total ?? .zero)
                let leg = try #require(line.legs.first)
                #expect(line.legs.count == 1 && leg.role == .aggregated && leg.end == .finished && leg.outputTokens == line.outputTokens)
                #expect(leg.cachedTokens == line.cachedTokens && leg.believedBlocks != nil && leg.decode != nil && leg.prefill != nil)
                let worker = try #require(one.worker)
                #expect(workers[leg.worker] ?? worker == worker)
                workers[leg.worker] = worker
                // Prefixes are shared as they are in truth, and bear other names.
                let real = Self.hashes(of: one.prompt)
                #expect(line.hashes.count == real.count)
                for (real, keyed) in zip(real, line.hashes) {
                    #expect(hashes[real] ?? keyed == keyed && real != keyed)
                    hashes[real] = keyed
                }
                #expect((line.session != nil) == one.isTurn, "\(line)")
            }
            #expect(Set(hashes.values).count == hashes.count, "what differs stays different")
            #expect(Set(record.requests.compactMap(\.session)).count == 1)
            #expect(workers.count == 2 && record.requests.map(\.arrival) == record.requests.map(\.arrival).sorted())
            #expect(record.requests.contains { $0.legs[0].believedBlocks ?? 0 > 0 }, "a router believes of prefixes that they are there")

            let load = record.workload(of: 0, source: "record.jsonl")
            #expect(load.requests.count == told.count && load.blockTokens == UInt32(blockTokens))
            let ids = load.requests.flatMap(\.blocks)
            #expect(Set(ids) == Set(0..<UInt64(hashes.count)))
        }

        private static func hashes(of prompt: String) -> [UInt64] {
            let tokens = prompt.utf8.map { TokenID($0) }
            var hashes: [SequenceHash] = []
            BlockHasher(blockSize: UInt32(blockTokens)).extend(&hashes, toCover: tokens.span)
            return hashes.map(\.rawValue)
        }

        /// No word of a prompt, none of its tokens, no hash of it, no name of a client.
        private static func isSilent(_ bytes: [UInt8], _ told: [Told]) {
            let text = String(decoding: bytes, as: UTF8.self)
            for word in ["sea", "hills", "wind", "thing", "moon", "Before", "turn "] { #expect(!text.contains(word), "'\(word)'") }
            for one in told {
                let tokens = one.prompt.utf8.prefix(4)
                for joint in [",", ", ", " "] { #expect(!text.contains(tokens.map { String($0) }.joined(separator: joint))) }
                for hash in hashes(of: one.prompt) { #expect(!text.contains(Hexadecimal.text(hash))) }
            }
        }

        private static func folder() throws -> String {
            var path = Array("/tmp/apus-record-XXXXXX".utf8CString)
            guard mkdtemp(&path) != nil else { throw Unmet("a folder") }
            return String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }

        private static func mode(_ path: String) -> mode_t {
            var status = stat()
            return stat(path, &status) == 0 ? status.st_mode & 0o777 : 0
        }
    }
}
