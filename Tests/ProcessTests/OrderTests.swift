import ClusterHarness
import EventLoop
import Testing

extension ProcessSuites {
    @Suite("Orders of an operator")
    struct OrderTests {
        private static func order(_ path: String, _ body: String, to member: ClusterMember, in cluster: ProcessCluster) async throws -> Int?
        {
            await (try cluster.admin(of: member)).post(path, Array(body.utf8)).status
        }

        private static func isReady(_ member: ClusterMember, in cluster: ProcessCluster) async throws -> Bool {
            await (try cluster.admin(of: member)).get("/readyz").status == 200
        }

        @Test("a worker that is taken out of service ends its streams and gets no new ones, until it is put back")
        func drainAndBack() async throws {
            var shape = ClusterShape()
            shape.workerOptions = ["--speedup", "0.5"]
            try await ProcessCluster.with(shape) { cluster in
                let workers = cluster.workers, client = try cluster.client(of: cluster.frontends[0])
                var request = ChatRequest(model: "apus-mock", prompt: "A long story.", maxTokens: 100)
                request.seed = 5
                let replies = Replies()
                for _ in 0..<6 { cluster.loop.spawn { replies.all.append(await client.chat(request)) } }
                await cluster.loop.sleep(for: .milliseconds(500))
                #expect(try await Self.order("/drain", #"{"limit_seconds":60}"#, to: workers[0], in: cluster) == 202)
                #expect(try await Self.isReady(workers[0], in: cluster) == false)
                try await cluster.loop.until("every stream has ended", within: .seconds(60)) { replies.all.count == 6 }
                for reply in replies.all { #expect(reply.isComplete, "\(reply.summary)") }
                let steps = "apus_worker_output_tokens_total"
                let before = try await cluster.metric(steps, of: workers[0])
                for _ in 0..<4 { #expect(await client.chat(ChatRequest(model: "apus-mock", prompt: "Meanwhile.")).isComplete) }
                #expect(try await cluster.metric(steps, of: workers[0]) == before, "it takes nothing new")
                #expect(workers[0].isRunning)
                #expect(try await Self.order("/undrain", "{}", to: workers[0], in: cluster) == 202)
                #expect(try await Self.isReady(workers[0], in: cluster))
                // The other one leaves, so that only this one can answer.
                #expect(try await workers[1].drain() == .exited(0))
                #expect(await client.chat(ChatRequest(model: "apus-mock", prompt: "Again.")).isComplete)
            }
        }

        @Test("a router's thresholds of busy are set while it runs, for all models or one, and say what is wrong with an order")
        func busyThresholds() async throws {
            try await ProcessCluster.with(ClusterShape()) { cluster in
                let router = cluster.members.first { $0.role == .router }!, path = "/busy-thresholds"
                for (body, status) in [
                    (#"{"waiting_batches":2.5,"active_blocks":0.8}"#, 202), (#"{"model":"apus-mock","waiting_tokens":4096}"#, 202),
                    (#"{"model":"nobody","waiting_tokens":1}"#, 404), (#"{"active_blocks":1.5}"#, 400), (#"{"waiting_tokens":-1}"#, 400),
                    (#"{"waiting_batches":"many"}"#, 400), (#"{"model":7,"waiting_tokens":1}"#, 400), ("{}", 400),
                    (#"{"reset":true}"#, 400),
                    (#"{"model":"apus-mock","reset":true,"waiting_tokens":1}"#, 400), (#"{"active_blocks":0.5,"blocks":1}"#, 400),
                ] {
                    let told = try await Self.order(path, body, to: router, in: cluster)
                    #expect(told == status, "\(body)")
                }
                func state() async throws -> String {
                    let text = String(decoding: await (try cluster.admin(of: router)).get("/debug/state").body, as: UTF8.self)
                    return text.filter { !$0.isWhitespace }
                }
                let common = #"{"model":null,"waiting_batches":2.5,"waiting_tokens":null,"active_blocks":0.8}"#
                let own = #"{"model":"apus-mock","waiting_batches":2.5,"waiting_tokens":4096,"active_blocks":0.8}"#
                let both = try await state()
                #expect(both.contains("\"busy_thresholds\":[\(common),\(own)]"), "\(both)")
                #expect(try await Self.order(path, #"{"model":"apus-mock","reset":true}"#, to: router, in: cluster) == 202)
                let one = try await state()
                #expect(one.contains("\"busy_thresholds\":[\(common)]"), "\(one)")
            }
        }

        @Test("another role is another registration, and orders that make no sense say why")
        func role() async throws {
            try await ProcessCluster.with(ClusterShape()) { cluster in
                let worker = cluster.members.first { $0.role == .worker }!
                #expect(try await Self.order("/role", #"{"role":"somebody"}"#, to: worker, in: cluster) == 400)
                #expect(try await Self.order("/role", #"{"role":"decode","limit_seconds":5}"#, to: worker, in: cluster) == 202)
                for _ in 0..<500 {
                    if try await Self.isReady(worker, in: cluster) { break }
                    await cluster.loop.sleep(for: .milliseconds(10))
                }
                let state = String(decoding: await (try cluster.admin(of: worker)).get("/debug/state").body, as: UTF8.self)
                #expect(state.contains(#""role": "decode""#) && state.contains(#""state": "ready""#), "\(state)")
                #expect(try await Self.order("/clear-cache", #"{"rank":0}"#, to: worker, in: cluster) == 202)
                #expect(try await Self.order("/clear-cache", #"{"rank":7}"#, to: worker, in: cluster) == 400)
                #expect(try await worker.drain() == .exited(0))
            }
        }
    }
}
