import Testing
import WireProtocol

@Suite("Packed files")
struct PackedFileTests {
    /// A frame as zstd writes it: the body of a message that was compressed.
    private func frame(_ contents: [UInt8]) -> [UInt8] {
        var message = [UInt8](repeating: 0, count: MessageHeader.byteCount) + contents
        Compression().compress(messageAt: 0, in: &message)
        return Array(message[MessageHeader.byteCount...])
    }

    private let contents = (0..<400_000).map { UInt8(truncatingIfNeeded: $0 / 1_000) }

    @Test("frames behind one another unpack to what was packed, in whatever pieces")
    func frames() throws {
        let frame = frame(contents)
        #expect(Compression.isPacked(frame.span.bytes) && frame.count < contents.count / 10)
        let both = frame + frame
        #expect(try Compression().unpackFrames(both.span.bytes, atMost: 1 << 20) == contents + contents)
        #expect(!Compression.isPacked(contents.span.bytes) && !Compression.isPacked([0x28, 0xB5, 0x2F].span.bytes))
    }

    @Test("a file that is cut anywhere is refused, and so is what follows the last frame")
    func cuts() {
        let frame = frame(contents)
        for length in 0..<frame.count {
            let cut = Array(frame[..<length])
            #expect(throws: WireError.self) { try Compression().unpackFrames(cut.span.bytes, atMost: 1 << 20) }
        }
        let followed = frame + [1, 2, 3, 4, 5, 6, 7, 8, 9]
        #expect(throws: WireError.self) { try Compression().unpackFrames(followed.span.bytes, atMost: 1 << 20) }
    }

    @Test("what unpacks to more than the limit is refused, also when only little of it came")
    func bombs() throws {
        let bomb = frame([UInt8](repeating: 0, count: 8 << 20))
        #expect(bomb.count < 2_000)
        let refused = #expect(throws: WireError.self) { try Compression().unpackFrames(bomb.span.bytes, atMost: (8 << 20) - 1) }
        #expect(refused?.code == .bodyTooLarge)
        #expect(try Compression().unpackFrames(bomb.span.bytes, atMost: 8 << 20).count == 8 << 20)
    }

    @Test("a frame that would have a large window reserved is refused by name, before any of it is")
    func windows() {
        // The head of a frame with a window of (1 + mantissa / 8) << (10 + exponent) bytes, of which nothing follows.
        func head(exponent: UInt8, mantissa: UInt8) -> [UInt8] { [0x28, 0xB5, 0x2F, 0xFD, 0, exponent << 3 | mantissa, 0, 0, 0] }
        func refusal(_ bytes: [UInt8]) -> WireError? {
            do throws(WireError) { _ = try Compression().unpackFrames(bytes.span.bytes, atMost: 1 << 30) } catch { return error }
            return nil
        }
        #expect(refusal(head(exponent: 14, mantissa: 0)) == WireError(.badCompression, "file"), "16 MiB: only cut off")
        for (exponent, mantissa) in [(14, 1), (15, 5), (31, 7)] as [(UInt8, UInt8)] {
            #expect(refusal(head(exponent: exponent, mantissa: mantissa)) == WireError(.bodyTooLarge, "window"), "\(exponent) \(mantissa)")
        }
    }
}
