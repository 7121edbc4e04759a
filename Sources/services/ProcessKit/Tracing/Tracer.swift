package import ClusterModel
package import EventLoop
package import Telemetry

/// Where the requests of this process get their places in traces, and where spans go when the work is over.
///
/// Off unless the process was told of a collector. Whoever has nothing to record pays one branch; whoever has, keeps three ids, and builds its
/// spans at the end, from instants that it keeps anyway.
@LoopActor
package final class Tracer {
    package nonisolated let loop: Loop
    /// Nil: this process records nothing.
    private nonisolated let sampler: TraceSampler?
    private var buffer = SpanBuffer(limit: TraceLimits.waitingSpans)
    /// Told each time that a message could be filled.
    var whenFull: (@LoopActor () -> Void)?

    /// `sampler` decides about traces that begin here; nil: nothing is recorded.
    package nonisolated init(on loop: Loop, sampler: TraceSampler? = nil) {
        self.loop = loop
        self.sampler = sampler
    }

    package nonisolated var isOn: Bool { sampler != nil }

    // MARK: Places in traces

    /// What is known of the trace of a request that came from outside.
    package enum Origin: Sendable {
        /// Nobody records it.
        case none
        /// Its caller has a trace that this process does not record: said to others as it came.
        case foreign(TraceParent)
        case recorded(SpanPlace)
    }

    /// The trace of a client's request: its own, as its header `traceparent` says, or a new one.
    package func origin(_ header: String?) -> Origin {
        guard let parent = header.flatMap({ TraceParent(parsing: $0) }) else {
            guard let sampler else { return .none }
            let trace = TraceID(using: &loop.random)
            return sampler.records(trace) ? .recorded(SpanPlace(trace: trace, span: makeID(), parent: nil)) : .none
        }
        // Its caller has decided, for all of the trace.
        guard isOn, parent.isSampled else { return .foreign(parent) }
        return .recorded(SpanPlace(trace: parent.trace, span: makeID(), parent: parent.span))
    }

    /// A span under the one that a process of this cluster told of; nil: nobody records it here.
    @inline(__always)
    package func place(under text: String) -> SpanPlace? {
        guard isOn, !text.isEmpty else { return nil }
        guard let parent = TraceParent(parsing: text), parent.isSampled else { return nil }
        return SpanPlace(trace: parent.trace, span: makeID(), parent: parent.span)
    }

    package func makeID() -> SpanID { SpanID(using: &loop.random) }

    // MARK: Spans

    /// What turns instants of this process into the wall clock's time: one reading for all spans that are built together.
    package var clock: SpanClock {
        SpanClock(offset: loop.wallClockNanoseconds - loop.preciseNow.nanoseconds)
    }

    package func record(_ span: Span) {
        guard isOn else { return }
        buffer.append(span)
        if buffer.count == TraceLimits.batchSpans { whenFull?() }
    }

    var waiting: Int { buffer.count }
    func take(atMost most: Int) -> [Span] { buffer.take(atMost: most) }
    func takeDropped() -> Int { buffer.takeDropped() }
}

/// The ids of a span that is to be recorded.
package struct SpanPlace: Hashable, Sendable {
    package let trace: TraceID
    package let span: SpanID
    /// Nil: the trace begins here.
    package let parent: SpanID?

    package init(trace: TraceID, span: SpanID, parent: SpanID?) {
        self.trace = trace
        self.span = span
        self.parent = parent
    }

    /// What is said to whoever works on behalf of this span.
    package var traceParent: String { TraceParent(trace: trace, span: span, isSampled: true).text }

    /// The span itself, over that time.
    package func span(_ name: String, _ kind: Span.Kind, from start: Instant, to end: Instant, _ clock: SpanClock) -> Span {
        Span(name, trace: trace, id: span, parent: parent, kind: kind, from: clock[start], to: clock[end])
    }

    /// A place under this one.
    package func child(_ id: SpanID) -> SpanPlace { SpanPlace(trace: trace, span: id, parent: span) }
}

/// Instants of one process as times of the wall clock, by one reading of both.
package struct SpanClock: Sendable {
    private let offset: Int64
    init(offset: Int64) { self.offset = offset }
    package subscript(_ instant: Instant) -> Int64 { instant.nanoseconds &+ offset }
}
