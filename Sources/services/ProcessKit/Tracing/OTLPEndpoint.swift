import ServiceRuntime

/// A collector of traces: `http://HOST:PORT`, to whose path `/v1/traces` is added.
struct OTLPEndpoint: Hashable, Sendable {
    let host: String
    let port: UInt16
    /// Where spans are posted.
    let target: String

    static let form = "http://HOST:PORT"

    init(_ text: String) throws(ValueProblem) {
        guard !text.hasPrefix("https://") else {
            throw ValueProblem(
                "traces are sent over http:// only",
                remedy: "run a collector beside this process, let it speak TLS, and write http://127.0.0.1:4318")
        }
        guard text.hasPrefix("http://") else {
            throw ValueProblem("\(Self.quoted(text)) does not begin with http://", remedy: "write \(Self.form)")
        }
        let rest = text.dropFirst("http://".count), slash = rest.firstIndex(of: "/") ?? rest.endIndex
        let address = try AddressText(String(rest[..<slash]), rule: AddressText.Rule(schemes: [], bare: true))
        host = address.host.contains(":") ? "[\(address.host)]" : address.host
        port = address.port
        let isNumeric = address.host.contains(":") || address.host.split(separator: ".").allSatisfy { UInt8($0) != nil }
        guard isNumeric || address.host == "localhost" else {
            throw ValueProblem(
                "\(Self.quoted(address.host)) is a name, and names are not looked up", remedy: "write the collector's address")
        }
        var path = rest[slash...]
        while path.hasSuffix("/") { path.removeLast() }
        guard path.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }) else {
            throw ValueProblem("\(Self.quoted(text)) has more than a path behind its address", remedy: "write \(Self.form)")
        }
        target = path + "/v1/traces"
    }

    private static func quoted(_ text: String) -> String { "\"\(text.prefix(100))\"" }
}
