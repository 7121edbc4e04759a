import Glibc

extension Record {
    private static let pieceBytes = 1 << 20

    /// Reads a file in pieces: no more of it is in memory than what it says.
    package init(file path: String) throws(RecordFault) {
        func fault() -> RecordFault { RecordFault(line: 0, member: "", problem: "\(path): \(String(cString: strerror(errno)))") }
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw fault() }
        defer { close(file) }
        var reader = RecordReader(), piece = [UInt8](repeating: 0, count: Self.pieceBytes)
        while true {
            let count = piece.withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw fault() }
            guard count > 0 else { break }
            try reader.read(piece.span.bytes.extracting(first: count))
        }
        self = try reader.finish()
    }
}
