import ClusterHarness
import Glibc

/// A folder of one test, with whatever programs put into it.
struct TemporaryFolder {
    let path: String

    init(_ name: String) throws {
        var path = Array("/tmp/apus-\(name)-XXXXXX".utf8CString)
        guard mkdtemp(&path) != nil else { throw Unmet("a folder can be made in /tmp") }
        self.path = String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Returns where it stands now.
    @discardableResult
    func write(_ text: String, to name: String) throws -> String {
        let bytes = Array(text.utf8), place = "\(path)/\(name)", file = open(place, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        defer { close(file) }
        guard Glibc.write(file, bytes, bytes.count) == bytes.count else { throw Unmet("\(place) is written") }
        return place
    }

    /// With all that is in it; links are removed, not followed.
    func remove() { Self.remove(path) }

    private static func remove(_ path: String) {
        // A file, or a link, is gone with that; a folder must be empty.
        guard unlink(path) != 0, let folder = opendir(path) else { return }
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if name != ".", name != ".." { remove("\(path)/\(name)") }
        }
        closedir(folder)
        rmdir(path)
    }
}
