import ClusterModel
import TestSupport
import Testing
import WireProtocol

/// Damages bytes in ways that keep most of their structure: what a decoder must survive.
struct Mutator {
    private var random: SeededRandom

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    mutating func mutate(_ original: [UInt8]) -> [UInt8] {
        var bytes = original
        for _ in 0...below(3) { step(&bytes) }
        return bytes
    }

    private mutating func step(_ bytes: inout [UInt8]) {
        guard !bytes.isEmpty else { return bytes.append(UInt8(below(256))) }
        let place = below(bytes.count)
        switch below(7) {
        case 0: bytes[place] ^= 1 << UInt8(below(8))
        case 1: bytes[place] = [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &random) ?? 0
        case 2: bytes.removeLast(below(bytes.count) + 1)
        case 3: bytes += (0...below(12)).map { _ in UInt8(below(256)) }
        case 4:
            // A count or length that is off by a little, or by everything.
            let value = [0, 1, 2, 255, 4096, 65536, 0x7FFF_FFFF, 0xFFFF_FFFF].randomElement(using: &random) ?? 0
            for index in 0..<4 where place + index < bytes.count { bytes[place + index] = UInt8(truncatingIfNeeded: value >> (8 * index)) }
        case 5: bytes.removeSubrange(place..<min(bytes.count, place + 1 + below(8)))
        default: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + 1 + below(8))], at: below(bytes.count))
        }
    }

    private mutating func below(_ bound: Int) -> Int { Int(random.next() % UInt64(bound)) }
}

@Suite("Damaged messages")
struct MutationTests {
    /// 2,000,000 over all kinds.
    private static let perKind = 2_000_000 / MessageKind.allCases.count + 1
    /// Damage to one message before the next is made: making one costs as much as many decodings.
    private static let perMessage = 100

    @Test(
        "damaged bytes give a message or a typed error; a message that they give is written and read again", arguments: MessageKind.allCases
    )
    func mutations(kind: MessageKind) throws {
        var mutator = Mutator(seed: UInt64(kind.rawValue))
        var accepted = 0, checked = 0, body: [UInt8] = []
        for round in 0..<Self.perKind {
            if round % Self.perMessage == 0 {
                let seed = UInt64(round / Self.perMessage)
                body = MessageCatalog.body(MessageCatalog.random(kind, seed: seed, seed % 4 == 0 ? .full : .random))
            }
            let damaged = mutator.mutate(body)
            let message: (any WireMessage)
            do throws(WireError) { message = try MessageCatalog.decode(kind, body: damaged.span.bytes) } catch {
                // All before the checksum was read.
                if error.code == .badChecksum { checked += 1 }
                continue
            }
            accepted += 1
            // What was read is what is written; checked on every eighth, since it costs as much as eight decodings.
            guard accepted % 8 == 1 else { continue }
            let rewritten = MessageCatalog.body(message)
            #expect(rewritten.count <= damaged.count, "round \(round)")
            let again = try MessageCatalog.decode(kind, body: rewritten.span.bytes)
            #expect(MessageCatalog.describe(again) == MessageCatalog.describe(message), "round \(round)")
        }
        // Damage that were always refused would not have met the decoder's depths.
        #expect(accepted + checked > Self.perKind / 100)
    }

    @Test("headers with damage are refused or read, never trapped on")
    func headers() {
        var mutator = Mutator(seed: 1), whole: [UInt8] = []
        Codec.append(RandomFiller.message(RegisterWorker.self, seed: 1), origin: 1, number: 2, to: &whole)
        for _ in 0..<20_000 {
            let damaged = mutator.mutate([UInt8](whole.prefix(MessageHeader.byteCount + 8)))
            guard let header = try? MessageHeader(reading: damaged.span.bytes) else { continue }
            #expect(header.bodyLength <= Limits.messageBytes)
            #expect(header.flags.contains(.compressed) || Int(header.bodyLength) == damaged.count - MessageHeader.byteCount)
        }
    }
}
