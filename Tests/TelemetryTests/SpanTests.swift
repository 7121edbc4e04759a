import ClusterModel
import Telemetry
import Testing

@Suite("Spans, which of them are made, and which are kept")
struct SpanTests {
    private static func span(_ number: UInt64) -> Span {
        var random = SeededRandom(seed: number)
        return Span("\(number)", trace: TraceID(using: &random), id: SpanID(using: &random), parent: nil, from: 1, to: 2)
    }

    @Test("a share of all traces is recorded, and everybody with the same share records the same ones")
    func sampling() {
        var random = SeededRandom(seed: 7)
        let traces = (0..<10_000).map { _ in TraceID(using: &random) }
        #expect(traces.allSatisfy { TraceSampler(ratio: 1).records($0) && !TraceSampler(ratio: 0).records($0) })
        for ratio in [0.01, 0.25, 0.9] {
            let some = traces.filter { TraceSampler(ratio: ratio).records($0) }
            #expect(abs(Double(some.count) / 10_000 - ratio) < 0.02, "\(ratio): \(some.count)")
        }
        let few = Set(traces.filter { TraceSampler(ratio: 0.1).records($0) }),
            more = Set(traces.filter { TraceSampler(ratio: 0.2).records($0) })
        #expect(few.isSubset(of: more), "a larger share has what a smaller one has")
        #expect(TraceSampler(ratio: 0.999_999_999_999_999_9).records(traces[0]))
    }

    @Test("a buffer keeps the oldest spans in order, and counts what it has no room for")
    func bound() {
        var buffer = SpanBuffer(limit: 3)
        for number in 0..<5 { buffer.append(Self.span(UInt64(number))) }
        #expect(buffer.count == 3 && buffer.takeDropped() == 2 && buffer.takeDropped() == 0)
        #expect(buffer.take(atMost: 2).map(\.name) == ["0", "1"] && buffer.count == 1)
        buffer.append(Self.span(5))
        buffer.append(Self.span(6))
        buffer.append(Self.span(7))
        #expect(buffer.takeDropped() == 1 && buffer.take(atMost: 100).map(\.name) == ["2", "5", "6"])
        #expect(buffer.isEmpty && buffer.take(atMost: 1).isEmpty)
    }

    @Test("whatever is put and taken, it is what a plain list would have")
    func naive() {
        var random = SeededRandom(seed: 3), buffer = SpanBuffer(limit: 20), list: [String] = [], dropped = 0, next: UInt64 = 0
        for _ in 0..<5_000 {
            if Int.random(in: 0..<4, using: &random) > 0 {
                buffer.append(Self.span(next))
                if list.count < 20 { list.append("\(next)") } else { dropped += 1 }
                next += 1
            } else {
                let count = Int.random(in: 0..<12, using: &random)
                #expect(buffer.take(atMost: count).map(\.name) == Array(list.prefix(count)))
                list.removeFirst(min(count, list.count))
            }
            #expect(buffer.count == list.count)
        }
        #expect(buffer.takeDropped() == dropped && dropped > 0)
    }

    @Test("an end before the beginning is one at the beginning; what has no value is no attribute")
    func shape() {
        var random = SeededRandom(seed: 1)
        var span = Span("x", trace: TraceID(using: &random), id: SpanID(using: &random), parent: nil, from: 10, to: 9)
        #expect(span.endNanoseconds == 10)
        span.set("a", nil)
        span.set("b", .milliseconds(.microseconds(1_500)))
        span.set("c", .count(UInt64.max))
        #expect(span.attributes.map(\.key) == ["b", "c"] && span.attributes.map(\.value) == [.number(1.5), .integer(.max)])
    }
}
