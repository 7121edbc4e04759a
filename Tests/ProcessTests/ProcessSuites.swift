import Glibc
import Testing

/// Suites that start processes, one after another: each has the machine for itself.
@Suite("Processes", .serialized)
struct ProcessSuites {}

/// A figure that fails no test.
func note(_ line: String) {
    let text = Array("note: \(line)\n".utf8)
    _ = write(2, text, text.count)
}
