package import ServiceRuntime

/// Where an engine's server is: `http://HOST:PORT`, perhaps with a prefix before every path.
package struct ServerAddress: Hashable, Sendable, CustomStringConvertible {
    package let host: String
    package let port: UInt16
    /// Empty, or with a slash at its beginning and none at its end.
    package let prefix: String

    package static let form = "http://HOST:PORT"

    package init(_ text: String) throws(ValueProblem) {
        guard !text.hasPrefix("https://") else {
            throw ValueProblem(
                "engines are reached over http:// only", remedy: "run this worker beside its engine, or let a proxy beside it speak TLS")
        }
        guard text.hasPrefix("http://") else {
            throw ValueProblem("\(Self.quoted(text)) does not begin with http://", remedy: "write \(Self.form)")
        }
        let rest = text.dropFirst("http://".count), slash = rest.firstIndex(of: "/") ?? rest.endIndex
        let address = try AddressText(String(rest[..<slash]), rule: AddressText.Rule(schemes: [], bare: true))
        let isNumeric = address.host.contains(":") || address.host.split(separator: ".").allSatisfy { UInt8($0) != nil }
        guard isNumeric || address.host == "localhost" else {
            throw ValueProblem(
                "\(Self.quoted(address.host)) is a name, and names are not looked up", remedy: "write the server's address")
        }
        var path = rest[slash...]
        while path.hasSuffix("/") { path.removeLast() }
        guard path.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }) else {
            throw ValueProblem("\(Self.quoted(text)) has more than a path behind its address", remedy: "write \(Self.form)")
        }
        host = address.host
        port = address.port
        prefix = String(path)
    }

    package var description: String { "http://\(host.contains(":") ? "[\(host)]" : host):\(port)\(prefix)" }

    private static func quoted(_ text: String) -> String { "\"\(text.prefix(100))\"" }
}
