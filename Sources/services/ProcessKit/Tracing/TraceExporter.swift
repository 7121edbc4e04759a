import ClusterModel
package import EventLoop
import HTTPClient
import ServiceRuntime
import Telemetry
import Transport
import WireProtocol

/// Sends the spans of a process to a collector, in batches, in a task of its own: nothing of a request waits for it.
///
/// What a collector does not take is sent again, a bounded number of times with pauses, then dropped and counted; meanwhile the buffer bounds
/// what waits.
@LoopActor
package final class TraceExporter {
    package let name = "traces"
    private let context: ProcessContext
    private let endpoint: OTLPEndpoint
    private let document: OTLPDocument
    private let metrics: TraceMetrics
    private let connection: HTTPClientConnection
    private var loop: Loop { context.loop }
    private var tracer: Tracer { context.tracer }
    /// Where the task waits for spans, or for the next attempt.
    private let signal: Signal
    /// Where a drain waits for the task.
    private let idle: Signal
    private var isSending = false
    private var isDraining = false
    private var isStopped = false
    /// What the log said last of the collector.
    private var saidFailing = false
    private var lines = RateLimit(lines: TraceLimits.logLines, perMilliseconds: TraceLimits.logMilliseconds)

    init(to endpoint: OTLPEndpoint, _ context: ProcessContext) {
        self.context = context
        self.endpoint = endpoint
        metrics = TraceMetrics(registry: context.metrics)
        document = OTLPDocument(
            resource: OTLPDocument.Resource(
                serviceName: "apus-\(context.identity.role)", serviceNamespace: context.policy.cluster.clusterID,
                serviceInstance: Hexadecimal.text(context.identity.generation), serviceVersion: BuildInfo.version))
        var limits = HTTPClientLimits()
        limits.bodyBytes = TraceLimits.answerBytes
        limits.connect = TraceLimits.answer
        connection = HTTPClientConnection(
            on: context.loop, sockets: context.sockets, host: endpoint.host, port: endpoint.port, limits: limits)
        signal = Signal(on: context.loop)
        idle = Signal(on: context.loop)
    }

    // MARK: Service

    package func start() async throws {
        tracer.whenFull = { [weak self] in if let self, !isSending { signal.wake() } }
        context.log.info("traces", ["collector": .text("\(endpoint.host):\(endpoint.port)")])
        loop.spawn { [self] in await run() }
    }

    /// Sends what waits, as far as it can be done in a moment; that some of it cannot is no failure of the process.
    package func drain() async -> Bool {
        isDraining = true
        signal.wake()
        let limit = loop.now + TraceLimits.flush
        while isSending || tracer.waiting > 0, !isStopped, loop.now < limit {
            // The task may have looked just before the span was made.
            if !isSending { signal.wake() }
            await idle.pause(until: limit)
        }
        return true
    }

    package func stop() {
        guard !isStopped else { return }
        isStopped = true
        tracer.whenFull = nil
        connection.close()
        signal.wake()
        idle.wake()
        countLost()
        lose(tracer.take(atMost: tracer.waiting).count, .ended)
    }

    // MARK: The task

    private func run() async {
        while !isStopped {
            let enough = isDraining ? 1 : TraceLimits.batchSpans
            if tracer.waiting < enough { await signal.pause(until: loop.now + TraceLimits.interval) }
            countLost()
            isSending = true
            while !isStopped, tracer.waiting > 0 {
                await send(tracer.take(atMost: TraceLimits.batchSpans))
                countLost()
            }
            isSending = false
            idle.wake()
        }
    }

    private func send(_ spans: [Span]) async {
        let request = await request(spans)
        // Those of a drain are counted from its beginning: however often a message was tried before, it is tried at the end.
        var attempts = 0, lastAttempts = 0, wasStale = false
        while !isStopped, isDraining ? lastAttempts < TraceLimits.lastAttempts : attempts < TraceLimits.attempts {
            let isLast = isDraining
            switch await post(request) {
            case .taken(let rejected, let reason):
                let rejected = min(rejected, spans.count)
                metrics.exported.increment(by: spans.count - rejected)
                if rejected > 0 { lose(rejected, .refused) }
                return note(rejected > 0 ? reason : nil)
            case .refused(let reason):
                lose(spans.count, .refused)
                return note(reason)
            case .again(.atOnce, _) where !wasStale: wasStale = true
            case .again(let when, let reason):
                note(reason)
                attempts += 1
                if isLast { lastAttempts += 1 }
                var asked: Duration?
                if case .after(let span) = when { asked = span }
                // One that was under way when the drain began is followed by the first of the last ones, at once.
                if isDraining {
                    if (1..<TraceLimits.lastAttempts).contains(lastAttempts) { await pause(after: lastAttempts, asked) }
                } else if attempts < TraceLimits.attempts {
                    await pause(after: attempts, asked)
                }
            }
        }
        lose(spans.count, isStopped ? .ended : .undelivered)
    }

    /// Written off the loop: half a thousand spans take a millisecond or two.
    private func request(_ spans: [Span]) async -> HTTPClientRequest {
        let document = document, target = endpoint.target
        let body: [UInt8]
        do throws(WorkPool.Full) {
            body = try await loop.offload(to: context.pool, virtualCost: .zero) { document.bytes(of: spans) }
        } catch { body = document.bytes(of: spans) }
        return .post(target, json: body)
    }

    private enum Outcome {
        case taken(rejected: Int, reason: String)
        case again(Moment, reason: String)
        case refused(reason: String)
    }

    /// When a message may be sent again.
    private enum Moment {
        /// Nothing was heard of the collector itself. Once a message: what happens twice is no accident.
        case atOnce
        /// After a pause, at the earliest after what the collector asks for.
        case after(Duration?)
    }

    private func post(_ request: HTTPClientRequest) async -> Outcome {
        let answer: HTTPClientResponse
        do throws(HTTPClientError) {
            answer = try await connection.fetch(request, until: loop.now + TraceLimits.answer)
        } catch {
            // A connection that its server had closed meanwhile says nothing of the collector.
            if case .closedBeforeAnswer(wasUsedBefore: true) = error { return .again(.atOnce, reason: "\(error)") }
            return .again(.after(nil), reason: "\(error)")
        }
        switch answer.status {
        case 200..<300:
            let rejected = OTLPDocument.rejected(in: answer.body)
            return .taken(rejected: rejected.count, reason: rejected.reason)
        // The ones that OTLP says may be sent again.
        case 429, 502, 503, 504:
            let seconds = answer["retry-after"].flatMap { Int64($0) }.flatMap { $0 >= 0 ? $0 : nil }
            return .again(.after(seconds.map { .seconds(min($0, 3_600)) }), reason: "status \(answer.status)")
        default: return .refused(reason: "status \(answer.status)")
        }
    }

    /// Twice as long each time, and not at the same moment as everybody else.
    private func pause(after attempt: Int, _ asked: Duration?) async {
        let longest = TraceLimits.pause * (1 << (attempt - 1))
        let span = max(asked ?? .zero, longest * Double.random(in: 0.5...1, using: &loop.random))
        let until = loop.now + min(span, TraceLimits.longestPause)
        let wasDraining = isDraining
        while !isStopped, isDraining == wasDraining, loop.now < until { await signal.pause(until: until) }
    }

    // MARK: What was lost

    private func countLost() {
        let dropped = tracer.takeDropped()
        if dropped > 0 { lose(dropped, .bufferFull) }
    }

    private func lose(_ count: Int, _ loss: TraceMetrics.Loss) { if count > 0 { metrics.dropped(count, loss) } }

    /// One line when it begins to fail, one when it works again. A collector that does both all the time has a line now and then: the one that is
    /// due is said with the first message after the limit, if it still holds.
    private func note(_ failure: String?) {
        guard saidFailing != (failure != nil) else { return }
        guard case .write = lines.admit(name, atMilliseconds: loop.now.nanoseconds / 1_000_000) else { return }
        saidFailing = failure != nil
        let collector = LogValue.text("\(endpoint.host):\(endpoint.port)")
        if let failure {
            context.log.warning("traces are not taken", ["collector": collector, "reason": .text(Self.line(failure))])
        } else {
            context.log.info("traces are taken again", ["collector": collector])
        }
    }

    /// Words of others as a short part of one line: no more bytes than the limit, and nothing that moves a terminal's cursor.
    nonisolated static func line(_ text: String) -> String {
        var line = String.UnicodeScalarView(), bytes = 0
        for scalar in text.unicodeScalars {
            bytes += UTF8.width(scalar)
            guard bytes <= TraceLimits.reasonBytes else { break }
            let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
            line.append(isControl ? " " : scalar)
        }
        return String(line)
    }
}

extension TraceExporter: @LoopActor Service {}
