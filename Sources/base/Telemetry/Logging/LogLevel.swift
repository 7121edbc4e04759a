/// How much a line matters. A logger writes its own level and those above.
package enum LogLevel: UInt8, Comparable, CaseIterable, Sendable {
    case trace, debug, info, warning, error

    /// The name in configuration and in JSON lines.
    package var name: StaticString {
        switch self {
        case .trace: "trace"
        case .debug: "debug"
        case .info: "info"
        case .warning: "warning"
        case .error: "error"
        }
    }

    /// `nil` for a name that is none of ours. `warn` is read too, because everyone types it.
    package init?(name: String) {
        switch name {
        case "trace": self = .trace
        case "debug": self = .debug
        case "info": self = .info
        case "warning", "warn": self = .warning
        case "error": self = .error
        default: return nil
        }
    }

    package static func < (one: LogLevel, other: LogLevel) -> Bool { one.rawValue < other.rawValue }
}
