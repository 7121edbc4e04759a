import ClusterModel
import Testing
import WireProtocol

@Suite("Codecs of KV chunks")
struct KVChunkCoderTests {
    /// Numbers whose high bytes are alike and whose low bytes are not, as those of KV state.
    private static func state(_ count: Int, seed: UInt64) -> [UInt8] {
        var random = SeededRandom(seed: seed)
        return (0..<count).map { $0 % 2 == 0 ? UInt8(truncatingIfNeeded: random.next()) : UInt8(60 + random.next() % 3) }
    }

    @Test("what is packed comes back, whatever the codec, the element and the length", arguments: [KVCodec.zstd, .splitZstd], [1, 2, 4])
    func roundTrip(codec: KVCodec, elementBytes: Int) throws {
        let coder = KVChunkCoder()
        for count in [1, 2, 3, 7, 64, 1_001, 65_536] {
            let plain = Self.state(count, seed: UInt64(count))
            #expect(KVChunkCoder.join(KVChunkCoder.split(plain, elementBytes), elementBytes) == plain)
            guard let packed = coder.pack(plain, as: codec, elementBytes: elementBytes) else {
                #expect(count < 100, "numbers that are alike pack")
                continue
            }
            #expect(packed.count < plain.count)
            #expect(try coder.unpack(packed, as: codec, plainBytes: count, elementBytes: elementBytes) == plain)
        }
    }

    @Test("split packs halves of numbers better than whole ones")
    func gain() throws {
        let plain = Self.state(65_536, seed: 1), coder = KVChunkCoder()
        let whole = try #require(coder.pack(plain, as: .zstd, elementBytes: 2))
        let split = try #require(coder.pack(plain, as: .splitZstd, elementBytes: 2))
        #expect(split.count < whole.count)
    }

    @Test("a length that lies, bytes behind the frame and damaged frames are errors, and take no more memory than was allowed")
    func lies() throws {
        let plain = Self.state(4_096, seed: 3), coder = KVChunkCoder()
        let packed = try #require(coder.pack(plain, as: .zstd, elementBytes: 1))
        for wrong in [4_095, 4_097, 0, 1 << 22] {
            #expect(throws: WireError.self) { try coder.unpack(packed, as: .zstd, plainBytes: wrong, elementBytes: 1) }
        }
        #expect(throws: WireError.self) { try coder.unpack(packed + [0], as: .zstd, plainBytes: 4_096, elementBytes: 1) }
        #expect(throws: WireError.self) { try coder.unpack([], as: .zstd, plainBytes: 4_096, elementBytes: 1) }
        #expect(throws: WireError.self) { try coder.unpack(plain, as: .none, plainBytes: 4_095, elementBytes: 1) }
        var random = SeededRandom(seed: 9)
        for _ in 0..<2_000 {
            var damaged = packed
            damaged[Int(random.next() % UInt64(damaged.count))] ^= UInt8(1 + random.next() % 255)
            do throws(WireError) {
                let bytes = try coder.unpack(damaged, as: .zstd, plainBytes: 4_096, elementBytes: 1)
                #expect(bytes.count == 4_096)
            } catch {}
        }
    }
}
