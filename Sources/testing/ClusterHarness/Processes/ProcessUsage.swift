import Glibc

/// What a process has cost so far, from /proc.
package struct ProcessUsage: Sendable {
    /// User and system time of all its threads.
    package let cpuSeconds: Double
    package let residentBytes: Int
    package let threads: Int
    package let descriptors: Int

    /// Nil if there is no such process.
    package init?(of process: Int32) {
        guard let line = Self.text("/proc/\(process)/stat"), let nameEnd = line.lastIndex(of: ")") else { return nil }
        // The third field on, counted from 0; the second is a name that may hold anything.
        let fields = line[line.index(after: nameEnd)...].split(separator: " ")
        guard fields.count > 21, let user = Double(fields[11]), let system = Double(fields[12]), let threads = Int(fields[17]),
            let pages = Int(fields[21])
        else { return nil }
        cpuSeconds = (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
        residentBytes = pages * sysconf(Int32(_SC_PAGESIZE))
        self.threads = threads
        descriptors = Self.entries("/proc/\(process)/fd")
    }

    private static func text(_ path: String) -> String? {
        guard let file = fopen(path, "re") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    private static func entries(_ path: String) -> Int {
        guard let folder = opendir(path) else { return 0 }
        defer { closedir(folder) }
        var count = 0
        while readdir(folder) != nil { count += 1 }
        return max(0, count - 2)
    }
}
