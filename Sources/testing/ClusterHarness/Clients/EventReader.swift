/// Reads server-sent events, as strict as the ones that we write: lines end with a single newline, and fields are `data`, `event` or comments.
package struct EventReader: Sendable {
    package struct Event: Hashable, Sendable {
        /// Empty where the stream names none.
        package var name = ""
        package var data = ""

        package init(name: String = "", data: String = "") {
            self.name = name
            self.data = data
        }
    }

    package private(set) var events: [Event] = []
    /// Lines that keep a silent stream alive.
    package private(set) var comments = 0
    package private(set) var violations: [String] = []
    private var line: [UInt8] = []
    private var event = Event()
    private var hasData = false

    package init() {}

    /// True at the end of a well-formed stream.
    package var isBetweenEvents: Bool { line.isEmpty && !hasData && event.name.isEmpty }

    package mutating func take(_ bytes: some Sequence<UInt8>) {
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                end(line: String(decoding: line, as: UTF8.self))
                line.removeAll(keepingCapacity: true)
            } else {
                line.append(byte)
            }
        }
    }

    private mutating func end(line: String) {
        if line.isEmpty {
            if hasData { events.append(event) }
            if !hasData, !event.name.isEmpty { violations.append("an event without data") }
            event = Event()
            hasData = false
        } else if line.hasPrefix(":") {
            comments += 1
        } else if line.hasPrefix("data: ") {
            event.data += (hasData ? "\n" : "") + line.dropFirst(6)
            hasData = true
        } else if line.hasPrefix("event: ") {
            event.name = String(line.dropFirst(7))
        } else {
            violations.append("'\(line.prefix(40))' is no field of an event")
        }
    }
}
