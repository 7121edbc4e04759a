/// How the APIs frame the events of a stream: server-sent events of one line of data, as JSON without line breaks is.
package enum EventFrame {
    /// For data that is written in place, between this and `end(in:)`.
    @inline(__always)
    package static func begin(in events: inout [UInt8]) { events.append(static: "data: ") }

    /// An event with a name.
    @inline(__always)
    package static func begin(named name: StaticString, in events: inout [UInt8]) {
        events.append(static: "event: ")
        events.append(static: name)
        events.append(static: "\ndata: ")
    }

    @inline(__always)
    package static func end(in events: inout [UInt8]) { events.append(static: "\n\n") }

    /// What ends a stream of OpenAI's older APIs.
    package static func appendDone(to events: inout [UInt8]) { events.append(static: "data: [DONE]\n\n") }
}
