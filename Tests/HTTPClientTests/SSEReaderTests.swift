import ClusterModel
import HTTPClient
import Testing

@Suite("Events of a stream")
struct SSEReaderTests {
    private func events(_ text: String, limit: Int = 1 << 20, piece: (Int) -> Int = { _ in .max }) throws -> [String] {
        let bytes = Array(text.utf8)
        var reader = SSEReader(limit: limit), offset = 0, found: [String] = []
        while offset < bytes.count {
            let end = offset + min(max(1, piece(offset)), bytes.count - offset)
            try bytes[offset..<end].withUnsafeBytes { piece in
                try reader.read(piece) { found.append("\(String(decoding: $0.name, as: UTF8.self))|\($0.text)\($0.isDone ? "!" : "")") }
            }
            offset = end
        }
        found.append("comments \(reader.comments)")
        return found
    }

    static let streams: [(String, [String])] = [
        ("data: one\n\ndata: two\n\ndata: [DONE]\n\n", ["|one", "|two", "|[DONE]!", "comments 0"]),
        ("data: one\r\n\r\ndata: two\r\rdata: three\n\r\n", ["|one", "|two", "|three", "comments 0"]),
        ("event: delta\ndata: {\"a\":1}\n\nevent: x\n\ndata: y\n\n", ["delta|{\"a\":1}", "|y", "comments 0"]),
        ("data: a\ndata: b\ndata:\ndata\ndata:  c\n\n", ["|a\nb\n\n\n c", "comments 0"]),
        (": keepalive\n\n: again\n\ndata:x\n\n", ["|x", "comments 2"]),
        ("\u{feff}data: bom\n\nid: 7\nretry: 10\nunknown: z\n\ndata: not ended\n", ["|bom", "comments 0"]),
        ("", ["comments 0"]), ("\n\n\n", ["comments 0"]),
    ]

    @Test("split as the standard says, however they arrive", arguments: streams)
    func split(text: String, expected: [String]) throws {
        #expect(try events(text) == expected)
        #expect(try events(text) { _ in 1 } == expected)
        for seed in 0..<50 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            #expect(try events(text) { _ in Int.random(in: 1...7, using: &random) } == expected)
        }
    }

    @Test("an event beyond the limit is an error, in one line or in many")
    func limit() throws {
        #expect(try events("data: 12345678\n\n", limit: 20) == ["|12345678", "comments 0"])
        #expect(throws: SSEReader.TooLong.self) { try events("data: " + String(repeating: "x", count: 50), limit: 20) { _ in 1 } }
        #expect(throws: SSEReader.TooLong.self) { try events(String(repeating: "data: 1234\n", count: 10), limit: 20) }
    }
}
