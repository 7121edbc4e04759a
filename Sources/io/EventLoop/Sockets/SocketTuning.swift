internal import CSys
import ClusterModel
import Glibc

/// What the kernel does by itself for each connection. Measured from the outside, so they are constants and no options.
enum SocketTuning {
    /// What the kernel keeps of ours without having sent it. It makes a slow reader felt early, where the kernel's own buffer would first
    /// take megabytes; a reader on a fast network still never waits for us.
    static let notSentBytes: Int32 = 64 << 10
    /// As long as a peer may refuse bytes: a host that is gone is no better than one that does not read.
    static let unacknowledged = Duration.seconds(30)
    /// A peer whose host is gone while nothing is sent is found by asking this often.
    static let silence = Duration.seconds(30)
    /// Clients taken in one turn; the rest in the next, so that a burst cannot starve those who are in.
    static let acceptsPerTurn = 64
    /// How long a process without descriptors leaves its clients in the backlog: long enough not to spin, short enough not to be noticed.
    static let acceptPause = Duration.milliseconds(100)

    static let options = apus_tcp_options(
        not_sent_bytes: notSentBytes, unacknowledged_milliseconds: Int32(unacknowledged.inMilliseconds),
        silent_seconds: Int32(silence.inMilliseconds / 1000))

    /// The numeric address behind a host: `localhost` and bracketed IPv6 addresses are spelled out.
    static func numeric(_ host: String) -> String {
        if host == "localhost" { return "127.0.0.1" }
        guard host.hasPrefix("["), host.hasSuffix("]") else { return host }
        return String(host.dropFirst().dropLast())
    }

    // What both implementations say in the same words.

    static let unknownHost = SystemError("a host that is neither a numeric address of this machine nor localhost", code: EADDRNOTAVAIL)
    static let addressInUse = SystemError("listen", code: EADDRINUSE)
    static let refused = SystemError("connect", code: ECONNREFUSED)
    static let timedOut = SystemError("connect", code: ETIMEDOUT)

    static func error(_ call: StaticString, _ code: Int32) -> SystemError {
        code == EADDRNOTAVAIL ? unknownHost : SystemError(call, code: code)
    }
}
