import ClusterModel

/// What all spans of one client request share, in every process: sixteen bytes, never all zero.
package struct TraceID: Hashable, Sendable, CustomStringConvertible {
    package let high: UInt64
    package let low: UInt64

    /// Nil for the one value that names no trace.
    package init?(high: UInt64, low: UInt64) {
        guard high != 0 || low != 0 else { return nil }
        self.high = high
        self.low = low
    }

    /// Drawn, in both halves: collectors that sample look at the low one.
    package init(using random: inout some RandomNumberGenerator) {
        high = random.next()
        low = max(1, random.next())
    }

    /// Thirty-two lower-case digits.
    package var description: String { Hexadecimal.text(high) + Hexadecimal.text(low) }
}

/// One span of a trace: eight bytes, never all zero.
package struct SpanID: Hashable, Sendable, CustomStringConvertible {
    package let rawValue: UInt64

    /// Nil for the one value that names no span.
    package init?(_ rawValue: UInt64) {
        guard rawValue != 0 else { return nil }
        self.rawValue = rawValue
    }

    package init(using random: inout some RandomNumberGenerator) { rawValue = max(1, random.next()) }

    /// Sixteen lower-case digits.
    package var description: String { Hexadecimal.text(rawValue) }
}
