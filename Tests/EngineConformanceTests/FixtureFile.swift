import Glibc

/// Reads files of `Tests/Fixtures`.
enum FixtureFile {
    struct Problem: Error, CustomStringConvertible { let description: String }

    /// From the folder of all tests.
    static func path(_ name: String) -> String {
        #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(2).joined(separator: "/") + "/" + name
    }

    static func bytes(_ name: String) throws -> [UInt8] {
        guard let file = fopen(path("Fixtures/\(name)"), "rb") else { throw Problem(description: "cannot read \(name)") }
        defer { fclose(file) }
        var bytes: [UInt8] = [], chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = chunk.withUnsafeMutableBytes { fread($0.baseAddress, 1, $0.count, file) }
            if count == 0 { return bytes }
            bytes.append(contentsOf: chunk[..<count])
        }
    }
}
