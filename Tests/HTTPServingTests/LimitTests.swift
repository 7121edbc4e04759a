import HTTPServing
@testable import HTTPSyntax
import Testing

@Suite("Limits of requests")
struct LimitTests {
    private func limits(_ change: (inout HTTPLimits) -> Void) -> HTTPLimits {
        var limits = HTTPLimits()
        change(&limits)
        return limits
    }

    @Test("a header of exactly the limit passes, a byte more is 431")
    func headerBytes() {
        let head = "GET / HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "x", count: 500))\r\n\r\n"
        #expect(parse(head, limits: limits { $0.headerBytes = head.utf8.count }).requests.count == 1)
        let refused = parse(head, limits: limits { $0.headerBytes = head.utf8.count - 1 })
        #expect(refused.status == 431 && refused.kind == .headerSize)
    }

    @Test("a header without an end is refused at the limit, not later")
    func endlessHeader() {
        let bytes = Array("GET / HTTP/1.1\r\nHost: a\r\nX: ".utf8) + [UInt8](repeating: 0x78, count: 1_000)
        #expect(parse(bytes, limits: limits { $0.headerBytes = 1_000 }).status == 431)
    }

    @Test("as many fields as the limit pass, one more is 431")
    func fieldCount() {
        let head = "GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\n\r\n"
        #expect(parse(head, limits: limits { $0.headerCount = 3 }).requests.count == 1)
        #expect(parse(head, limits: limits { $0.headerCount = 2 }).status == 431)
    }

    @Test("a target of exactly the limit passes, a byte more is 414, also when it never ends")
    func target() {
        let target = "/" + String(repeating: "x", count: 99), head = "GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n"
        #expect(parse(head, limits: limits { $0.targetBytes = 100 }).requests.count == 1)
        let refused = parse(head, limits: limits { $0.targetBytes = 99 })
        #expect(refused.status == 414 && refused.kind == .targetSize)
        let endless = "GET /" + String(repeating: "x", count: 10_000)
        #expect(parse(endless).status == 414)
    }

    @Test("a body of exactly the limit passes, a byte more is 413: announced at once, in chunks when it is there")
    func body() {
        let announced = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n"
        #expect(parse(announced + String(repeating: "b", count: 100), limits: limits { $0.bodyBytes = 100 }).requests.count == 1)
        let refused = parse(announced, limits: limits { $0.bodyBytes = 99 })
        #expect(refused.status == 413 && refused.kind == .bodySize)
        let chunk = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n32\r\n\(String(repeating: "b", count: 50))\r\n"
        #expect(parse(chunk + "0\r\n\r\n", limits: limits { $0.bodyBytes = 50 }).requests.count == 1)
        #expect(parse(chunk + "1\r\n", limits: limits { $0.bodyBytes = 50 }).refusal == nil)
        #expect(parse(chunk + "1\r\nb", limits: limits { $0.bodyBytes = 50 }).status == 413)
    }

    @Test("classes of bytes are the sets that their comments name")
    func byteClasses() {
        let letters = Set(UInt8(ascii: "a")...UInt8(ascii: "z")).union(UInt8(ascii: "A")...UInt8(ascii: "Z")).union(0x30...0x39)
        let sets: [(ByteClass, Set<UInt8>)] = [
            (.token, letters.union("!#$%&'*+-.^_`|~".utf8)), (.fieldValue, Set(0x20...0x7E).union([9]).union(0x80...0xFF)),
            (.path, letters.union("-._~!$&'()*+,;=:@/%".utf8)), (.query, Set(0x21...0x7E).subtracting("#".utf8)),
            (.host, letters.union("-._~:[]".utf8)),
        ]
        for (kind, expected) in sets { #expect(Set((0...255).filter { kind.contains($0) }) == expected) }
    }
}
