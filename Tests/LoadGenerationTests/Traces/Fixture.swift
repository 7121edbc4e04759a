import Glibc

/// Files of `Tests/Fixtures/traces`.
enum Fixture {
    struct Missing: Error { let path: String }

    static func trace(_ name: String) throws -> [UInt8] {
        let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
        let path = "\(root)/Fixtures/traces/\(name)"
        guard let file = fopen(path, "re") else { throw Missing(path: path) }
        defer { fclose(file) }
        var bytes: [UInt8] = [], buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            guard count > 0 else { return bytes }
            bytes.append(contentsOf: buffer[..<count])
        }
    }
}
