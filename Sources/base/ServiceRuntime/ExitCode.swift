/// How a process ends, as its parent reads it.
package enum ExitCode: Int32, CaseIterable, Sendable {
    /// Ended as asked: drained, or did what was asked (`--help`, `--check-config`).
    case ok = 0
    /// A part failed, or the drain limit passed with work left.
    case failure = 1
    /// The command line or the configuration is wrong; starting it again unchanged cannot help.
    case usage = 2

    /// One line for `--help`.
    package var meaning: String {
        switch self {
        case .ok: "stopped as asked, everything drained"
        case .failure: "a part failed, or the drain limit passed with work left"
        case .usage: "the command line or the configuration is wrong"
        }
    }
}
