import ClusterModel
import TestSupport
import Testing
import WireProtocol

@Suite("Worker events")
struct WorkerEventCursorTests {
    private func readByCursor(_ body: [UInt8]) -> (events: [WorkerEvent], error: WireError?) {
        var events: [WorkerEvent] = []
        do throws(WireError) {
            var cursor = try WorkerEventCursor(body.span.bytes)
            while let event = try cursor.next() {
                switch event {
                case .stored(let rank, let tier, let parent, let hashes):
                    let copied = (0..<hashes.count).map { hashes[$0] }
                    events.append(.blocksStored(BlocksStored(rank: rank, tier: tier, parent: parent, hashes: copied)))
                case .removed(let rank, let tier, let hashes):
                    let copied = (0..<hashes.count).map { hashes[$0] }
                    events.append(.blocksRemoved(BlocksRemoved(rank: rank, tier: tier, hashes: copied)))
                case .other(let other): events.append(other)
                }
            }
            return (events, nil)
        } catch {
            return (events, error)
        }
    }

    private func readByRecord(_ body: [UInt8]) -> (events: [WorkerEvent], error: WireError?) {
        do throws(WireError) {
            return (try Codec.decodeBody(WorkerEvents.self, from: body.span.bytes).events, nil)
        } catch {
            return ([], error)
        }
    }

    @Test("cursor and record accept the same bytes with the same events, and refuse the others with the same error", arguments: 0..<10)
    func sameRules(part: Int) {
        var mutator = Mutator(seed: UInt64(part)), refused = 0
        for round in 0..<2_000 {
            let seed = UInt64(part * 100 + round / 20)
            let body = MessageCatalog.body(RandomFiller.message(WorkerEvents.self, seed: seed, seed % 5 == 0 ? .full : .random))
            let bytes = round % 20 == 0 ? body : mutator.mutate(body)
            let byCursor = readByCursor(bytes), byRecord = readByRecord(bytes)
            #expect(byCursor.error == byRecord.error, "part \(part), round \(round)")
            if byRecord.error == nil { #expect(byCursor.events == byRecord.events, "part \(part), round \(round)") }
            refused += byRecord.error == nil ? 0 : 1
        }
        #expect(refused > 200 && refused < 1_950)
    }
}
