import EventLoop
import Glibc

/// A group of processes that may have so much memory together, in the kernel's own sense: who takes more is ended.
@LoopActor
final class MemoryGroup {
    private static let root = "/sys/fs/cgroup"
    private static let mostFileBytes = 4_096

    private let folder: String
    /// Where a process writes its number to be in it.
    nonisolated let members: String

    /// Where this machine permits none, `NotPermitted`.
    init(_ name: String, bytes: Int) throws {
        // Version 1 has a tree for memory alone; of version 2 the root must hand memory on.
        let isOld = access("\(Self.root)/memory/memory.limit_in_bytes", F_OK) == 0
        folder = "\(isOld ? "\(Self.root)/memory" : Self.root)/\(name)-\(getpid())"
        members = "\(folder)/cgroup.procs"
        guard mkdir(folder, 0o755) == 0 else {
            throw NotPermitted(description: "this machine permits no group with a limit of memory: \(String(cString: strerror(errno)))")
        }
        guard Self.write("\(bytes)", to: "\(folder)/\(isOld ? "memory.limit_in_bytes" : "memory.max")") else {
            rmdir(folder)
            throw NotPermitted(description: "groups of this machine have no limit of memory")
        }
        // Memory that is swapped out would count as had; where there is no swap there is no such file.
        _ = Self.write("0", to: "\(folder)/memory.swap.max")
    }

    /// The most that it has ever had.
    var peak: Int? {
        ["memory.max_usage_in_bytes", "memory.peak"].lazy.compactMap { Self.number("\(self.folder)/\($0)") }.first
    }

    /// Once nobody is in it.
    func close() { rmdir(folder) }

    private static func number(_ path: String) -> Int? {
        guard let file = fopen(path, "re") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: mostFileBytes)
        let count = fread(&bytes, 1, bytes.count, file)
        return Int(String(decoding: bytes[..<count].prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
    }

    private static func write(_ text: String, to path: String) -> Bool {
        let file = open(path, O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return false }
        defer { Glibc.close(file) }
        let bytes = Array(text.utf8)
        return Glibc.write(file, bytes, bytes.count) == bytes.count
    }
}
