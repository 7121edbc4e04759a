import Concurrency
import ServiceRuntime

/// The few files that processes of a simulation read: what stands in them follows from the seed, and may change while they run.
package final class VirtualFiles: Sendable {
    private struct File: Sendable {
        let bytes: [UInt8]
        let version: Int64
    }

    private struct State: Sendable {
        var files: [String: File] = [:]
        var versions: Int64 = 0
    }

    private let state = Lock(State())

    package init() {}

    package var isEmpty: Bool { state.with { $0.files.isEmpty } }

    package subscript(path: String) -> String? {
        get { state.with { $0.files[path].map { String(decoding: $0.bytes, as: UTF8.self) } } }
        set {
            state.with { state in
                state.versions += 1
                state.files[path] = newValue.map { File(bytes: Array($0.utf8), version: state.versions) }
            }
        }
    }

    /// What the options of a process read.
    var reader: FileReader {
        FileReader { [self] (path, limit) throws(FileReadError) in try read(path, limit) }
    }

    /// One that a process looks at again and again.
    func watched(_ path: String) -> WatchedFile {
        WatchedFile(
            path: path,
            stamp: { [self] in state.with { $0.files[path].map { FileStamp(inode: 1, bytes: Int64($0.bytes.count), seconds: $0.version) } }
            },
            read: { [self] limit throws(FileReadError) in try read(path, limit) })
    }

    private func read(_ path: String, _ limit: Int) throws(FileReadError) -> [UInt8] {
        guard let file = state.with({ $0.files[path] }) else {
            throw FileReadError(path: path, reason: "there is no such file", isAbsent: true)
        }
        guard file.bytes.count <= limit else { throw FileReadError(path: path, reason: "it is longer than \(limit) bytes") }
        return file.bytes
    }
}
