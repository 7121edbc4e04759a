package import JSONText

/// A log line of one of our processes.
package struct LogRecord: Sendable {
    package let level: String
    package let message: String
    package let fields: JSONObject

    /// Nil for a line that is none, such as a runtime's last words.
    package init?(_ line: String) {
        guard line.hasPrefix("{"), let object = (try? JSONValue(parsing: line))?.asObject, let level = object["level"]?.asString,
            let message = object["msg"]?.asString
        else { return nil }
        self.level = level
        self.message = message
        fields = object
    }

    package subscript(name: String) -> String? { fields[name]?.asString }
}
