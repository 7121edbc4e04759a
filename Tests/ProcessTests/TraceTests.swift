import ClusterHarness
import ClusterModel
import EventLoop
import HTTPClient
import HTTPServing
import JSONText
import Testing

extension ProcessSuites {
    @Suite("Traces of a cluster")
    struct TraceTests {
        @Test("one trace over three processes: every span has its parent, and the first one the client's")
        func whole() async throws {
            try await ProcessCluster.with(.empty) { cluster in
                let collector = try TraceCollector(on: cluster.loop), frontend = try await cluster.start(tracedTo: collector.endpoint)
                let trace = "0af7651916cd43dd8448eb211c80319c", caller = "b7ad6b7169203331"
                try await Self.ask(cluster, frontend, tokens: 20, traceParent: "00-\(trace)-\(caller)-01")
                // The request's own, two of its preparation, the question, the run with four parts; the router's; the worker's with three.
                try await cluster.loop.until("all spans came", within: .seconds(20)) { collector.spans(of: trace).count >= 13 }
                let spans = collector.spans(of: trace)
                func names(_ service: String) -> [String] { spans.filter { $0.service == service }.map(\.name).sorted() }
                #expect(
                    names("apus-frontend") == [
                        "POST /v1/chat/completions", "decode", "dispatch", "hash", "kv_router.route_request", "kv_router.select_worker",
                        "prefill",
                        "tokenize", "worker_wait",
                    ])
                #expect(names("apus-router") == ["router.select_worker"])
                #expect(names("apus-worker") == ["decode", "prefill", "waiting", "worker.generate"])

                var byID: [String: CollectedSpan] = [:]
                for span in spans { byID[span.id] = span }
                #expect(byID.count == spans.count, "ids are told once")
                let roots = spans.filter { $0.parent == caller }
                #expect(roots.map(\.name) == ["POST /v1/chat/completions"])
                for span in spans where span.parent != caller {
                    guard let parent = byID[span.parent ?? ""] else {
                        Issue.record("\(span.name) of \(span.service) has no parent")
                        continue
                    }
                    // Two processes read the wall clock at two moments.
                    let slack: Int64 = span.service == parent.service ? 0 : 5_000_000
                    #expect(span.start >= parent.start - slack && span.end <= parent.end + slack, "\(span) in \(parent)")
                    #expect(span.start <= span.end)
                }
                func parent(_ name: String, _ service: String) -> String? {
                    spans.first { $0.name == name && $0.service == service }?.parent.flatMap { byID[$0]?.name }
                }
                #expect(parent("router.select_worker", "apus-router") == "kv_router.select_worker")
                #expect(parent("worker.generate", "apus-worker") == "kv_router.route_request")
                #expect(
                    parent("waiting", "apus-worker") == "worker.generate" && parent("decode", "apus-frontend") == "kv_router.route_request")
                Self.checkAttributes(spans)
                try await Self.checkOthers(cluster, frontend, collector, known: trace)
            }
        }

        /// What they say of the request, and nothing of its text.
        private static func checkAttributes(_ spans: [CollectedSpan]) {
            let root = spans.first { $0.name.hasPrefix("POST") }, request = root?.attributes["request_id"]
            #expect(root?.attributes["http.response.status_code"] == "200" && root?.attributes["gen_ai.usage.output_tokens"] == "20")
            #expect(root?.attributes["gen_ai.request.model"] == "apus-mock")
            for name in ["kv_router.select_worker", "kv_router.route_request", "router.select_worker"] {
                let attributes = spans.first { $0.name == name }?.attributes ?? [:]
                #expect(attributes["request_id"] == request && attributes["worker_id"]?.count == 16, "\(name): \(attributes)")
                #expect(attributes["dp_rank"] == "0" && attributes["overlap_blocks"] != nil && attributes["phase"] == "aggregated")
            }
            let leg = spans.first { $0.name == "worker.generate" }?.attributes
            #expect(leg?["request_id"] == request && leg?["apus.output_tokens"] == "20" && leg?["apus.end"] == "finished")
            for span in spans { for value in span.attributes.values { #expect(!value.contains("lighthouse"), "\(span)") } }
        }

        /// Requests without a trace begin one, those whose callers do not want one have none, and nothing was lost.
        @LoopActor
        private static func checkOthers(
            _ cluster: ProcessCluster, _ frontend: ClusterMember, _ collector: TraceCollector, known: String
        ) async throws {
            let unwanted = "1af7651916cd43dd8448eb211c80319c"
            try await ask(cluster, frontend, tokens: 3, traceParent: "00-\(unwanted)-b7ad6b7169203331-00")
            try await ask(cluster, frontend, tokens: 3, traceParent: "00-\(unwanted)-B7AD6B7169203331-01")
            try await ask(cluster, frontend, tokens: 3, traceParent: nil)
            try await cluster.loop.until("new traces came", within: .seconds(20)) {
                let traces = Set(collector.spans.map(\.trace))
                return traces.count == 3 && traces.allSatisfy { collector.spans(of: $0).count == collector.spans(of: known).count }
            }
            #expect(collector.spans(of: unwanted).isEmpty)
            #expect(collector.spans.filter { $0.parent == nil }.map(\.name) == ["POST /v1/chat/completions", "POST /v1/chat/completions"])
            for member in cluster.members {
                #expect(try await cluster.metric("apus_trace_spans_dropped_total", of: member) == 0, "\(member.name)")
                let exported = try await cluster.metric("apus_trace_spans_exported_total", of: member) ?? 0
                #expect(exported > 0 || cluster.workers.contains { $0 === member }, "\(member.name)")
            }
        }

        @Test("a cluster whose collector is dead serves as before, counts what it drops, and ends well")
        func dead() async throws {
            try await ProcessCluster.with(.empty) { cluster in
                let frontend = try await cluster.start(tracedTo: "http://127.0.0.1:1")
                for _ in 0..<5 { try await Self.ask(cluster, frontend, tokens: 5, traceParent: nil) }
                let warned = (frontend.process?.log ?? []).filter { $0.message == "traces are not taken" }
                #expect(warned.count <= 1)
                #expect(try await cluster.metric("apus_trace_spans_exported_total", of: frontend) == 0)
                for member in [frontend] + cluster.workers + cluster.routers {
                    #expect(try await member.drain() == .exited(0), "\(member.lastWords)")
                }
            }
        }

        @Test("a collector that takes messages and never answers costs a process that ends some seconds, not its good end")
        func hung() async throws {
            try await ProcessCluster.with(.empty) { cluster in
                let collector = try TraceCollector(on: cluster.loop)
                collector.isSilent = true
                let frontend = try await cluster.start(tracedTo: collector.endpoint, ["--drain-limit", "2s"])
                try await Self.ask(cluster, frontend, tokens: 5, traceParent: nil)
                let began = cluster.loop.now
                #expect(try await frontend.drain() == .exited(0), "\(frontend.lastWords)")
                // Else nothing was left to be sent, and this proves nothing.
                #expect(began.duration(to: cluster.loop.now) > .seconds(2))
            }
        }

        @Test("an address that traces cannot be sent to is a mistake that is said at the start, with what to do")
        func refused() async throws {
            try await ProcessCluster.with(.empty) { cluster in
                let process = try ChildProcess(
                    "router", at: "\(try ProcessCluster.folder())/router", ["--otlp-endpoint", "https://collector:4318"], on: cluster.loop)
                #expect(try await process.ended(within: .seconds(10)) == .exited(2))
                #expect(
                    process.lines.contains { $0.contains("otlp-endpoint") && $0.contains("collector beside this process") },
                    "\(process.lines)")
            }
        }

        @LoopActor
        private static func ask(_ cluster: ProcessCluster, _ frontend: ClusterMember, tokens: Int, traceParent: String?) async throws {
            guard let address = frontend.addresses.http, let port = address.split(separator: ":").last.flatMap({ UInt16($0) }) else {
                throw Unmet("the frontend said where it listens")
            }
            let connection = HTTPClientConnection(
                on: cluster.loop, sockets: EpollSockets(on: cluster.loop), host: "127.0.0.1", port: port)
            defer { connection.close() }
            var request = HTTPClientRequest.post(
                "/v1/chat/completions", json: ChatRequest(model: "apus-mock", prompt: "Of a lighthouse.", maxTokens: tokens).body)
            if let traceParent { request.headers.append(("traceparent", traceParent)) }
            let answer = try await connection.fetch(request, until: cluster.loop.now + .seconds(30))
            guard answer.status == 200, answer.text.contains("[DONE]") else { throw Unmet("an answer: \(answer.status) \(answer.text)") }
        }
    }
}

extension ClusterShape {
    /// Nobody yet: the test starts them itself.
    fileprivate static var empty: ClusterShape {
        var shape = ClusterShape()
        shape.routers = 0
        shape.workers = []
        shape.frontends = 0
        return shape
    }
}

extension ProcessCluster {
    /// A router, two workers and a frontend that tell a collector of traces.
    fileprivate func start(tracedTo endpoint: String, _ options: [String] = []) async throws -> ClusterMember {
        let traced = ["--otlp-endpoint", endpoint]
        try await addRouter(traced)
        for _ in 0..<2 { try await addWorker(traced) }
        let frontend = try await addFrontend(traced + options)
        try await ready(frontend)
        return frontend
    }
}

/// A span as a collector got it; what its attributes say is text.
struct CollectedSpan {
    let service: String
    let trace: String
    let id: String
    let parent: String?
    let name: String
    let start: Int64
    let end: Int64
    let attributes: [String: String]
}

/// Takes every span that it is sent.
@LoopActor
final class TraceCollector {
    private let server: HTTPServer
    private let port: UInt16
    private(set) var spans: [CollectedSpan] = []
    /// Leaves those who send without an answer.
    var isSilent = false
    private var kept: [HTTPExchange] = []

    init(on loop: EpollLoop) throws {
        let table = HandlerTable(on: loop)
        server = HTTPServer(on: loop, sockets: EpollSockets(on: loop), application: table)
        port = try server.listen(host: "127.0.0.1", port: 0)
        table.on(.post, "/v1/traces", run: { [weak self] in self?.take($0) })
    }

    var endpoint: String { "http://127.0.0.1:\(port)" }
    func spans(of trace: String) -> [CollectedSpan] { spans.filter { $0.trace == trace } }

    private func take(_ exchange: HTTPExchange) {
        if isSilent { return kept.append(exchange) }
        guard let document = try? JSONValue(parsing: exchange.takeBody()) else { return exchange.respond(HTTPResponse(.badRequest)) }
        for resource in document["resourceSpans"]?.asArray ?? [] {
            let service = Self.attributes(resource["resource"])["service.name"] ?? ""
            for scope in resource["scopeSpans"]?.asArray ?? [] {
                for span in scope["spans"]?.asArray ?? [] {
                    spans.append(
                        CollectedSpan(
                            service: service, trace: span["traceId"]?.asString ?? "", id: span["spanId"]?.asString ?? "",
                            parent: span["parentSpanId"]?.asString, name: span["name"]?.asString ?? "",
                            start: span["startTimeUnixNano"]?.asString.flatMap { Int64($0) } ?? -1,
                            end: span["endTimeUnixNano"]?.asString.flatMap { Int64($0) } ?? -1, attributes: Self.attributes(span)))
                }
            }
        }
        exchange.respond(.json(.ok, Array("{}".utf8)))
    }

    private static func attributes(_ owner: JSONValue?) -> [String: String] {
        var read: [String: String] = [:]
        for attribute in owner?["attributes"]?.asArray ?? [] {
            guard let key = attribute["key"]?.asString, let value = attribute["value"] else { continue }
            read[key] =
                value["stringValue"]?.asString ?? value["intValue"]?.asString ?? value["doubleValue"]?.asDouble.map { "\($0)" }
                ?? value["boolValue"]?.asBool.map { "\($0)" }
        }
        return read
    }
}
