import HTTPSyntax

/// How the end of a body is known.
enum BodyFraming: Hashable, Sendable {
    case none
    case length(Int)
    case chunked
}

/// The head of a request, judged: from here on there is one way to read what follows it.
///
/// An object, so that a request that is handed on is one reference and not its parts.
final class RequestHead: Sendable {
    let method: HTTPMethod
    let target: RequestTarget
    let isHTTP10: Bool
    let table: FieldTable
    let closes: Bool
    let expectsContinue: Bool
    let framing: BodyFraming

    /// The start line, judged when it is there and not only when the whole head is: what is no HTTP is told so at once.
    struct Line: Sendable {
        let method: HTTPMethod
        let target: RequestTarget
        let isHTTP10: Bool
    }

    init(_ line: Line, _ table: FieldTable) throws(HTTPRefusal) {
        let fields = try table.withBytes { (bytes) throws(HTTPRefusal) in try Self.read(table.entries, bytes, line) }
        method = line.method
        target = line.target
        isHTTP10 = line.isHTTP10
        self.table = table
        closes = fields.saysClose || (line.isHTTP10 && !fields.saysKeepAlive)
        expectsContinue = fields.expectsContinue && !isHTTP10
        framing = fields.isChunked ? .chunked : (fields.length.map { $0 > 0 ? .length($0) : .none } ?? .none)
    }

    /// For answers to what could not be read, but perhaps for its method: an answer to HEAD has no body, whatever it says.
    static func unreadable(_ method: HTTPMethod?) -> RequestHead { RequestHead(method ?? .other("")) }

    private init(_ method: HTTPMethod) {
        self.method = method
        target = .none
        isHTTP10 = false
        table = FieldTable()
        closes = true
        expectsContinue = false
        framing = .none
    }

    // MARK: Fields that change how the rest is read

    private struct Fields {
        var hosts = 0
        var length: Int?
        var codings = 0
        var isChunked = false
        var saysClose = false
        var saysKeepAlive = false
        var expectsContinue = false
    }

    private static func read(_ entries: [FieldTable.Entry], _ bytes: UnsafeRawBufferPointer, _ line: Line) throws(HTTPRefusal) -> Fields {
        var fields = Fields()
        for entry in entries {
            // Most fields are none of these, and are not looked at.
            let count = entry.name.upperBound &- entry.name.lowerBound
            guard count == 4 || count == 6 || count == 10 || count == 14 || count == 17, begins(bytes[Int(entry.name.lowerBound)]) else {
                continue
            }
            let name = FieldTable.part(bytes, entry.name), value = FieldTable.part(bytes, entry.value)
            switch count {
            case 4 where HTTPText.isSame(name, "host"):
                fields.hosts += 1
                guard fields.hosts == 1 else { throw .host("the request has more than one Host field") }
                guard RequestTarget.isAuthority(value) else { throw .host("the Host field is empty or malformed") }
            case 6 where HTTPText.isSame(name, "expect"):
                guard HTTPText.isSame(value, "100-continue") else {
                    throw HTTPRefusal(.expectation, .expectationFailed, "the only expectation that this server knows is 100-continue")
                }
                fields.expectsContinue = true
            case 10 where HTTPText.isSame(name, "connection"):
                // What nearly all clients say is no list.
                if HTTPText.isSame(value, "keep-alive") {
                    fields.saysKeepAlive = true
                } else {
                    if HTTPText.list(value, holds: "close") { fields.saysClose = true }
                    if HTTPText.list(value, holds: "keep-alive") { fields.saysKeepAlive = true }
                }
            case 14 where HTTPText.isSame(name, "content-length"):
                // Two that agree are refused as well: whoever sends them has been confused by somebody.
                guard fields.length == nil else { throw .framing("the request has more than one Content-Length") }
                guard let length = HTTPText.decimal(value) else { throw .framing("the Content-Length is not a number of reasonable size") }
                fields.length = length
            case 17 where HTTPText.isSame(name, "transfer-encoding"): try readCodings(value, &fields)
            case 14 where HTTPText.isSame(name, "content_length"), 17 where HTTPText.isSame(name, "transfer_encoding"):
                // Gateways that take an underscore for a hyphen would read another message than we do.
                throw .framing("the request has a field whose name differs from that of its framing by an underscore")
            default: break
            }
        }
        try check(fields, line)
        return fields
    }

    /// As the name of one of them does: with C, E, H or T.
    @inline(__always)
    private static func begins(_ byte: UInt8) -> Bool {
        let letter = byte | 0x20
        return letter == UInt8(ascii: "c") || letter == UInt8(ascii: "e") || letter == UInt8(ascii: "h") || letter == UInt8(ascii: "t")
    }

    /// Chunked, once and last, is the one coding there is. A list without it at its end has no end that all would agree on.
    private static func readCodings(_ value: UnsafeRawBufferPointer, _ fields: inout Fields) throws(HTTPRefusal) {
        var fault: HTTPRefusal?
        HTTPText.forEachElement(of: value) { coding in
            if fields.isChunked { fault = fault ?? .framing("a transfer coding is applied after chunked") }
            if coding.isEmpty { fault = fault ?? .framing("the Transfer-Encoding has an empty element") }
            fields.isChunked = HTTPText.isSame(coding, "chunked")
            fields.codings += 1
        }
        if let fault { throw fault }
    }

    private static func check(_ fields: Fields, _ line: Line) throws(HTTPRefusal) {
        guard fields.hosts == 1 || line.isHTTP10 else { throw .host("the request has no Host field") }
        guard fields.codings > 0 else { return }
        guard !line.isHTTP10 else { throw .framing("HTTP/1.0 has no Transfer-Encoding") }
        guard fields.length == nil else { throw .framing("the request has both a Content-Length and a Transfer-Encoding") }
        guard fields.isChunked else { throw .framing("the last transfer coding is not chunked") }
        guard fields.codings == 1 else {
            throw HTTPRefusal(.transferCoding, .notImplemented, "chunked is the only transfer coding that this server knows")
        }
    }
}

extension RequestHead.Line {
    /// Longer than any method that is registered.
    private static let mostMethodBytes = 32
    private static let versionBytes = 8

    /// What a request line may have beside its target.
    static let bytesBesideTarget = mostMethodBytes + versionBytes + 2

    init(_ bytes: UnsafeRawBufferPointer, at place: Range<Int>, maximumTarget: Int) throws(HTTPRefusal) {
        let line = UnsafeRawBufferPointer(rebasing: bytes[place])
        guard let first = HTTPText.firstBlank(in: line, from: 0) else { throw .syntax("the request line has no target") }
        let name = UnsafeRawBufferPointer(rebasing: line[..<first])
        guard !name.isEmpty, HTTPText.isEvery(name, .token) else { throw .syntax("the method is empty or malformed") }
        guard let second = HTTPText.firstBlank(in: line, from: first + 1) else { throw .syntax("the request line has no version") }
        let version = try Self.version(UnsafeRawBufferPointer(rebasing: line[(second + 1)...]))
        guard second - first - 1 <= maximumTarget else { throw HTTPRefusal(.startLineTooLong) }
        guard name.count <= Self.mostMethodBytes else {
            throw HTTPRefusal(.method, .notImplemented, "the method is longer than any that this server knows")
        }
        let method = HTTPMethod(name)
        if HTTPText.isEqual(name, "CONNECT") { throw HTTPRefusal(.method, .notImplemented, "this server opens no tunnels") }
        let target = try RequestTarget(bytes, at: (place.lowerBound + first + 1)..<(place.lowerBound + second), method: method)
        self.init(method: method, target: target, isHTTP10: version == 0)
    }

    /// The minor version of HTTP/1.
    private static func version(_ text: UnsafeRawBufferPointer) throws(HTTPRefusal) -> Int {
        if HTTPText.isEqual(text, "HTTP/1.1") { return 1 }
        if HTTPText.isEqual(text, "HTTP/1.0") { return 0 }
        guard text.count == versionBytes, HTTPText.isEqual(UnsafeRawBufferPointer(rebasing: text[..<5]), "HTTP/"),
            text[6] == UInt8(ascii: "."), (0x30...0x39).contains(text[5]), (0x30...0x39).contains(text[7])
        else { throw .syntax("the request line does not end with an HTTP version") }
        throw HTTPRefusal(.version, .versionNotSupported, "this server speaks HTTP/1.1 and HTTP/1.0")
    }
}
