import ClusterModel
import Engines
import EventLoop
import Testing
import Transport
import WireProtocol

@testable import WorkerService

@Suite("Events of a worker's cache")
struct CacheEventTests {
    /// A worker with these steps behind it, and what its stream said of blocks.
    private func events(ranks: Int = 2, _ steps: CacheScript.Step...) throws -> (events: [WorkerEvent], bed: WorkerBed) {
        let script = CacheScript()
        for step in steps { script.say(step) }
        let bed = try WorkerBed { $0.engine = .scripted(script, ranks: ranks) }
        try bed.registered()
        bed.pass(.milliseconds(100))
        let front = try bed.frontend()
        front.generate(front.entry(1, maxTokens: UInt32(steps.count) + 1))
        try front.finish(1)
        bed.pass(.milliseconds(100))
        #expect(script.isEmpty && bed.router.faults == [])
        let events = bed.router.events.filter { event in
            switch event {
            case .blocksStored, .blocksRemoved, .rankCleared: true
            default: false
            }
        }
        return (events, bed)
    }

    private func stored(_ hashes: [UInt64], after parent: UInt64? = nil, rank: UInt32 = 0, tier: Tier = .device) -> WorkerEvent {
        .blocksStored(BlocksStored(rank: rank, tier: tier, parent: parent, hashes: hashes))
    }

    private func removed(_ hashes: [UInt64], rank: UInt32 = 0, tier: Tier = .device) -> WorkerEvent {
        .blocksRemoved(BlocksRemoved(rank: rank, tier: tier, hashes: hashes))
    }

    @Test("changes that go on where the one before ended are one event; a new chain, rank, tier or kind begins another")
    func merging() throws {
        let (events, _) = try events { output in
            output.stored([1, 2])
            output.stored([3], after: 2)
            output.stored([4, 5], after: 3)
            output.stored([6], after: 2)
            output.stored([7])
            output.stored([8], after: 7, rank: 1)
            output.stored([9], after: 8, rank: 1, tier: .host)
            output.removed([3])
            output.removed([5, 1])
            output.removed([8], rank: 1)
            output.removed([9], rank: 1, tier: .host)
            output.stored([3], after: 2)
            output.cleared(rank: 0)
            output.stored([3], after: 2)
        }
        #expect(
            events == [
                stored([1, 2, 3, 4, 5]), stored([6], after: 2), stored([7]), stored([8], after: 7, rank: 1),
                stored([9], after: 8, rank: 1, tier: .host), removed([3, 5, 1]), removed([8], rank: 1), removed([9], rank: 1, tier: .host),
                stored([3], after: 2), .rankCleared(RankCleared(rank: 0)), stored([3], after: 2),
            ])
    }

    @Test("what an engine says wrongly is counted by hash and published by nobody; the rest of the change keeps its parents")
    func faults() throws {
        let (events, bed) = try events(
            { output in
                output.stored([1, 2, 3])
                output.stored([10, 2, 11, 3], after: 9)
                output.stored([2], after: 1, tier: .host)
            },
            { output in
                output.removed([1, 77, 2])
                output.removed([2, 78])
                output.stored([50], rank: 2)
                output.removed([50], rank: .max)
                output.cleared(rank: 2)
                output.cache.append(CacheChange(kind: .removed, rank: Rank(0), first: 0, count: 1_000))
                output.cache.append(CacheChange(kind: .removed, rank: Rank(0), first: -1, count: 1))
            })
        #expect(
            events == [
                stored([1, 2, 3]), stored([10], after: 9), stored([11], after: 2), stored([2], after: 1, tier: .host), removed([1, 2]),
            ])
        for (kind, count) in [("stored_twice", 2), ("removed_unknown", 3), ("no_such_place", 5), ("too_many", 0)] {
            #expect(bed.count("apus_worker_stream_faults_total{kind=\"\(kind)\"}") == String(count), "\(kind)")
        }
        #expect(bed.count("apus_worker_stream_blocks") == "4")
    }

    @Test("a long chain is split into events that go on from one another, and a step's many events into several batches")
    func splitting() throws {
        let chain = Array(1...(3 * 8_000 + 17) as ClosedRange<UInt64>)
        let (events, bed) = try events { output in
            output.stored(chain, after: 1 << 40)
            output.removed(chain.reversed())
            for hash in chain { output.stored([hash], after: hash + 1) }
        }
        var parent: UInt64? = 1 << 40, heard: [UInt64] = [], gone: [UInt64] = [], singles: [UInt64] = []
        for event in events {
            switch event {
            case .blocksStored(let record) where gone.isEmpty:
                #expect(record.parent == parent && record.hashes.count <= Limits.hashesPerEvent)
                heard += record.hashes
                parent = heard.last
            case .blocksRemoved(let record):
                #expect(record.hashes.count <= Limits.hashesPerEvent)
                gone += record.hashes
            case .blocksStored(let record):
                #expect(record.parent == record.hashes[0] + 1 && record.hashes.count == 1)
                singles += record.hashes
            default: Issue.record("\(event)")
            }
        }
        #expect(heard == chain && gone == chain.reversed() && singles == chain)
        #expect(events.count == 4 + 4 + chain.count)
        // Batches bear as many as fit.
        #expect(bed.router.batches.map(\.count).max() == (Limits.feedMessageBytes - WorkerLimits.feedReserveBytes - 4) / 31)
        #expect(bed.router.batches.allSatisfy { $0.count <= Limits.eventsPerBatch })
    }

    @Test("blocks that a prompt left behind have numbers below those of its prefill's end, and of its end")
    func order() throws {
        let (_, bed) = try events(
            { $0.stored([1, 2]) },
            { $0.stored([3], after: 2) })
        func index(_ body: (WorkerEvent) -> Bool) throws -> Int {
            let index = bed.router.events.firstIndex(where: body)
            return try #require(index)
        }
        let first = try index { $0 == stored([1, 2]) }
        let started = try index { if case .requestStarted = $0 { true } else { false } }
        let done = try index { if case .prefillDone = $0 { true } else { false } }
        let accepted = try index { if case .requestAccepted = $0 { true } else { false } }
        let blocks = try index { if case .requestBlocks = $0 { true } else { false } }
        let later = try index { $0 == stored([3], after: 2) }
        let ended = try index { if case .requestEnded = $0 { true } else { false } }
        #expect(accepted < blocks && blocks < first && first < done && started < done && done < later && later < ended)
        // A request whose only step ends it.
        let front = try bed.frontend("other", id: 9, generation: 0xCD), before = bed.router.events.count
        front.generate(front.entry(7, prompt: 50, maxTokens: 1))
        try front.finish(7)
        bed.pass(.milliseconds(100))
        var hashes: [SequenceHash] = []
        BlockHasher(blockSize: 16).appendSequenceHashes(of: front.entry(7, prompt: 50).promptTokens.span, after: nil, to: &hashes)
        let told = bed.router.events.dropFirst(before).compactMap { if case .requestBlocks(let record) = $0 { record } else { nil } }
        #expect(told == [RequestBlocks(lease: 71, rank: 0, firstBlock: 0, hashes: hashes.map(\.rawValue))])
    }

    @Test("what is replayed is what was published, whatever range is asked for")
    func replay() throws {
        let (_, bed) = try events(
            { output in output.stored((1...5_000).map { $0 * 7 }) },
            { output in for hash in 1...3_000 as ClosedRange<UInt64> { output.stored([hash * 7 + 1]) } })
        let front = try bed.frontend("reader", id: 9, generation: 0xCD), link = try front.open(.recovery).get()
        bed.pass(.milliseconds(100))
        let newest = bed.router.lastSequence, first = newest + 1 - UInt64(bed.router.events.count)
        for start in [first, first + 1, newest - 1_000, newest] {
            var heard: [WorkerEvent] = []
            while start + UInt64(heard.count) <= newest {
                let from = start + UInt64(heard.count)
                let answer = try front.ask(
                    link,
                    ReplayQuestion(stream: .workerEvents, publisher: 0x3033, generation: 0x77, firstSequence: from, lastSequence: newest),
                    ReplayAnswer.self
                ).get()
                #expect(answer.outcome == .events && answer.firstSequence == from && answer.newestSequence == newest)
                heard += try Codec.decodeBody(WorkerEvents.self, from: answer.batch.span.bytes).events
                #expect(answer.lastSequence == start + UInt64(heard.count) - 1)
            }
            #expect(heard == Array(bed.router.events.dropFirst(Int(start - first))))
        }
        #expect(bed.count("apus_worker_replays_total{outcome=\"events\"}") == "4")
    }
}
