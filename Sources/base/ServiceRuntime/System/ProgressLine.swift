import Glibc

/// How far something long has come: one line of a terminal on standard error, written anew with each hundredth and gone at the end. Nothing is
/// written where standard error is no terminal.
package final class ProgressLine {
    private let write: ((String) -> Void)?
    private var shown = ""

    package init() { write = isatty(STDERR_FILENO) == 1 ? { StandardStreams.complain($0) } : nil }

    /// For tests: as on a terminal, whatever this one is.
    init(writingTo write: @escaping (String) -> Void) { self.write = write }

    /// `note` stands behind the share.
    package func show(_ what: String, _ done: Int, of total: Int, _ note: String = "") {
        guard let write else { return }
        let line = "\(what): \(min(done, total) * 100 / max(total, 1)) %\(note.isEmpty ? "" : ", \(note)")"
        guard line != shown else { return }
        shown = line
        // No wrapping: a line that wraps cannot be written anew.
        write("\r\u{1B}[K\u{1B}[?7l\(line)\u{1B}[?7h")
    }

    /// The line goes, for what is printed next.
    package func close() {
        guard let write, !shown.isEmpty else { return }
        shown = ""
        write("\r\u{1B}[K")
    }

    deinit { close() }
}
