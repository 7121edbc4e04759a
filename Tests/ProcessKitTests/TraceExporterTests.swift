import ClusterModel
import Concurrency
import EventLoop
import HTTPServing
import JSONText
import ServiceRuntime
import Telemetry
import Testing
import Transport

@testable import ProcessKit

@Suite("Spans on their way to a collector")
struct TraceExporterTests {
    /// A process with a tracer and its exporter, and a collector on another machine of the same world.
    private final class Bench {
        let kit: TracedKit
        let exporter: TraceExporter

        init(seed: UInt64 = 1, port: UInt16? = nil) throws {
            let kit = TracedKit(seed: seed)
            self.kit = kit
            let endpoint = try OTLPEndpoint("http://10.0.0.2:\(port ?? kit.port)"), context = kit.context
            exporter = kit.loop.perform { TraceExporter(to: endpoint, context) }
            let exporter = exporter
            kit.run { do { try await exporter.start() } catch { Issue.record("\(error)") } }
        }

        func record(_ count: Int, name: String = "work") {
            let tracer = kit.context.tracer
            kit.loop.perform { () -> Void in
                for _ in 0..<count {
                    guard case .recorded(let place) = tracer.origin(nil) else { return unexpected("it is on") }
                    tracer.record(place.span(name, .internal, from: tracer.loop.now, to: tracer.loop.now, tracer.clock))
                }
            }
        }

        func counter(_ name: String) -> Int { kit.metric("apus_trace_spans_\(name)") }
        var exported: Int { counter("exported_total") }
        func dropped(_ reason: String) -> Int { counter("dropped_total{reason=\"\(reason)\"}") }
    }

    @Test("spans leave together within a second, in one message of OTLP's JSON, and are counted")
    func success() throws {
        let bench = try Bench()
        bench.record(3)
        bench.kit.pass(.milliseconds(1_500))
        #expect(bench.kit.received.map(\.count) == [3] && bench.exported == 3)
        bench.kit.pass(.seconds(5))
        #expect(bench.kit.received.count == 1, "nothing is sent where there is nothing to say")
        #expect(bench.kit.times.allSatisfy { $0 >= 1_700_000_000_000_000_000 }, "stamps are the wall clock's")
    }

    @Test("many spans leave at once, some hundred a message, without waiting for the second")
    func batches() throws {
        let bench = try Bench()
        bench.record(1_300)
        bench.kit.pass(.milliseconds(100))
        #expect(bench.kit.received.map(\.count) == [512, 512, 276] && bench.exported == 1_300)
    }

    @Test("what a collector cannot take now is sent again, after what it asks for", arguments: [429, 502, 503, 504])
    func again(status: Int) throws {
        let bench = try Bench()
        bench.kit.answers = [(status, "7"), (status, nil)]
        bench.record(2)
        bench.kit.pass(.milliseconds(1_100))
        #expect(bench.kit.asked == 1)
        bench.kit.pass(.milliseconds(6_800))
        #expect(bench.kit.asked == 1, "not before seven seconds")
        bench.kit.pass(.seconds(3))
        #expect(bench.kit.asked == 3 && bench.kit.received.map(\.count) == [2] && bench.exported == 2)
        #expect(bench.dropped("undelivered") == 0)
    }

    @Test("a collector that asks for an hour is asked again in half a minute, five times in all; then its spans are dropped and counted")
    func bounded() throws {
        let bench = try Bench()
        bench.kit.answers = Array(repeating: (503, "3600"), count: 9)
        bench.record(4)
        bench.kit.pass(.seconds(32))
        #expect(bench.kit.asked == 2)
        bench.kit.pass(.seconds(120))
        #expect(bench.kit.asked == 5 && bench.dropped("undelivered") == 4 && bench.exported == 0)
        #expect(bench.kit.lines(with: "traces are not taken").count == 1, "one line")
        bench.kit.answers = []
        bench.record(1)
        bench.kit.pass(.seconds(2))
        #expect(bench.exported == 1 && bench.kit.lines(with: "traces are taken again").count == 1)
    }

    @Test("a collector that asks for no pause is given one all the same")
    func noPause() throws {
        let bench = try Bench()
        bench.kit.answers = Array(repeating: (503, "0"), count: 4)
        bench.record(1)
        bench.kit.pass(.milliseconds(1_200))
        #expect(bench.kit.asked == 1)
        bench.kit.pass(.seconds(10))
        #expect(bench.kit.asked == 5 && bench.exported == 1)
    }

    @Test("what a collector will not have is not sent again", arguments: [400, 404, 413, 500])
    func refused(status: Int) throws {
        let bench = try Bench()
        bench.kit.answers = [(status, nil)]
        bench.record(2)
        bench.kit.pass(.seconds(60))
        #expect(bench.kit.asked == 1 && bench.dropped("refused") == 2)
    }

    @Test("of a message that was taken in part the rest counts as dropped")
    func partly() throws {
        let bench = try Bench()
        bench.kit.answer = #"{"partialSuccess":{"rejectedSpans":"2","errorMessage":"too old"}}"#
        bench.record(5)
        bench.kit.pass(.seconds(2))
        #expect(bench.exported == 3 && bench.dropped("refused") == 2)
    }

    @Test("a collector that fails and recovers all the time has few lines, the last of which holds")
    func flips() throws {
        let bench = try Bench(), partly = #"{"partialSuccess":{"rejectedSpans":"1","errorMessage":"too old"}}"#
        for _ in 0..<8 {
            for answer in [partly, "{}"] {
                bench.kit.answer = answer
                bench.record(1)
                bench.kit.pass(.milliseconds(1_100))
            }
        }
        #expect(bench.kit.lines(with: "traces are").count == 2)
        bench.kit.answer = partly
        bench.record(1)
        bench.kit.pass(.seconds(10))
        bench.record(1)
        bench.kit.pass(.seconds(2))
        #expect(bench.kit.lines(with: "traces are not taken").count == 2 && bench.kit.lines(with: "traces are taken again").count == 1)
    }

    @Test("a collector's words are cut by bytes, at a whole character, and move no cursor")
    func words() {
        #expect(TraceExporter.line("too\u{1B}[2J old\r\n\u{85}.") == "too [2J old   .")
        let long = TraceExporter.line("e" + String(repeating: "\u{301}", count: 10_000))
        #expect(long.utf8.count == TraceLimits.reasonBytes - 1 && !long.unicodeScalars.contains("\u{FFFD}"))
    }

    @Test("where nobody listens the buffer fills to its limit, and no further; all is counted")
    func dead() throws {
        let bench = try Bench(port: 9)
        let limit = TraceLimits.waitingSpans
        bench.record(10)
        bench.kit.pass(.milliseconds(1_200))
        // Ten are on their way again and again; of these all but the limit's are too many.
        bench.record(limit + 100)
        bench.kit.pass(.milliseconds(100))
        #expect(bench.kit.context.tracer.waitingNow(on: bench.kit.loop) == limit)
        bench.kit.pass(.seconds(30))
        #expect(bench.dropped("buffer_full") == 100 && bench.dropped("undelivered") >= 10 && bench.exported == 0)
    }

    @Test("a collector that does not answer is given up after five seconds, and tried again")
    func slow() throws {
        let bench = try Bench()
        bench.kit.isSilent = true
        bench.record(1)
        bench.kit.pass(.milliseconds(5_500))
        #expect(bench.kit.asked == 1)
        bench.kit.isSilent = false
        bench.kit.pass(.seconds(2))
        #expect(bench.kit.asked == 2 && bench.exported == 1)
    }

    @Test("a process that ends sends what waits, and waits no longer than five seconds for it")
    func drain() throws {
        let bench = try Bench(), exporter = bench.exporter
        bench.record(700)
        #expect(bench.kit.run { await exporter.drain() })
        #expect(bench.exported == 700)

        let stuck = try Bench(seed: 2), other = stuck.exporter
        stuck.kit.isSilent = true
        stuck.record(3)
        let loop = stuck.kit.loop, began = loop.perform { loop.now }
        #expect(stuck.kit.run { await other.drain() })
        let took = began.duration(to: loop.perform { loop.now })
        #expect(took >= .seconds(4) && took <= .seconds(6), "\(took)")
        stuck.record(2)
        stuck.kit.loop.perform { other.stop() }
        stuck.kit.pass(.seconds(10))
        #expect(stuck.dropped("ended") == 5 && stuck.exported == 0)
    }

    @Test("a message that failed before is tried at the end, too")
    func lastAttempt() throws {
        let bench = try Bench(), exporter = bench.exporter
        bench.kit.answers = [(503, nil), (503, nil), (503, nil)]
        bench.record(1)
        bench.kit.pass(.milliseconds(1_600))
        #expect(bench.kit.asked == 2)
        #expect(bench.kit.run { await exporter.drain() })
        #expect(bench.kit.asked == 4 && bench.exported == 1)
    }

    @Test("a span that is made when the last ones have left leaves, too, and nobody waits for it in vain")
    func late() throws {
        let bench = try Bench(), exporter = bench.exporter
        bench.record(1)
        #expect(bench.kit.run { await exporter.drain() })
        bench.record(1)
        let loop = bench.kit.loop, began = loop.perform { loop.now }
        #expect(bench.kit.run { await exporter.drain() })
        #expect(bench.exported == 2 && began.duration(to: loop.perform { loop.now }) < .seconds(1))
    }

    @Test("ids follow from the seed, and are those of nobody else")
    func seeds() throws {
        func ids(_ seed: UInt64) throws -> [String] {
            let bench = try Bench(seed: seed)
            bench.record(20)
            bench.kit.pass(.seconds(2))
            return bench.kit.received.flatMap { $0 }
        }
        let first = try ids(5)
        #expect(try ids(5) == first && Set(first).count == 20)
        #expect(try Set(ids(6)).isDisjoint(with: first))
    }
}

@Suite("Places in traces")
struct TracerTests {
    private static let header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0"

    private func origin(_ sampler: TraceSampler?, _ header: String?) -> Tracer.Origin {
        let kit = TracedKit(seed: 1), tracer = Tracer(on: kit.loop, sampler: sampler)
        return kit.loop.perform { tracer.origin(header) }
    }

    @Test("a process that records goes on with its caller's trace, as its caller decided")
    func caller() {
        guard case .recorded(let place) = origin(TraceSampler(ratio: 0), Self.header + "1") else { return unexpected("sampled") }
        #expect(place.trace.description == "0af7651916cd43dd8448eb211c80319c" && place.parent?.description == "b7ad6b7169203331")
        #expect(place.span != place.parent && place.traceParent == "00-\(place.trace)-\(place.span)-01")
        guard case .foreign(let parent) = origin(TraceSampler(ratio: 1), Self.header + "0") else { return unexpected("not sampled") }
        #expect(parent.text == Self.header + "0")
    }

    @Test("without a caller's trace, or with one that is none, a share of new ones begins")
    func new() {
        for header in [nil, "", "rubbish", Self.header] {
            guard case .recorded(let place) = origin(TraceSampler(ratio: 1), header) else { return unexpected("\(header ?? "none")") }
            #expect(place.parent == nil)
            guard case .none = origin(TraceSampler(ratio: 0), header) else { return unexpected("none of them") }
        }
    }

    @Test("a process that records nothing passes on what it was given, and makes nothing of its own")
    func off() {
        guard case .none = origin(nil, nil), case .none = origin(nil, "rubbish") else { return unexpected("nothing to pass on") }
        guard case .foreign(let parent) = origin(nil, Self.header + "1") else { return unexpected("passed on") }
        #expect(parent.text == Self.header + "1")
        let kit = TracedKit(seed: 1), tracer = Tracer(on: kit.loop)
        #expect(kit.loop.perform { tracer.place(under: Self.header + "1") } == nil)
    }

    @Test("others in the cluster record what is sampled, under the span that they were told of")
    func inside() {
        let kit = TracedKit(seed: 1), tracer = kit.context.tracer
        let place = kit.loop.perform { tracer.place(under: Self.header + "1") }
        #expect(place?.parent?.description == "b7ad6b7169203331" && place?.span != place?.parent)
        for text in ["", "rubbish", Self.header + "0"] { #expect(kit.loop.perform { tracer.place(under: text) } == nil) }
    }
}

private func unexpected(_ what: Comment) { Issue.record(what) }

extension Tracer {
    nonisolated fileprivate func waitingNow(on loop: VirtualLoop) -> Int { loop.perform { self.waiting } }
}
