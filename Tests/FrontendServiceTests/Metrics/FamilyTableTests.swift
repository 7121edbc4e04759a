import Telemetry
import Testing

@testable import FrontendService

@Suite("The families of a frontend")
struct FamilyTableTests {
    /// Bounds by what is measured.
    private static let firstToken = "0 0.0022 0.0047 0.01 0.022 0.047 0.1 0.22 0.47 1 2.2 4.7 10 22 48 100 220 480"
    private static let interToken = "0 0.0019 0.0035 0.0067 0.013 0.024 0.045 0.084 0.16 0.3 0.56 1.1 2"
    private static let input = "0 100 210 430 870 1800 3600 7400 15000 31000 63000 130000"
    private static let output = "0 100 210 430 880 1800 3700 7600 16000 32000"
    private static let duration = "0 2 4 8 16 32 64 130 260 510"
    private static let transfer = "0 0.0019 0.0037 0.0072 0.014 0.027 0.052 0.1 0.19 0.37 0.72 1.4 2.7 5.2 10"
    private static let rate = "0 0.05 0.1 0.15 0.2 0.25 0.3 0.35 0.4 0.45 0.5 0.55 0.6 0.65 0.7 0.75 0.8 0.85 0.9 0.95 1"
    private static let tokenizer = "0.5 1 2 4 8 16 32 64 128 256 512"
    private static let short = "0.0001 0.0005 0.001 0.005 0.01 0.05 0.1 0.5 1"
    private static let stage = short + " 2.5 5"
    private static let pool = "dynamo_component,dynamo_namespace,pool,router_id"
    private static let worker = "dp_rank,worker_id,worker_type"

    private static let expected: [String] = [
        "component_router_input_sequence_tokens histogram \(pool) \(input)",
        "component_router_inter_token_latency_seconds histogram \(pool) \(interToken)",
        "component_router_kv_hit_rate histogram \(pool) \(rate)",
        "component_router_kv_transfer_estimated_latency_seconds histogram \(pool) \(transfer)",
        "component_router_output_sequence_tokens histogram \(pool) \(output)",
        "component_router_requests_total counter \(pool)",
        "component_router_time_to_first_token_seconds histogram \(pool) \(firstToken)",
        "frontend_active_requests gauge model",
        "frontend_cached_tokens histogram model \(input)",
        "frontend_detokenize_token_count counter -",
        "frontend_detokenize_total_us counter -",
        "frontend_disconnected_clients gauge -",
        "frontend_event_loop_delay_seconds histogram - \(short)",
        "frontend_event_loop_stall_total counter -",
        "frontend_inflight_requests gauge model",
        "frontend_input_sequence_tokens histogram model \(input)",
        "frontend_inter_token_latency_seconds histogram model \(interToken)",
        "frontend_model_cancellation_total counter endpoint,model,request_type",
        "frontend_model_context_length gauge model",
        "frontend_model_kv_cache_block_size gauge model",
        "frontend_model_max_num_batched_tokens gauge model",
        "frontend_model_max_num_seqs gauge model",
        "frontend_model_migration_limit gauge model",
        "frontend_model_migration_max_seq_len_exceeded_total counter model",
        "frontend_model_migration_total counter migration_type,model",
        "frontend_model_rejection_total counter endpoint,model",
        "frontend_model_total_kv_blocks gauge model",
        "frontend_output_sequence_tokens histogram model \(output)",
        "frontend_output_tokens_total counter model",
        "frontend_queued_requests gauge model",
        "frontend_request_duration_seconds histogram model \(duration)",
        "frontend_requests_total counter endpoint,error_type,model,request_type,status",
        "frontend_router_queue_pending_isl_tokens gauge worker_type",
        "frontend_router_queue_pending_requests gauge worker_type",
        "frontend_stage_duration_seconds histogram stage \(stage)",
        "frontend_template_seconds histogram - \(short)",
        "frontend_time_to_first_token_seconds histogram model \(firstToken)",
        "frontend_tokenize_seconds histogram - \(short)",
        "frontend_tokenizer_latency_ms histogram operation \(tokenizer)",
        "frontend_worker_active_decode_blocks gauge \(worker)",
        "frontend_worker_active_prefill_tokens gauge \(worker)",
        "frontend_worker_last_input_sequence_tokens gauge \(worker)",
        "frontend_worker_last_inter_token_latency_seconds gauge \(worker)",
        "frontend_worker_last_time_to_first_token_seconds gauge \(worker)",
    ]

    private static func number(_ value: Double) -> String {
        let text = value.description
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    @Test(
        "names, kinds, labels and buckets are those that dashboards know, under the namespace that was asked for",
        arguments: ["dynamo", "acme"])
    func table(namespace: String) {
        let scene = Scene(namespace: namespace)
        let rows = scene.metrics.catalogue.filter { $0.name.hasPrefix("\(namespace)_") }.map { family in
            let labels = (family.labelNames + family.constantLabels.map(\.name)).sorted().joined(separator: ",")
            let start = "\(family.name) \(family.kind.rawValue) \(labels.isEmpty ? "-" : labels)"
            return family.buckets.isEmpty ? start : "\(start) \(family.buckets.map(Self.number).joined(separator: " "))"
        }
        #expect(rows == Self.expected.map { "\(namespace)_\($0)" })
        #expect(scene.metrics.catalogue.allSatisfy { $0.name.hasPrefix("\(namespace)_") || $0.name.hasPrefix("apus_") })
    }

    @Test(
        "help texts that other programs compare are theirs to the letter",
        arguments: [
            ("frontend_worker_active_decode_blocks", "Active KV cache decode blocks per worker"),
            ("frontend_worker_active_prefill_tokens", "Active prefill tokens queued per worker"),
            ("frontend_router_queue_pending_requests", "Number of requests pending in the router scheduler queue"),
            (
                "frontend_router_queue_pending_isl_tokens",
                "Sum of isl_tokens for requests pending in the router scheduler queue"
            ),
            ("component_router_requests_total", "Total number of requests processed by the router"),
            ("component_router_time_to_first_token_seconds", "Time to first token observed at the router"),
            ("component_router_inter_token_latency_seconds", "Average inter-token latency observed at the router"),
            ("component_router_input_sequence_tokens", "Input sequence length in tokens observed at the router"),
            ("component_router_output_sequence_tokens", "Output sequence length in tokens observed at the router"),
            ("component_router_kv_hit_rate", "Predicted KV cache hit rate at routing time (0.0-1.0)"),
        ])
    func help(_ name: String, _ help: String) {
        let bed = MetricsBed()
        #expect(bed.registry.catalogue.first { $0.name == "dynamo_\(name)" }?.help == help)
    }

    @Test("what needs no model, worker or router shows zeros from the start; the rest as soon as there is one")
    func zeros() {
        let bed = MetricsBed()
        func shown() -> Int { Set(bed.lines("# TYPE dynamo_")).count }
        #expect(shown() == 9)
        #expect(bed.value(#"dynamo_frontend_stage_duration_seconds_count{stage="transport_roundtrip"}"#) == 0)
        #expect(bed.value("dynamo_frontend_disconnected_clients") == 0)
        bed.know()
        bed { _ = $0.models.series(of: "tiny") }
        #expect(shown() == 9 + 7 + 15)
        #expect(bed.value(#"dynamo_frontend_model_migration_total{migration_type="new_request",model="tiny"}"#) == 0)
        #expect(bed.lines("dynamo_frontend_requests_total{").count == EndpointLabel.allCases.count * 2 * RequestResult.allCases.count)
    }
}
