import Glibc
import HTTPSyntax

/// The server that a load goes to: `http://HOST[:PORT][/PREFIX]`.
package struct LoadTarget: Hashable, Sendable {
    package enum Refusal: Error, Hashable, Sendable, CustomStringConvertible {
        case noURL(String)
        case tls
        case unknownHost(String, reason: String)

        package var description: String {
            switch self {
            case .noURL(let text): "'\(text.prefix(80))' is no address of a server; write http://HOST:PORT or http://HOST:PORT/PREFIX"
            case .tls:
                "https:// is not spoken here: put load on the server's plain HTTP port, or on a proxy that adds TLS"
            case .unknownHost(let host, let reason): "the host \(host) is not known (\(reason)); write its address, or correct its name"
            }
        }
    }

    /// As it was written, without a slash at its end.
    package let text: String
    package let host: String
    package let port: UInt16
    /// Before every path; empty or with a slash at its begin.
    package let prefix: String

    package init(parsing text: String) throws(Refusal) {
        guard !text.hasPrefix("https://") else { throw .tls }
        var rest = Substring(text)
        guard rest.hasPrefix("http://") else { throw .noURL(text) }
        rest = rest.dropFirst(7)
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        var authority = rest[..<slash], prefix = String(rest[slash...])
        while prefix.hasSuffix("/") { prefix.removeLast() }
        guard prefix.utf8.allSatisfy({ ByteClass.path.contains($0) }) else { throw .noURL(text) }

        var host: Substring
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { throw .noURL(text) }
            host = authority[authority.index(after: authority.startIndex)..<end]
            authority = authority[authority.index(after: end)...]
        } else {
            let colon = authority.firstIndex(of: ":") ?? authority.endIndex
            host = authority[..<colon]
            authority = authority[colon...]
        }
        let isName = host.utf8.allSatisfy { ByteClass.host.contains($0) && $0 != UInt8(ascii: "[") && $0 != UInt8(ascii: "]") }
        guard !host.isEmpty, host.utf8.count <= 253, isName else { throw .noURL(text) }
        if authority.isEmpty {
            port = 80
        } else {
            let digits = authority.dropFirst()
            guard authority.hasPrefix(":"), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = UInt16(digits), port != 0
            else {
                throw .noURL(text)
            }
            self.port = port
        }
        self.text = "http://\(rest[..<slash])\(prefix)"
        self.host = String(host)
        self.prefix = prefix
    }

    /// What its `Host` field says.
    package var authority: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == 80 ? name : "\(name):\(port)"
    }

    /// The numeric address behind the host's name. Asks the system's resolver, which blocks: for the start of a program.
    package func resolved() throws(Refusal) -> String {
        if host == "localhost" { return host }
        var hints = addrinfo(), found: UnsafeMutablePointer<addrinfo>?
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        let status = getaddrinfo(host, nil, &hints, &found)
        defer { if found != nil { freeaddrinfo(found) } }
        guard status == 0, let first = found?.pointee else {
            throw .unknownHost(host, reason: String(cString: gai_strerror(status)))
        }
        var numeric = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let told = getnameinfo(first.ai_addr, first.ai_addrlen, &numeric, socklen_t(numeric.count), nil, 0, NI_NUMERICHOST)
        guard told == 0 else { throw .unknownHost(host, reason: String(cString: gai_strerror(told))) }
        return String(decoding: numeric.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
