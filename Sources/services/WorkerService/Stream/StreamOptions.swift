import ServiceRuntime
import Transport

/// The options of a worker's stream.
struct StreamOptions: Sendable {
    private let events: OptionKey<Int>
    private let bytes: OptionKey<Int>
    private let faults: EventFaultOptions

    init(in table: inout OptionTable) {
        let bounds = FeedRing.Bounds()
        table.group("Stream")
        events = table.option(
            "ring-events", .integer(1...(1 << 24)), default: bounds.events, help: "Past events that are kept for those who missed some.")
        bytes = table.option(
            "ring-size", .bytes(FeedRing.Bounds.leastBytes...(1 << 30)), default: bounds.bytes, help: "Memory for them at most.")
        faults = EventFaultOptions(in: &table)
    }

    func apply(_ resolved: ResolvedConfiguration, to config: inout WorkerConfig) {
        config.ring = FeedRing.Bounds(events: resolved[events], bytes: resolved[bytes])
        config.eventFaults = faults.faults(resolved)
    }
}
