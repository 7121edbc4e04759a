import ClusterModel
import Concurrency
import EventLoop
import HTTPServing
import JSONText
import Telemetry
import Transport
import WireProtocol

@testable import ProcessKit

/// A virtual process that records traces, and a collector of them that answers as it was told.
final class TracedKit {
    let world: VirtualWorld
    let loop: VirtualLoop
    let context: ProcessContext
    private let lines = CapturedLines()
    private let collector: Collector
    private let server: HTTPServer
    let port: UInt16
    private static let pool = WorkPool(threads: 0)

    /// What it got, and what it answers.
    fileprivate final class Collector: @unchecked Sendable {
        // Safety: used on the one thread that runs the test's world.
        var asked = 0
        /// Ids of the spans of each message that was taken.
        var received: [[String]] = []
        var times: [Int64] = []
        /// What it says before it takes anything: a status, and a Retry-After.
        var answers: [(status: Int, retryAfter: String?)] = []
        var answer = "{}"
        var isSilent = false
        var kept: [HTTPExchange] = []
    }

    init(seed: UInt64) {
        world = VirtualWorld(seed: seed)
        loop = world.makeLoop("node")
        let other = world.makeLoop("collector"), sockets = VirtualSocketFabric(world), fabric = SimulatedFabric(world: world)
        let metrics = MetricsRegistry(), collector = Collector()
        self.collector = collector
        context = ProcessContext(
            loop: loop, network: fabric.host("10.0.0.1", loop: loop), sockets: VirtualSockets("10.0.0.1", loop: loop, on: sockets),
            pool: Self.pool,
            log: Logger(level: .debug, style: .json, sink: lines, metrics: metrics, wallClock: { 0 }), metrics: metrics,
            policy: LinkPolicy(
                identity: Identity(role: .router, id: 0x12, generation: 0x34, name: "node"), cluster: ClusterValues(clusterID: "test")),
            advertisedHost: nil, tracer: Tracer(on: loop, sampler: TraceSampler(ratio: 1)))
        let listening = VirtualSockets("10.0.0.2", loop: other, on: sockets)
        (server, port) = other.perform {
            let table = HandlerTable(on: other)
            table.on(.post, "/v1/traces", run: { collector.take($0) })
            let server = HTTPServer(on: other, sockets: listening, application: table)
            return (server, (try? server.listen(host: "0.0.0.0", port: 0)) ?? 0)
        }
    }

    var asked: Int { collector.asked }
    var received: [[String]] { collector.received }
    var times: [Int64] { collector.times }
    var answers: [(status: Int, retryAfter: String?)] {
        get { collector.answers }
        set { collector.answers = newValue }
    }
    var answer: String {
        get { collector.answer }
        set { collector.answer = newValue }
    }
    var isSilent: Bool {
        get { collector.isSilent }
        set { collector.isSilent = newValue }
    }

    func pass(_ span: Duration) { world.run(for: span) }

    func run<Value: Sendable>(_ body: @escaping @LoopActor @Sendable () async -> Value) -> Value {
        let box = Box<Value>()
        loop.spawn { box.value = await body() }
        world.run(for: .seconds(600)) { box.value != nil }
        guard let value = box.value else { preconditionFailure("a step of the test ends within ten minutes") }
        return value
    }

    func lines(with text: String) -> [String] { lines.all.filter { $0.contains(text) } }

    /// A sample by its name and labels; 0 if there is none.
    func metric(_ name: String) -> Int {
        var exposition = TextExposition()
        exposition.append(context.metrics)
        let text = String(decoding: exposition.bytes, as: UTF8.self)
        let line = text.split(separator: "\n").first { $0.hasPrefix(name + " ") }
        return line.flatMap { $0.split(separator: " ").last }.flatMap { Int($0) } ?? 0
    }
}

extension TracedKit.Collector {
    @LoopActor
    func take(_ exchange: HTTPExchange) {
        asked += 1
        if isSilent { return kept.append(exchange) }
        if !answers.isEmpty {
            let (status, retry) = answers.removeFirst()
            let fields = retry.map { [HTTPField("Retry-After", $0)] } ?? []
            return exchange.respond(HTTPResponse(HTTPStatus(status, "Told"), headers: fields))
        }
        let document = try? JSONValue(parsing: exchange.takeBody())
        let spans = document?["resourceSpans"]?.asArray?.first?["scopeSpans"]?.asArray?.first?["spans"]?.asArray ?? []
        received.append(spans.compactMap { $0["spanId"]?.asString })
        times += spans.compactMap { $0["startTimeUnixNano"]?.asString.flatMap { Int64($0) } }
        exchange.respond(.json(.ok, Array(answer.utf8)))
    }
}

private final class CapturedLines: LogSink {
    private let kept = Lock([String]())
    var all: [String] { kept.with { $0 } }

    func write(_ line: [UInt8]) -> Bool {
        kept.with { $0.append(String(decoding: line, as: UTF8.self)) }
        return true
    }
}
