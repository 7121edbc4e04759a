import ServiceRuntime
import Testing

@Suite("T24: how much memory a process may have")
struct MemoryAllowanceTests {
    private static let machine = ("/proc/meminfo", "MemTotal:       16000 kB\nMemFree:  1 kB\n")
    private static let all = 16_000 << 10

    private static func allowance(_ files: [(String, String)], limits: [Int] = []) -> Int? {
        let table = Dictionary(uniqueKeysWithValues: files)
        let reader = FileReader { (path, _) throws(FileReadError) in
            guard let text = table[path] else { throw FileReadError(path: path, reason: "no such file", isAbsent: true) }
            return Array(text.utf8)
        }
        return MemoryAllowance.bytes(reader, limits: limits)
    }

    @Test("all of the machine's, where nobody sets a limit")
    func unlimited() {
        #expect(Self.allowance([Self.machine]) == Self.all)
        #expect(
            Self.allowance([
                Self.machine, ("/proc/self/cgroup", "0::/a\n"), ("/sys/fs/cgroup/a/memory.max", "max\n"),
            ]) == Self.all)
        #expect(
            Self.allowance([
                Self.machine, ("/proc/self/cgroup", "3:memory:/\n"),
                ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ]) == Self.all)
    }

    @Test("the least of the group's own limit and those that it lies in")
    func groups() {
        let files = [
            Self.machine, ("/proc/self/cgroup", "12:cpu,cpuacct:/x\n0::/one/two\n"), ("/sys/fs/cgroup/one/two/memory.max", "8000000\n"),
            ("/sys/fs/cgroup/one/memory.max", "5000000\n"),
        ]
        #expect(Self.allowance(files) == 5_000_000)
        #expect(Self.allowance([Self.machine, ("/proc/self/cgroup", "0::/\n"), ("/sys/fs/cgroup/memory.max", "7000000\n")]) == 7_000_000)
    }

    @Test("of groups of version 1, too, whose path a container does not see")
    func older() {
        #expect(
            Self.allowance([
                Self.machine, ("/proc/self/cgroup", "5:cpu:/y\n4:memory:/docker/abc\n"),
                ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "6000000\n"),
            ]) == 6_000_000)
    }

    @Test("a limit of the process's own counts; nonsense and nothing do not")
    func own() {
        #expect(Self.allowance([Self.machine], limits: [4_000_000]) == 4_000_000)
        #expect(Self.allowance([], limits: []) == nil)
        let deep = String(repeating: "/a", count: 5_000)
        #expect(
            Self.allowance([
                Self.machine, ("/proc/self/cgroup", "::\n0\n0::\(deep)\n0::/b:c\n"), ("/sys/fs/cgroup/b:c/memory.max", "-3\n"),
            ]) == Self.all)
    }
}
