package import ClusterModel
import HTTPSyntax

/// A request whose head, and when it is served whose body, was read and checked.
package struct HTTPRequest: Sendable {
    private var head: RequestHead
    /// Empty until the request is served. An exchange can give it away, see `HTTPExchange.takeBody()`.
    package internal(set) var body: [UInt8] = []
    /// When its first byte arrived.
    package let receivedAt: Instant
    package let remoteIsLoopback: Bool

    init(_ head: RequestHead, receivedAt: Instant, remoteIsLoopback: Bool) {
        self.head = head
        self.receivedAt = receivedAt
        self.remoteIsLoopback = remoteIsLoopback
    }

    /// Of an exchange that has served none yet.
    static var none: HTTPRequest { HTTPRequest(.empty, receivedAt: .zero, remoteIsLoopback: false) }

    /// Its memory for another request, unless somebody else holds it too.
    mutating func giveStorage() -> (head: RequestHead, body: [UInt8])? {
        guard isKnownUniquelyReferenced(&head) else { return nil }
        var body: [UInt8] = []
        swap(&body, &self.body)
        return (head, body)
    }

    /// Bytes of memory that it keeps.
    var capacity: Int { head.table.capacity + body.capacity }

    package var method: HTTPMethod { head.method }
    /// An answer to it has no body.
    var asksForHead: Bool { head.method == .head }
    package var headers: HTTPHeaders { HTTPHeaders(head.table) }
    package var isHTTP10: Bool { head.isHTTP10 }
    var target: RequestTarget { head.target }
    /// For the server as a whole.
    var isForServer: Bool { head.target.isAsterisk }
    /// The client asked for the connection to end, or did not ask for it to stay.
    var closes: Bool { head.closes }
    var expectsContinue: Bool { head.expectsContinue }
    var framing: BodyFraming { head.framing }
    /// What its fields say of the body; where they say nothing it may be JSON.
    var isCoded: Bool { head.isCoded }
    var mayBeJSON: Bool { head.mayBeJSON }

    /// Decoded: escapes undone, no empty or dot segments, no slash at its end. A slash that was escaped stays `%2F`, so that it does not pass for
    /// another path. `*` for a request to the server as a whole.
    package var path: String {
        withPath { path in
            guard target.decodedPath != nil, path.contains(RequestTarget.escapedSlash) else { return String(decoding: path, as: UTF8.self) }
            return String(decoding: path.flatMap { $0 == RequestTarget.escapedSlash ? Array("%2F".utf8) : [$0] }, as: UTF8.self)
        }
    }

    /// The decoded path, in which a slash that was escaped is NUL: it does not separate segments.
    @inline(__always)
    func withPath<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        if let decoded = head.target.decodedPath { return decoded.withUnsafeBytes(body) }
        return head.table.withBytes { body(FieldTable.part($0, head.target.path)) }
    }

    /// Which of several routes the request is for.
    func firstMatch(in patterns: [RoutePattern]) -> Int? {
        withPath { path in
            for place in patterns.indices where patterns[place].matches(path) { return place }
            return nil
        }
    }

    func parameters(of pattern: RoutePattern) -> [(name: String, value: String)] { withPath { pattern.parameters(of: $0) } }

    /// The query as it was sent.
    package var rawQuery: String? { target.query.map { headers.table.text($0) } }

    /// Names and values of the query in order, decoded anew at each call. What is no escape, or no UTF-8, is taken as it stands.
    package var query: [(name: String, value: String)] {
        guard let query = target.query else { return [] }
        return headers.table.withBytes { Self.pairs(FieldTable.part($0, query)) }
    }

    /// The same of a body that a form sent (`application/x-www-form-urlencoded`).
    package var form: [(name: String, value: String)] { body.withUnsafeBytes { Self.pairs($0) } }

    private static func pairs(_ bytes: UnsafeRawBufferPointer) -> [(name: String, value: String)] {
        bytes.split(separator: UInt8(ascii: "&")).map { pair in
            let halves = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            return (decoded(halves[0]), halves.count > 1 ? decoded(halves[1]) : "")
        }
    }

    private static func decoded(_ bytes: Slice<UnsafeRawBufferPointer>) -> String {
        var result: [UInt8] = [], rest = bytes
        while let byte = rest.popFirst() {
            let digits = rest.prefix(2).compactMap(HTTPText.hexadecimal)
            if byte == UInt8(ascii: "%"), digits.count == 2 {
                result.append(digits[0] << 4 | digits[1])
                rest = rest.dropFirst(2)
            } else {
                result.append(byte == UInt8(ascii: "+") ? 0x20 : byte)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
