import ClusterModel
import HTTPServing
import Testing

@Suite("Requests are read the same however they arrive")
struct RequestParserTests {
    /// Whole connections: good ones, and some that end in a refusal.
    static let connections = [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /v1/models/x%2Fy?a=1&b=%20c+d HTTP/1.1\r\nHost: a.example:8000\r\nX-A:  v \t\r\nx-a: w\r\n\r\n",
        "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world",
        "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\nGET /q HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n",
        "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n00a ;q=\"v\"\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\nGET / HTTP/1.0\r\n\r\n",
        "\r\nPOST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-Continue\r\n\r\nabc\r\nGET /next HTTP/1.1\r\nHost: [::1]:80\r\nConnection: x, Close\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\nBREW http://pot.example/coffee?milk HTTP/1.1\r\nHost: ignored\r\n\r\n",
        "GET /a//b/ HTTP/1.1\r\nHost: a\r\n\r\nHEAD /%C3%A4 HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\nDELETE /x HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: \u{e4}\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nX : 1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\n\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
    ]

    @Test("byte by byte, cut anywhere, in random pieces: the same requests and the same refusal", arguments: connections)
    func cuts(text: String) {
        let bytes = Array(text.utf8), whole = parse(bytes)
        #expect(!whole.requests.isEmpty || whole.refusal != nil)
        #expect(parse(bytes) { _ in 1 } == whole)
        for cut in 1..<bytes.count { #expect(parse(bytes) { $0 == 0 ? cut : .max } == whole, "cut at \(cut)") }
        for seed in 0..<200 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            #expect(parse(bytes) { _ in Int.random(in: 1...9, using: &random) } == whole, "seed \(seed)")
        }
    }

    @Test("the same at every limit: no way to cut a request gets more past it", arguments: connections)
    func cutsAtLimits(text: String) {
        let bytes = Array(text.utf8)
        for limit in 4..<bytes.count {
            for which in 0..<4 {
                var limits = HTTPLimits()
                switch which {
                case 0: limits.headerBytes = limit
                case 1: limits.targetBytes = limit
                case 2: limits.bodyBytes = limit - 4
                default: limits.headerCount = limit - 4
                }
                let whole = parse(bytes, limits: limits)
                #expect(parse(bytes, limits: limits) { _ in 1 } == whole, "limit \(limit) of \(which)")
                #expect(parse(bytes, limits: limits) { _ in 7 } == whole, "limit \(limit) of \(which)")
            }
        }
    }

    @Test("pipelined behind each other they are the same requests")
    func pipelined() {
        let good = Self.connections.prefix(8), together = Array(good.joined().utf8)
        let one = parse(together), single = good.flatMap { parse($0).requests }
        #expect(one.refusal == nil)
        #expect(one.requests == single)
        for size in [1, 2, 3, 5, 17, 100] { #expect(parse(together) { _ in size } == one) }
    }

    @Test("fields, targets and bodies mean what they say")
    func meaning() {
        #expect(
            parse(Self.connections[1]).requests == ["GET /v1/models/x%2Fy a=1&b=%20c+d [Host=a.example:8000;X-A=v;x-a=w] none <>"])
        #expect(
            parse(Self.connections[5]).requests
                == ["POST /p - [Host=a;Transfer-Encoding=Chunked] chunked <0123456789>", "GET / - [] none closes <>"])
        #expect(
            parse(Self.connections[6]).requests == [
                "POST /p - [Host=a;Content-Length=3;Expect=100-Continue] length(3) expects <abc>",
                "GET /next - [Host=[::1]:80;Connection=x, Close] none closes <>",
            ])
        #expect(
            parse(Self.connections[7]).requests
                == ["OPTIONS * - [Host=a] none <>", "BREW /coffee milk [Host=ignored] none <>"])
        #expect(
            parse(Self.connections[8]).requests == [
                "GET /a/b - [Host=a] none <>", "HEAD /\u{e4} - [Host=a;Connection=keep-alive] none <>",
                "DELETE /x - [Connection=Keep-Alive] none <>",
            ])
    }

    @Test("after a refusal nothing more is read")
    func refusalIsFinal() {
        let bad = parse("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost : a\r\n\r\nGET /second HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(bad.requests.count == 1)
        #expect(bad.status == 400)
    }

    @Test("damaged requests are refused or read, alike in any pieces, and never trap")
    func mutations() {
        var random = SeededRandom(seed: 11), accepted = 0, refused = 0
        let alphabet = Array("\r\n\r\n :;,0123456789abcdefx/%?.\u{0}\u{7f}\u{80}TCHGPOST".utf8)
        for round in 0..<20_000 {
            var bytes = Array(Self.connections[Int.random(in: 0..<Self.connections.count, using: &random)].utf8)
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[place] = alphabet[Int.random(in: 0..<alphabet.count, using: &random)]
                case 1: bytes.insert(alphabet[Int.random(in: 0..<alphabet.count, using: &random)], at: place)
                case 2: if bytes.count > 1 { bytes.remove(at: place) }
                default: bytes.insert(contentsOf: bytes[place...].prefix(20), at: place)
                }
            }
            let whole = parse(bytes)
            if whole.refusal == nil { accepted += 1 } else { refused += 1 }
            let size = Int.random(in: 1...11, using: &random)
            #expect(parse(bytes) { _ in size } == whole, "round \(round): \(String(decoding: bytes, as: UTF8.self).debugDescription)")
        }
        #expect(accepted > 1_000 && refused > 1_000, "the damage is neither nothing nor everything: \(accepted), \(refused)")
    }
}
