import Engines
import Glibc
import Testing

/// Files that the tests of the reference engine read.
enum ReferenceFiles {
    static let micro = "Tests/Fixtures/reference/micro.gguf"
    static let tiny = "deploy/models/tiny/tiny-f16.gguf"
    static let vectors = "Tests/Fixtures/reference/vectors.json"

    static func bytes(_ path: String) throws -> [UInt8] {
        let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(4).joined(separator: "/")
        let file = try #require(fopen("\(root)/\(path)", "rb"), "\(path)")
        defer { fclose(file) }
        var bytes: [UInt8] = [], chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = chunk.withUnsafeMutableBytes { fread($0.baseAddress, 1, $0.count, file) }
            if count == 0 { return bytes }
            bytes.append(contentsOf: chunk[..<count])
        }
    }

    static func model(_ path: String) throws -> LlamaModel { try LlamaModel(try GGUFFile(parsing: bytes(path))) }
}
