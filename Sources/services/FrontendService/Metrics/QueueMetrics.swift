import EventLoop
import RequestTracking
import Telemetry

/// What waits in the routers' queues, as they say.
///
/// A request waits once, for all its legs, in the queue of its pool: so there is one `worker_type`, that of whole requests.
@LoopActor
final class QueueMetrics {
    private let requests: Gauge
    private let tokens: Gauge

    init(registry: MetricsRegistry) {
        func gauge(_ name: String, _ help: String) -> Gauge {
            registry.gaugeFamily(registry.name("frontend_\(name)"), help: help, labels: ["worker_type"]).labels(WorkerType.decode.rawValue)
        }
        requests = gauge("router_queue_pending_requests", "Number of requests pending in the router scheduler queue")
        tokens = gauge("router_queue_pending_isl_tokens", "Sum of isl_tokens for requests pending in the router scheduler queue")
    }

    func show(_ depth: (requests: UInt64, tokens: UInt64)) {
        requests.set(Double(depth.requests))
        tokens.set(Double(depth.tokens))
    }
}
