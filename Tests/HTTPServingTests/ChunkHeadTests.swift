import Testing

@testable import HTTPServing

/// The number before each chunk of a body.
@Suite struct ChunkHeadTests {
    @Test(
        "a chunk says its own size in eight digits",
        arguments: [1, 9, 10, 15, 16, 159, 160, 255, 256, 4_095, 0xABCD, 0xFFFF, 0x1_0000, 0x9_A9A9])
    func size(_ count: Int) {
        var out = Array("before".utf8)
        let place = ResponseWriter.beginChunk(in: &out)
        out.append(contentsOf: repeatElement(0x78, count: count))
        ResponseWriter.endChunk(at: place, in: &out)
        let digits = String(count, radix: 16)
        let head = String(repeating: "0", count: 8 - digits.count) + digits
        #expect(String(decoding: out.prefix(16), as: UTF8.self) == "before\(head)\r\n")
        #expect(out.count == 16 + count + 2 && out.suffix(3) == [0x78, 0x0D, 0x0A])
    }

    @Test("a chunk of nothing leaves nothing, since it would be the last one")
    func nothing() {
        var out = Array("before".utf8)
        let place = ResponseWriter.beginChunk(in: &out)
        ResponseWriter.endChunk(at: place, in: &out)
        #expect(out == Array("before".utf8))
    }
}
