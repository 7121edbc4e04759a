/// Measured times of one machine and model: prefill by its tokens, decode by what memory holds and how long contexts are.
///
/// Between points times are linear, and beyond the outer ones the nearest two go on.
package struct LatencyProfile: Hashable, Sendable {
    package struct Prefill: Hashable, Sendable {
        package let tokens: Double
        package let milliseconds: Double

        package init(tokens: Double, milliseconds: Double) {
            self.tokens = tokens
            self.milliseconds = milliseconds
        }
    }

    /// A time for each pair of the two axes: `milliseconds[a][c]` for `activeTokens[a]` and `contextLengths[c]`.
    package struct Decode: Hashable, Sendable {
        package let activeTokens: [Double]
        package let contextLengths: [Double]
        package let milliseconds: [[Double]]

        package init(activeTokens: [Double], contextLengths: [Double], milliseconds: [[Double]]) {
            self.activeTokens = activeTokens
            self.contextLengths = contextLengths
            self.milliseconds = milliseconds
        }
    }

    private let prefillTokens: [Double]
    private let prefillTimes: [Double]
    private let decode: Decode

    /// No step is shorter: where measured lines fall, going on would lead below zero.
    private static let shortestMilliseconds = 0.01

    /// Throws what is wrong with the points: axes rise, times are above zero, and the grid is full.
    package init(prefill: [Prefill], decode: Decode) throws(LatencyProfileError) {
        prefillTokens = prefill.map(\.tokens)
        prefillTimes = prefill.map(\.milliseconds)
        self.decode = decode
        try Self.checkAxis(prefillTokens, LatencyProfileLimits.points) { "prefill[\($0)].tokens" }
        try Self.checkTimes(prefillTimes) { "prefill[\($0)].milliseconds" }
        try Self.checkAxis(decode.activeTokens, LatencyProfileLimits.axis) { "decode.activeTokens[\($0)]" }
        try Self.checkAxis(decode.contextLengths, LatencyProfileLimits.axis) { "decode.contextLengths[\($0)]" }
        guard decode.milliseconds.count == decode.activeTokens.count else {
            throw LatencyProfileError("decode.milliseconds", "\(decode.activeTokens.count) rows are needed, one for each of activeTokens")
        }
        for (row, times) in decode.milliseconds.enumerated() {
            guard times.count == decode.contextLengths.count else {
                throw LatencyProfileError(
                    "decode.milliseconds[\(row)]", "\(decode.contextLengths.count) times are needed, one for each of contextLengths")
            }
            try Self.checkTimes(times) { "decode.milliseconds[\(row)][\($0)]" }
        }
    }

    package func prefillMilliseconds(tokens: Double) -> Double {
        let place = Self.place(of: tokens, on: prefillTokens)
        return max(Self.shortestMilliseconds, place.between(prefillTimes))
    }

    package func decodeMilliseconds(activeTokens: Double, contextLength: Double) -> Double {
        let row = Self.place(of: activeTokens, on: decode.activeTokens), column = Self.place(of: contextLength, on: decode.contextLengths)
        let low = column.between(decode.milliseconds[row.index])
        let high = row.fraction == 0 ? low : column.between(decode.milliseconds[row.index + 1])
        return max(Self.shortestMilliseconds, low + (high - low) * row.fraction)
    }

    /// A place on an axis: behind the point `index` by `fraction` of the way to the next one; below 0 or above 1 outside of the axis.
    private struct Place {
        let index: Int
        let fraction: Double

        func between(_ values: [Double]) -> Double {
            let low = values[index]
            return fraction == 0 ? low : low + (values[index + 1] - low) * fraction
        }
    }

    private static func place(of value: Double, on axis: [Double]) -> Place {
        guard axis.count > 1 else { return Place(index: 0, fraction: 0) }
        // The last stretch serves what lies behind it, too.
        var low = 0, high = axis.count - 1
        while high - low > 1 {
            let middle = (low + high) / 2
            if axis[middle] <= value { low = middle } else { high = middle }
        }
        return Place(index: low, fraction: (value - axis[low]) / (axis[low + 1] - axis[low]))
    }

    private static func checkAxis(_ values: [Double], _ limit: Int, _ field: (Int) -> String) throws(LatencyProfileError) {
        let list = String(field(0).prefix { $0 != "[" })
        guard !values.isEmpty else { throw LatencyProfileError(list, "one point is needed at the least") }
        guard values.count <= limit else { throw LatencyProfileError(list, "at most \(limit) points") }
        for index in values.indices {
            guard (0...LatencyProfileLimits.tokens).contains(values[index]) else {
                throw LatencyProfileError(field(index), "a number of tokens, 0 to \(Int(LatencyProfileLimits.tokens))")
            }
            if index > 0, values[index] <= values[index - 1] {
                throw LatencyProfileError(field(index), "it must be above the one before it")
            }
        }
    }

    private static func checkTimes(_ times: [Double], _ field: (Int) -> String) throws(LatencyProfileError) {
        for index in times.indices where !(times[index] > 0 && times[index] <= LatencyProfileLimits.milliseconds) {
            throw LatencyProfileError(field(index), "milliseconds, above 0 and at most \(Int(LatencyProfileLimits.milliseconds))")
        }
    }
}

/// What a profile may hold.
package enum LatencyProfileLimits {
    /// The text: a grid of the size below takes a few hundred KiB.
    package static let bytes = 1 << 20
    /// Of prefill: far more than anybody measures.
    static let points = 1_024
    /// Points of each axis of decode, so that the grid stays below 64 Ki.
    static let axis = 256
    /// Tokens on any axis: beyond the KV memory of any machine.
    static let tokens = 1e9
    /// A quarter of an hour, as for any step.
    static let milliseconds = 900_000.0
}

/// What is wrong with a profile, by the name of its field.
package struct LatencyProfileError: Error, Hashable, Sendable, CustomStringConvertible {
    /// `decode.milliseconds[2][0]`; empty: the text as a whole.
    package let field: String
    package let reason: String

    init(_ field: String, _ reason: String) {
        self.field = field
        self.reason = reason
    }

    package var description: String { field.isEmpty ? reason : "\(field): \(reason)" }
}
