import Scheduling
import StreamFollowing
package import Telemetry
import WireProtocol

/// What a router counts. Names begin with `apus_router_`.
package final class RouterMetrics: Sendable {
    private let workers: GaugeFamily
    let frontends: Gauge
    let resyncing: Gauge
    let leases: Gauge
    private let plans: CounterFamily
    private let leasesEnded: NumberedCounters
    private let recoveries: CounterFamily
    let gaps: Counter
    let malformedEvents: Counter
    let strangeEvents: Counter
    private let rejected: CounterFamily
    private let published: Counter
    private let ringBytes: Gauge
    let splitModels: Gauge
    let unpaired: Gauge
    private let eventModes: GaugeFamily
    private let doubts: CounterFamily
    private let parityFaults: CounterFamily
    let feedSilences: Counter
    private let durations: NumberedCounters
    let promisedBlocks: Counter
    let foundBlocks: Counter
    let staleHits: Counter
    private let index: IndexGauges

    private let placed: Counter
    private let queryOnly: Counter

    package init(registry: MetricsRegistry) {
        workers = registry.gaugeFamily(
            "apus_router_workers", help: "Workers with a control link, by state as the router sees it.", labels: ["state"])
        frontends = registry.gauge("apus_router_frontends", help: "Frontends with a route link.")
        resyncing = registry.gauge("apus_router_resyncing_workers", help: "Workers whose stream of events is being recovered.")
        leases = registry.gauge("apus_router_leases", help: "Leases that have not ended, booked here or told of by workers.")
        plans = registry.counterFamily(
            "apus_router_plans_total", help: "Route requests answered, by outcome: placed, query_only, or the failure.", labels: ["outcome"]
        )
        let releases = registry.counterFamily("apus_router_leases_ended_total", help: "Leases that ended, by reason.", labels: ["reason"])
        leasesEnded = NumberedCounters(releases, count: LeaseRelease.allCases.count + 1) { number in
            LeaseRelease(rawValue: UInt8(clamping: number)).map { "\($0)" } ?? "other"
        }
        recoveries = registry.counterFamily(
            "apus_router_stream_recoveries_total",
            help: "Recoveries of a worker's stream, by outcome: by late_arrival, replay or snapshot, or failed.", labels: ["outcome"])
        gaps = registry.counter("apus_router_stream_gaps_total", help: "Gaps found in the numbers of workers' events.")
        malformedEvents = registry.counter("apus_router_stream_malformed_total", help: "Batches of workers' events that do not decode.")
        strangeEvents = registry.counter(
            "apus_router_stream_strange_total",
            help: "Events that were not applied: of a later version, or about another worker's lease.")
        rejected = registry.counterFamily(
            "apus_router_links_rejected_total", help: "Links that were not opened, by cause.", labels: ["cause"])
        published = registry.counter("apus_router_changes_published_total", help: "Changes of state published on the router's stream.")
        ringBytes = registry.gauge("apus_router_stream_ring_bytes", help: "Memory that holds past changes for replay.")
        splitModels = registry.gauge("apus_router_split_models", help: "Model names whose workers have more than one card.")
        unpaired = registry.gauge(
            "apus_router_unpaired_workers",
            help: "Prefill and decode workers whose KV state nobody of the other role can exchange with them.")
        eventModes = registry.gaugeFamily(
            "apus_router_workers_by_events", help: "Workers with a control link, by how their cache events are used now.", labels: ["mode"])
        doubts = registry.counterFamily(
            "apus_router_cache_doubts_total",
            help: "Times that a worker's cache events were no longer believed: missing (requests find less than promised) or silent.",
            labels: ["reason"])
        parityFaults = registry.counterFamily(
            "apus_router_parity_faults_total",
            help: "Workers whose hashes were not shown to be everybody's: differ (some do) or unanswered.", labels: ["reason"])
        feedSilences = registry.counter("apus_router_feed_silences_total", help: "Times that a worker's feed was heard no more.")
        let verdicts = registry.counterFamily(
            "apus_router_durations_total",
            help:
                "Durations of prefills and decodings of requests planned here: taken as the worker said, corrected by this router's clock, "
                + "or ignored.", labels: ["verdict"])
        durations = NumberedCounters(verdicts, count: LatencyMeter.Verdict.allCases.count) { LatencyMeter.Verdict.allCases[$0].rawValue }
        promisedBlocks = registry.counter(
            "apus_router_promised_blocks_total", help: "Blocks that requests should have found where they were placed, by the events.")
        foundBlocks = registry.counter("apus_router_found_blocks_total", help: "Of the promised blocks, those that were found.")
        staleHits = registry.counter(
            "apus_router_stale_hits_total",
            help: "Requests that found fewer blocks where they were placed than the events promised, the last block of a prompt apart.")
        index = IndexGauges(registry)
        placed = plans.labels("placed")
        queryOnly = plans.labels("query_only")
    }

    func planned(_ outcome: PlanOutcome, _ failure: FailureCode?) {
        switch outcome {
        case .placed: placed.increment()
        case .queryOnly: queryOnly.increment()
        case .failed: plans.labels(Self.name(of: failure ?? .internalError)).increment()
        }
    }

    func published(_ changes: Int, ring: Int) {
        published.increment(by: changes)
        ringBytes.set(ring)
    }

    func ended(_ reason: LeaseRelease) { leasesEnded.increment(Int(reason.rawValue)) }
    func recovered(_ means: StreamNotice.Recovery) {
        switch means {
        case .lateArrival: recoveries.labels("late_arrival").increment()
        case .replay: recoveries.labels("replay").increment()
        case .snapshot: recoveries.labels("snapshot").increment()
        }
    }
    func recoveryFailed() { recoveries.labels("failed").increment() }
    func rejectedLink(_ cause: String) { rejected.labels(cause).increment() }

    /// Every state has its series, also with none in it.
    func count(workers counts: [ProcessState: Int]) {
        for state in ProcessState.allCases { workers.labels("\(state)").set(counts[state] ?? 0) }
    }

    func count(events modes: [EventsMode: Int]) {
        for mode in EventsMode.allCases { eventModes.labels("\(mode)").set(modes[mode] ?? 0) }
    }
    func doubted(_ doubt: CacheTrust.Doubt) { doubts.labels("\(doubt)").increment() }
    func failedParity(_ fault: ParityFault) { parityFaults.labels(fault.label).increment() }
    func measured(_ verdict: LatencyMeter.Verdict) { durations.increment(verdict.place) }
    func show(_ counts: IndexCounts) { index.show(counts) }

    /// Failures that a router gives; anything else is one of ours.
    static func name(of code: FailureCode) -> String {
        switch code {
        case .draining: "draining"
        case .duplicate: "duplicate"
        case .noWorker: "no_worker"
        case .unknownModel: "unknown_model"
        case .unknownWorker: "unknown_worker"
        case .pinConflict: "pin_conflict"
        case .promptTooLong: "prompt_too_long"
        case .invalidArgument: "invalid_argument"
        case .capacity: "capacity"
        case .sessionUnsupported: "session_unsupported"
        case .queueFull: "queue_full"
        case .queueTimeout: "queue_timeout"
        case .deadlineUnreachable: "deadline_unreachable"
        case .tooManyQuestions: "too_many_questions"
        default: "other"
        }
    }
}
