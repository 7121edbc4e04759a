import ClusterModel
import TestSupport
import Testing
import WireProtocol

@Suite("Worker events while they are written")
struct WorkerEventWriterTests {
    @Test("the writer writes the bytes that the record does", arguments: 0..<200)
    func sameBytes(seed: Int) {
        let message = RandomFiller.message(WorkerEvents.self, seed: UInt64(seed), seed % 5 == 0 ? .full : .random)
        var whole = WorkerEventWriter(), inPlace = WorkerEventWriter()
        for event in message.events {
            whole.append(event)
            switch event {
            case .blocksStored(let record):
                inPlace.appendStored(rank: record.rank, tier: record.tier, parent: record.parent, hashes: record.hashes.span)
            case .blocksRemoved(let record): inPlace.appendRemoved(rank: record.rank, tier: record.tier, hashes: record.hashes.span)
            default: inPlace.append(event)
            }
        }
        let expected = MessageCatalog.body(message)
        #expect(whole.body == expected && whole.count == message.events.count)
        #expect(inPlace.body == expected && inPlace.count == message.events.count)
        for case .blocksStored(let record) in message.events {
            var one = WorkerEventWriter()
            one.append(.blocksStored(record))
            #expect(one.body.count - 4 <= WorkerEventWriter.mostBytes(hashes: record.hashes.count))
        }
    }

    @Test("what was cut off makes a batch of its own, and both are whole")
    func cut() throws {
        let events = (0..<20).map { WorkerEvent.rankCleared(RankCleared(rank: UInt32($0))) }
        for place in 0...20 {
            var writer = WorkerEventWriter()
            for event in events[..<place] { writer.append(event) }
            let mark = writer.mark
            for event in events[place...] { writer.append(event) }
            let rest = writer.cut(at: mark)
            #expect(try Codec.decodeBody(WorkerEvents.self, from: writer.body.span.bytes).events == Array(events[..<place]))
            writer.removeAll()
            writer.append(rest)
            #expect(try Codec.decodeBody(WorkerEvents.self, from: writer.body.span.bytes).events == Array(events[place...]))
            #expect(writer.count == 20 - place)
        }
    }
}
