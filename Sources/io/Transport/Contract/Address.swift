/// Where a process listens or dials: `tcp://host:port` or `tls+tcp://host:port`; IPv6 hosts in brackets.
package struct Address: Hashable, Sendable, CustomStringConvertible {
    package enum Scheme: String, Sendable { case tcp = "tcp", tls = "tls+tcp" }

    /// Why a text is no address.
    package struct Invalid: Error, Hashable, Sendable, CustomStringConvertible {
        package let description: String
    }

    package var scheme: Scheme
    package var host: String
    package var port: UInt16

    package init(_ scheme: Scheme = .tcp, host: String, port: UInt16) {
        self.scheme = scheme
        self.host = host
        self.port = port
    }

    package init(parsing text: String) throws(Invalid) {
        let parts = text.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, parts[1].isEmpty, parts[0].last == ":", let scheme = Scheme(rawValue: String(parts[0].dropLast())) else {
            throw Invalid(description: "an address begins with tcp:// or tls+tcp://")
        }
        let rest = parts[2]
        guard let colon = rest.lastIndex(of: ":"), let port = UInt16(rest[rest.index(after: colon)...]) else {
            throw Invalid(description: "an address ends with :port, a number from 0 to 65535")
        }
        var host = rest[..<colon]
        if host.first == "[", host.last == "]" {
            host = host.dropFirst().dropLast()
            guard host.contains(":") else { throw Invalid(description: "only an IPv6 address stands in brackets") }
        } else if host.contains(":") {
            throw Invalid(description: "an IPv6 address stands in brackets, as in tcp://[::1]:8100")
        }
        let allowed = host.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || [0x2D, 0x2E, 0x3A, 0x5F].contains(byte)
        }
        guard !host.isEmpty, host.utf8.count <= 253, allowed else {
            throw Invalid(description: "a host is a name or an address of letters, digits, '-', '_' and '.'")
        }
        self.init(scheme, host: String(host), port: port)
    }

    package var description: String { "\(scheme.rawValue)://\(host.contains(":") ? "[\(host)]" : host):\(port)" }

    /// Whether only processes of this host can reach it.
    package var isLoopback: Bool {
        host == "::1" || host == "localhost"
            || (host.hasPrefix("127.") && host.utf8.allSatisfy { $0 == 0x2E || (0x30...0x39).contains($0) })
    }

    /// The same place as peers should dial it: with the host that `--advertise-host` names, and the port that the system chose.
    package func advertised(host: String?, port: UInt16) -> Address { Address(scheme, host: host ?? self.host, port: port) }
}
