import Telemetry
import Transport
import WireProtocol

/// What a worker counts. Made from the registry that is passed in; series are those of its ranks, routers and the codes below.
final class WorkerMetrics: Sendable {
    private let ranks: RankGauges.Families
    private let tokens: Counter
    private let prefillTokens: Counter
    private let steps: Counter
    private let endedRequests: NumberedCounters
    private let refusedRequests: CounterFamily
    private let openSessions: Gauge
    private let endedSessions: CounterFamily
    private let refusedSessions: Counter
    private let links: GaugeFamily
    private let registrations: GaugeFamily
    private let rejectedLinks: Counter
    private let ignoredMessages: CounterFamily
    let stream: StreamMetrics
    let kv: KVMetrics

    init(registry: MetricsRegistry) {
        ranks = RankGauges.Families(registry: registry)
        tokens = registry.counter("apus_worker_output_tokens_total", help: "Tokens that the engine produced.")
        prefillTokens = registry.counter("apus_worker_prefill_tokens_total", help: "Tokens of prompts that the engine computed.")
        steps = registry.counter("apus_worker_steps_total", help: "Steps of the engine.")
        let ends = registry.counterFamily(
            "apus_worker_requests_ended_total", help: "Requests that were accepted and have ended.", labels: ["reason"])
        endedRequests = NumberedCounters(ends, count: Self.numberedEnds) { Self.name(EndReason(rawValue: UInt16(clamping: $0))) }
        refusedRequests = registry.counterFamily(
            "apus_worker_requests_refused_total", help: "Requests that were not accepted.", labels: ["code"])
        openSessions = registry.gauge("apus_worker_sessions", help: "Sessions that are bound to this worker.")
        endedSessions = registry.counterFamily(
            "apus_worker_sessions_ended_total", help: "Sessions that have ended.", labels: ["reason"])
        refusedSessions = registry.counter(
            "apus_worker_sessions_refused_total", help: "Sessions that were not bound because too many are.")
        links = registry.gaugeFamily("apus_worker_links", help: "Open links.", labels: ["kind"])
        registrations = registry.gaugeFamily(
            "apus_worker_registered", help: "1 while a router knows this worker.", labels: ["router"])
        rejectedLinks = registry.counter("apus_worker_rejected_links_total", help: "Links that peers opened and this worker refused.")
        ignoredMessages = registry.counterFamily(
            "apus_worker_ignored_messages_total", help: "Messages that asked for nothing that is here.", labels: ["kind"])
        stream = StreamMetrics(registry: registry)
        kv = KVMetrics(registry: registry)
    }

    /// Reasons of this version, and room for some more.
    private static let numberedEnds = 16

    func stepped(tokens count: Int, prefillTokens prefilled: Int) {
        steps.increment()
        tokens.increment(by: count)
        prefillTokens.increment(by: prefilled)
    }

    func ended(_ reason: EndReason) { endedRequests.increment(Int(reason.rawValue)) }
    func refused(_ code: FailureCode) { refusedRequests.labels(Self.name(code)).increment() }
    func sessions(_ count: Int) { openSessions.set(count) }
    func sessionEnded(_ reason: SessionEndReason) { endedSessions.labels("\(reason)").increment() }
    func sessionRefused() { refusedSessions.increment() }
    func links(_ kind: LinkKind, _ count: Int) { links.labels("\(kind)").set(count) }
    func registered(_ router: Address, _ isRegistered: Bool) { registrations.labels(router.description).set(isRegistered ? 1 : 0) }
    func rejectedLink() { rejectedLinks.increment() }
    func ignored(_ kind: String) { ignoredMessages.labels(kind).increment() }

    /// Held by whoever shows the rank's load: it changes with each step.
    func gauges(of rank: UInt32) -> RankGauges { RankGauges(ranks, rank: rank) }

    static func name(_ reason: EndReason) -> String {
        switch reason {
        case .finished: "finished"
        case .handedOver: "handed_over"
        case .cancelled: "cancelled"
        case .failed: "failed"
        case .prefillLost: "prefill_lost"
        case .drained: "drained"
        case .timedOut: "timed_out"
        case .linkLost: "link_lost"
        case .superseded: "superseded"
        default: "other"
        }
    }

    static func name(_ code: FailureCode) -> String {
        switch code {
        case .draining: "draining"
        case .invalidArgument: "invalid_argument"
        case .overbooked: "overbooked"
        case .duplicate: "duplicate"
        case .unknownModel: "unknown_model"
        case .sessionUnsupported: "session_unsupported"
        case .capacity: "capacity"
        case .incompatibleKV: "incompatible_kv"
        case .promptTooLong: "prompt_too_long"
        case .cancelled: "cancelled"
        case .engineFailed: "engine_failed"
        case .roomClosed: "room_closed"
        case .checksum: "checksum"
        case .stalled: "stalled"
        case .timeout: "timed_out"
        default: "other"
        }
    }
}
