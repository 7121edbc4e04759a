import Glibc

/// Counts the instructions of what a role runs inside `ctwins_collect`: exact, and the same on a busy machine.
enum Callgrind {
    /// `attend` does what the role needs from outside while it runs, and gives its exit status.
    static func instructions(
        of arguments: [String], _ attend: (inout ChildProcess) throws(BenchmarkFailure) -> Int32 = { $0.wait() }
    ) throws(BenchmarkFailure) -> Int {
        let folder = try WorkFolder(), path = "\(folder.path)/counts", program = "\(folder.path)/program"
        // Swift's debug information is more than valgrind's reader understands; the names of functions are enough.
        guard try ChildProcess("strip", ["strip", "--strip-debug", "-o", program, try executable()]).wait() == 0 else {
            throw BenchmarkFailure("strip failed; --instructions needs binutils")
        }
        let options = [
            "--tool=callgrind", "--quiet", "--callgrind-out-file=\(path)", "--collect-atstart=no", "--toggle-collect=ctwins_collect",
        ]
        var child = try ChildProcess("valgrind", ["valgrind"] + options + [program] + arguments)
        let status = try attend(&child)
        guard status == 0 else { throw BenchmarkFailure("valgrind ended with status \(status); --instructions needs it") }
        guard let file = fopen(path, "re") else { throw BenchmarkFailure("valgrind left no \(path)") }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 4096)
        while fgets(&line, Int32(line.count), file) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            let words = text.split { $0 == " " || $0 == "\n" }
            if words.first == "summary:" || words.first == "totals:", words.count > 1, let count = Int(words[1]), count > 0 { return count }
        }
        throw BenchmarkFailure("valgrind's file has no totals")
    }

    /// The real path: under valgrind `/proc/self/exe` is valgrind.
    static func executable() throws(BenchmarkFailure) -> String {
        var path = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = path.withUnsafeMutableBytes { bytes in
            bytes.bindMemory(to: CChar.self).baseAddress.map { readlink("/proc/self/exe", $0, bytes.count) } ?? -1
        }
        guard count > 0 else { throw BenchmarkFailure("/proc/self/exe cannot be read") }
        return String(decoding: path[..<count], as: UTF8.self)
    }
}
