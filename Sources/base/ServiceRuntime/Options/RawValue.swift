/// A value as it was written, before its option gives it a meaning; also how a value is shown again.
///
/// Flags and the environment know only text; a configuration file also knows numbers, truth values and lists.
package enum RawValue: Hashable, Sendable {
    case text(String)
    /// The digits as written, so that no precision is lost on the way.
    case number(String)
    case truth(Bool)
    case list([RawValue])
    /// Not set and without a default. Only shown, never read.
    case absent

    /// As it is written on a command line, for `--help`.
    package var asWritten: String {
        switch self {
        case .text(let text): text
        case .number(let digits): digits
        case .truth(let truth): truth ? "true" : "false"
        case .list(let values): values.map(\.asWritten).joined(separator: ",")
        case .absent: ""
        }
    }
}

/// Why a value does not fit its option, and what to write instead.
package struct ValueProblem: Error, Hashable, Sendable {
    package let problem: String
    package let remedy: String

    package init(_ problem: String, remedy: String) {
        self.problem = problem
        self.remedy = remedy
    }
}
