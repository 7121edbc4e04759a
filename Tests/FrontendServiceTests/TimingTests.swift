import ClusterModel
import EventLoop
import JSONText
import RequestTracking
import Testing
import Transport
import WireProtocol

@testable import FrontendService

@Suite("What a client is told of its request's times")
struct TimingTests {
    /// Waits 5 ms, computes for 14 ms, and says one token after another each 10 ms.
    @LoopActor
    private static func timed(_ job: Job) {
        job.accept()
        job.after(.milliseconds(20)) { job in
            job.start(cached: 1, waited: 5_000)
            job.prefillDone(after: 14_000)
            for choice in 0..<job.entry.choices { job.say("a", choice: choice) }
            job.after(.milliseconds(10)) { job in
                for choice in 0..<job.entry.choices { job.say("b", choice: choice) }
                job.after(.milliseconds(10)) { job in
                    for choice in 0..<job.entry.choices { job.say("c", choice: choice, finish: .endOfText) }
                    job.end(.finished)
                }
            }
        }
    }

    private func scene(workers: Int = 1, _ script: @escaping @LoopActor (Job) -> Void = Self.timed) -> Scene {
        let scene = Scene(workers: workers)
        for worker in scene.workers { worker { $0.script = script } }
        scene.router {
            $0.plan = { router, entry in
                var plan = router.placeAnywhere(entry)
                if entry.queryOnly { plan.outcome = .queryOnly }
                (plan.promptBlocks, plan.queueDepth, plan.queueMicroseconds, plan.decisionNanoseconds) = (4, 3, 0, 900)
                for index in plan.legs.indices {
                    plan.legs[index].deviceBlocks = 1
                    if entry.queryOnly { plan.legs[index].lease = 0 }
                }
                return plan
            }
        }
        return scene
    }

    private static let asked = #","nvext":{"extra_fields":["timing","stages","worker_id"]}"#
    private static let timingMembers = [
        "request_received_ms", "prefill_wait_time_ms", "prefill_time_ms", "ttft_ms", "total_time_ms", "kv_hit_rate", "router_queue_depth",
    ]

    private func names(_ value: JSONValue?) -> [String] { value?.asObject.map { Array($0.names) } ?? [] }

    private func isFinish(_ chunk: JSONValue) -> Bool { chunk["choices"]?[0]?["finish_reason"]?.asString != nil }

    /// The relations that hold of every answer.
    private func check(_ nvext: JSONValue?, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let timing = try #require(nvext?["timing"], sourceLocation: sourceLocation)
        func number(_ name: String) throws -> Double { try #require(timing[name]?.asDouble, "\(name)", sourceLocation: sourceLocation) }
        let first = try number("ttft_ms"), total = try number("total_time_ms")
        #expect(abs(try number("prefill_wait_time_ms") + number("prefill_time_ms") - first) < 1e-9, sourceLocation: sourceLocation)
        #expect(first <= total, sourceLocation: sourceLocation)
        let stages = try #require(nvext?["stages"]?.asObject, sourceLocation: sourceLocation)
        let sum = stages.members.reduce(0) { $0 + ($1.value.asDouble ?? .nan) }
        #expect(sum <= total + 1e-9, sourceLocation: sourceLocation)
    }

    // MARK: Where it stands

    @Test("streamed: workers on every chunk behind the placement, times on the chunk with the finish reason, nothing on the usage chunk")
    func streamed() throws {
        let scene = scene()
        let client = scene.finish(scene.chat(Self.asked + #","stream_options":{"include_usage":true}"#))
        let chunks = client { $0.chunks }
        let usage = try #require(chunks.last), finish = try #require(chunks.last(where: isFinish))
        #expect(usage["usage"]?.asObject != nil && usage["nvext"] == nil)
        #expect(chunks.dropLast().allSatisfy { $0["nvext"]?["worker_id"]?["decode_worker_id"]?.asUInt64 == 1 })
        #expect(chunks.count(where: { $0["nvext"]?["timing"] != nil }) == 1 && chunks.count(where: { $0["nvext"]?["stages"] != nil }) == 1)
        #expect(names(finish["nvext"]) == ["worker_id", "timing", "stages"])
        #expect(names(finish["nvext"]?["timing"]) == Self.timingMembers)
        try check(finish["nvext"])
        #expect(client { $0.header("server-timing") } == nil)
    }

    @Test("the stages are what their owners measured")
    func stages() throws {
        let scene = scene()
        let client = scene.finish(scene.chat(Self.asked, stream: false))
        let told = try #require(client { $0.json }["nvext"]), stages = told["stages"], timing = told["timing"]
        #expect(stages?["worker_wait_ms"]?.asDouble == 5 && stages?["prefill_ms"]?.asDouble == 14)
        #expect(try #require(stages?["decode_ms"]?.asDouble) >= 20 && stages?["queue_ms"]?.asDouble == 0)
        #expect(stages?["transfer_ms"] == nil && stages?["write_ms"] == nil)
        #expect(timing?["kv_hit_rate"]?.asDouble == 0.25 && timing?["router_queue_depth"]?.asInt == 3)
        #expect(try #require(timing?["prefill_time_ms"]?.asDouble) >= 20)
        // The virtual wall clock began when virtual time did.
        let received = try #require(timing?["request_received_ms"]?.asInt64)
        #expect((1_700_000_000_000...1_700_000_010_000).contains(received))
    }

    @Test("whole: one nvext has it all, and the header has the same stages and their total")
    func whole() throws {
        let scene = scene()
        let client = scene.finish(scene.completion(Self.asked, stream: false))
        let told = client { $0.json }["nvext"]
        #expect(names(told) == ["worker_id", "timing", "stages"] && names(told?["timing"]) == Self.timingMembers)
        try check(told)
        let header = try #require(client { $0.header("server-timing") })
        let parts = header.split(separator: ", ").map { $0.split(separator: ";dur=").map(String.init) }
        let expected = names(told?["stages"]).map { String($0.dropLast("_ms".count)) } + ["total"]
        #expect(parts.map(\.first) == expected)
        let total = try #require(told?["timing"]?["total_time_ms"]?.asDouble)
        #expect(abs(try #require(Double(parts.last?.last ?? "")) - total) < 0.001)
    }

    @Test("of several choices each has the times on its finish, and nothing on other chunks", arguments: [true, false])
    func choices(stream: Bool) throws {
        let scene = scene()
        let client = scene.finish(scene.chat(Self.asked + #","n":3"#, stream: stream))
        guard stream else { return try check(client { $0.json }["nvext"]) }
        let chunks = client { $0.chunks }, ends = chunks.filter(isFinish)
        #expect(ends.count == 3)
        for end in ends { try check(end["nvext"]) }
        #expect(chunks.filter { !isFinish($0) }.allSatisfy { names($0["nvext"]) == ["worker_id"] })
    }

    @Test("who does not ask is told nothing in the body, whatever names are not known", arguments: [true, false])
    func notAsked(stream: Bool) {
        let scene = scene()
        for members in ["", #","nvext":{}"#, #","nvext":{"extra_fields":[]}"#, #","nvext":{"extra_fields":["routed_experts","Timing"]}"#] {
            scene.finish(scene.chat(members, stream: stream)) { answer in
                #expect(answer.text() == "abc")
                let told = stream ? answer.chunks : [answer.json]
                #expect(told.allSatisfy { $0["nvext"] == nil })
                #expect((answer.header("server-timing") != nil) == !stream)
            }
        }
    }

    @Test("a question implies workers and tokens, and not times; asked for, it has those that there are", arguments: [true, false])
    func question(stream: Bool) throws {
        let scene = scene()
        func told(_ fields: String) throws -> JSONValue {
            let client = scene.finish(
                scene.chat(#","nvext":{"annotations":["query_instance_id:"],"extra_fields":[\#(fields)]}"#, stream: stream))
            return try #require((stream ? client { $0.chunks }.last { $0["nvext"] != nil } : client { $0.json })?["nvext"])
        }
        #expect(names(try told("")) == ["worker_id", "token_ids"])
        let timing = try told(#""timing""#)["timing"]
        #expect(names(timing) == ["request_received_ms", "total_time_ms", "kv_hit_rate", "router_queue_depth"])
        #expect(scene.held == [])
    }

    @Test("errors carry none", arguments: [true, false])
    func errors(stream: Bool) {
        let scene = scene {
            $0.accept()
            $0.say("a")
            $0.end(.failed, .invalidArgument)
        }
        scene.finish(scene.chat(Self.asked, stream: stream)) { answer in
            #expect(answer.errorCode != nil)
            #expect((stream ? answer.chunks.last : answer.json)?["nvext"] == nil && answer.header("server-timing") == nil)
        }
    }

    @Test("a client that takes nothing for two seconds costs write time, and not decode")
    func slowClient() throws {
        let scene = scene { job in
            job.accept()
            job.frames(Array(repeating: "x", count: 2_000), finish: .length)
            job.end(.finished)
        }
        scene.sockets.plan.bufferBytes = 4 << 10
        let client = scene.chat(Self.asked + #","max_tokens":2000"#, reading: false)
        scene.pass(.seconds(2))
        client { $0.setReading(true) }
        scene.finish(client)
        let nvext = client { $0.chunks }.last { $0["nvext"]?["stages"] != nil }?["nvext"], stages = nvext?["stages"]
        try check(nvext)
        #expect(try #require(stages?["write_ms"]?.asDouble) > 1_900)
        #expect(try #require(stages?["decode_ms"]?.asDouble) < 100)
    }

    // MARK: Attempts

    @Test("after another attempt the client hears of the worker that goes on, and of the first token that it saw")
    func retried() throws {
        let scene = scene(workers: 2) { job in
            guard job.entry.attempt == 1 else { return Self.timed(job) }
            job.accept()
            job.after(.milliseconds(5)) { job in
                job.start(waited: 1_000)
                job.prefillDone(after: 2_000)
                job.say("x")
                job.after(.milliseconds(40)) { $0.end(.drained) }
            }
        }
        let client = scene.finish(scene.chat(Self.asked))
        let chunks = client { $0.chunks }, finish = try #require(chunks.last(where: isFinish))
        #expect(client { $0.text() } == "xabc")
        #expect(chunks.first?["nvext"]?["worker_id"]?["decode_worker_id"]?.asUInt64 == 1)
        #expect(finish["nvext"]?["worker_id"]?["decode_worker_id"]?.asUInt64 == 2)
        try check(finish["nvext"])
        let timing = finish["nvext"]?["timing"], stages = finish["nvext"]?["stages"]
        #expect(try #require(timing?["ttft_ms"]?.asDouble) < 20 && (timing?["total_time_ms"]?.asDouble ?? 0) > 80)
        #expect(stages?["worker_wait_ms"]?.asDouble == 1 && stages?["prefill_ms"]?.asDouble == 2)
        #expect(scene.metric("apus_frontend_tracker_conflicts_total") == 0)
        // One client request, however many attempts.
        #expect(scene.metric("dynamo_frontend_time_to_first_token_seconds_count") == 1)
        #expect(scene.metric("dynamo_frontend_output_sequence_tokens_count") == 1)
        #expect(scene.metric(#"dynamo_frontend_model_migration_total{migration_type="ongoing_request""#) == 1)
    }

    @Test("a first attempt that no worker took leaves its way in the stages, and the second's worker")
    func refused() throws {
        let scene = scene(workers: 2) { job in
            guard job.entry.attempt == 1 else { return Self.timed(job) }
            job.after(.milliseconds(30)) { $0.refuse(.draining) }
        }
        let client = scene.finish(scene.chat(Self.asked, stream: false))
        let told = client { $0.json }["nvext"]
        try check(told)
        #expect(told?["stages"]?["worker_wait_ms"]?.asDouble == 5 && told?["worker_id"]?["prefill_worker_id"]?.asUInt64 == 2)
        // Prefill began when the request first left, so it holds the attempt that failed.
        #expect(try #require(told?["timing"]?["prefill_time_ms"]?.asDouble) >= 50)
        #expect(scene.held == [])
    }

    // MARK: What is counted and published

    @Test("tokens, gaps and the last worker's gauges are counted as the client saw them")
    func counted() {
        let scene = scene()
        scene.finish(scene.chat(stream: false))
        // a, b, c and the end of text: a first token and three more, in two gaps of 10 ms.
        #expect(scene.metric("dynamo_frontend_inter_token_latency_seconds_count") == 3)
        #expect(abs((scene.metric("dynamo_frontend_inter_token_latency_seconds_sum") ?? 0) - 0.02) < 0.005)
        let labels = #"{dp_rank="0",worker_id="1",worker_type="decode"}"#
        #expect((scene.metric("dynamo_frontend_worker_last_time_to_first_token_seconds" + labels) ?? 0) >= 0.02)
        #expect((scene.metric("dynamo_frontend_worker_last_input_sequence_tokens" + labels) ?? 0) > 0)
        #expect((scene.metric("dynamo_frontend_worker_last_inter_token_latency_seconds" + labels) ?? 0) > 0)
        #expect(scene.metric(#"apus_frontend_stage_seconds_sum{stage="worker_wait"}"#) == 0.005)
        #expect(scene.metric("apus_frontend_clamped_rests_total") == 0)
        #expect(scene.metric("dynamo_frontend_inflight_requests") == 0 && scene.metric("dynamo_frontend_active_requests") == 0)
    }

    @Test("a worker that claims more time than there was is cut and counted; the sum stays within the total")
    func hostileWorker() throws {
        let scene = scene { job in
            job.accept()
            job.start(waited: .max)
            job.prefillDone(after: .max)
            job.say("a", finish: .endOfText)
            job.end(.finished)
        }
        let client = scene.finish(scene.chat(Self.asked, stream: false))
        try check(client { $0.json }["nvext"])
        #expect(scene.metric("apus_frontend_clamped_rests_total") == 1)
    }

    @Test("a router that claims more blocks than the prompt has makes no rate above 1")
    func hostileRouter() {
        let scene = scene()
        scene.router {
            $0.plan = { router, entry in
                var plan = router.placeAnywhere(entry)
                plan.promptBlocks = 2
                plan.legs[0].deviceBlocks = .max
                plan.queueMicroseconds = .max
                return plan
            }
        }
        scene.finish(scene.chat(Self.asked, stream: false)) { answer in
            #expect(answer.json["nvext"]?["timing"]?["kv_hit_rate"]?.asDouble == 1)
        }
    }

    @Test("the frontend's stream has all stages of a request that ended, as its client was told them")
    func published() throws {
        let scene = scene()
        let loop = scene.world.makeLoop("observer"), host = scene.fabric.host("observer", loop: loop)
        let reader = Remote(host, on: loop) { SliceReader(host, on: loop) }
        #expect(scene.run(until: { reader { $0.isHeard } }))
        let client = scene.finish(scene.chat(Self.asked, stream: false))
        #expect(scene.run(until: { reader { $0.slices.count } == 1 }))
        let slice = try #require(reader { $0.slices.first }), told = client { $0.json }["nvext"]
        #expect(slice.durations.workerWaitMicroseconds == 5_000 && slice.durations.prefillMicroseconds == 14_000)
        #expect(slice.prefill == nil && slice.decode == PlacementRef(workerID: 1, rank: 0) && slice.status == 200)
        let total = try #require(told?["timing"]?["total_time_ms"]?.asDouble)
        #expect(abs(Double(slice.durations.totalMicroseconds) / 1_000 - total) < 0.002)
        #expect(slice.receivedEpochMilliseconds == told?["timing"]?["request_received_ms"]?.asUInt64)
        let stages = slice.durations
        let sum =
            stages.tokenizeMicroseconds + stages.routeMicroseconds + stages.queueMicroseconds + stages.dispatchMicroseconds
            + stages.workerWaitMicroseconds + stages.prefillMicroseconds + stages.transferMicroseconds + stages.decodeMicroseconds
            + stages.detokenizeMicroseconds + stages.writeMicroseconds
        // Two gaps of 10 ms, with what the network makes longer or shorter.
        #expect(sum <= stages.totalMicroseconds && stages.decodeMicroseconds >= 18_000)
    }

    // MARK: The description of the API

    @Test("/openapi.json names the members that are written, and paths that are served")
    func openAPI() throws {
        let scene = scene()
        let client = scene.finish(scene.get("/openapi.json"))
        let document = client { $0.json }, schemas = document["components"]?["schemas"]
        func members(_ schema: String) -> [String] { names(schemas?[schema]?["properties"]) }
        let info = TimingInfo(
            requestReceived: 1, prefillWait: 1, prefill: 1, timeToFirstToken: 1, total: 1, hitRate: 1, routerQueueDepth: 1,
            kvTransferEstimate: 1)
        #expect(members("TimingInfo") == names(try JSONValue(parsing: info.json)))
        #expect(members("StageTimes") == StageTimes().all.map { $0.name + "_ms" })
        let workers = WorkerInfo(prefillWorker: WorkerID(1), prefillRank: Rank(1), decodeWorker: WorkerID(1), decodeRank: Rank(1))
        #expect(members("WorkerIdInfo") == names(try JSONValue(parsing: workers.json)))
        for path in names(document["paths"]) {
            let isGet = document["paths"]?[path]?["get"] != nil
            guard isGet else { continue }
            let filled = path.replacing("{id}", with: "tiny")
            #expect(
                scene.finish(scene.get(filled)).status == (path.contains("requests") || path.contains("responses") ? 404 : 200), "\(path)")
        }
        #expect(names(document["paths"]).contains("/v1/chat/completions"))
    }
}
