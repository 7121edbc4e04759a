import ClusterModel
import TestSupport
import Testing
import WireProtocol

@Suite("Messages")
struct MessageRoundTripTests {
    @Test("what was written is read back, and written the same again", arguments: MessageKind.allCases)
    func roundTrip(kind: MessageKind) throws {
        for seed in 0..<200 { try expectRoundTrip(MessageCatalog.messageType(for: kind), RandomFiller.Fullness.random, seed: UInt64(seed)) }
        try expectRoundTrip(MessageCatalog.messageType(for: kind), .empty, seed: 1)
        try expectRoundTrip(MessageCatalog.messageType(for: kind), .full, seed: 1)
    }

    private func expectRoundTrip<M: WireMessage>(_ type: M.Type, _ fullness: RandomFiller.Fullness, seed: UInt64) throws {
        let message = RandomFiller.message(type, seed: seed, fullness)
        var bytes: [UInt8] = []
        Codec.append(message, flags: .question, origin: 7, number: seed, to: &bytes)
        let read = try Codec.decode(type, from: bytes.span.bytes)
        #expect(read == message, "seed \(seed)")
        #expect(MessageCatalog.describe(read) == MessageCatalog.describe(message), "seed \(seed)")
        let header = try MessageHeader(reading: bytes.span.bytes)
        #expect(header.kind == M.kind && header.origin == 7 && header.number == seed && header.flags == .question)
    }

    @Test("the catalog has every kind under its own number", arguments: MessageKind.allCases)
    func catalog(kind: MessageKind) {
        #expect(MessageCatalog.messageType(for: kind).kind == kind)
    }

    @Test("every truncation is an error, never a trap", arguments: MessageKind.allCases)
    func truncation(kind: MessageKind) {
        for seed in 0..<6 {
            let body = MessageCatalog.body(MessageCatalog.random(kind, seed: UInt64(seed), seed == 0 ? .full : .random))
            for length in body.indices {
                #expect(throws: WireError.self, "\(length) of \(body.count) bytes, seed \(seed)") {
                    _ = try MessageCatalog.decode(kind, body: body.span.bytes.extracting(first: length))
                }
            }
        }
    }

    @Test("what a later minor adds to a body is passed over", arguments: MessageKind.allCases)
    func laterFields(kind: MessageKind) throws {
        let message = MessageCatalog.random(kind, seed: 3)
        let body = MessageCatalog.body(message)
        let extended = body + [1, 0, 3, 0, 0, 0, 9, 9, 9] + [7, 0, 0, 0, 0, 0]
        #expect(try MessageCatalog.decodeAndDescribe(kind, body: extended.span.bytes) == MessageCatalog.describe(message))
        for tail: [UInt8] in [[0], [0, 0, 0, 0, 0, 0], [2, 0, 1, 0, 0, 0], [2, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0]] {
            let broken = body + tail
            #expect(throws: WireError(.badTail, "tail"), "\(tail)") { _ = try MessageCatalog.decode(kind, body: broken.span.bytes) }
        }
    }

    @Test("what a later minor adds to a sized record or a variant is passed over, and an unknown variant is kept")
    func laterParts() throws {
        var event = RankCleared(rank: 5)
        event.rank = 9
        // One known variant with a tail of its own, one that this version does not know.
        let body: [UInt8] = [2, 0, 0, 0] + [3, 12, 0, 0, 0, 9, 0, 0, 0, 1, 0, 2, 0, 0, 0, 8, 8] + [99, 2, 0, 0, 0, 4, 5]
        let events = try Codec.decodeBody(WorkerEvents.self, from: body.span.bytes)
        #expect(events.events == [.rankCleared(event), .unknown(tag: 99, bytes: [4, 5])])
        #expect(MessageCatalog.body(WorkerEvents(events: [.unknown(tag: 99, bytes: [4, 5])])) == [1, 0, 0, 0, 99, 2, 0, 0, 0, 4, 5])
    }

    @Test("another kind, or a compressed body, is refused before it is read")
    func wrongKind() {
        var bytes: [UInt8] = []
        Codec.append(Heartbeat(), to: &bytes)
        #expect(throws: WireError(.unexpectedKind, "kind")) { _ = try Codec.decode(Beat.self, from: bytes.span.bytes) }
        bytes[8] = 1
        #expect(throws: WireError(.badCompression, "flags")) { _ = try Codec.decode(Heartbeat.self, from: bytes.span.bytes) }
    }
}
