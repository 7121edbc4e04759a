import Glibc

/// Tells systemd how the service is: `Type=notify` and `WatchdogSec=`. Without `NOTIFY_SOCKET` every call does nothing.
///
/// A message that cannot be sent is lost and `false` is returned: a service manager that does not listen is no reason to fail.
package struct SystemdNotify: Sendable {
    /// A path, or `@name` in the abstract namespace.
    private let socketPath: String?
    /// How often `watchdog()` must be called at the latest; half of it is the usual pace. `nil` if nobody watches.
    package let watchdogInterval: Duration?

    /// Longest path an address of this kind can hold.
    private static let pathBytes = MemoryLayout.size(ofValue: sockaddr_un().sun_path)

    package init(environment: [String: String], processID: Int32 = getpid()) {
        let path = environment["NOTIFY_SOCKET"] ?? ""
        let usable = (path.hasPrefix("/") || path.hasPrefix("@")) && path.utf8.count > 1 && path.utf8.count < Self.pathBytes
        socketPath = usable ? path : nil

        // WATCHDOG_PID tells a child that inherited the variables that they are not meant for it.
        let meant = environment["WATCHDOG_PID"].map { Int32($0) == processID } ?? true
        let microseconds = environment["WATCHDOG_USEC"].flatMap { Int64($0) } ?? 0
        watchdogInterval = usable && meant && microseconds > 0 ? .microseconds(microseconds) : nil
    }

    /// Whether anybody listens.
    package var isActive: Bool { socketPath != nil }

    /// Start-up is complete.
    @discardableResult package func ready(status: String? = nil) -> Bool { send(["READY=1"] + Self.statusLine(status)) }

    /// The service begins to end.
    @discardableResult package func stopping(status: String? = nil) -> Bool { send(["STOPPING=1"] + Self.statusLine(status)) }

    /// Still alive.
    @discardableResult package func watchdog() -> Bool { send(["WATCHDOG=1"]) }

    /// One line for `systemctl status`.
    @discardableResult package func status(_ text: String) -> Bool { send(Self.statusLine(text)) }

    /// A line end inside would begin another assignment.
    private static func statusLine(_ text: String?) -> [String] {
        text.map { ["STATUS=" + String(decoding: $0.utf8.map { $0 < 0x20 || $0 == 0x7F ? 0x20 : $0 }, as: UTF8.self)] } ?? []
    }

    private func send(_ lines: [String]) -> Bool {
        guard let socketPath else { return false }
        // A socket a message: they are rare, and a value that holds no descriptor can be copied and needs no end.
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }

        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var path = Array(socketPath.utf8)
        if path[0] == UInt8(ascii: "@") { path[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
        // An abstract name ends where the address ends, a path at its zero byte, which may be counted.
        let length = MemoryLayout.offset(of: \sockaddr_un.sun_path)! + path.count + (path[0] == 0 ? 0 : 1)

        let message = Array(lines.joined(separator: "\n").utf8)
        let sent = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(descriptor, message, message.count, Int32(MSG_NOSIGNAL), $0, socklen_t(length))
            }
        }
        return sent == message.count
    }
}
