import ClusterModel

/// The value of the header `Server-Timing`, as browsers and proxies show it: `tokenize;dur=0.41, route;dur=0.2, …, total;dur=39.7`.
package struct ServerTiming: Hashable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ stages: StageTimes, total: Duration?) {
        let all = stages.all + [StageTimes.Stage(name: "total", span: total)]
        description = all.compactMap { stage in stage.span.map { "\(stage.name);dur=\(Self.milliseconds($0))" } }.joined(separator: ", ")
    }

    /// To the microsecond, in plain decimals: readers of headers need not know exponents.
    private static func milliseconds(_ span: Duration) -> String {
        let micros = max(0, span.inMicroseconds), (whole, rest) = micros.quotientAndRemainder(dividingBy: 1_000)
        guard rest > 0 else { return "\(whole)" }
        var digits = String(rest + 1_000).dropFirst()
        while digits.last == "0" { digits.removeLast() }
        return "\(whole).\(digits)"
    }
}
