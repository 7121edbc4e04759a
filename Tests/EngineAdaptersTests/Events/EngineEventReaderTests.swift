import ClusterModel
@testable import EngineAdapters
import TestSupport
import Testing

@Suite("Batches of cache events, as engines pack them")
struct EngineEventReaderTests {
    private func read(_ payload: [UInt8]) -> (head: EngineEventReader.Head?, events: [EngineCacheEvent]) {
        var events: [EngineCacheEvent] = []
        return (try? EngineEventReader.read(payload.span.bytes) { events.append($0) }, events)
    }

    @Test("every vector says what its generator meant")
    func vectors() throws {
        let vectors = try EventVector.all()
        #expect(vectors.count > 20)
        for vector in vectors {
            let (head, events) = read(vector.payload)
            #expect(head?.time == vector.time && head?.rank == vector.rank, "\(vector.name)")
            #expect(events == vector.events, "\(vector.name)")
        }
    }

    @Test("every truncation is an error, and what was told before it is true")
    func truncations() throws {
        for vector in try EventVector.all() {
            for length in 0..<vector.payload.count {
                let (head, events) = read(Array(vector.payload[..<length]))
                #expect(head == nil && events.elementsEqual(vector.events.prefix(events.count)), "\(vector.name), \(length) bytes")
            }
        }
    }

    @Test("damage traps nowhere, and only in its own event", arguments: 0..<8 as Range<UInt64>)
    func damage(seed: UInt64) throws {
        var random = SeededRandom(seed: seed), readable = 0
        let vectors = try EventVector.all()
        for _ in 0..<4_000 {
            var payload = vectors[Int(random.next() % UInt64(vectors.count))].payload
            for _ in 0...(random.next() % 3) {
                payload[Int(random.next() % UInt64(payload.count))] = UInt8(truncatingIfNeeded: random.next())
            }
            if read(payload).head != nil { readable += 1 }
        }
        #expect(readable > 400 && readable < 4_000, "damage that changes a value is read, damage to the form is not: \(readable)")
    }

    @Test("an event that cannot be read leaves the others, and says whether blocks may have gone")
    func unreadable() throws {
        let pairs = Pack.map([
            ("type", .text("BlockStored")), ("block_hashes", .list([.int(1)])), ("token_ids", .list([.list([.int(1), .int(2)])])),
            ("block_size", .int(1)),
        ])
        let untyped = Pack.map([("block_hashes", .list([.int(1)]))])
        let broken = Pack.list([.text("BlockRemoved"), .text("all of them")])
        let lacking = Pack.list([.text("BlockStored"), .list([.int(1)]), .null, .list([])])
        let (head, events) = read(Pack.batch([pairs, untyped, broken, lacking, .int(3), Pack.cleared], time: 1))
        #expect(head != nil && events.count == 6 && events.last == .allCleared)
        let verdicts = events.compactMap { event -> (String, Bool)? in
            if case .unreadable(let error, let mayRemove) = event { (error.field, mayRemove) } else { nil }
        }
        #expect(verdicts.map(\.0) == ["token_ids", "type", "block_hashes", "block_size", "event"])
        #expect(verdicts.map(\.1) == [false, true, true, false, true])
    }

    @Test("what is no batch is an error that names the field")
    func noBatch() {
        func field(_ pack: Pack) -> String? {
            do {
                _ = try EngineEventReader.read(pack.bytes.span.bytes) { _ in }
                return nil
            } catch { return error.field }
        }
        #expect(field(.int(1)) == "batch")
        #expect(field(.list([.text("now"), .list([])])) == "ts")
        #expect(field(.list([.float(1), .int(2)])) == "events")
        #expect(field(.list([.float(1)])) == "events")
        #expect(field(.list([.float(1), .list([]), .text("first")])) == "data_parallel_rank")
        #expect(field(.list([.float(1), .list([]), .int(0), .text("more")])) == nil)
    }

    @Test("a load is read with what later engines append, and nothing else is one")
    func loads() throws {
        let numbers = [3, 4, 500, 8_192, 0].map { Pack.int($0) }
        let short = try EngineLoadStat(reading: Pack.list([.text("LoadStat")] + numbers).bytes.span.bytes)
        #expect(short.runningRequests == 3 && short.waitingRequests == 4 && short.usedTokens == 500 && short.tokenCapacity == 8_192)
        #expect(short.waitingTokens == nil)
        let long = Pack.list([.text("LoadStat")] + numbers + [.int(77), .int(1), .text("later")])
        #expect(try EngineLoadStat(reading: long.bytes.span.bytes).waitingTokens == 77)
        for bad in [Pack.list([.text("LoadStat")] + numbers.dropLast()), .list([.text("Other")] + numbers), .map([]), .null] {
            #expect(throws: EngineEventError.self) { try EngineLoadStat(reading: bad.bytes.span.bytes) }
        }
        for length in 0..<long.bytes.count {
            #expect(throws: EngineEventError.self, "\(length) bytes") {
                let bytes = Array(long.bytes[..<length])
                _ = try EngineLoadStat(reading: bytes.span.bytes)
            }
        }
    }
}
