package import ServiceRuntime
package import Transport

/// The options of how much of its stream a process keeps for those who missed some.
package struct RingOptions: Sendable {
    private let events: OptionKey<Int>
    private let bytes: OptionKey<Int>

    package init(in table: inout OptionTable, default bounds: FeedRing.Bounds) {
        events = table.option(
            "ring-events", .integer(1...(1 << 24)), default: bounds.events, help: "Past events that are kept for those who missed some.")
        bytes = table.option(
            "ring-size", .bytes(FeedRing.Bounds.leastBytes...(1 << 30)), default: bounds.bytes, help: "Memory for them at most.")
    }

    package func bounds(_ resolved: ResolvedConfiguration) -> FeedRing.Bounds {
        FeedRing.Bounds(events: resolved[events], bytes: resolved[bytes])
    }
}
