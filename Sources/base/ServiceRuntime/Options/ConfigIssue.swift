/// Where the value of an option came from.
package enum ConfigOrigin: Hashable, Sendable, CustomStringConvertible {
    case flag
    case environment(String)
    case file(String)
    case `default`

    /// As `--print-config` shows it: `flag`, `environment APUS_X`, `file PATH`, `default`.
    package var description: String {
        switch self {
        case .flag: "flag"
        case .environment(let variable): "environment \(variable)"
        case .file(let path): "file \(path)"
        case .default: "default"
        }
    }
}

/// One thing that is wrong in a configuration: which option, from where, what is wrong, and what to do about it.
package struct ConfigIssue: Hashable, Sendable, CustomStringConvertible {
    package enum Severity: String, Sendable {
        /// The process does not start.
        case error
        /// The process starts and logs it.
        case warning
    }

    package let severity: Severity
    /// The option as its writer spelled it there: `--listen`, `APUS_LISTEN`, `queue.entries`.
    package let option: String
    package let origin: ConfigOrigin
    package let problem: String
    package let remedy: String

    package init(_ severity: Severity = .error, option: String, origin: ConfigOrigin, problem: String, remedy: String) {
        self.severity = severity
        self.option = option
        self.origin = origin
        self.problem = problem
        self.remedy = remedy
    }

    /// `error: --listen (environment APUS_LISTEN): "x" is not an address; write tcp://HOST:PORT`
    package var description: String { "\(severity.rawValue): \(option) (\(origin)): \(problem); \(remedy)" }
}

extension String {
    /// The text between quotes, cut and with control characters escaped, so that input cannot garble a terminal or a log.
    package var quotedForMessage: String {
        var result = "\""
        var rest = unicodeScalars[...], shown = 0
        // As it is shown: an escape is several characters, and a hundred of them would be a long line.
        while shown < OptionLimits.quotedCharacters, let scalar = rest.popFirst() {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator:
                let escape = "\\u{\(String(scalar.value, radix: 16))}"
                result += escape
                shown += escape.utf8.count
            default:
                result.unicodeScalars.append(scalar)
                shown += 1
            }
        }
        return result + (rest.isEmpty ? "\"" : "…\"")
    }
}
