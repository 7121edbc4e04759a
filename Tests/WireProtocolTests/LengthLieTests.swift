import ClusterModel
import TestSupport
import Testing
import WireProtocol

/// T4: lengths and counts that lie, at every place of every message, of today's minor and of a later one. Coverage-guided fuzzing with a limit
/// on single allocations is `deploy/dev/fuzz`.
@Suite("Lengths that lie")
struct LengthLieTests {
    private static let lies: [UInt32] = [.max, 1 << 31, 0x7FFF_FFFF, UInt32(Limits.messageBytes) + 1, 1 << 20, 65_536]

    @Test(
        "T4: a lie of up to 2^32 at any place is an error or another value, never a trap, and no value outgrows its bytes",
        arguments: MessageKind.allCases)
    func lies(kind: MessageKind) throws {
        var refused = 0
        for seed in 0..<3 as Range<UInt64> {
            let message = MessageCatalog.random(kind, seed: seed, seed == 0 ? .full : .random)
            for body in [MessageCatalog.body(message), Self.later(message)] {
                for place in body.indices.prefix(1_500) {
                    for lie in Self.lies {
                        var lying = body
                        for index in 0..<4 where place + index < lying.count {
                            lying[place + index] = UInt8(truncatingIfNeeded: lie >> (8 * UInt32(index)))
                        }
                        do throws(WireError) {
                            let read = try MessageCatalog.decode(kind, body: lying.span.bytes)
                            // What is read was there: nothing was made up for a count.
                            if lie == .max { #expect(MessageCatalog.body(read).count <= lying.count) }
                        } catch { refused += 1 }
                    }
                }
            }
        }
        if ![.goodbyeAck, .heartbeat, .beat, .kvAck].contains(kind) { #expect(refused > 0) }
    }

    @Test("T4: the header's length is believed only where it is the body's, and never above the limit of a message")
    func header() {
        var whole: [UInt8] = []
        Codec.append(RandomFiller.message(GenerateBatch.self, seed: 1), to: &whole)
        for lie in Self.lies + [UInt32(whole.count), 0, 1] where Int(lie) != whole.count - MessageHeader.byteCount {
            for isPacked in [false, true] {
                var lying = whole
                lying.storeLittleEndian(lie, at: 12)
                if isPacked { lying[8] |= 1 }
                do throws(WireError) {
                    let header = try MessageHeader(reading: lying.span.bytes)
                    #expect(isPacked && Int(header.bodyLength) <= Limits.messageBytes)
                    // The frame inside must say the same length before memory is taken for it.
                    var body: [UInt8] = []
                    let packed = lying.span.bytes.extracting(droppingFirst: MessageHeader.byteCount)
                    try Compression().unpack(packed, header: header, into: &body)
                    Issue.record("a body that is no zstd frame was unpacked")
                } catch { #expect([.bodyTooLarge, .lengthMismatch, .badCompression].contains(error.code)) }
            }
        }
    }

    @Test("T4: every truncation of what a later minor writes is an error", arguments: MessageKind.allCases)
    func truncation(kind: MessageKind) {
        for seed in 0..<2 as Range<UInt64> {
            let message = MessageCatalog.random(kind, seed: seed, seed == 0 ? .full : .random)
            let body = Self.later(message), known = MessageCatalog.body(message).count
            var taken = 0
            for length in body.indices.prefix(4_000) {
                do throws(WireError) {
                    _ = try MessageCatalog.decode(kind, body: body.span.bytes.extracting(first: length))
                    taken += 1
                } catch {}
            }
            // Cut where the last tail begins, it is a message without one.
            #expect(taken <= 1 && (taken == 0 || body.count > known))
        }
    }

    private static func later<M: WireMessage>(_ message: M) -> [UInt8] { LaterWriter.body(of: message, minor: 2, addsVariants: false) }
}
