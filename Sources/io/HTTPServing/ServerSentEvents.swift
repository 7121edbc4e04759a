/// The text of server-sent events, appended in place: `exchange.append { ServerSentEvents.append(data: json, to: &$0) }`.
package enum ServerSentEvents {
    /// Of a stream of events: nothing between us and the client may keep it, or hold back what was sent.
    package static let headers = [
        HTTPField("Content-Type", "text/event-stream"), HTTPField("Cache-Control", "no-cache"), HTTPField("X-Accel-Buffering", "no"),
    ]

    /// One event of one line, as JSON is.
    package static func append(data: some Collection<UInt8>, to out: inout [UInt8]) {
        beginData(in: &out)
        out.append(contentsOf: data)
        end(in: &out)
    }

    package static func append(event: StaticString, data: some Collection<UInt8>, to out: inout [UInt8]) {
        append("event: ", to: &out)
        append(event, to: &out)
        append("\n", to: &out)
        append(data: data, to: &out)
    }

    /// For data that is written in place, between this and `end(in:)`. It must hold no line break.
    package static func beginData(in out: inout [UInt8]) { append("data: ", to: &out) }
    package static func end(in out: inout [UInt8]) { append("\n\n", to: &out) }

    /// A line that clients skip and balancers count as traffic.
    package static func appendKeepalive(to out: inout [UInt8]) { append(": keepalive\n\n", to: &out) }

    /// The event that ends a stream of OpenAI's.
    package static func appendDone(to out: inout [UInt8]) { append("data: [DONE]\n\n", to: &out) }

    private static func append(_ text: StaticString, to out: inout [UInt8]) {
        out.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
}
