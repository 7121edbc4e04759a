import Scheduling
import ServiceRuntime

/// The options of the queue, and of when a worker counts as busy.
struct QueueOptions: Sendable {
    private let policy: OptionKey<QueuePolicy>
    private let entries: OptionKey<Int>
    private let batches: OptionKey<Int>
    private let longest: OptionKey<Duration>
    private let aging: OptionKey<Duration>
    private let busyBatches: OptionKey<Double>
    private let busyTokens: OptionKey<Int?>
    private let busyBlocks: OptionKey<Double>

    init(in table: inout OptionTable) {
        let queue = QueueSettings(), busy = BusyThresholds()
        table.group("Queue")
        policy = table.option(
            "queue-policy", .word(), default: queue.policy,
            help:
                "Which of a tenant's parked requests goes first: the oldest (fcfs), the one with most priority a token still to be computed "
                + "(wspt), the newest (lcfs), or the one with the earliest deadline.",
            details: "With fcfs and lcfs a priority of N counts as N seconds.")
        entries = table.option(
            "queue-entries", .integer(0...1_000_000), default: queue.entries,
            help: "Requests parked in one model's queue; 0: none is parked, and a busy model answers 429.")
        batches = table.option(
            "queue-batches", .integer(1...10_000), default: queue.batches,
            help: "Bounds what is parked in tokens: as many as the model's workers compute in so many full steps.")
        longest = table.option(
            "queue-time", .duration(.zero...(.seconds(600))), default: queue.longest,
            help: "How long a request may be parked; a request may ask for less.")
        aging = table.option(
            "queue-aging", .duration(.zero...(.seconds(600))), default: queue.aging,
            help: "From then on a parked request counts as aged: one placement in four goes to the oldest of those.")
        table.group("Busy workers")
        busyBatches = table.option(
            "busy-batches", .number(0...1_000_000), default: busy.waitingBatches,
            help: "A rank is busy while more prefill waits than it computes in so many full steps.",
            details:
                "A policy that prices waiting prefill (kv, lmetric, latency) may still choose it while others are not busy; for pins, sessions and "
                + "other policies a busy rank is out. Where all are busy, requests wait.")
        busyTokens = table.optional(
            "busy-tokens", .integer(0...1_000_000_000),
            help: "A rank is busy while more tokens of prefill wait, however large its steps are.")
        busyBlocks = table.option(
            "busy-blocks", .number(0...1), default: busy.activeBlocks,
            help: "A rank is full, and gets no new request, while requests hold this share of its blocks.")
    }

    func apply(_ resolved: ResolvedConfiguration, to config: inout RouterConfig) {
        config.queue.policy = resolved[policy]
        config.queue.entries = resolved[entries]
        config.queue.batches = resolved[batches]
        config.queue.longest = resolved[longest]
        config.queue.aging = resolved[aging]
        config.busy.waitingBatches = resolved[busyBatches]
        config.busy.waitingTokens = resolved[busyTokens].map(UInt64.init) ?? .max
        config.busy.activeBlocks = resolved[busyBlocks]
    }
}
