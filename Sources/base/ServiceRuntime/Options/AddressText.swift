/// Addresses as options hold them: `tcp://HOST:PORT`, `tls+tcp://HOST:PORT`, and where it is allowed a bare `HOST:PORT`.
package struct AddressText: Hashable, Sendable {
    /// Empty for a bare address.
    package let scheme: String
    /// A name, an IPv4 address, or an IPv6 address without its brackets.
    package let host: String
    package let port: UInt16

    /// Which addresses an option takes.
    package struct Rule: Sendable {
        package let schemes: [String]
        /// Whether `HOST:PORT` alone will do.
        package let bare: Bool
        /// Whether port 0 is allowed: a listener's, chosen by the system; never a peer's.
        package let anyPort: Bool

        package init(schemes: [String], bare: Bool = false, anyPort: Bool = false) {
            self.schemes = schemes
            self.bare = bare
            self.anyPort = anyPort
        }

        /// Where a peer is dialled.
        package static let peer = Rule(schemes: ["tcp", "tls+tcp"])
        /// Where this process listens for peers.
        package static let listener = Rule(schemes: ["tcp", "tls+tcp"], anyPort: true)
        /// Where this process listens for HTTP.
        package static let http = Rule(schemes: [], bare: true, anyPort: true)

        package var form: String {
            (schemes.map { "\($0)://HOST:PORT" } + (bare ? ["HOST:PORT"] : [])).joined(separator: " or ")
        }
    }

    package init(_ text: String, rule: Rule) throws(ValueProblem) {
        let quoted = text.quotedForMessage
        func refused(_ why: String) -> ValueProblem { ValueProblem("\(quoted) \(why)", remedy: "write \(rule.form)") }

        var rest = Substring(text)
        if let scheme = rule.schemes.first(where: { text.hasPrefix($0 + "://") }) {
            self.scheme = scheme
            rest = rest.dropFirst(scheme.utf8.count + 3)
        } else {
            guard rule.bare, text.place(of: "://") == nil else { throw refused("does not begin with \(rule.opening)") }
            scheme = ""
        }

        if rest.hasPrefix("[") {
            guard let end = rest.firstIndex(of: "]") else { throw refused("has no closing bracket") }
            let inside = rest[rest.index(after: rest.startIndex)..<end]
            guard inside.contains(":"), inside.utf8.allSatisfy({ "0123456789abcdefABCDEF:.".utf8.contains($0) }) else {
                throw refused("has no IPv6 address between its brackets")
            }
            host = String(inside)
            rest = rest[rest.index(after: end)...]
            guard rest.hasPrefix(":") else { throw refused("has no port") }
        } else {
            guard let colon = rest.firstIndex(of: ":") else { throw refused("has no port") }
            guard rest.lastIndex(of: ":") == colon else { throw refused("has several colons; an IPv6 address stands in brackets") }
            let name = rest[..<colon]
            guard !name.isEmpty else { throw refused("has no host") }
            guard name.utf8.count <= 253, name.utf8.allSatisfy(Self.isHostByte) else {
                throw refused("has a host that is no name or address")
            }
            host = String(name)
            rest = rest[colon...]
        }

        let digits = rest.dropFirst()
        guard digits.utf8.count <= 5, digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let port = UInt16(digits)
        else { throw refused("has no port between \(rule.anyPort ? 0 : 1) and 65535") }
        guard port != 0 || rule.anyPort else { throw refused("has port 0, which nobody can dial") }
        self.port = port
    }

    private static func isHostByte(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
    }
}

extension AddressText.Rule {
    fileprivate var opening: String { bare && schemes.isEmpty ? "a host" : schemes.map { "\($0)://" }.joined(separator: " or ") }
}

extension ValueSyntax<String> {
    /// An address, kept as text; `AddressText` takes it apart.
    package static func address(_ rule: AddressText.Rule) -> ValueSyntax {
        .text("ADDRESS") { text in
            do throws(ValueProblem) {
                _ = try AddressText(text, rule: rule)
                return nil
            } catch {
                return error
            }
        }
    }
}
