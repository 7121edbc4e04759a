/// Where an engine's events can be had: `tcp://host:port`, an IPv6 address in brackets.
package struct ZMTPEndpoint: Hashable, Sendable, CustomStringConvertible {
    /// Why a text is no such place.
    package struct Invalid: Error, Hashable, Sendable, CustomStringConvertible {
        package let description: String
    }

    package var host: String
    package var port: UInt16

    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// An engine's own configuration often says `tcp://*:5557`: that is where it listens, and no place to connect to.
    package init(parsing text: String) throws(Invalid) {
        guard text.hasPrefix("tcp://") else { throw Invalid(description: "begins with tcp://, as in tcp://127.0.0.1:5557") }
        let rest = text.dropFirst("tcp://".count)
        guard let colon = rest.lastIndex(of: ":"), let port = UInt16(rest[rest.index(after: colon)...]), port > 0 else {
            throw Invalid(description: "ends with :port, a number from 1 to 65535")
        }
        var host = rest[..<colon]
        if host.first == "[", host.last == "]" {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            throw Invalid(description: "has an IPv6 address in brackets, as in tcp://[::1]:5557")
        }
        guard !host.isEmpty, host != "*", !host.contains("/") else {
            throw Invalid(description: "names the engine's host: * stands for all of its addresses, and none can be reached by that name")
        }
        self.init(host: String(host), port: port)
    }

    /// Engines give each data-parallel rank the port behind that of the one before it. Nil where there is none.
    package func forRank(_ rank: UInt32) -> ZMTPEndpoint? {
        UInt16(exactly: UInt64(port) + UInt64(rank)).map { ZMTPEndpoint(host: host, port: $0) }
    }

    package var description: String { "tcp://\(host.contains(":") ? "[\(host)]" : host):\(port)" }
}
