import Glibc

/// What a process and all its descendants have used so far.
struct ProcessUse: Sendable {
    private(set) var processes: Set<pid_t> = []
    private(set) var cpuNanoseconds: Int64 = 0
    private(set) var residentBytes: Int64 = 0
    /// The sum of the highest of each, which they need not have reached at once.
    private(set) var peakBytes: Int64 = 0

    /// Nil: the process is gone.
    init?(of leader: pid_t) {
        for process in Self.family(of: leader) {
            // Between the look at the table and this one a descendant may have ended; whoever compares two of these sees it by `processes`.
            guard let cpu = Self.cpu(of: process), let pages = Self.residentPages(of: process) else { continue }
            processes.insert(process)
            cpuNanoseconds += cpu
            residentBytes += pages * Int64(sysconf(Int32(_SC_PAGESIZE)))
            peakBytes += Self.peak(of: process)
        }
        guard processes.contains(leader) else { return nil }
    }

    private static func cpu(of process: pid_t) -> Int64? {
        var clock = clockid_t(), time = timespec()
        guard clock_getcpuclockid(process, &clock) == 0, clock_gettime(clock, &time) == 0 else { return nil }
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    private static func residentPages(of process: pid_t) -> Int64? {
        let words = text("/proc/\(process)/statm").split(separator: " ")
        return words.count > 1 ? Int64(words[1]) : nil
    }

    private static func peak(of process: pid_t) -> Int64 {
        let line = text("/proc/\(process)/status").split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return (line?.split { $0 == " " || $0 == "\t" }.dropFirst().first).flatMap { Int64($0) }.map { $0 << 10 } ?? 0
    }

    /// The process and its descendants, as the kernel's table has them.
    private static func family(of leader: pid_t) -> [pid_t] {
        var children: [pid_t: [pid_t]] = [:]
        guard let folder = opendir("/proc") else { return [leader] }
        defer { closedir(folder) }
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            guard let process = pid_t(name) else { continue }
            // Behind the name, which may hold anything, stand the state and the parent.
            let line = text("/proc/\(process)/stat")
            guard let end = line.lastIndex(of: ")") else { continue }
            let words = line[end...].split(separator: " ")
            if words.count > 2, let parent = pid_t(words[2]) { children[parent, default: []].append(process) }
        }
        var family = [leader], place = 0
        while place < family.count {
            family += children[family[place]] ?? []
            place += 1
        }
        return family
    }

    /// A file of the kernel's, which is made when it is read; empty: there is none.
    private static func text(_ path: String) -> String {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return "" }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let count = read(file, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }
}
