/// How another process ended.
package enum ProcessEnding: Hashable, Sendable, CustomStringConvertible {
    case exited(Int32)
    case killed(by: Int32)

    package var description: String {
        switch self {
        case .exited(let status): "it ended with status \(status)"
        case .killed(let signal): "it was killed by signal \(signal)"
        }
    }
}
