import HTTPSyntax

/// The text of server-sent events, appended in place: `exchange.append { ServerSentEvents.append(data: json, to: &$0) }`.
package enum ServerSentEvents {
    /// Of a stream of events: nothing between us and the client may keep it, or hold back what was sent.
    package static let headers = [
        HTTPField("Content-Type", "text/event-stream"), HTTPField("Cache-Control", "no-cache"), HTTPField("X-Accel-Buffering", "no"),
    ]

    /// One event of one line, as JSON is.
    package static func append(data: [UInt8], to out: inout [UInt8]) {
        beginData(in: &out)
        out.append(contentsOf: data)
        end(in: &out)
    }

    package static func append(data: String, to out: inout [UInt8]) {
        beginData(in: &out)
        out.append(contentsOf: data.utf8)
        end(in: &out)
    }

    package static func append(event: StaticString, data: [UInt8], to out: inout [UInt8]) {
        begin(event: event, in: &out)
        append(data: data, to: &out)
    }

    /// The name of an event, which its data follows.
    package static func begin(event: StaticString, in out: inout [UInt8]) {
        HTTPText.append("event: ", to: &out)
        HTTPText.append(event, to: &out)
        HTTPText.append("\n", to: &out)
    }

    /// For data that is written in place, between this and `end(in:)`. It must hold no line break.
    package static func beginData(in out: inout [UInt8]) { HTTPText.append("data: ", to: &out) }
    package static func end(in out: inout [UInt8]) { HTTPText.append("\n\n", to: &out) }

    /// A line that clients skip and balancers count as traffic.
    package static func appendKeepalive(to out: inout [UInt8]) { HTTPText.append(": keepalive\n\n", to: &out) }

    /// The event that ends a stream of OpenAI's.
    package static func appendDone(to out: inout [UInt8]) { HTTPText.append("data: [DONE]\n\n", to: &out) }
}
