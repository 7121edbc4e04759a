import Glibc
import ServiceRuntime

/// How many of a command's runs are over.
struct RunProgress {
    private let line: ProgressLine?
    private let runs: Int

    /// `areTold`: each run has a line of its own on standard output; where these scroll by on the same terminal, they say it already.
    init(of runs: Int, areTold: Bool) {
        self.init(of: runs, on: runs > 1 && !(areTold && isatty(STDOUT_FILENO) == 1) ? ProgressLine() : nil)
    }

    init(of runs: Int, on line: ProgressLine?) {
        self.runs = runs
        self.line = line
    }

    func show(_ done: Int, _ failures: Int) {
        line?.show("\(runs) runs", done, of: runs, failures == 0 ? "" : "\(failures) did not hold")
    }

    /// Before anything else is said.
    func close() { line?.close() }
}
