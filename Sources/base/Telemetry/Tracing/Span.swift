/// A piece of work with a beginning and an end, as it is told to a collector of traces.
///
/// Made when the work is over, from what was kept anyway. Attributes are ids, sizes and durations: never a prompt, never generated text.
package struct Span: Hashable, Sendable {
    /// Which side of a question the span is; the numbers are those of OTLP.
    package enum Kind: Int, Sendable { case `internal` = 1, server, client }

    /// A word of our own for what went wrong, or nothing.
    package enum Status: Hashable, Sendable { case unset, error(String) }

    package enum Value: Hashable, Sendable {
        case text(String)
        case integer(Int64)
        case number(Double)
        case flag(Bool)
        /// An id: sixteen hexadecimal digits, as logs have them.
        case id(UInt64)

        package static func count(_ count: some BinaryInteger) -> Value { .integer(Int64(clamping: count)) }
        package static func milliseconds(_ duration: Duration) -> Value {
            let (seconds, attoseconds) = duration.components
            return .number(Double(seconds) * 1e3 + Double(attoseconds) / 1e15)
        }
    }

    package struct Attribute: Hashable, Sendable {
        package let key: String
        package let value: Value
    }

    package var name: String
    package var trace: TraceID
    package var id: SpanID
    /// Nil: the trace begins with it.
    package var parent: SpanID?
    package var kind = Kind.internal
    /// Since 1970 UTC. Spans of one request in one process are stamped from one reading of the wall clock and the monotonic clock's durations.
    package var startNanoseconds: Int64
    package var endNanoseconds: Int64
    package private(set) var attributes: [Attribute] = []
    package var status = Status.unset

    /// An end before the beginning counts as one at the beginning: two threads read the same clock at their own moments.
    package init(
        _ name: String, trace: TraceID, id: SpanID, parent: SpanID?, kind: Kind = .internal, from startNanoseconds: Int64,
        to endNanoseconds: Int64
    ) {
        self.name = name
        self.trace = trace
        self.id = id
        self.parent = parent
        self.kind = kind
        self.startNanoseconds = startNanoseconds
        self.endNanoseconds = max(startNanoseconds, endNanoseconds)
    }

    /// Adds an attribute; nothing if there is no value.
    package mutating func set(_ key: String, _ value: Value?) {
        guard let value else { return }
        attributes.append(Attribute(key: key, value: value))
    }
}
