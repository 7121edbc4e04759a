import ClusterModel
import Testing
import Transport
import WireProtocol

@Suite("Rings of past events")
struct FeedRingTests {
    /// A ring, and everything that was ever put into it.
    private struct Recording {
        var ring: FeedRing
        var events: [WorkerEvent] = []
        private var writer = WorkerEventWriter()

        init(_ bounds: FeedRing.Bounds) { ring = FeedRing(bounds) }

        var newest: UInt64 { UInt64(events.count) }

        mutating func append(_ batch: [WorkerEvent]) {
            writer.removeAll()
            for event in batch { writer.append(event) }
            let body = writer.body
            ring.append(body.span.bytes, count: writer.count)
            events += batch
        }

        /// Batches of random sizes with events of random sizes.
        mutating func append(batches: Int, mostEvents: Int, mostHashes: Int, _ random: inout SeededRandom) {
            for _ in 0..<batches {
                append(
                    (0...Int(random.next() % UInt64(mostEvents))).map { _ in
                        let hashes = (0...Int(random.next() % UInt64(mostHashes))).map { _ in random.next() }
                        return .blocksRemoved(BlocksRemoved(rank: 0, tier: .device, hashes: hashes))
                    })
            }
        }

        func ask(_ first: UInt64, _ last: UInt64, generation: UInt64 = 7) -> ReplayAnswer {
            ring.answer(
                ReplayQuestion(stream: .workerEvents, publisher: 1, generation: generation, firstSequence: first, lastSequence: last),
                generation: 7)
        }

        /// The answer holds exactly the events of its numbers, begins where it was asked to, and goes on until it must not.
        func check(_ first: UInt64, _ last: UInt64) throws {
            let answer = ask(first, last)
            try #require(answer.outcome == .events && answer.newestSequence == newest && answer.generation == 7)
            try #require(answer.firstSequence == first && answer.lastSequence >= first && answer.lastSequence <= min(last, newest))
            let batch = try Codec.decodeBody(WorkerEvents.self, from: answer.batch.span.bytes).events
            try #require(batch == Array(events[Int(first - 1)..<Int(answer.lastSequence)]))
            try #require(answer.batch.count <= Limits.replayBytes)
            if answer.lastSequence < min(last, newest) {
                // Another event would have been too much.
                var writer = WorkerEventWriter()
                writer.append(events[Int(answer.lastSequence)])
                let isFull = batch.count == Limits.eventsPerBatch
                try #require(isFull || answer.batch.count + writer.body.count - 4 > Limits.replayBytes)
            }
        }
    }

    @Test("every range that is still there is answered exactly, from any first event on, while the ring goes round", arguments: 1...3)
    func ranges(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var recording = Recording(FeedRing.Bounds(events: 20_000, bytes: 1 << 20))
        for _ in 0..<20 {
            let hashes = [1, 30, 600][Int(random.next() % 3)]
            recording.append(batches: 60, mostEvents: [8, 60][Int(random.next() % 2)], mostHashes: hashes, &random)
            for _ in 0..<8 {
                let oldest = recording.ring.oldest, span = recording.newest - oldest + 1
                let first = oldest + random.next() % span, last = first + random.next() % (recording.newest - first + 10)
                try recording.check(first, last)
            }
            try recording.check(recording.ring.oldest, .max)
            try recording.check(recording.newest, recording.newest)
        }
        #expect(recording.ring.oldest > 1, "it went round")
    }

    @Test("going on behind each answer gives everything there is")
    func parts() throws {
        var random = SeededRandom(seed: 5), recording = Recording(FeedRing.Bounds())
        recording.append(batches: 400, mostEvents: 200, mostHashes: 40, &random)
        var heard: [WorkerEvent] = [], answers = 0
        while UInt64(heard.count) < recording.newest {
            let answer = recording.ask(UInt64(heard.count) + 1, recording.newest)
            heard += try Codec.decodeBody(WorkerEvents.self, from: answer.batch.span.bytes).events
            answers += 1
        }
        #expect(heard == recording.events && answers > 5 && answers < 60)
    }

    @Test("what was pushed out is too old, what is to come too new, another life is named; an empty ring has nothing")
    func outcomes() {
        var random = SeededRandom(seed: 1), recording = Recording(FeedRing.Bounds(events: 100, bytes: 1 << 20))
        #expect(recording.ask(1, 5).outcome == .tooNew && recording.ask(0, 5).outcome == .tooOld)
        #expect(recording.ring.oldest == 1 && recording.ring.newest == 0 && recording.ring.heldBytes == 0)
        recording.append(batches: 100, mostEvents: 10, mostHashes: 2, &random)
        let newest = recording.newest
        #expect(recording.ring.newest == newest && recording.ring.oldest == newest - 99)
        #expect(recording.ask(newest - 99, newest).outcome == .events)
        for (first, outcome) in [
            (newest - 100, ReplayOutcome.tooOld), (0, .tooOld), (newest + 1, .tooNew), (.max, .tooNew),
        ] {
            let answer = recording.ask(first, .max)
            #expect(answer.outcome == outcome && answer.batch == [] && answer.newestSequence == newest)
            #expect(answer.firstSequence == 0 && answer.lastSequence == 0)
        }
        #expect(recording.ask(newest, newest, generation: 8).outcome == .wrongGeneration)
    }

    @Test("it never holds more than its bounds, whatever the sizes, and holds nearly as much as it may", arguments: [1, 50, 2_000, 8_000])
    func bounds(hashes: Int) {
        var recording = Recording(FeedRing.Bounds(events: 1 << 20, bytes: 2 << 20))
        let event = WorkerEvent.blocksRemoved(BlocksRemoved(rank: 0, tier: .device, hashes: Array(repeating: 3, count: hashes)))
        let size = WorkerEventWriter.mostBytes(hashes: hashes) - 9
        let batch = Array(repeating: event, count: max(1, 60_000 / size))
        for _ in 0..<200 {
            recording.append(batch)
            #expect(recording.ring.heldBytes <= 2 << 20)
        }
        let kept = Int(recording.newest - recording.ring.oldest + 1) * size
        #expect(kept <= 2 << 20 && kept > 1 << 20, "\(kept) bytes of events")
    }

    @Test("the bound of events holds to the event, also where segments are far from full")
    func events() throws {
        var random = SeededRandom(seed: 3), recording = Recording(FeedRing.Bounds(events: 3_000, bytes: 32 << 20))
        for _ in 0..<300 {
            recording.append(batches: 10, mostEvents: 20, mostHashes: 10, &random)
            #expect(recording.newest - recording.ring.oldest + 1 == min(recording.newest, 3_000))
            #expect(recording.ring.heldBytes <= 3 * FeedRing.segmentBytes)
        }
        try recording.check(recording.ring.oldest, .max)
    }
}
