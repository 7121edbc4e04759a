import HTTPSyntax

/// The target of a request: a path that means one thing, and a query.
///
/// A path is taken apart once and never interpreted again: escapes are undone, doubled slashes and one at the end are dropped, and segments
/// that would climb are refused, so that what was checked is what is served. An escaped slash stays part of its segment: names of models
/// have slashes.
struct RequestTarget: Sendable {
    /// Places in the head.
    let path: Range<Int32>
    let query: Range<Int32>?
    /// The path with its escapes undone, where it is not what was sent. An escaped slash stands as NUL, which no path can have.
    let decodedPath: [UInt8]?
    /// `*`: the server as a whole.
    let isAsterisk: Bool
    /// Of an absolute target, which overrides the Host field.
    let authority: Range<Int32>?

    static let escapedSlash: UInt8 = 0

    /// `place` is where the target stands in `bytes`.
    init(_ bytes: UnsafeRawBufferPointer, at place: Range<Int>, method: HTTPMethod) throws(HTTPRefusal) {
        var start = place.lowerBound
        let end = place.upperBound
        var authority: Range<Int32>?
        if method == .options, place.count == 1, bytes[start] == UInt8(ascii: "*") {
            self.init(path: Int32(start)..<Int32(end), query: nil, decodedPath: nil, isAsterisk: true, authority: nil)
            return
        }
        guard start < end else { throw .target("the request target is empty") }
        if bytes[start] != UInt8(ascii: "/") {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
            guard let scheme = ["http://", "https://"].first(where: { Self.begins(rest, with: $0) }) else {
                throw .target("the request target is neither a path nor an absolute URL")
            }
            start += scheme.utf8.count
            let hostStart = start
            while start < end, ByteClass.host.contains(bytes[start]) { start += 1 }
            authority = Int32(hostStart)..<Int32(start)
            guard Self.isAuthority(UnsafeRawBufferPointer(rebasing: bytes[hostStart..<start])) else {
                throw .target("the host of the request target is malformed")
            }
        }
        let pathStart = start
        while start < end, ByteClass.path.contains(bytes[start]) { start += 1 }
        let path = Int32(pathStart)..<Int32(start)
        var query: Range<Int32>?
        if start < end, bytes[start] == UInt8(ascii: "?") {
            let queryStart = start + 1
            start = queryStart
            while start < end, ByteClass.query.contains(bytes[start]) { start += 1 }
            query = Int32(queryStart)..<Int32(start)
        }
        guard start == end else { throw .target("the request target has a character that is not allowed") }
        guard path.isEmpty ? authority != nil : bytes[pathStart] == UInt8(ascii: "/") else {
            throw .target("the path of the request target does not begin with a slash")
        }
        let decoded = try Self.normalized(FieldTable.part(bytes, path))
        self.init(path: path, query: query, decodedPath: decoded, isAsterisk: false, authority: authority)
    }

    private init(path: Range<Int32>, query: Range<Int32>?, decodedPath: [UInt8]?, isAsterisk: Bool, authority: Range<Int32>?) {
        self.path = path
        self.query = query
        self.decodedPath = decodedPath
        self.isAsterisk = isAsterisk
        self.authority = authority
    }

    /// For answers to what could not be read.
    static let none = RequestTarget(path: 0..<0, query: nil, decodedPath: [], isAsterisk: false, authority: nil)

    private static func begins(_ bytes: UnsafeRawBufferPointer, with scheme: String) -> Bool {
        bytes.count >= scheme.utf8.count && zip(bytes, scheme.utf8).allSatisfy { HTTPText.lowercased($0) == $1 }
    }

    // MARK: Paths

    /// nil where the path is already what it means, which is the rule.
    private static func normalized(_ path: UnsafeRawBufferPointer) throws(HTTPRefusal) -> [UInt8]? {
        guard !isPlain(path) else { return nil }
        var decoded: [UInt8] = []
        decoded.reserveCapacity(path.count)
        var index = 0
        while index < path.count {
            var byte = path[index]
            index += 1
            if byte == UInt8(ascii: "%") {
                guard index + 1 < path.count, let high = HTTPText.hexadecimal(path[index]), let low = HTTPText.hexadecimal(path[index + 1])
                else { throw .target("the path has a percent sign that begins no escape") }
                index += 2
                byte = high << 4 | low
                guard byte >= 0x20, byte != 0x7F else { throw .target("the path has an escaped control character") }
                if byte == UInt8(ascii: "/") { byte = escapedSlash }
            } else if byte == UInt8(ascii: "/"), decoded.last == byte {
                continue
            }
            decoded.append(byte)
        }
        if decoded.count > 1, decoded.last == UInt8(ascii: "/") { decoded.removeLast() }
        if decoded.isEmpty { decoded.append(UInt8(ascii: "/")) }
        for segment in decoded.split(whereSeparator: { $0 == UInt8(ascii: "/") || $0 == escapedSlash }) {
            guard !segment.allSatisfy({ $0 == UInt8(ascii: ".") }) || segment.count > 2 else { throw .target("the path has a dot segment") }
        }
        guard String(validating: decoded, as: UTF8.self) != nil else { throw .target("the path is not UTF-8") }
        return decoded
    }

    /// No escape, no doubled slash, none at the end, and no segment that begins with a dot.
    private static func isPlain(_ path: UnsafeRawBufferPointer) -> Bool {
        guard path.count > 1 else { return path.count == 1 }
        var previous: UInt8 = 0
        for byte in path {
            if byte == UInt8(ascii: "%") || (previous == UInt8(ascii: "/") && (byte == previous || byte == UInt8(ascii: "."))) {
                return false
            }
            previous = byte
        }
        return previous != UInt8(ascii: "/")
    }

    // MARK: Hosts

    /// A host, or an address in brackets, and perhaps a port.
    static func isAuthority(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard !bytes.isEmpty, HTTPText.isEvery(bytes, .host) else { return false }
        var rest = bytes[...]
        if bytes[0] == UInt8(ascii: "[") {
            guard let close = bytes.firstIndex(of: UInt8(ascii: "]")), close > 1 else { return false }
            let address = bytes[1..<close]
            guard address.allSatisfy({ HTTPText.hexadecimal($0) != nil || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".") }) else {
                return false
            }
            rest = bytes[(close + 1)...]
        } else {
            rest = bytes.drop { ![UInt8(ascii: ":"), UInt8(ascii: "["), UInt8(ascii: "]")].contains($0) }
            guard rest.startIndex > 0 else { return false }
        }
        guard let colon = rest.first else { return true }
        return colon == UInt8(ascii: ":") && rest.count <= 6 && rest.dropFirst().allSatisfy { (0x30...0x39).contains($0) }
    }
}
