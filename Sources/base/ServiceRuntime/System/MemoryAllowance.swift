import Glibc

/// How much memory this process may have before the kernel ends it: what its limits of memory are shares of.
///
/// No program in Swift lives through an allocation that fails, so that there is nothing to refuse when memory has run out. What clients can make
/// a process hold must be bounded before, by what there is.
package enum MemoryAllowance {
    /// Paths of groups are short, and so are the files that tell of them.
    private static let fileBytes = 64 << 10
    /// Groups lie within groups; deeper ones are not looked for.
    private static let depth = 32
    private static let groups = "/sys/fs/cgroup"

    /// The least of what the machine has, what the process's groups are allowed, and what its own limits say; nil if nobody says anything.
    /// Blocks: for start-up only.
    package static func bytes(_ files: FileReader = .system, limits: [Int] = ownLimits) -> Int? {
        ([machine(files)] + groupLimits(files) + limits).compactMap { $0 }.filter { $0 > 0 }.min()
    }

    /// Of address space and data, where the process was started with one.
    package static var ownLimits: [Int] {
        [RLIMIT_AS, RLIMIT_DATA].compactMap { kind in
            var limit = rlimit()
            guard getrlimit(__rlimit_resource_t(kind.rawValue), &limit) == 0, limit.rlim_cur < rlim_t(Int.max) else { return nil }
            return Int(limit.rlim_cur)
        }
    }

    private static func machine(_ files: FileReader) -> Int? {
        for line in text("/proc/meminfo", files).split(separator: "\n") where line.hasPrefix("MemTotal:") {
            guard let kilobytes = line.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else { return nil }
            return kilobytes.multipliedReportingOverflow(by: 1_024).partialValue
        }
        return nil
    }

    /// `0::/path` is the one tree of version 2; `5:memory:/path` the tree of version 1.
    private static func groupLimits(_ files: FileReader) -> [Int] {
        text("/proc/self/cgroup", files).split(separator: "\n").flatMap { line -> [Int] in
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { return [] }
            if parts[1].isEmpty { return limits(groups, parts[2], "memory.max", files) }
            guard parts[1].split(separator: ",").contains("memory") else { return [] }
            return limits("\(groups)/memory", parts[2], "memory.limit_in_bytes", files)
        }
    }

    /// Of a group and all that it lies in. In a container its path may be one that is not seen from within: then the root's file is its own.
    private static func limits(_ root: String, _ path: Substring, _ name: String, _ files: FileReader) -> [Int] {
        var names = path.split(separator: "/")
        guard names.count <= depth else { return [] }
        var found: [Int] = []
        while true {
            let folder = ([root] + names.map(String.init)).joined(separator: "/")
            // Without a limit there is a word, or a number beyond any memory.
            if let limit = Int(text("\(folder)/\(name)", files).prefix { $0 != "\n" }) { found.append(limit) }
            guard !names.isEmpty else { return found }
            names.removeLast()
        }
    }

    private static func text(_ path: String, _ files: FileReader) -> String {
        do throws(FileReadError) { return String(decoding: try files.read(path, fileBytes), as: UTF8.self) } catch { return "" }
    }
}
