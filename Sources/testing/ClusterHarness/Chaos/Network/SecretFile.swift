import EventLoop
import Glibc

/// A file with a cluster's secret, that only this user may read.
@LoopActor
struct SecretFile {
    let path: String

    init() throws {
        var name = Array("\(P_tmpdir)/apus-secret-XXXXXX".utf8CString)
        let file = mkstemp(&name)
        guard file >= 0 else { throw Unmet("a file can be made in \(P_tmpdir)") }
        defer { close(file) }
        path = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let secret = Array("the secret of a cluster that lasts for seconds\n".utf8)
        guard write(file, secret, secret.count) == secret.count else { throw Unmet("\(path) is written") }
    }

    func remove() { unlink(path) }
}
