/// Where a client says who it is.
extension HTTPHeaders {
    /// What stands behind the scheme `Bearer` in a value of `Authorization`; nil for another scheme. Its letters may be small or large.
    package static func bearer(_ value: String) -> String? {
        let scheme = value.utf8.prefix(6).map { $0 | 0x20 }
        guard scheme == Array("bearer".utf8), value.utf8.dropFirst(6).first == UInt8(ascii: " ") else { return nil }
        return String(value.dropFirst(6).drop { $0 == " " })
    }

    /// The value of a cookie. Of several with that name the first, which a browser puts where the path fits best.
    package func cookie(_ name: String) -> String? {
        for line in values(of: "cookie") {
            for pair in line.split(separator: ";") {
                let pair = pair.drop { $0 == " " || $0 == "\t" }
                guard let equals = pair.firstIndex(of: "="), pair[..<equals] == name else { continue }
                return String(pair[pair.index(after: equals)...].reversed().drop { $0 == " " || $0 == "\t" }.reversed())
            }
        }
        return nil
    }
}
