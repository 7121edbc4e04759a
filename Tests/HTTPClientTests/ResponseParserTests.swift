import ClusterModel
@testable import HTTPClient
import Testing

@Suite("Answers are read the same however they arrive")
struct ResponseParserTests {
    struct Parsed: Equatable, CustomStringConvertible {
        var head: String?
        var body = ""
        var isComplete = false
        var keeps = false
        var error: HTTPClientError?
        var used = 0
        var description: String { "\(head ?? "-") <\(body)> complete \(isComplete) keeps \(keeps) \(error.map { "\($0)" } ?? "")" }
    }

    /// - Parameter ends: the connection ends after the bytes.
    static func parse(_ text: String, toHead: Bool = false, ends: Bool = true, piece: (Int) -> Int = { _ in .max }) -> Parsed {
        let bytes = Array(text.utf8)
        var parser = ResponseParser(HTTPClientLimits(), answersHead: toHead), parsed = Parsed(), offset = 0
        do throws(HTTPClientError) {
            reading: while offset < bytes.count {
                let end = offset + min(max(1, piece(offset)), bytes.count - offset), input = Array(bytes[offset..<end])
                var cursor = 0, isDone = false
                try input.withUnsafeBufferPointer { (buffer) throws(HTTPClientError) in
                    let input = UnsafeRawBufferPointer(buffer)
                    while !isDone {
                        switch try parser.next(input, from: &cursor) {
                        case .needsMore: return
                        case .head(let head): parsed.head = "\(head.status) \(head["content-type"] ?? "-")"
                        case .part(let place): parsed.body += String(decoding: input[place], as: UTF8.self)
                        case .complete: isDone = true
                        }
                    }
                }
                parsed.used = offset + cursor
                offset = end
                if isDone {
                    parsed.isComplete = true
                    break reading
                }
            }
            if !parsed.isComplete, ends { parsed.isComplete = parser.connectionEnded() }
        } catch { parsed.error = error }
        parsed.keeps = parser.keepsConnection
        return parsed
    }

    static let answers = [
        "HTTP/1.1 200 OK\r\nContent-Type: a\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n00000003\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n",
        "HTTP/1.0 404 Not Found\r\n\r\nuntil the end",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 201 \r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 204\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n",
        "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    ]

    @Test("byte by byte, cut anywhere", arguments: answers)
    func cuts(text: String) {
        let whole = Self.parse(text), count = text.utf8.count
        #expect(whole.isComplete && whole.error == nil && whole.used == count, "\(whole)")
        #expect(Self.parse(text) { _ in 1 } == whole)
        for cut in 1..<count { #expect(Self.parse(text) { $0 == 0 ? cut : .max } == whole) }
    }

    @Test("heads, bodies, and whether the connection stays")
    func meaning() {
        let parsed = Self.answers.map { Self.parse($0) }
        #expect(parsed.map(\.head) == ["200 a", "200 -", "404 -", "201 -", "204 -", "304 -", "200 -", "200 -"])
        #expect(parsed.map(\.body) == ["hello", "abcde", "until the end", "ok", "", "", "x", ""])
        #expect(parsed.map(\.keeps) == [true, true, false, true, true, true, true, false])
        let toHead = Self.parse(Self.answers[0].replacing("hello", with: ""), toHead: true)
        #expect(toHead.isComplete && toHead.body == "" && toHead.keeps)
    }

    @Test("an answer that was cut short is not complete", arguments: answers.indices)
    func truncated(index: Int) {
        let text = Self.answers[index], isUntilClose = index == 2
        for count in 0..<text.utf8.count {
            let parsed = Self.parse(String(decoding: text.utf8.prefix(count), as: UTF8.self))
            #expect(!parsed.isComplete || (isUntilClose && parsed.head != nil), "\(count): \(parsed)")
        }
    }

    @Test(
        "what has two readings, or none, is malformed",
        arguments: [
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/2 200 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n",
            "HTTP/1.1 2000 OK\r\n\r\n",
            "HTTP/1.1 999 OK\r\n\r\n", "HTTP/1.1  200 OK\r\n\r\n", "nonsense\r\n\r\n", "HTTP/1.1 200 OK\r\nX : 1\r\n\r\n",
            "HTTP/1.1 200 OK\nX: 1\n\n",
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        ])
    func malformed(text: String) {
        let parsed = Self.parse(text)
        if case .malformed = parsed.error {} else { Issue.record("\(text.debugDescription): \(parsed)") }
        #expect(Self.parse(text) { _ in 1 }.error == parsed.error)
    }

    @Test("a head, or interim answers, without end are too large")
    func tooLarge() {
        #expect(Self.parse("HTTP/1.1 200 OK\r\nX: " + String(repeating: "x", count: 100_000)).error == .tooLarge)
        #expect(Self.parse("HTTP/1.1 200 OK\r\n" + String(repeating: "X: 1\r\n", count: 300) + "\r\n").error == .tooLarge)
        #expect(Self.parse(String(repeating: "HTTP/1.1 100 Continue\r\n\r\n", count: 20)).error == .tooLarge)
    }
}
