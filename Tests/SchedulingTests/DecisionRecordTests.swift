import ClusterModel
import JSONText
import Scheduling
import Testing

@Suite("Decision records")
struct DecisionRecordTests {
    /// A decision among whatever the seed says: all policies, temperatures, wishes, pins, sessions, lookups.
    static func decide(_ seed: UInt64, _ scratch: inout SelectionScratch) -> RouteDecision? {
        var random = SeededRandom(seed: seed)
        let pool = randomPool(&random), blocks = randomMatches(&random, slots: pool.count)
        var settings = SelectionSettings()
        settings.policy = SelectionPolicy.allCases[Int(random.next() % UInt64(SelectionPolicy.allCases.count))]
        settings.temperature = random.next() % 2 == 0 ? 0 : Double(random.next() % 300) / 100
        settings.overlapCreditDecay = random.next() % 2 == 0 ? 0 : 1
        settings.activeRequestWeight = Double(random.next() % 3) / 2
        let roll = random.next()
        let asked = query {
            $0.tokenCount = UInt32(roll % 400)
            $0.blockSize = 16
            $0.wish = PlacementWish(rawValue: UInt8(roll >> 10 % 4)) ?? .any
            $0.maySplit = true
            $0.isQuestion = roll >> 20 % 2 == 0
            let target = PlacementTarget(worker: WorkerID(1 + roll >> 24 % 40), rank: roll >> 30 % 2 == 0 ? Rank(0) : nil)
            switch roll >> 34 % 6 {
            case 0: $0.pins = [PlacementPin(role: .aggregated, target: target)]
            case 1: $0.session = SessionPlace(target: target, isHard: roll >> 40 % 2 == 0)
            case 2: $0.preferred = target
            default: break
            }
        }
        return try? PlacementSelector(settings).decide(asked, among: pool, blocks: blocks, scratch: &scratch, random: &random)
    }

    static func facts(_ counter: UInt64) -> DecisionFacts {
        var facts = DecisionFacts()
        facts.request = RequestID(origin: 7, counter: counter)
        facts.queued = .microseconds(1_500)
        facts.queueDepth = 3
        facts.session = .spilled
        facts.took = .nanoseconds(4_321)
        return facts
    }

    static func text(_ record: DecisionRecord, _ naming: PlacementNaming) -> [UInt8] {
        var json = JSONWriter()
        record.write(to: &json, naming: naming)
        return json.finish()
    }

    @Test("T39: every decision can be fetched, read back and made again with the same choice", arguments: 0..<20)
    func replay(_ part: UInt64) throws {
        var scratch = SelectionScratch(), ring = DecisionRing(bytes: 1 << 20), decided = 0
        for seed in part * 100..<(part + 1) * 100 {
            guard let decision = Self.decide(seed, &scratch) else { continue }
            decided += 1
            ring.append(scratch, Self.facts(seed))
            let record = try #require(ring.record(of: RequestID(origin: 7, counter: seed), attempt: 1))
            #expect(
                record.taken.map { $0.candidates[$0.chosen].placement }
                    == [decision.first, decision.second].compactMap(\.?.choice.placement))
            for naming in [PlacementNaming.ids, .ordinals] {
                let text = Self.text(record, naming)
                let read = try DecisionRecord(try JSONValue(parsing: text))
                #expect(DecisionReplay(of: read).agrees(with: read), "seed \(seed)")
                #expect(read.shape == record.shape && read.legs.map(\.chosen) == record.legs.map(\.chosen))
                #expect(naming == .ordinals || read == record, "seed \(seed)")
                #expect(naming == .ids || Self.text(read, .ordinals) == text, "seed \(seed)")
            }
        }
        #expect(decided > 50)
    }

    @Test("a replay finds another choice where the record was changed")
    func tampered() throws {
        var scratch = SelectionScratch(), ring = DecisionRing(bytes: 1 << 20), random = SeededRandom(seed: 5)
        var pool = [candidate(1), candidate(2), candidate(3)]
        pool[0].load.activeBlocks = 5
        pool[2].load.activeBlocks = 9
        _ = try PlacementSelector(.kv).decide(
            query { $0.blockSize = 16 }, among: pool, blocks: BlockMatches(), scratch: &scratch, random: &random)
        ring.append(scratch, Self.facts(1))
        var record = try #require(ring.record(of: RequestID(origin: 7, counter: 1)))
        #expect(DecisionReplay(of: record).agrees(with: record))
        record.legs[0].candidates[1].inputs.heldBlocks = 100
        #expect(!DecisionReplay(of: record).agrees(with: record) && DecisionReplay(of: record).chosen == [0])
    }

    /// Two ranks that are known to the index: much is decoded on the first, and it was written more.
    private static func weighed(_ policy: SelectionPolicy) throws -> DecisionRecord {
        var scratch = SelectionScratch(), ring = DecisionRing(bytes: 1 << 20), random = SeededRandom(seed: 5)
        var pool = [candidate(1, requests: 40), candidate(2, requests: 39)]
        for index in pool.indices {
            pool[index].slot = PlacementSlot(UInt16(index))
            pool[index].turnover = index == 0 ? 2 : 1.5
            pool[index].latency = LatencyEstimate(prefillFixed: 0, prefillToken: index == 0 ? 1 : 1.5, step: 20, stepBlock: 0)
        }
        _ = try PlacementSelector(policy).decide(
            query { $0.blockSize = 16 }, among: pool, blocks: BlockMatches(), scratch: &scratch, random: &random)
        ring.append(scratch, Self.facts(1))
        return try #require(ring.record(of: RequestID(origin: 7, counter: 1)))
    }

    @Test("a record tells whom a prefill disturbs and what it pushes out, and a replay weighs both")
    func newTerms() throws {
        var record = try Self.weighed(.kv)
        let json = try JSONValue(parsing: Self.text(record, .ids)), leg = try #require(json["legs"]?[0])
        #expect(leg["disturbs_decoding"]?.asBool == true && leg["least_turnover"]?.asDouble == 1.5)
        #expect(leg["prices_interference"] == nil && leg["usual_latency"] == nil)
        let settings = try #require(leg["settings"]), first = try #require(leg["candidates"]?[0])
        #expect(settings["held_block_weight"]?.asDouble == 1.0 / 32 && settings["decode_load_scale"]?.asDouble == 0.1)
        #expect(settings["interference_weight"]?.asDouble == 0.02 && settings["eviction_weight"]?.asDouble == 2)
        #expect(first["load"]?["turnover"]?.asDouble == 2 && first["decodes"] == nil && first["load"]?["decodes"] == nil)
        // Seven blocks beside forty requests, and half a cache more than the least.
        #expect(abs((first["cost"]?["interference"]?.asDouble ?? 0) - 5.6) < 1e-9)
        #expect(abs((first["cost"]?["eviction"]?.asDouble ?? 0) - 7) < 1e-9)
        #expect(DecisionReplay(of: record).agrees(with: record) && record.legs[0].chosen == 1)
        record.legs[0].candidates[1].inputs.turnover = 3
        #expect(DecisionReplay(of: record).chosen == [0])
        record = try Self.weighed(.kv)
        record.legs[0].candidates[1].inputs.heldRequests = 400
        #expect(DecisionReplay(of: record).chosen == [0])
    }

    @Test("a record of latencies tells what is usual, and is read back with it")
    func usualLatency() throws {
        let record = try Self.weighed(.latency), text = Self.text(record, .ids)
        #expect(try JSONValue(parsing: text)["legs"]?[0]?["usual_latency"]?[1]?.asDouble == 1.25)
        let read = try DecisionRecord(try JSONValue(parsing: text))
        #expect(read == record && read.legs[0].rule.formula.usualLatency?.prefillToken == 1.25)
    }

    @Test("ordinals give away no id")
    func ordinals() throws {
        var scratch = SelectionScratch(), ring = DecisionRing(bytes: 1 << 20), random = SeededRandom(seed: 5)
        let pool = [candidate(0xABCD_EF01), candidate(0xABCD_EF02)]
        _ = try PlacementSelector(.kv).decide(query(), among: pool, blocks: BlockMatches(), scratch: &scratch, random: &random)
        ring.append(scratch, Self.facts(1))
        let record = try #require(ring.record(of: RequestID(origin: 7, counter: 1)))
        #expect(String(decoding: Self.text(record, .ids), as: UTF8.self).contains("abcdef0"))
        #expect(!String(decoding: Self.text(record, .ordinals), as: UTF8.self).contains("abcdef0"))
    }

    @Test("the ring keeps to its memory, and the oldest give way")
    func bounded() throws {
        var ring = DecisionRing(bytes: 64 << 10), scratch = SelectionScratch()
        #expect(ring.capacityBytes <= 96 << 10)
        var kept: [UInt64] = []
        for seed in 0..<600 where Self.decide(UInt64(seed), &scratch) != nil {
            ring.append(scratch, Self.facts(UInt64(seed)))
            kept.append(UInt64(seed))
        }
        #expect(ring.count > 0 && ring.count < kept.count)
        for counter in kept.suffix(ring.count) { #expect(ring.record(of: RequestID(origin: 7, counter: counter)) != nil) }
        for counter in kept.dropLast(ring.count) { #expect(ring.record(of: RequestID(origin: 7, counter: counter)) == nil) }
        var none = DecisionRing(bytes: 0)
        none.append(scratch, Self.facts(1))
        #expect(none.count == 0 && none.record(of: RequestID(origin: 7, counter: 1)) == nil)
    }

    @Test("the last attempt is found where none is named")
    func attempts() throws {
        var ring = DecisionRing(bytes: 64 << 10), scratch = SelectionScratch()
        let seed = try #require((0..<100).first { Self.decide($0, &scratch) != nil })
        _ = Self.decide(seed, &scratch)
        for attempt in 1...3 as ClosedRange<UInt8> {
            var facts = Self.facts(9)
            facts.attempt = attempt
            ring.append(scratch, facts)
        }
        let id = RequestID(origin: 7, counter: 9)
        #expect(ring.record(of: id)?.facts.attempt == 3 && ring.record(of: id, attempt: 2)?.facts.attempt == 2)
        #expect(ring.record(of: id, attempt: 4) == nil && ring.record(of: RequestID(origin: 8, counter: 9)) == nil)
    }

    @Test(
        "with the decision on a decode leg goes that on its prefill leg, handed over in sequence in the same attempt; ordinals mean the same in both"
    )
    func before() throws {
        var ring = DecisionRing(bytes: 64 << 10), scratch = SelectionScratch(), random = SeededRandom(seed: 5)
        let pool = [candidate(0xA1, 0, .prefill, kv: .any), candidate(0xA2, 0, .decode, kv: .any), candidate(0xA3, 0, .decode, kv: .any)]
        func decide(_ wish: PlacementWish, _ attempt: UInt8, _ path: SplitPath?) throws {
            _ = try PlacementSelector(.kv).decide(
                query {
                    $0.wish = wish
                    $0.maySplit = true
                    if wish == .any { $0.pins = [pin(0xA1, 0, .prefill)] }
                }, among: pool, blocks: BlockMatches(), scratch: &scratch, random: &random)
            var facts = Self.facts(1)
            facts.attempt = attempt
            facts.handOver = path
            ring.append(scratch, facts)
        }
        let id = RequestID(origin: 7, counter: 1)
        try decide(.any, 1, .sequential)
        let prefill = try #require(ring.record(of: id))
        #expect(prefill.shape == .split && ring.record(before: prefill) == nil)
        try decide(.decode, 1, nil)
        let decode = try #require(ring.record(of: id))
        #expect(decode.shape == .decode && ring.record(before: decode) == prefill)
        var json = JSONWriter()
        decode.write(to: &json, naming: .ordinals, before: prefill)
        let told = try JSONValue(parsing: json.finish())
        #expect(told["shape"]?.asString == "decode" && told["before"]?["shape"]?.asString == "split" && told["before"]?["before"] == nil)
        let takers = told["legs"]?[0]?["candidates"]?.asArray?.compactMap { $0["placement"]?.asInt }.sorted()
        #expect(told["before"]?["choice"]?[0]?["placement"]?.asInt == 0 && takers == [1, 2])
        #expect(try DecisionReplay(of: DecisionRecord(#require(told["before"]))).shape == .split)
        // Of another attempt, or handed over at once, it is none of its own.
        try decide(.decode, 2, nil)
        #expect(ring.record(of: id).map { ring.record(before: $0) == nil } == true)
        try decide(.any, 3, .concurrent)
        try decide(.decode, 3, nil)
        #expect(ring.record(of: id).map { ring.record(before: $0) == nil } == true)
    }

    @Test("the largest record fits into an answer many times over, and what was left out is said")
    func largest() throws {
        var pool: [Candidate] = []
        for worker in 1...4_096 as ClosedRange<UInt64> {
            pool.append(
                candidate(worker << 40, 0, [.prefill, .decode][Int(worker % 2)], kv: .any, waiting: 999, requests: 1_000_000))
        }
        var scratch = SelectionScratch(), ring = DecisionRing(bytes: 1 << 20), random = SeededRandom(seed: 5)
        _ = try PlacementSelector(.kv).decide(
            query { $0.maySplit = true }, among: pool, blocks: BlockMatches(), scratch: &scratch, random: &random)
        ring.append(scratch, Self.facts(1))
        let record = try #require(ring.record(of: RequestID(origin: 7, counter: 1)))
        #expect(record.legs.count == 3 && record.legs.allSatisfy { $0.candidates.count == 64 && $0.counts.leftOut == 2_048 - 64 })
        #expect(Self.text(record, .ids).count < 256 << 10)
    }

    @Test("a text that is no record is refused by the name of its first wrong field")
    func faults() throws {
        var scratch = SelectionScratch(), ring = DecisionRing(bytes: 1 << 20), random = SeededRandom(seed: 5)
        _ = try PlacementSelector(.kv).decide(query(), among: [candidate(1)], blocks: BlockMatches(), scratch: &scratch, random: &random)
        ring.append(scratch, Self.facts(1))
        let good = String(decoding: Self.text(try #require(ring.record(of: RequestID(origin: 7, counter: 1))), .ids), as: UTF8.self)
        func field(_ old: String, _ new: String) throws -> String? {
            #expect(good.contains(old), "\(old)")
            let json = try JSONValue(
                parsing: good.split(separator: old, maxSplits: 1, omittingEmptySubsequences: false).joined(separator: new))
            do throws(DecisionFault) {
                _ = try DecisionRecord(json)
                return nil
            } catch { return error.field }
        }
        #expect(try field(#""attempt":1"#, #""attempt":256"#) == "attempt")
        #expect(try field(#""draw":""#, #""draw":"x"#) == "draw")
        #expect(try field(#""shape":"whole""#, #""shape":"split""#) == "shape")
        #expect(try field(#""policy":"kv""#, #""policy":"best""#) == "legs[0].policy")
        #expect(try field(#""chosen":0"#, #""chosen":1"#) == "legs[0].chosen")
        #expect(try field(#""temperature":0.0"#, #""temperature":-1"#) == "legs[0].settings.temperature")
        #expect(try field(#""blocks":0"#, #""blocks":-1"#) == "legs[0].candidates[0].load.blocks")
        #expect(try field(#""rank":0,"load""#, #""rank":4294967296,"load""#) == "legs[0].candidates[0].rank")
        #expect(throws: DecisionFault.self) { try DecisionRecord(.null) }
        #expect(throws: DecisionFault.self) { try DecisionRecord(JSONValue(parsing: "{}")) }
    }
}
