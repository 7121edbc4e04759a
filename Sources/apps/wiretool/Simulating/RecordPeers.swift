import ClusterHarness
import Glibc
import LoadGeneration
import ServiceRuntime

/// `wiretool simulate --record-peers`: the recordings of `Tests/Fixtures/peers`, made by the programs as they are.
enum RecordPeers {
    nonisolated static func run(into folder: String) -> ExitCode {
        do {
            var index = ""
            for scene in PeerScene.allCases {
                let recording = try scene.record()
                let bytes = recording.bytes
                try write(bytes, to: "\(folder)/\(scene.rawValue).peers")
                index += "# \(scene.rawValue).peers\n\n\(recording.index)\n"
                say("\(scene.rawValue): \(recording.conversations.count) conversations, \(bytes.count) bytes")
            }
            try write(Array(index.utf8), to: "\(folder)/index.txt")
            return .ok
        } catch {
            complain("wiretool simulate: \(error)")
            return .failure
        }
    }

    private struct WriteFailure: Error, CustomStringConvertible {
        let description: String
    }

    /// A file that is there already is kept: what earlier versions said is not made anew.
    private nonisolated static func write(_ bytes: [UInt8], to path: String) throws(WriteFailure) {
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw WriteFailure(description: "cannot make \(path): \(String(cString: strerror(errno)))") }
        defer { close(file) }
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { unsafe Glibc.write(file, $0.baseAddress?.advanced(by: written), bytes.count - written) }
            guard count > 0 else { throw WriteFailure(description: "cannot write \(path): \(String(cString: strerror(errno)))") }
            written += count
        }
    }
}
