import ClusterModel
import JSONText

/// The value of the header `Server-Timing`, as browsers and proxies show it: `tokenize;dur=0.41, route;dur=0.2, …, total;dur=39.7`.
///
/// Every answer that is no stream has one: it is written byte by byte, since strings put together piece by piece cost more than its request's JSON.
package struct ServerTiming: Hashable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ stages: StageTimes, total: Duration?) {
        var text: [UInt8] = []
        text.reserveCapacity(256)
        stages.forEach { Self.append($0, $1, to: &text) }
        Self.append("total", total, to: &text)
        description = String(decoding: text, as: UTF8.self)
    }

    private static func append(_ name: StaticString, _ span: Duration?, to text: inout [UInt8]) {
        guard let span else { return }
        if !text.isEmpty { append(", ", to: &text) }
        append(name, to: &text)
        append(";dur=", to: &text)
        append(milliseconds: span, to: &text)
    }

    /// To the microsecond, in plain decimals: readers of headers need not know exponents.
    private static func append(milliseconds span: Duration, to text: inout [UInt8]) {
        let micros = UInt64(max(0, span.inMicroseconds))
        var rest = micros % 1_000
        JSONWriter.appendDigits(micros / 1_000, to: &text)
        guard rest > 0 else { return }
        text.append(UInt8(ascii: "."))
        var scale: UInt64 = 100
        while rest > 0 {
            text.append(UInt8(ascii: "0") + UInt8(rest / scale))
            rest %= scale
            scale /= 10
        }
    }

    private static func append(_ words: StaticString, to text: inout [UInt8]) {
        text.append(contentsOf: UnsafeBufferPointer(start: words.utf8Start, count: words.utf8CodeUnitCount))
    }
}
