package import JSONText

/// How long each part of a request took, in the order in which they come; nil where a part did not happen.
///
/// They are disjoint, as the frontend sees them, so that their sum never exceeds the total. What is missing of it is reading the request,
/// the way of messages, and attempts that came to nothing.
package struct StageTimes: Hashable, Sendable {
    /// Template, tokens.
    package var tokenize: Duration?
    /// A plan was wanted, to there was one; without the time parked.
    package var route: Duration?
    /// Parked at the router.
    package var queue: Duration?
    /// Plan to accepted by the worker; what overlaps with the worker's own time is the worker's.
    package var dispatch: Duration?
    /// Received by the worker, to started.
    package var workerWait: Duration?
    /// Started to the end of prefill.
    package var prefill: Duration?
    /// Of a split request: end of prefill, to the state was at the other worker.
    package var transfer: Duration?
    /// First token to finish, without what follows here.
    package var decode: Duration?
    /// Tokens to text, text to what is sent.
    package var detokenize: Duration?
    /// The client took nothing more.
    package var write: Duration?

    /// How often the parts of a stretch were longer than the stretch itself: each time the last ones were cut.
    package var clampedRests = 0

    package init() {}

    /// All of them, in their order.
    package func forEach(_ body: (_ name: StaticString, _ span: Duration?) -> Void) {
        body("tokenize", tokenize)
        body("route", route)
        body("queue", queue)
        body("dispatch", dispatch)
        body("worker_wait", workerWait)
        body("prefill", prefill)
        body("transfer", transfer)
        body("decode", decode)
        body("detokenize", detokenize)
        body("write", write)
    }

    package struct Stage: Hashable, Sendable {
        package let name: String
        package let span: Duration?
    }

    /// The same as a list.
    package var all: [Stage] {
        var all: [Stage] = []
        forEach { all.append(Stage(name: $0.description, span: $1)) }
        return all
    }

    package var sum: Duration {
        var sum = Duration.zero
        forEach { sum += $1 ?? .zero }
        return sum
    }

    /// The object `stages`: `{"tokenize_ms":0.41,…}`.
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        forEach { name, span in
            guard let span else { return }
            writer.key(name.description + "_ms")
            writer.number(span.milliseconds)
        }
        writer.endObject()
    }

    package var json: [UInt8] {
        var writer = JSONWriter()
        write(to: &writer)
        return writer.finish()
    }
}
