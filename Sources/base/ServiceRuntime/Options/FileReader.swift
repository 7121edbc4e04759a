import Glibc

/// Why a file could not be read.
package struct FileReadError: Error, Hashable, Sendable, CustomStringConvertible {
    package let path: String
    package let reason: String
    /// There is no such file.
    package let isAbsent: Bool

    package init(path: String, reason: String, isAbsent: Bool = false) {
        self.path = path
        self.reason = reason
        self.isAbsent = isAbsent
    }

    package var description: String { "\(path.quotedForMessage) cannot be read: \(reason)" }
}

/// How option handling reads files: passed in, so that parsing is a function of its arguments.
package struct FileReader: Sendable {
    /// Reads a whole file; one longer than the limit is an error, not a cut.
    package let read: @Sendable (_ path: String, _ limit: Int) throws(FileReadError) -> [UInt8]

    package init(_ read: @escaping @Sendable (_ path: String, _ limit: Int) throws(FileReadError) -> [UInt8]) { self.read = read }

    /// A file that takes a second or more on slow disks: how far its reading has come is shown.
    private static let longFileBytes = 64 << 20

    /// Reads the file system. Blocks: for start-up only.
    package static let system = FileReader { (path, limit) throws(FileReadError) in
        guard !path.utf8.contains(0) else { throw FileReadError(path: path, reason: "the path holds a zero byte") }
        // Non-blocking, so that a named pipe by mistake is an error and not a start that never ends.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw FileReadError(path: path, reason: String(cString: strerror(errno)), isAbsent: errno == ENOENT)
        }
        defer { close(descriptor) }

        var bytes: [UInt8] = []
        var about = stat()
        let size = fstat(descriptor, &about) == 0 ? Int(about.st_size) : 0
        let progress = size >= longFileBytes ? ProgressLine() : nil
        var chunk = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            let count = chunk.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count == 0 { return bytes }
            progress?.show("reading \(path)", bytes.count, of: size)
            if count < 0 {
                if errno == EINTR { continue }
                throw FileReadError(path: path, reason: String(cString: strerror(errno)))
            }
            bytes.append(contentsOf: chunk[..<count])
            guard bytes.count <= limit else { throw FileReadError(path: path, reason: "it is longer than \(limit) bytes") }
        }
    }
}
