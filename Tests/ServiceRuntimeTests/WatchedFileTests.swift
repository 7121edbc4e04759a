import Glibc
import ServiceRuntime
import Testing

@Suite("Files that are watched")
struct WatchedFileTests {
    /// A file of a test, which is gone with it.
    private final class Temporary {
        let path: String

        init() {
            var template = Array("/tmp/apus-watched-XXXXXX".utf8CString)
            let descriptor = mkstemp(&template)
            precondition(descriptor >= 0, "a temporary file is made")
            close(descriptor)
            path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }

        deinit { unlink(path) }
    }

    @Test("who may read a file is part of its stamp, though nothing of what it holds changes")
    func permissions() throws {
        let file = Temporary(), before = try #require(FileStamp.of(file.path))
        #expect(FileStamp.of(file.path) == before)
        // The file system's clock moves in steps of some milliseconds.
        var changes = 0
        while FileStamp.of(file.path) == before, changes < 10_000_000 {
            #expect(chmod(file.path, changes % 2 == 0 ? 0o640 : 0o600) == 0)
            changes += 1
        }
        #expect(FileStamp.of(file.path) != before)
    }

    @Test("a file that is not there has none, nor has a path that cannot be")
    func missing() {
        #expect(FileStamp.of("/nonexistent/file") == nil && FileStamp.of("a\u{0}b") == nil)
    }
}
