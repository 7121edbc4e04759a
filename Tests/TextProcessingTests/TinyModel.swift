import Glibc
import Testing
import TextProcessing

/// The model that ships in `deploy/models/tiny`.
enum TinyModel {
    static func file(_ name: String) throws -> [UInt8] {
        let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
        let file = try #require(fopen("\(root)/deploy/models/tiny/\(name)", "rb"), "\(name)")
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = bytes.withUnsafeMutableBytes { fread($0.baseAddress, 1, $0.count, file) }
        return Array(bytes[..<count])
    }

    static func files(_ names: String...) throws -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for name in names { files[name] = try file(name) }
        return files
    }

    static func tokenizer() throws -> BPETokenizer { try BPETokenizer(parsing: file("tokenizer.json")) }

    static func text() throws -> ModelText { try ModelText.make(files: files("tokenizer.json", "tokenizer_config.json")) }
}
