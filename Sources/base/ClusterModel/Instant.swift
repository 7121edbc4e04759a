/// A moment on one process's monotonic clock, in nanoseconds since an arbitrary start.
///
/// Instants never cross the wire: only durations do, each measured on one clock. The loop hands instants out; nothing else reads a clock.
package struct Instant: Hashable, Comparable, Sendable {
    package let nanoseconds: Int64

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    package static let zero = Instant(nanoseconds: 0)

    @inline(__always)
    package static func < (earlier: Instant, later: Instant) -> Bool { earlier.nanoseconds < later.nanoseconds }

    @inline(__always)
    package static func + (instant: Instant, span: Duration) -> Instant {
        Instant(nanoseconds: instant.nanoseconds &+ span.inNanoseconds)
    }

    @inline(__always)
    package static func - (instant: Instant, span: Duration) -> Instant {
        Instant(nanoseconds: instant.nanoseconds &- span.inNanoseconds)
    }

    /// `later − self`, so that `start.duration(to: end)` is positive.
    @inline(__always)
    package func duration(to later: Instant) -> Duration { .span(ofNanoseconds: later.nanoseconds - nanoseconds) }
}

extension Duration {
    /// Whole nanoseconds, clamped to ± 292 years: the loop's own unit.
    @inline(__always)
    package var inNanoseconds: Int64 {
        // Nearly every span is below nine seconds, where one division of a machine word does.
        if let few = Int64(exactly: attoseconds) { return few / 1_000_000_000 }
        return Int64(exactly: attoseconds / 1_000_000_000) ?? (attoseconds < 0 ? .min / 2 : .max / 2)
    }

    /// `.nanoseconds` converts in software what this multiplies in a few instructions; it is called several times a token.
    @inline(__always)
    package static func span(ofNanoseconds count: Int64) -> Duration { Duration(attoseconds: Int128(count) * 1_000_000_000) }

    /// Whole milliseconds, rounded down: what deadlines are on the wire.
    package var inMilliseconds: Int64 { inNanoseconds / 1_000_000 }

    /// Whole microseconds, rounded down: what measured durations are on the wire.
    package var inMicroseconds: Int64 { inNanoseconds / 1_000 }
}
