import ClusterModel
import Glibc

/// Why a file of weights cannot be read.
struct WeightsFileError: Error, CustomStringConvertible {
    let path: String
    let code: Int32

    var description: String {
        "\(path) cannot be read: \(String(cString: strerror(code))); give the path of a GGUF file that this process may read"
    }
}

/// The weights as a file of bytes.
enum WeightsFile {
    /// Read at once; a digest takes longer than that.
    private static let chunkBytes = 4 << 20

    /// Which weights they are: workers with the same ones can read one another's state.
    static func digest(ofFileAt path: String) throws(WeightsFileError) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw WeightsFileError(path: path, code: errno) }
        defer { close(descriptor) }
        var hash = SHA256(), chunk = [UInt8](repeating: 0, count: chunkBytes)
        while true {
            let count = chunk.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                guard errno == EINTR else { throw WeightsFileError(path: path, code: errno) }
                continue
            }
            guard count > 0 else { return hash.finalize().description }
            hash.update(chunk.span.extracting(first: count).bytes)
        }
    }
}
