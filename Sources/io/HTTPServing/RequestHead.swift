import HTTPSyntax

/// How the end of a body is known.
enum BodyFraming: Hashable, Sendable {
    case none
    case length(Int)
    case chunked
}

/// The head of a request, judged: from here on there is one way to read what follows it.
///
/// An object, so that a request that is handed on is one reference and not its parts. It can take another head when this one is over.
final class RequestHead: @unchecked Sendable {
    // Safety: written only by the parser that reads it, before it is told of, and again when nobody else holds it (`HTTPExchange.giveStorage`).

    private(set) var method = HTTPMethod.other("")
    private(set) var target = RequestTarget.none
    private(set) var isHTTP10 = false
    private(set) var table = FieldTable()
    private(set) var closes = true
    private(set) var expectsContinue = false
    private(set) var framing = BodyFraming.none
    /// What its fields say of the body.
    private(set) var isCoded = false
    private(set) var mayBeJSON = true

    /// The start line, judged when it is there and not only when the whole head is: what is no HTTP is told so at once.
    struct Line: Sendable {
        let method: HTTPMethod
        let target: RequestTarget
        let isHTTP10: Bool
    }

    init() {}

    /// Never filled: it always has this owner besides.
    static let empty = RequestHead()

    /// For answers to what could not be read, but perhaps for its method: an answer to HEAD has no body, whatever it says.
    static func unreadable(_ method: HTTPMethod?) -> RequestHead {
        let head = RequestHead()
        if let method { head.method = method }
        return head
    }

    func fill(_ line: consuming Line, _ table: consuming FieldTable) throws(HTTPRefusal) {
        let fields = try RequestFields(table, isHTTP10: line.isHTTP10)
        closes = fields.saysClose || (line.isHTTP10 && !fields.saysKeepAlive)
        expectsContinue = fields.expectsContinue && !line.isHTTP10
        framing = fields.isChunked ? .chunked : (fields.length.map { $0 > 0 ? .length($0) : .none } ?? .none)
        isCoded = fields.isCoded
        mayBeJSON = fields.mayBeJSON
        isHTTP10 = line.isHTTP10
        method = line.method
        target = line.target
        self.table = table
    }

    /// Its memory, for another head.
    func takeTable() -> FieldTable {
        var taken = FieldTable()
        swap(&taken, &table)
        return taken
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
        let method = HTTPMethod(name)
        if case .other = method {
            guard !name.isEmpty, HTTPText.isEvery(name, .token) else { throw .syntax("the method is empty or malformed") }
        }
        guard let second = HTTPText.firstBlank(in: line, from: first + 1) else { throw .syntax("the request line has no version") }
        let version = try Self.version(UnsafeRawBufferPointer(rebasing: line[(second + 1)...]))
        guard second - first - 1 <= maximumTarget else { throw HTTPRefusal(.startLineTooLong) }
        guard name.count <= Self.mostMethodBytes else {
            throw HTTPRefusal(.method, .notImplemented, "the method is longer than any that this server knows")
        }
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
