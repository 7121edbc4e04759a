import EngineServing
import Testing
import WireProtocol

@Suite("Frames in a stream of bytes")
struct FrameBufferTests {
    /// Three frames, one of them larger than what is read at once.
    private static let stream: [UInt8] = {
        var bytes: [UInt8] = [], rest = EngineRest(commandsTaken: 3), note = EngineFailureNote("it is over")
        EngineFrame.append(.rest, &rest, to: &bytes)
        EngineFrame.append(.command, to: &bytes) { writer in
            writer.bytes.append(contentsOf: repeatElement(7, count: EngineFrameLimits.readBytes * 3 / 2))
        }
        EngineFrame.append(.failure, &note, to: &bytes)
        return bytes
    }()

    @Test("however it was cut, the same frames come out", arguments: [1 << 10, 4_093, 100_003, 1 << 20])
    func cuts(piece: Int) throws {
        var buffer = EngineFrameBuffer(), offset = 0, kinds: [EngineFrameKind] = [], sizes: [Int] = []
        while offset < Self.stream.count {
            buffer.fill { room in
                let count = min(piece, room.count, Self.stream.count - offset)
                room.copyBytes(from: Self.stream[offset..<(offset + count)])
                offset += count
                return count
            }
            while let kind = try buffer.next() {
                kinds.append(kind)
                try buffer.take { (body) throws(EngineProtocolError) in sizes.append(body.byteCount) }
            }
        }
        #expect(kinds == [.rest, .command, .failure] && buffer.byteCount == 0)
        #expect(sizes == [8, EngineFrameLimits.readBytes * 3 / 2, 12])
    }

    @Test("a length beyond the limit, or none, is refused before its bytes come")
    func lengths() {
        for length in [0, UInt32(EngineFrameLimits.frameBytes) + 1, .max] {
            var buffer = EngineFrameBuffer(), head: [UInt8] = []
            head.appendLittleEndian(length)
            head.append(EngineFrameKind.step.rawValue)
            fill(&buffer, head)
            #expect(throws: EngineProtocolError.frameLength(Int(length))) { try buffer.next() }
        }
    }

    @Test("an unknown kind is refused")
    func kinds() {
        var buffer = EngineFrameBuffer()
        fill(&buffer, [1, 0, 0, 0, 99])
        #expect(throws: EngineProtocolError.unknownFrame(99)) { try buffer.next() }
    }

    private func fill(_ buffer: inout EngineFrameBuffer, _ bytes: [UInt8]) {
        buffer.fill { room in
            room.copyBytes(from: bytes)
            return bytes.count
        }
    }
}
