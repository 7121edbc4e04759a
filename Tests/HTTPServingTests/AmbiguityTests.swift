import HTTPServing
import Testing

/// What proxies and servers are known to read in different ways, and what is not HTTP at all: one answer each, and nothing behind it is read.
@Suite("Ambiguous requests are refused")
struct AmbiguityTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let what: String
        let head: String
        let status: Int
        var testDescription: String { what }

        init(_ what: String, _ head: String, _ status: Int = 400) {
            self.what = what
            self.head = head
            self.status = status
        }
    }

    private static func post(_ fields: String) -> String { "POST / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\r\n" }

    static let framing: [Case] = [
        Case("both framings", post("Content-Length: 4\r\nTransfer-Encoding: chunked")),
        Case("both framings, the other way round", post("Transfer-Encoding: chunked\r\nContent-Length: 4")),
        Case("both framings, length 0", post("Content-Length: 0\r\nTransfer-Encoding: chunked")),
        Case("two lengths that differ", post("Content-Length: 4\r\nContent-Length: 5")),
        Case("two lengths that agree", post("Content-Length: 4\r\nContent-Length: 4")),
        Case("a list of lengths", post("Content-Length: 4, 4")),
        Case("an empty length", post("Content-Length:")),
        Case("a length with a sign", post("Content-Length: +4")),
        Case("a negative length", post("Content-Length: -4")),
        Case("a length in hexadecimal", post("Content-Length: 0x4")),
        Case("a length with a blank", post("Content-Length: 1 2")),
        Case("a length with digits of another script", post("Content-Length: \u{664}")),
        Case("a length of 2^63", post("Content-Length: 9223372036854775808")),
        Case("a length of 2^64 + 4", post("Content-Length: 18446744073709551620")),
        Case("a length of many digits", post("Content-Length: " + String(repeating: "9", count: 100))),
        Case("identity", post("Transfer-Encoding: identity")),
        Case("a coding whose name has an underscore", post("Transfer_Encoding: chunked")),
        Case("a length whose name has an underscore", post("content_length: 4")),
        Case("gzip alone", post("Transfer-Encoding: gzip")),
        Case("chunked before gzip", post("Transfer-Encoding: chunked, gzip")),
        Case("chunked twice", post("Transfer-Encoding: chunked, chunked")),
        Case("chunked in two fields", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked")),
        Case("chunked, then identity in a second field", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity")),
        Case("gzip, chunked", post("Transfer-Encoding: gzip, chunked"), 501),
        Case("gzip and chunked in two fields", post("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked"), 501),
        Case("identity, chunked", post("Transfer-Encoding: identity, chunked"), 501),
        Case("an empty coding", post("Transfer-Encoding:")),
        Case("an empty element before chunked", post("Transfer-Encoding: , chunked")),
        Case("an empty element after chunked", post("Transfer-Encoding: chunked,")),
        Case("xchunked", post("Transfer-Encoding: xchunked")),
        Case("chunked with a parameter", post("Transfer-Encoding: chunked;q=1")),
        Case("chunked in quotes", post("Transfer-Encoding: \"chunked\"")),
        Case("chunked behind a vertical tab", post("Transfer-Encoding: \u{b}chunked")),
        Case("chunked with NUL", post("Transfer-Encoding: chunked\u{0}")),
        Case("chunked in HTTP/1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ]

    static let lines: [Case] = [
        Case("a space before the colon", post("X : 1")),
        Case("a space before the colon of Transfer-Encoding", post("Transfer-Encoding : chunked")),
        Case("a tab before the colon", post("X\t: 1")),
        Case("a folded value", post("X: 1\r\n 2")),
        Case("a folded value with a tab", post("X: 1\r\n\t2")),
        Case("a blank line start as the first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
        Case("a line without a colon", post("nonsense")),
        Case("an empty name", post(": 1")),
        Case("a name with a slash", post("X/Y: 1")),
        Case("a name with NUL", post("X\u{0}: 1")),
        Case("a name above ASCII", post("\u{e4}: 1")),
        Case("a value with NUL", post("X: a\u{0}b")),
        Case("a value with CR", post("X: a\rb")),
        Case("a value with DEL", post("X: a\u{7f}b")),
        Case("a value with escape", post("X: a\u{1b}b")),
        Case("bare LF after the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n"),
        Case("bare LF after a field", "GET / HTTP/1.1\r\nHost: a\n\r\n"),
        Case("bare LF at the end", "GET / HTTP/1.1\r\nHost: a\r\n\n"),
        Case("CR CR LF", "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"),
        Case("two empty lines first", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("LF first", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ]

    static let startLines: [Case] = [
        Case("no version", "GET /\r\n\r\n"),
        Case("no target", "GET HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("two blanks before the target", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("two blanks before the version", "GET /  HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("a tab between", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("a blank behind the version", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
        Case("a blank first", " GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("lower-case http", "GET / http/1.1\r\nHost: a\r\n\r\n"),
        Case("no number", "GET / HTTP/x.y\r\nHost: a\r\n\r\n"),
        Case("a long number", "GET / HTTP/1.10\r\nHost: a\r\n\r\n"),
        Case("HTTP/0.9", "GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505),
        Case("HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505),
        Case("HTTP/2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        Case("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        Case("a method with a slash", "G/T / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("a long method", String(repeating: "G", count: 33) + " / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
        Case("CONNECT", "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 501),
        Case("a hello of TLS", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\r\n"),
    ]

    static let targets: [Case] = [
        Case("a relative path", "GET x HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("an asterisk for GET", "GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("a fragment", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("a backslash", "GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("bytes above ASCII", "GET /\u{e4} HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("a control byte in the query", "GET /?a\u{1}b HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("a dot segment", "GET /a/../b HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("a single dot segment", "GET /a/./b HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("dots at the end", "GET /a/.. HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("escaped dots", "GET /a/%2e%2E/b HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("dots between escaped slashes", "GET /a%2f..%2fb HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("an escaped NUL", "GET /a%00b HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("an escaped line feed", "GET /a%0ab HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("half an escape", "GET /a%2 HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("no escape", "GET /a%zz HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("escapes that are no UTF-8", "GET /a%ff HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("an overlong slash", "GET /a%c0%af..%c0%afb HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("another scheme", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("a user in an absolute target", "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("no host in an absolute target", "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n"),
    ]

    static let hosts: [Case] = [
        Case("no Host", "GET / HTTP/1.1\r\n\r\n"),
        Case("two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
        Case("two Hosts in HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"),
        Case("an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
        Case("a list of Hosts", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
        Case("a Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
        Case("a Host with a user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
        Case("a Host with a word as its port", "GET / HTTP/1.1\r\nHost: a:http\r\n\r\n"),
        Case("a Host with two ports", "GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n"),
        Case("a Host that is a port", "GET / HTTP/1.1\r\nHost: :80\r\n\r\n"),
        Case("a bracket that does not close", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"),
        Case("an absolute target does not replace the Host", "GET http://a/ HTTP/1.1\r\n\r\n"),
        Case("another expectation", post("Expect: 200-ok"), 417),
    ]

    private static func chunked(_ body: String) -> String { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\(body)" }

    static let chunks: [Case] = [
        Case("no size", chunked("\r\nhello\r\n0\r\n\r\n")),
        Case("a size of letters", chunked("x\r\nhello\r\n0\r\n\r\n")),
        Case("a size with 0x", chunked("0x5\r\nhello\r\n0\r\n\r\n")),
        Case("a size with a sign", chunked("+5\r\nhello\r\n0\r\n\r\n")),
        Case("a negative size", chunked("-5\r\nhello\r\n0\r\n\r\n")),
        Case("a blank before the size", chunked(" 5\r\nhello\r\n0\r\n\r\n")),
        Case("a blank behind the size", chunked("5 \r\nhello\r\n0\r\n\r\n")),
        Case("a size of 2^64", chunked("10000000000000000\r\nhello\r\n0\r\n\r\n")),
        Case("a size of 2^60 and leading zeros", chunked("0000000000000005\r\nhello\r\n0\r\n\r\n")),
        Case("bare LF behind the size", chunked("5\nhello\r\n0\r\n\r\n")),
        Case("bare CR behind the size", chunked("5\rhello\r\n0\r\n\r\n")),
        Case("more data than the size says", chunked("5\r\nhello!\r\n0\r\n\r\n")),
        Case("bare LF behind the data", chunked("5\r\nhello\n0\r\n\r\n")),
        Case("no line end behind the data", chunked("5\r\nhello0\r\n\r\n")),
        Case("LF in an extension", chunked("5;a\nb\r\nhello\r\n0\r\n\r\n")),
        Case("NUL in an extension", chunked("5;a\u{0}\r\nhello\r\n0\r\n\r\n")),
        Case("a long extension", chunked("5;" + String(repeating: "x", count: 300) + "\r\nhello\r\n0\r\n\r\n")),
        Case("something behind the last chunk", chunked("0\r\nX\r\n\r\n")),
        Case("a folded trailer", chunked("0\r\nA: b\r\n c\r\n\r\n")),
        Case("a trailer with a space before its colon", chunked("0\r\nA : b\r\n\r\n")),
        Case("bare LF behind a trailer", chunked("0\r\nA: b\n\r\n")),
        Case("endless trailers", chunked("0\r\n" + String(repeating: "A: b\r\n", count: 2_000) + "\r\n"), 431),
    ]

    /// What an attacker wants to be answered as a request of its own.
    private static let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"

    @Test(
        "refused with its status, whole and byte by byte, and what follows is never read as a request",
        arguments: framing + lines + startLines + targets + hosts + chunks)
    func refused(_ example: Case) {
        for behind in ["", Self.smuggled, "0\r\n\r\n\(Self.smuggled)", "5\r\nhello\r\n0\r\n\r\n\(Self.smuggled)"] {
            let bytes = Array((example.head + behind).utf8), parsed = parse(bytes)
            #expect(parsed.status == example.status, "\(parsed)")
            #expect(parsed.requests.isEmpty, "\(parsed)")
            #expect(parse(bytes) { _ in 1 } == parsed)
        }
    }

    @Test("what is unusual and has one meaning is served")
    func served() {
        let good = [
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
            "GET / HTTP/1.1\r\nhOsT:a\r\nX:\r\n\r\n",
            "GET /?a=[1]&b={2}|\"^` HTTP/1.1\r\nHost: A-b_c.d~e:65535\r\n\r\n",
            "GET /.well-known/x/...;v=1,2/@:!$&'()*+= HTTP/1.1\r\nHost: [fe80::1]\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a:\r\nTransfer-Encoding:\tCHUNKED \r\n\r\n000000000000005\r\nhello\r\n0;last\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 000000000000000000000000005\r\n\r\nhello",
            "GET HTTPS://x.example HTTP/1.1\r\nHost: a\r\n\r\n",
        ]
        for text in good {
            let parsed = parse(text)
            #expect(parsed.refusal == nil && parsed.requests.count == 1, "\(text.debugDescription): \(parsed)")
        }
    }
}
