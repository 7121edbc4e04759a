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

    static let escapedSlash: UInt8 = 0

    /// `place` is where the target stands in `bytes`.
    init(_ bytes: UnsafeRawBufferPointer, at place: Range<Int>, method: HTTPMethod) throws(HTTPRefusal) {
        var start = place.lowerBound
        let end = place.upperBound
        // An absolute target has one, which overrides the Host field.
        var hasAuthority = false
        if method == .options, place.count == 1, bytes[start] == UInt8(ascii: "*") {
            self.init(path: Int32(start)..<Int32(end), query: nil, decodedPath: nil, isAsterisk: true)
            return
        }
        guard start < end else { throw .target("the request target is empty") }
        if bytes[start] != Self.slash {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
            guard let scheme = ["http://", "https://"].first(where: { Self.begins(rest, with: $0) }) else {
                throw .target("the request target is neither a path nor an absolute URL")
            }
            start += scheme.utf8.count
            let hostStart = start
            start = min(end, HTTPText.end(of: .host, in: bytes, from: start))
            hasAuthority = true
            guard Self.isAuthority(UnsafeRawBufferPointer(rebasing: bytes[hostStart..<start])) else {
                throw .target("the host of the request target is malformed")
            }
        }
        let pathStart = start
        // The blank behind the target is in none of the classes, so that these end with it.
        start = HTTPText.endOfOrdinaryPath(in: bytes, from: pathStart)
        var isPlain = true, previous = start > pathStart ? bytes[start - 1] : 0
        while start < end, ByteClass.path.contains(bytes[start]) {
            let byte = bytes[start]
            // An escape, a doubled slash, or a segment that begins with a dot.
            if byte == UInt8(ascii: "%") || (previous == Self.slash && (byte == previous || byte == UInt8(ascii: "."))) { isPlain = false }
            previous = byte
            start += 1
        }
        if start - pathStart != 1, previous == Self.slash || start == pathStart { isPlain = false }
        let path = Int32(pathStart)..<Int32(start)
        var query: Range<Int32>?
        if start < end, bytes[start] == UInt8(ascii: "?") {
            let queryStart = start + 1
            start = queryStart
            start = min(end, HTTPText.end(of: .query, in: bytes, from: start))
            query = Int32(queryStart)..<Int32(start)
        }
        guard start == end else { throw .target("the request target has a character that is not allowed") }
        guard path.isEmpty ? hasAuthority : bytes[pathStart] == Self.slash else {
            throw .target("the path of the request target does not begin with a slash")
        }
        let decoded = isPlain ? nil : try Self.normalized(FieldTable.part(bytes, path))
        self.init(path: path, query: query, decodedPath: decoded, isAsterisk: false)
    }

    private init(path: Range<Int32>, query: Range<Int32>?, decodedPath: [UInt8]?, isAsterisk: Bool) {
        self.path = path
        self.query = query
        self.decodedPath = decodedPath
        self.isAsterisk = isAsterisk
    }

    /// For answers to what could not be read.
    static let none = RequestTarget(path: 0..<0, query: nil, decodedPath: [], isAsterisk: false)

    private static func begins(_ bytes: UnsafeRawBufferPointer, with scheme: String) -> Bool {
        bytes.count >= scheme.utf8.count && zip(bytes, scheme.utf8).allSatisfy { HTTPText.lowercased($0) == $1 }
    }

    // MARK: Paths

    /// Of a path that is not already what it means.
    private static func normalized(_ path: UnsafeRawBufferPointer) throws(HTTPRefusal) -> [UInt8] {
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
                if byte == Self.slash { byte = escapedSlash }
            } else if byte == Self.slash, decoded.last == byte {
                continue
            }
            decoded.append(byte)
        }
        if decoded.count > 1, decoded.last == Self.slash { decoded.removeLast() }
        if decoded.isEmpty { decoded.append(Self.slash) }
        for segment in decoded.split(whereSeparator: { $0 == Self.slash || $0 == escapedSlash }) {
            guard !segment.allSatisfy({ $0 == UInt8(ascii: ".") }) || segment.count > 2 else { throw .target("the path has a dot segment") }
        }
        guard String(validating: decoded, as: UTF8.self) != nil else { throw .target("the path is not UTF-8") }
        return decoded
    }

    // MARK: Hosts

    /// A host, or an address in brackets, and perhaps a port.
    static func isAuthority(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var index = 0
        if bytes.first == UInt8(ascii: "[") {
            index = 1
            while index < bytes.count,
                HTTPText.hexadecimal(bytes[index]) != nil || bytes[index] == Self.colon || bytes[index] == UInt8(ascii: ".")
            {
                index += 1
            }
            guard index > 1, index < bytes.count, bytes[index] == UInt8(ascii: "]") else { return false }
            index += 1
        } else {
            index = HTTPText.end(of: .hostName, in: bytes, from: 0)
            guard index > 0 else { return false }
        }
        guard index < bytes.count else { return true }
        guard bytes[index] == Self.colon, bytes.count - index <= 6 else { return false }
        for place in (index + 1)..<bytes.count where !(0x30...0x39).contains(bytes[place]) { return false }
        return true
    }

    private static let slash = UInt8(ascii: "/")
    private static let colon = UInt8(ascii: ":")
}
