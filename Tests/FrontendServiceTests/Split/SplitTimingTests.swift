import ClusterModel
import EventLoop
import JSONText
import Telemetry
import Testing
import Transport
import WireProtocol

@testable import FrontendService
@testable import ProcessKit

@Suite("What is told of the times of a split request")
struct SplitTimingTests {
    private static let asked = #","nvext":{"extra_fields":["timing","stages","worker_id"]}"#

    private func nvext(_ client: Scene.Client) throws -> JSONValue {
        try #require(client { $0.events.isEmpty ? $0.json["nvext"] : $0.chunks.last { $0["nvext"]?["timing"] != nil }?["nvext"] })
    }

    private func number(_ value: JSONValue, _ object: String, _ member: String) throws -> Double {
        try #require(value[object]?[member]?.asDouble, "\(object).\(member)")
    }

    @Test("both workers stand on every chunk, each in its place")
    func workers() {
        let bed = SplitBed(), client = bed.scene.chat(Self.asked)
        bed.expectWhole(client)
        let told = client { $0.chunks.map { $0["nvext"]?["worker_id"] } }
        #expect(told.count >= 5)
        #expect(
            told.allSatisfy {
                $0?["prefill_worker_id"]?.asUInt64 == 1 && $0?["decode_worker_id"]?.asUInt64 == 2 && $0?["prefill_dp_rank"]?.asUInt64 == 0
            })
    }

    @Test("sequential: the decode worker is told of from when it is known")
    func sequentialWorkers() {
        let bed = SplitBed(.sequential), client = bed.scene.chat(Self.asked)
        bed.expectWhole(client)
        let told = client { $0.chunks.compactMap { $0["nvext"]?["worker_id"] } }
        #expect(told.first?["prefill_worker_id"]?.asUInt64 == 1 && told.first?["decode_worker_id"] == nil)
        #expect(told.last?["prefill_worker_id"]?.asUInt64 == 1 && told.last?["decode_worker_id"]?.asUInt64 == 2)
    }

    @Test(
        "L2: the estimate runs from the prefill leg's result to the decode leg's first token, and is not below the exposed transfer",
        arguments: [true, false])
    func estimate(stream: Bool) throws {
        let bed = SplitBed(), client = bed.scene.chat(Self.asked, stream: stream)
        bed.expectWhole(client)
        let told = try nvext(client), estimate = try number(told, "timing", "kv_transfer_estimated_latency_ms")
        let exposed = try number(told, "stages", "transfer_ms")
        #expect(exposed == 2 && estimate >= exposed && estimate < 6)
        #expect(try number(told, "stages", "prefill_ms") == 5 && number(told, "stages", "worker_wait_ms") == 1)
        // The first token is the prefill leg's, 6 ms after it was asked.
        let first = try number(told, "timing", "ttft_ms"), total = try number(told, "timing", "total_time_ms")
        #expect(first < 8.5 && total > 45)
        let stages = try #require(told["stages"]?.asObject).members.reduce(0) { $0 + ($1.value.asDouble ?? .nan) }
        #expect(stages <= total + 1e-9)
        #expect(bed.scene.metric("apus_frontend_clamped_rests_total") == 0)
        if !stream { #expect(client { $0.header("server-timing") }?.contains("transfer;dur=2, ") == true) }
    }

    @Test("sequential: the place of the decode leg is between two tokens, and no routing time of the first")
    func sequentialRoute() throws {
        let bed = SplitBed(.sequential)
        bed.scene.router { router in
            let plan = SplitBed.plan(.sequential)
            router.plan = { router, entry in
                guard entry.wish == .decode, let late = plan(router, entry) else { return plan(router, entry) }
                router.loop.schedule(after: .milliseconds(50)) { router.answer(late) }
                return nil
            }
        }
        let client = bed.scene.chat(Self.asked)
        bed.expectWhole(client)
        let told = try nvext(client)
        #expect(try number(told, "stages", "route_ms") < 5 && number(told, "stages", "decode_ms") > 90)
        #expect(try number(told, "timing", "kv_transfer_estimated_latency_ms") > 50)
        #expect(bed.scene.metric("apus_frontend_clamped_rests_total") == 0)
    }

    @Test("the prefill worker's last word may come after the decode leg's tokens, and counts; nobody waits for it", arguments: [20, 5_000])
    func lateWord(after milliseconds: Int) throws {
        let bed = SplitBed(), began = bed.scene.now
        bed.script(1) { job in
            job.accept()
            job.start()
            job.prefillDone(after: 5_000)
            SplitBed.firstTokens(job)
            job.after(.milliseconds(milliseconds)) { SplitBed.handOver($0) }
        }
        let client = bed.scene.chat(Self.asked)
        bed.expectWhole(client)
        #expect(began.duration(to: client { $0.endedAt }) < .milliseconds(80))
        #expect(try nvext(client)["stages"]?["transfer_ms"] != nil || milliseconds > 100)
        bed.scene.pass(.seconds(6))
        #expect(bed.scene.held == [])
    }

    @Test("a frame without tokens is no output: what is waited for is still the first token", arguments: HandOverPath.allCases)
    func emptyFrames(path: HandOverPath) throws {
        let bed = SplitBed(path), began = bed.scene.now
        if path == .none {
            bed.scene.router { $0.plan = { router, entry in router.place(entry, on: entry.attempt == 1 ? 2 : 3) } }
        }
        bed.script(1) { job in
            guard job.entry.attempt == 1 else { return SplitBed.run(job) }
            job.accept()
            job.frame("", at: 0)
            if path == .sequential { job.end(.handedOver) { $0.handOver = [1] } }
        }
        bed.script(2) { job in
            guard job.entry.attempt == 1 else { return SplitBed.run(job) }
            job.accept()
            for step in 0..<5 { job.after(.seconds(step)) { $0.frame("", at: 0) } }
        }
        let client = bed.scene.chat(Self.asked)
        bed.expectWhole(client)
        // Not after the 30 s that may pass between two tokens.
        let took = began.duration(to: client { $0.endedAt })
        #expect(took > .seconds(119) && took < .seconds(122))
        #expect(bed.scene.metric(#"apus_frontend_attempts_failed_total{reason="no_first_token"}"#) == 1)
        #expect(try number(try nvext(client), "timing", "ttft_ms") > 100_000)
    }

    @Test("a client's request counts once, however many legs and attempts it had", arguments: [false, true])
    func counted(fails: Bool) {
        let bed = SplitBed()
        if fails {
            bed.script(1) { job in
                guard job.entry.attempt == 1 else { return SplitBed.run(job) }
                job.accept()
                job.start(cached: 1)
                SplitBed.firstTokens(job)
                job.after(.milliseconds(3)) { $0.end(.failed, .stalled) }
            }
        }
        bed.expectWhole(bed.scene.chat(#","stream_options":{"include_usage":true}"#))
        for family in [
            "component_router_requests_total", "component_router_time_to_first_token_seconds_count",
            "component_router_input_sequence_tokens_count", "component_router_output_sequence_tokens_count",
            "component_router_kv_transfer_estimated_latency_seconds_count", "frontend_time_to_first_token_seconds_count",
            "frontend_input_sequence_tokens_count", "frontend_output_sequence_tokens_count", "frontend_cached_tokens_count",
        ] {
            let count = bed.scene.exposition.filter { $0.hasPrefix("dynamo_\(family){") }.compactMap { $0.split(separator: " ").last }
                .reduce(0) { $0 + (Double($1) ?? 0) }
            // Where the only attempt of two legs failed, nothing was handed over.
            #expect(count == (fails && family.contains("kv_transfer") ? 0 : 1), "\(family)")
        }
        #expect(bed.scene.metric(#"dynamo_frontend_output_tokens_total{model="tiny"}"#) == 6)
        // What the decode worker holds was brought there.
        #expect(bed.scene.metric(#"dynamo_frontend_cached_tokens_sum{model="tiny"}"#) == 1)
        #expect(bed.scene.metric("apus_frontend_tracker_conflicts_total") == 0)
        #expect(bed.scene.metric(#"apus_frontend_split_attempts_total{path="concurrent"}"#) == 1)
    }

    @Test("L13: a prefill leg that fails costs an attempt, and not the request")
    func prefillFails() {
        let bed = SplitBed()
        bed.script(1) { job in
            job.accept()
            job.end(.failed, .engineFailed)
        }
        bed.expectWhole(bed.scene.chat())
        #expect(bed.asked.count == 2)
    }

    @Test("the last worker's gauges: prompt and first token at the prefill worker, gaps at the decode worker")
    func gauges() {
        let bed = SplitBed()
        bed.expectWhole(bed.scene.chat())
        let prefill = #"{dp_rank="0",worker_id="1",worker_type="prefill"}"#, decode = #"{dp_rank="0",worker_id="2",worker_type="decode"}"#
        let family = "dynamo_frontend_worker_last_"
        #expect((bed.scene.metric(family + "time_to_first_token_seconds" + prefill) ?? 0) > 0)
        #expect((bed.scene.metric(family + "input_sequence_tokens" + prefill) ?? 0) == 21)
        #expect((bed.scene.metric(family + "inter_token_latency_seconds" + decode) ?? 0) > 0)
        #expect(bed.scene.metric(family + "time_to_first_token_seconds" + decode) == nil)
    }

    @Test("the frontend's stream names both places", arguments: [HandOverPath.concurrent, .sequential])
    func published(path: HandOverPath) throws {
        let bed = SplitBed(path), scene = bed.scene
        let loop = scene.world.makeLoop("observer"), host = scene.fabric.host("observer", loop: loop)
        let reader = Remote(host, on: loop) { SliceReader(host, on: loop) }
        #expect(scene.run(until: { reader { $0.isHeard } }))
        bed.expectWhole(scene.chat())
        #expect(scene.run(until: { reader { $0.slices.count } == 1 }))
        let slice = try #require(reader { $0.slices.first })
        #expect(slice.prefill == PlacementRef(workerID: 1, rank: 0) && slice.decode == PlacementRef(workerID: 2, rank: 0))
        #expect(slice.attempts == 1 && slice.promptTokens == 21 && slice.cachedTokens == 1 && slice.outputTokens == 6)
    }

    @Test("a question names both places of a split plan, and books nothing", arguments: [HandOverPath.concurrent, .sequential])
    func question(path: HandOverPath) throws {
        let bed = SplitBed()
        bed.scene.router {
            $0.plan = { router, entry in
                var plan = router.split(entry, prefill: 1, decode: 2)
                plan.outcome = .queryOnly
                plan.handOver = path
                for index in plan.legs.indices { plan.legs[index].lease = 0 }
                return plan
            }
        }
        let client = bed.scene.finish(bed.scene.chat(#","nvext":{"annotations":["query_instance_id:"]}"#, stream: false))
        let told = client { $0.json["nvext"]?["worker_id"] }
        #expect(told?["prefill_worker_id"]?.asUInt64 == 1 && told?["decode_worker_id"]?.asUInt64 == 2)
        #expect(bed.entries(1).isEmpty && bed.entries(2).isEmpty && bed.asked(0).wish == .any)
        #expect(bed.scene.held == [])
    }

    // MARK: Spans

    private func spans(_ scene: Scene) -> [Span] {
        scene.pass(.milliseconds(100))
        let tracer = scene.tracer
        return scene.loop.perform { tracer.take(atMost: tracer.waiting) }.sorted { $0.startNanoseconds < $1.startNanoseconds }
    }

    @Test(
        "each leg has a run: the transfer is a part of the prefill leg's, tokens are of the decode leg's",
        arguments: [HandOverPath.concurrent, .sequential])
    func spans(path: HandOverPath) {
        let bed = SplitBed(path, isTraced: true)
        bed.expectWhole(bed.scene.chat())
        let spans = spans(bed.scene), runs = spans.filter { $0.name == "kv_router.route_request" }
        #expect(runs.count == 2 && spans.count(where: { $0.name == "kv_router.select_worker" }) == (path == .concurrent ? 1 : 2))
        let parts = runs.map { run in spans.filter { $0.parent == run.id }.map(\.name) }.sorted { $0.count > $1.count }
        #expect(parts.map { Set($0) } == [["dispatch", "worker_wait", "prefill", "transfer"], ["dispatch", "worker_wait", "decode"]])
        #expect(spans.allSatisfy { if case .error = $0.status { false } else { true } })
        // Each worker was told of its own run.
        let told = [bed.entry(1, 0), bed.entry(2, 0)].map { TraceParent(parsing: $0.traceParent)?.span }
        #expect(Set(told) == Set(runs.map { Optional($0.id) }))
    }

    @Test("a leg that fails shows, and its partner with it; one that had done its part does not")
    func failedSpans() {
        let bed = SplitBed(isTraced: true)
        bed.script(2) { job in
            guard job.entry.attempt == 1 else { return SplitBed.run(job) }
            SplitBed.decode(job)
            job.after(.milliseconds(25)) { $0.link.abort() }
        }
        bed.expectWhole(bed.scene.chat())
        let failed = spans(bed.scene).filter { $0.status == .error("worker_lost") }.map(\.name).sorted()
        #expect(failed == ["decode", "kv_router.route_request"])
    }
}
