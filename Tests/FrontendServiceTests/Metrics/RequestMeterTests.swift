import ClusterModel
import EventLoop
import RequestTracking
import Testing
import WireProtocol

@testable import FrontendService

@Suite("What one client's request counts")
struct RequestMeterTests {
    private typealias Bed = MetricsBed

    /// 100 tokens in, the first one after 20 ms, then one each 10 ms; over after 60 ms.
    private func serve(_ bed: MetricsBed, _ meter: RequestMeter, plans: Int = 1) {
        bed.on(meter) {
            $0.prepared(inputTokens: 100, template: .milliseconds(1), tokenizing: .milliseconds(2), at: Bed.at(3))
            for _ in 0..<plans { $0.placed(by: Bed.plan(), overlapBlocks: 3, routing: .milliseconds(1)) }
            $0.dispatched()
            for step in 0..<5 { $0.tokens(1, at: Bed.at(20 + Int64(step) * 10)) }
            $0.ended(.init(200, at: 60) { $0.cachedTokens = 48 })
        }
    }

    @Test("a request that is served is once in each of its model's families, and in none that waits")
    func served() {
        let bed = MetricsBed(), meter = bed.request()
        bed.know()
        #expect(bed.value(#"dynamo_frontend_inflight_requests{model="tiny"}"#) == 1)
        #expect(bed.value(#"dynamo_frontend_queued_requests{model="tiny"}"#) == 1)
        serve(bed, meter)
        for gauge in ["inflight_requests", "queued_requests", "active_requests"] {
            #expect(bed.value("dynamo_frontend_\(gauge){model=\"tiny\"}") == 0, "\(gauge)")
        }
        let labels = #"endpoint="chat_completions",error_type="",model="tiny",request_type="stream",status="success""#
        #expect(bed.value("dynamo_frontend_requests_total{\(labels)}") == 1)
        #expect(bed.value(#"dynamo_frontend_output_tokens_total{model="tiny"}"#) == 5)
        let sums: [(String, Double, Double)] = [
            ("request_duration_seconds", 0.06, 1), ("input_sequence_tokens", 100, 1), ("output_sequence_tokens", 5, 1),
            ("cached_tokens", 48, 1), ("time_to_first_token_seconds", 0.02, 1), ("inter_token_latency_seconds", 0.04, 4),
        ]
        for (name, sum, count) in sums {
            #expect(abs((bed.value("dynamo_frontend_\(name)_sum{model=\"tiny\"}") ?? -1) - sum) < 1e-12, "\(name)")
            #expect(bed.value("dynamo_frontend_\(name)_count{model=\"tiny\"}") == count, "\(name)")
        }
        #expect(bed.value(#"dynamo_frontend_stage_duration_seconds_sum{stage="preprocess"}"#) == 0.003)
        #expect(bed.value(#"dynamo_frontend_tokenizer_latency_ms_sum{operation="tokenize"}"#) == 2)
        #expect(bed.value("dynamo_frontend_template_seconds_sum") == 0.001)
    }

    @Test("a request waits until its first token, is active until its end, and ends once")
    func gauges() {
        let bed = MetricsBed(), meter = bed.request()
        func now() -> [Double?] {
            ["inflight", "queued", "active"].map { bed.value("dynamo_frontend_\($0)_requests{model=\"tiny\"}") }
        }
        #expect(now() == [1, 1, 0])
        bed.on(meter) { $0.tokens(1, at: Bed.at(5)) }
        #expect(now() == [1, 0, 1])
        bed.on(meter) { $0.ended(.init(200, at: 9)) }
        bed.on(meter) { $0.ended(.init(500, at: 10)) }
        bed.on(meter) { $0.tokens(3, at: Bed.at(11)) }
        #expect(now() == [0, 0, 0])
        #expect(bed.value(#"dynamo_frontend_output_tokens_total{model="tiny"}"#) == 1)
        #expect(bed.lines("dynamo_frontend_requests_total{").filter { !$0.hasSuffix(" 0") }.count == 1)
    }

    @Test("L9: the router's inter-token histogram has a value for each gap between items, not averages of averages")
    func gaps() {
        let bed = MetricsBed(), meter = bed.request()
        bed.know()
        bed.on(meter) {
            $0.placed(by: Bed.plan(), overlapBlocks: 0, routing: .zero)
            $0.dispatched()
            $0.tokens(1, at: Bed.at(10))
            $0.tokens(1, at: Bed.at(12))
            $0.tokens(1, at: Bed.at(112))
        }
        let name = "dynamo_component_router_inter_token_latency_seconds"
        // Averages so far would be 2 ms and 51 ms: in no bucket of 100 ms.
        #expect(bed.value("\(name)_count{\(Bed.routerLabels)}") == 2)
        #expect(abs((bed.value("\(name)_sum{\(Bed.routerLabels)}") ?? 0) - 0.102) < 1e-12)
        #expect(bed.value("\(name)_bucket{\(Bed.routerLabels),le=\"0.0035\"}") == 1)
        #expect(bed.value("\(name)_bucket{\(Bed.routerLabels),le=\"0.084\"}") == 1)
        #expect(bed.value("\(name)_bucket{\(Bed.routerLabels),le=\"0.16\"}") == 2)
    }

    @Test("tokens that come together share their gap, so that the sum is the time from the first to the last")
    func batches() {
        let bed = MetricsBed(), meter = bed.request()
        bed.on(meter) {
            $0.tokens(3, at: Bed.at(10))
            $0.tokens(4, at: Bed.at(30))
            // Two choices side by side: each of them waited all of the gap.
            $0.tokens(2, choices: 2, at: Bed.at(50))
        }
        let name = "dynamo_frontend_inter_token_latency_seconds"
        #expect(bed.value("\(name)_count{model=\"tiny\"}") == 6)
        #expect(bed.value("\(name)_bucket{model=\"tiny\",le=\"0.0067\"}") == 4)
        #expect(abs((bed.value("\(name)_sum{model=\"tiny\"}") ?? 0) - 0.06) < 1e-12)
    }

    @Test("L2: a request that is placed three times is counted once, at the router that placed it first")
    func retries() {
        let bed = MetricsBed(), meter = bed.request()
        bed.know()
        serve(bed, meter, plans: 3)
        for family in ["input_sequence_tokens", "kv_hit_rate", "time_to_first_token_seconds", "output_sequence_tokens"] {
            #expect(bed.value("dynamo_component_router_\(family)_count{\(Bed.routerLabels)}") == 1, "\(family)")
        }
        #expect(bed.value("dynamo_component_router_requests_total{\(Bed.routerLabels)}") == 1)
        #expect(bed.value("dynamo_component_router_kv_hit_rate_sum{\(Bed.routerLabels)}") == 0.75)
        #expect(bed.value(#"dynamo_frontend_input_sequence_tokens_count{model="tiny"}"#) == 1)
    }

    @Test("an attempt that is lost at its worker is a migration, of a new request or of one that goes on")
    func migrations() {
        let bed = MetricsBed(), meter = bed.request()
        bed.on(meter) {
            $0.dispatched()
            $0.migrates()  // no worker had taken it on
            $0.accepted()
            $0.migrates()
            $0.migrates()  // nor then
            $0.accepted()
            $0.tokens(1, at: Bed.at(1))
            $0.migrates()
        }
        #expect(bed.value(#"dynamo_frontend_model_migration_total{migration_type="new_request",model="tiny"}"#) == 1)
        #expect(bed.value(#"dynamo_frontend_model_migration_total{migration_type="ongoing_request",model="tiny"}"#) == 1)
    }

    @Test("L10: a question is a request of its model, and in no histogram of tokens, places or hits")
    func question() {
        let bed = MetricsBed(), meter = bed.request(isQuestion: true)
        bed.know()
        bed.on(meter) {
            $0.prepared(inputTokens: 100, template: nil, tokenizing: .zero, at: Bed.at(1))
            $0.placed(by: Bed.plan(), overlapBlocks: 0, routing: .milliseconds(1))
            $0.ended(.init(200, at: 2))
        }
        #expect(bed.lines("dynamo_frontend_requests_total{").filter { $0.hasSuffix(" 1") }.count == 1)
        let counts = bed.exposition.split(separator: "\n").filter { $0.contains("_count") && $0.hasSuffix(" 1") }
        let allowed = ["request_duration_seconds", "tokenize_seconds", "tokenizer_latency_ms", "stage_duration_seconds"]
        #expect(counts.allSatisfy { line in allowed.contains { line.contains($0) } }, "\(counts)")
        #expect(bed.value("dynamo_component_router_requests_total{\(Bed.routerLabels)}") == 0)
    }

    @Test("an answer without a token is no length of an answer, and a request that never left is none of the router's")
    func empty() {
        let bed = MetricsBed(), first = bed.request(), second = bed.request()
        bed.know()
        bed.on(first) {
            $0.placed(by: Bed.plan(), overlapBlocks: 0, routing: .zero)
            $0.ended(.init(503, at: 2))
        }
        bed.on(second) {
            $0.placed(by: Bed.plan(), overlapBlocks: 0, routing: .zero)
            $0.dispatched()
            $0.ended(.init(499, at: 2))
        }
        #expect(bed.value(#"dynamo_frontend_output_sequence_tokens_count{model="tiny"}"#) == 0)
        #expect(bed.value("dynamo_component_router_output_sequence_tokens_count{\(Bed.routerLabels)}") == 0)
        #expect(bed.value("dynamo_component_router_requests_total{\(Bed.routerLabels)}") == 1)
        #expect(bed.value(#"dynamo_frontend_model_rejection_total{endpoint="chat_completions",model="tiny"}"#) == 1)
        let labels = #"endpoint="chat_completions",model="tiny",request_type="stream""#
        #expect(bed.value("dynamo_frontend_model_cancellation_total{\(labels)}") == 1)
    }

    @Test("5 ms from the end of the prefill to the decode leg's first token are 0.005 in the sum, once a client's request")
    func cacheTransfer() {
        let bed = MetricsBed(), meter = bed.request()
        bed.know()
        bed.on(meter) {
            $0.placed(by: Bed.plan(), overlapBlocks: 0, routing: .zero)
            $0.dispatched()
            $0.tokens(1, at: Bed.at(3))
            $0.ended(.init(200, at: 9) { $0.cacheTransfer = .milliseconds(5) })
        }
        let name = "dynamo_component_router_kv_transfer_estimated_latency_seconds"
        #expect(bed.lines("\(name)_sum") == ["\(name)_sum{\(Bed.routerLabels)} 0.005"])
        #expect(bed.lines("\(name)_count") == ["\(name)_count{\(Bed.routerLabels)} 1"])
    }

    @Test("the stages that an answer tells are observed once each, what did not happen is not, and what did not add up is counted")
    func stages() {
        let bed = MetricsBed(), meter = bed.request()
        bed.on(meter) {
            $0.ended(
                .init(200, at: 9) {
                    var stages = StageTimes()
                    stages.tokenize = .milliseconds(1)
                    stages.decode = .milliseconds(6)
                    stages.clampedRests = 2
                    $0.stages = stages
                    $0.roundtrip = .milliseconds(7)
                    $0.postprocessing = .milliseconds(1)
                })
        }
        let observed = bed.lines("apus_frontend_stage_seconds_count").filter { $0.hasSuffix(" 1") }
        #expect(observed.map { $0.split(separator: "\"")[1] } == ["decode", "tokenize"])
        #expect(bed.value(#"apus_frontend_stage_seconds_sum{stage="decode"}"#) == 0.006)
        #expect(bed.value("apus_frontend_clamped_rests_total") == 2)
        #expect(bed.value(#"dynamo_frontend_stage_duration_seconds_sum{stage="transport_roundtrip"}"#) == 0.007)
        #expect(bed.value(#"dynamo_frontend_stage_duration_seconds_sum{stage="postprocess"}"#) == 0.001)
    }

    @Test("making text counts as it goes, and in the tokenizer's histogram on average a token")
    func detokenizing() {
        let bed = MetricsBed(), meter = bed.request()
        bed.on(meter) {
            $0.detokenized(3, in: .microseconds(30))
            $0.detokenized(1, in: .microseconds(10))
        }
        #expect(bed.value("dynamo_frontend_detokenize_total_us") == 40)
        #expect(bed.value("dynamo_frontend_detokenize_token_count") == 4)
        bed.on(meter) { $0.ended(.init(200, at: 1)) }
        #expect(bed.value(#"dynamo_frontend_tokenizer_latency_ms_sum{operation="detokenize"}"#) == 0.01)
    }

    @Test(
        "each status is one of the results that dashboards know",
        arguments: [
            (200, "", "success"), (400, "validation", "error"), (404, "not_found", "error"), (408, "validation", "error"),
            (413, "validation", "error"), (429, "overload", "error"), (499, "cancelled", "error"), (500, "internal", "error"),
            (501, "not_implemented", "error"), (503, "overload", "error"), (504, "response_timeout", "error"),
        ])
    func results(_ status: Int, _ errorType: String, _ label: String) {
        let result = RequestResult(status: status)
        #expect(result.errorType == errorType && result.status == label)
    }
}
