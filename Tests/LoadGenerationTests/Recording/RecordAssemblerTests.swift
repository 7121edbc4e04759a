import ClusterModel
import Testing
import WireProtocol

@testable import LoadGeneration

@Suite("What streams tell becomes a record")
struct RecordAssemblerTests {
    typealias Leg = ScriptedCluster.Leg

    @Test("one request: its arrival less its time in the queue, what was believed and found, its durations and its end")
    func one() throws {
        var cluster = ScriptedCluster(), leg = Leg(lease: 1, counter: 1, worker: 1)
        leg.output = 4
        cluster.pass(.milliseconds(100))
        cluster.made(leg, by: 1)
        cluster.decided(queued: .milliseconds(30))
        cluster.pass(.milliseconds(20))
        cluster.run(leg)
        #expect(cluster.assembler.requests == 0, "its frontend has not spoken")
        cluster.told(1, output: 5, cached: 15, tenant: "somebody")
        #expect(cluster.assembler.requests == 1 && cluster.assembler.openCount == 0)
        let record = try cluster.record(), request = try #require(record.requests.first)
        #expect(request.arrival == .milliseconds(70) && request.queued == .milliseconds(30) && request.policy == "kv")
        #expect(request.promptTokens == 48 && request.outputTokens == 5 && request.cachedTokens == 15, "as its client was told")
        #expect(request.router == 1 && request.status == 200 && request.total == .milliseconds(12) && request.tenant == 0)
        #expect(request.end == .finished && request.attempts == 1 && request.session == nil && request.hashes.count == 3)
        let found = try #require(request.legs.first)
        #expect(found.worker == 1 && found.placed == .milliseconds(100) && found.believedBlocks == 1 && found.cachedTokens == 16)
        #expect(found.waited == .microseconds(250) && found.prefill == .milliseconds(3) && found.decode == .milliseconds(8))
        #expect(found.outputTokens == 4 && record.summary?.missed.named.isEmpty == true)
    }

    @Test("a worker may be heard before its router, and a prompt's blocks in parts")
    func order() throws {
        var cluster = ScriptedCluster(), leg = Leg(lease: 1, counter: 1)
        leg.hashes = [1, 2, 3]
        cluster.accepted(leg)
        cluster.tell(.requestBlocks(RequestBlocks(lease: 1, rank: 0, firstBlock: 0, hashes: [1, 2])), 0)
        cluster.pass(.milliseconds(5))
        cluster.made(leg, by: 1, hashes: 1)
        cluster.decided()
        // A hole is not passed over.
        cluster.tell(.requestBlocks(RequestBlocks(lease: 1, rank: 0, firstBlock: 7, hashes: [8])), 0)
        cluster.tell(.requestBlocks(RequestBlocks(lease: 1, rank: 0, firstBlock: 2, hashes: [3])), 0)
        cluster.started(leg)
        cluster.ended(leg)
        cluster.told(1)
        let record = try cluster.record(), request = try #require(record.requests.first)
        #expect(request.arrival == .zero && request.router == 1 && request.legs[0].believedBlocks == 1)
        #expect(request.hashes == [1, 2, 3].map { RecordKey(secret: [UInt8](repeating: 7, count: 32)).hash($0) })
    }

    @Test("attempts and legs of a request are one line: the prompt of the first, the tokens of all that answered, the end of the last")
    func attempts() throws {
        var cluster = ScriptedCluster(workers: 3)
        var first = Leg(lease: 1, counter: 1), prefill = Leg(lease: 2, counter: 1, attempt: 2, worker: 1, leg: .prefill)
        var decode = Leg(lease: 3, counter: 1, attempt: 2, worker: 2, leg: .decode)
        first.output = 3
        (prefill.prompt, prefill.output) = (51, 1)
        (decode.prompt, decode.output) = (51, 4)
        cluster.made(first)
        cluster.decided()
        cluster.run(first, .drained)
        cluster.pass(.seconds(60))
        #expect(cluster.assembler.openCount == 1, "another attempt may be parked")
        cluster.made(prefill)
        cluster.made(decode)
        let questions = cluster.assembler.takeQuestions()
        #expect(questions.isEmpty, "the first decision is the one that is asked for")
        cluster.accepted(decode)
        cluster.run(prefill, .handedOver)
        cluster.started(decode)
        cluster.ended(decode)
        cluster.pass(.seconds(3))
        let record = try cluster.record(), request = try #require(record.requests.first)
        #expect(record.requests.count == 1 && request.attempts == 2 && request.promptTokens == 48 && request.outputTokens == 7)
        #expect(request.legs.map(\.role) == [.aggregated, .prefill, .decode] && request.legs.map(\.attempt) == [1, 2, 2])
        #expect(request.legs.map(\.end) == [.drained, .handedOver, .finished] && request.end == .finished)
        #expect(request.legs.map(\.believedBlocks) == [1, 1, nil] && request.cachedTokens == 16 && request.status == nil)
        #expect(record.summary?.missed.untold == 1)
    }

    @Test("what no worker accepted ends by its router's word, and what one has ends by its own")
    func released() throws {
        var cluster = ScriptedCluster()
        func release(_ lease: UInt64, _ reason: LeaseEnd) -> LeaseReleased {
            LeaseReleased(lease: lease, workerID: 0, generation: 1, rank: 0, reason: reason)
        }
        for (number, reason) in [LeaseEnd.neverDispatched, .refused, .expired, .cancelled, .workerLost].enumerated() {
            cluster.pass(.milliseconds(1))
            cluster.made(Leg(lease: UInt64(number + 1), counter: UInt64(number + 1)))
            cluster.assembler.released(release(UInt64(number + 1), reason), at: cluster.now)
        }
        let kept = Leg(lease: 10, counter: 10), early = Leg(lease: 11, counter: 11)
        cluster.pass(.milliseconds(1))
        cluster.made(kept)
        cluster.accepted(kept)
        cluster.assembler.released(release(10, .finished), at: cluster.now)
        cluster.ended(kept)
        // A router that gave up too early.
        cluster.pass(.milliseconds(1))
        cluster.made(early)
        cluster.assembler.released(release(11, .expired), at: cluster.now)
        cluster.run(early)
        // A router that lost sight of a worker says so of what runs there, and may be wrong.
        for number in [12, 13] as [UInt64] {
            let leg = Leg(lease: number, counter: number)
            cluster.pass(.milliseconds(1))
            cluster.made(leg)
            cluster.accepted(leg)
            cluster.assembler.released(release(number, .workerLost), at: cluster.now)
        }
        cluster.pass(.seconds(3))
        cluster.ended(Leg(lease: 13, counter: 13))
        cluster.pass(.seconds(100))
        let record = try cluster.record()
        #expect(
            record.requests.map(\.end) == [
                .neverDispatched, .refused, .expired, .cancelled, .workerLost, .finished, .finished, .workerLost, .finished,
            ])
        #expect(record.requests.prefix(5).allSatisfy { $0.outputTokens == 0 && $0.cachedTokens == nil })
    }

    @Test("a worker that goes takes its legs with it, and says so in the fleet; one that comes back is another")
    func workers() throws {
        var cluster = ScriptedCluster()
        let lost = Leg(lease: 1, counter: 1)
        cluster.pass(.seconds(1))
        cluster.made(lost)
        cluster.accepted(lost)
        cluster.assembler.left(ScriptedCluster.life(0), at: cluster.now)
        cluster.pass(.seconds(1))
        cluster.join(0, generation: 2)
        // Another role is another entry.
        cluster.join(1, role: .decode)
        cluster.pass(.seconds(100))
        let record = try cluster.record(), workers = record.fleet.workers
        #expect(workers.map(\.joined) == [.zero, .zero, .seconds(2), .seconds(2)])
        #expect(workers.map(\.left) == [.seconds(1), .seconds(2), nil, nil] && workers.map(\.role).last == .decode)
        #expect(record.requests.map(\.end) == [.workerLost])
        var entry = WorkerEntry()
        entry.pool = Digest.of(2)
        let isKnown = cluster.assembler.joined(entry, at: .zero)
        #expect(!isKnown, "its model was not told of yet")
    }

    @Test("what began before, did not end, or ended while nobody heard is counted and not written")
    func missed() throws {
        var cluster = ScriptedCluster()
        cluster.ended(Leg(lease: 99, counter: 99))
        let unheard = Leg(lease: 1, counter: 1), alive = Leg(lease: 2, counter: 2), late = Leg(lease: 3, counter: 3)
        let endless = Leg(lease: 4, counter: 4)
        for leg in [unheard, alive, late, endless] {
            cluster.pass(.milliseconds(1))
            cluster.made(leg)
            cluster.accepted(leg)
        }
        // The stream of its worker was lost, and joined anew: two of them run.
        cluster.assembler.rejoined(ScriptedCluster.life(0), held: [2, 4], at: cluster.now)
        cluster.told(3, status: 200)
        cluster.told(77, status: 503)
        cluster.pass(.seconds(100))
        // What is said of closed ones is late, and not of earlier ones.
        cluster.ended(late)
        cluster.ended(alive)
        let record = try cluster.record(), missed = try #require(record.summary?.missed)
        #expect(record.requests.map(\.end) == [.finished, .unknown] && record.requests[1].outputTokens == 5, "its client was told")
        #expect(missed.begunBefore == 1 && missed.unheardEnds == 1 && missed.unfinished == 1 && missed.unplaced == 1)
        #expect(missed.unexplained == 2 && missed.untold == 1)
    }

    @Test("nothing is kept past its bound: legs, workers that nobody knows, hashes behind a prompt's end")
    func bounds() throws {
        var cluster = ScriptedCluster()
        for lease in 1...40 as ClosedRange<UInt64> { cluster.made(Leg(lease: lease, counter: 1, attempt: UInt8(lease))) }
        cluster.made(Leg(lease: 50, counter: 2, worker: 7))
        var long = Leg(lease: 60, counter: 3)
        long.hashes = Array(0..<500)
        cluster.made(long)
        cluster.run(long)
        for lease in 1...40 as ClosedRange<UInt64> { cluster.run(Leg(lease: lease, counter: 1, attempt: UInt8(lease))) }
        cluster.told(3)
        cluster.pass(.seconds(100))
        let record = try cluster.record()
        #expect(record.requests.map(\.legs.count) == [RecordLimits.legs, 1] && record.requests[1].hashes.count == 3)
        #expect(record.summary?.missed.overBounds == 1)
    }

    @Test("hashes of two recordings have nothing in common, and within one they share what they shared")
    func keys() throws {
        func record(_ secret: UInt8) throws -> Record {
            var cluster = ScriptedCluster(secret: secret)
            for (number, hashes) in [[1, 2, 3], [1, 2, 4], [5, 6, 7], [1, 2, 3]].enumerated() {
                var leg = Leg(lease: UInt64(number + 1), counter: UInt64(number + 1))
                leg.hashes = hashes.map { UInt64($0) }
                cluster.made(leg)
                cluster.run(leg)
                cluster.told(leg.counter)
                cluster.pass(.milliseconds(1))
            }
            cluster.pass(.seconds(5))
            return try cluster.record()
        }
        let one = try record(1), two = try record(2)
        #expect(Set(one.requests.flatMap(\.hashes)).isDisjoint(with: two.requests.flatMap(\.hashes)))
        for record in [one, two] {
            #expect(record.workload(of: 0, source: "").requests.map(\.blocks) == [[0, 1, 2], [0, 1, 3], [4, 5, 6], [0, 1, 2]])
            #expect(Set(record.requests.flatMap(\.hashes)).isDisjoint(with: [1, 2, 3, 4, 5, 6, 7]))
        }
        #expect(one == (try record(1)))
    }

    @Test("whatever streams say, in whatever order, the file can be read", arguments: 1...12 as ClosedRange<UInt64>)
    func storm(_ seed: UInt64) throws {
        var random = SeededRandom(seed: seed), cluster = ScriptedCluster(workers: 3)
        func number(_ most: UInt64) -> UInt64 { .random(in: 0...most, using: &random) }
        for _ in 0..<3000 {
            var leg = Leg(lease: number(60), counter: number(20), attempt: UInt8(number(4)), worker: number(4))
            leg.leg = WireProtocol.Leg.allCases[Int(number(2))]
            leg.prompt = UInt32(number(200))
            leg.cached = UInt32(number(UInt64(leg.prompt)))
            leg.output = number(20) == 0 ? .max : UInt32(number(50))
            leg.hashes = Array(0..<number(30))
            switch number(13) {
            case 0, 1: cluster.made(leg, by: Int(number(1)))
            case 2, 3: cluster.accepted(leg)
            case 4: cluster.started(leg)
            case 5, 6: cluster.ended(leg, EndReason(rawValue: UInt16(number(11))))
            case 7: cluster.told(leg.counter, output: leg.output, cached: UInt32(number(500)), status: number(1) == 0 ? 200 : 503)
            case 8:
                let blocks = RequestBlocks(lease: leg.lease, rank: 0, firstBlock: UInt32(number(5)), hashes: leg.hashes)
                cluster.tell(.requestBlocks(blocks), leg.worker)
            case 9: cluster.decided([.none, .bound, .spilled, .lost][Int(number(3))], queued: .seconds(Int64(number(1 << 40))))
            case 10: cluster.bound("s\(number(5))", counter: number(3), held: UInt32(number(10)), on: leg.worker)
            case 11:
                let done = PrefillDone(lease: leg.lease, rank: 0, prefillMicroseconds: number(1) == 0 ? .max : 5)
                cluster.tell(.prefillDone(done), leg.worker)
                let released = LeaseReleased(
                    lease: leg.lease, workerID: leg.worker, generation: 1, rank: 0, reason: LeaseEnd.allCases[Int(number(5))])
                cluster.assembler.released(released, at: cluster.now)
            case 12:
                if number(20) == 0 { cluster.assembler.left(leg.life, at: cluster.now) } else { cluster.join(leg.worker) }
            default: cluster.pass(.milliseconds(Int64(number(3_000))))
            }
        }
        let record = try cluster.record()
        #expect(record.requests.count > 20 && record.requests.count == Int(cluster.assembler.requests))
    }
}
