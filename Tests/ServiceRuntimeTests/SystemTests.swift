import Glibc
import ServiceRuntime
import Testing

@Suite struct SystemdNotifyTests {
    /// A service manager's end: a bound datagram socket.
    private struct Manager: ~Copyable {
        let descriptor: Int32
        let name: String

        init(_ name: String) throws {
            self.name = name
            descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            var path = Array(name.utf8)
            if name.hasPrefix("@") { path[0] = 0 } else { unlink(name) }
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
            let length = socklen_t(2 + path.count + (name.hasPrefix("@") ? 0 : 1))
            let status = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
            }
            try #require(status == 0)
        }

        deinit {
            close(descriptor)
            if !name.hasPrefix("@") { unlink(name) }
        }

        func next() -> String? {
            var bytes = [UInt8](repeating: 0, count: 1_024)
            let count = recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
            return count < 0 ? nil : String(decoding: bytes[..<count], as: UTF8.self)
        }
    }

    @Test(
        "each message arrives, over a path and over an abstract name",
        arguments: ["/tmp/apus-notify-\(getpid())", "@apus-notify-\(getpid())"])
    func messages(name: String) throws {
        let manager = try Manager(name)
        let notify = SystemdNotify(environment: ["NOTIFY_SOCKET": name])
        #expect(notify.isActive)
        #expect(notify.ready() && notify.ready(status: "serving") && notify.watchdog() && notify.status("a\nREADY=1") && notify.stopping())
        #expect(manager.next() == "READY=1")
        #expect(manager.next() == "READY=1\nSTATUS=serving")
        #expect(manager.next() == "WATCHDOG=1")
        // A line end in a status cannot smuggle in an assignment.
        #expect(manager.next() == "STATUS=a READY=1")
        #expect(manager.next() == "STOPPING=1")
        #expect(manager.next() == nil)
    }

    @Test(
        "without a socket, or with one that cannot be, nothing happens",
        arguments: [nil, "", "/", "@", "relative", "vsock:2:1", "/" + String(repeating: "x", count: 108)])
    func inactive(path: String?) {
        let notify = SystemdNotify(environment: path.map { ["NOTIFY_SOCKET": $0, "WATCHDOG_USEC": "1000"] } ?? [:])
        #expect(!notify.isActive && !notify.ready())
        #expect(notify.watchdogInterval == nil)
    }

    @Test("nobody at the socket is no failure")
    func nobody() { #expect(!SystemdNotify(environment: ["NOTIFY_SOCKET": "/tmp/apus-nobody-\(getpid())"]).ready()) }

    @Test(
        "the watchdog's interval counts for the process it is meant for",
        arguments: [
            (["WATCHDOG_USEC": "30000000"], Duration.seconds(30)), (["WATCHDOG_USEC": "1000", "WATCHDOG_PID": "7"], .milliseconds(1)),
            (["WATCHDOG_USEC": "1000", "WATCHDOG_PID": "8"], nil), (["WATCHDOG_USEC": "0"], nil), (["WATCHDOG_USEC": "x"], nil), ([:], nil),
        ] as [([String: String], Duration?)])
    func interval(environment: [String: String], expected: Duration?) {
        #expect(SystemdNotify(environment: environment.merging(["NOTIFY_SOCKET": "@x"]) { $1 }, processID: 7).watchdogInterval == expected)
    }
}

@Suite struct FileReaderTests {
    @Test("a file is read whole up to its limit, and refused beyond")
    func limits() throws {
        let path = "/tmp/apus-read-\(getpid())"
        let content = [UInt8](repeating: 7, count: 40_000)
        let descriptor = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0o600)
        try #require(write(descriptor, content, content.count) == content.count)
        close(descriptor)
        defer { unlink(path) }
        #expect(try FileReader.system.read(path, 40_000) == content)
        #expect(throws: FileReadError(path: path, reason: "it is longer than 39999 bytes")) { try FileReader.system.read(path, 39_999) }
    }

    @Test("what cannot be read says why")
    func reasons() {
        #expect(throws: FileReadError(path: "/nowhere/x", reason: "No such file or directory", isAbsent: true)) {
            try FileReader.system.read("/nowhere/x", 1)
        }
        #expect(throws: FileReadError(path: "/tmp", reason: "Is a directory")) { try FileReader.system.read("/tmp", 1) }
        #expect(throws: FileReadError.self) { try FileReader.system.read("/dev/zero", 1_000) }
        #expect(throws: FileReadError.self) { try FileReader.system.read("/etc/passwd\0x", 1_000) }
    }

    @Test("the environment of the process is read as the C library has it")
    func environment() throws {
        let path = try #require(getenv("PATH"))
        #expect(ProcessEnvironment.read()["PATH"] == String(cString: path))
        #expect(ProcessEnvironment.read()["APUS_SURELY_UNSET"] == nil)
    }
}
