import ServiceRuntime

/// One exchange with a real server, recorded by `Tests/Fixtures/engines/capture.py`.
struct Capture {
    /// As it came from the wire, frames of chunks and all.
    let answer: [UInt8]

    struct Problem: Error, CustomStringConvertible {
        let description: String
    }

    /// - Parameter name: `vllm/completion`, say.
    init(_ name: String) throws {
        let bytes = try Repository.read("Tests/Fixtures/engines/\(name).http"), mark = Array("=== answer ===\n".utf8)
        guard let start = (0..<max(0, bytes.count - mark.count)).first(where: { bytes[$0...].starts(with: mark) }) else {
            throw Problem(description: "\(name) has no answer")
        }
        answer = Array(bytes[(start + mark.count)...])
    }
}

/// Files of the checkout that tests read.
enum Repository {
    static func read(_ path: String) throws -> [UInt8] {
        let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(4).joined(separator: "/")
        return try FileReader.system.read("\(root)/\(path)", 8 << 20)
    }
}
