import ProcessKit
import ServiceRuntime
import Transport

/// The options of a worker's stream.
struct StreamOptions: Sendable {
    private let ring: RingOptions
    private let faults: EventFaultOptions

    init(in table: inout OptionTable) {
        table.group("Stream")
        ring = RingOptions(in: &table, default: FeedRing.Bounds())
        faults = EventFaultOptions(in: &table)
    }

    func apply(_ resolved: ResolvedConfiguration, to config: inout WorkerConfig) {
        config.ring = ring.bounds(resolved)
        config.eventFaults = faults.faults(resolved)
    }
}

/// How the stream is spoilt on purpose.
struct EventFaultOptions {
    private let loss: OptionKey<Double>
    private let duplicate: OptionKey<Double>
    private let reorder: OptionKey<Double>
    private let seed: OptionKey<Int>

    init(in table: inout OptionTable) {
        table.group("Faults")
        loss = table.option("fault-event-loss", .number(0...1), default: 0, help: "Share of the batches of events that are not sent.")
        duplicate = table.option("fault-event-duplicate", .number(0...1), default: 0, help: "Share of them that are sent twice.")
        reorder = table.option("fault-event-reorder", .number(0...1), default: 0, help: "Share of them that are sent late.")
        seed = table.option("fault-event-seed", .integer(0...Int.max), default: 1, help: "Which batches these are.")
    }

    func faults(_ resolved: ResolvedConfiguration) -> EventFaults {
        var faults = EventFaults()
        faults.loss = resolved[loss]
        faults.duplicate = resolved[duplicate]
        faults.reorder = resolved[reorder]
        faults.seed = UInt64(resolved[seed])
        return faults
    }
}
