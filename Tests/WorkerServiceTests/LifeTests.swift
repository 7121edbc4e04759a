import ClusterModel
import Engines
import EventLoop
import JSONText
import Testing
import TestSupport
import Transport
import WireProtocol
import WorkerService

@Suite("The life of a worker")
struct LifeTests {
    @Test(
        "it registers with its card, its endpoints and its ranks, and again after the router's restart",
        arguments: 1...3 as ClosedRange<UInt64>)
    func registration(seed: UInt64) throws {
        let bed = try WorkerBed(seed: seed, engine: .worker(ranks: 2))
        try bed.registered()
        let registration = try #require(bed.router.registrations.first)
        #expect(registration.card.name == "apus-mock" && registration.card.blockSize == 16)
        #expect(registration.card.digest == registration.card.computedDigest && registration.card.digest != Digest())
        #expect(registration.card.files.map(\.name) == ["apus-byte-tokenizer.json"])
        #expect(registration.card.capabilities.isSuperset(of: [.choices, .logprobs, .exactContinuation]))
        #expect(registration.ranks.map(\.rank) == [0, 1] && registration.state == .ready && registration.kvShape == nil)
        #expect(registration.endpoints.linkAddress.hasPrefix("tcp://:"))
        try bed.restartRouter()
        try bed.until("registered again") { bed.router.registrations.count == 1 }
        #expect(bed.router.registrations.first?.card == registration.card)
        bed.pass(.seconds(3))
        #expect(bed.router.beats >= 4)
        #expect(bed.log.contains("router not connected"))
    }

    @Test("one line at its start says what it is made of, and what it was not given")
    func startLine() throws {
        let bed = try WorkerBed(engine: .worker(ranks: 2)), said = bed.log.all.filter { $0.contains(#""msg":"listening""#) }
        #expect(said.count == 1)
        let line = try JSONValue(parsing: Array(try #require(said.first).utf8))
        #expect(
            line["serves"]?.asString == "aggregated" && line["engine"]?.asString == "mock" && line["simulated"]?.asBool == true
                && line["ranks"]?.asInt == 2)
        #expect(line["routers"]?.asString == "tcp://router:8100" && line["block_tokens"]?.asInt == 16)
        #expect(line["missing"]?.asString == "tokenizer and chat template (--model)")
    }

    @Test("an engine that computes is not called simulated, one that fails on purpose is what it was, and a silent cache is missed")
    func engines() throws {
        func line(_ engine: EngineSelection) throws -> JSONValue {
            let bed = try WorkerBed { $0.engine = engine }
            let said = try #require(bed.log.all.first { $0.contains(#""msg":"listening""#) })
            return try JSONValue(parsing: Array(said.utf8))
        }
        let telling = try line(.scripted(CacheScript()))
        let silent = try line(.made { ScriptedEngine(ranks: 1, script: CacheScript(), stepDuration: .zero, cacheReport: .silent) })
        #expect(telling["simulated"]?.asBool == false && telling["missing"]?.asString == "nothing")
        #expect(silent["missing"]?.asString == "events of the engine's cache (--engine-events)")
        #expect(try line(.faulty(.mock(.worker()), EngineFaults()))["simulated"]?.asBool == true)
    }

    @Test("a router that refuses the registration is asked again, later each time")
    func refusedRegistration() throws {
        let bed = try WorkerBed()
        bed.router.refusal = Failure(.invalidArgument, field: "card", reason: "no")
        try bed.restartRouter()
        bed.router.refusal = Failure(.invalidArgument, field: "card", reason: "no")
        bed.pass(.seconds(20))
        let tries = bed.router.registrations.count
        #expect((2...40).contains(tries))
        #expect(bed.log.contains("not registered") && bed.log.contains("field card"))
        bed.router.refusal = nil
        try bed.registered()
    }

    @Test("a probe is answered with the hashes of the blocks, and one that makes no sense with its field")
    func parity() throws {
        let bed = try WorkerBed()
        try bed.registered()
        let link = try #require(bed.router.links.last)
        func ask(_ lists: [ParityList]) throws -> Result<ParityAnswer, LinkFailure> {
            try bed.world.run(on: bed.router.loop, within: .seconds(30)) {
                do throws(LinkFailure) {
                    return .success(try await link.ask(ParityProbe(lists: lists), answeredBy: ParityAnswer.self, within: .seconds(10)))
                } catch { return .failure(error) }
            }
        }
        let golden = ParityList(tokens: Array(0..<16), blockSize: 4, loRA: "", salt: [], multimodal: [])
        var adapted = golden, medium = golden
        adapted.loRA = "my-lora"
        medium.tokens = [0, 1, 2, 3]
        medium.multimodal = [MultimodalItem(hash: 42, firstToken: 1, tokenCount: 2)]
        let answer = try ask([golden, adapted, medium]).get()
        #expect(
            answer.lists[0].sequenceHashes == [
                9_143_094_415_614_847_814, 9_510_318_385_840_434_533, 16_998_148_715_716_822_651, 16_790_386_768_269_814_709,
            ])
        #expect(answer.lists[1].blockHashes.first == 11_367_233_877_683_710_475)
        #expect(answer.lists[2].blockHashes == [18_280_081_842_874_931_122])
        var zero = golden, salted = golden
        zero.blockSize = 0
        salted.salt = [1]
        for (list, field) in [(zero, "blockSize"), (salted, "salt")] {
            guard case .failure(.failed(let failure)) = try ask([list]) else {
                Issue.record("no failure for \(field)")
                continue
            }
            #expect(failure.code == .invalidArgument && failure.field == field)
        }
        // An answer that would be larger than a message.
        let wide = ParityList(tokens: Array(repeating: 1, count: Limits.parityTokens), blockSize: 1, loRA: "", salt: [], multimodal: [])
        guard case .failure(.failed(let failure)) = try ask(Array(repeating: wide, count: 40)) else {
            Issue.record("a giant answer")
            return
        }
        #expect(failure.field == "lists")
        bed.router.on { link.send(CloseSession()) }
        bed.pass(.seconds(1))
        #expect(bed.on { $0.registeredRouters } == 1, "a session that is not bound is closed without an error")
    }

    @Test("when a frontend's link is lost, what came over it ends, and nothing else", arguments: [StreamBreak.reset, .closed])
    func linkLoss(_ style: StreamBreak) throws {
        let bed = try WorkerBed()
        try bed.registered()
        let front = try bed.frontend(), other = try bed.frontend("other", id: 0xF2, generation: 0xAC)
        front.generate(front.entry(1, maxTokens: 1_000), front.entry(2, maxTokens: 1_000))
        other.generate(other.entry(3, maxTokens: 60))
        bed.pass(.milliseconds(100))
        #expect(bed.on { $0.openRequests } == 3)
        bed.fabric.breakStreams(between: "front", and: "worker", style)
        bed.pass(.milliseconds(100))
        #expect(bed.on { $0.openRequests } == 1)
        try other.finish(3)
        #expect(other.tokens(3).count == 60)
        bed.pass(.seconds(1))
        #expect(bed.router.story(of: 11).last == "ended 8" && bed.router.story(of: 21).last == "ended 8")
        #expect(bed.isAtRest)
        #expect(bed.count("apus_worker_requests_ended_total{reason=\"link_lost\"}") == "2")
    }

    @Test("a frontend whose process freezes is given up after two seconds of silence")
    func frozenFrontend() throws {
        let bed = try WorkerBed()
        try bed.registered()
        let front = try bed.frontend()
        front.generate(front.entry(1, maxTokens: 3_000))
        bed.pass(.milliseconds(100))
        front.loop.freeze()
        bed.pass(.seconds(4))
        #expect(bed.isAtRest)
    }

    @Test("a drain lets what runs end, takes nothing new, and says goodbye to everybody", arguments: 1...4 as ClosedRange<UInt64>)
    func drain(seed: UInt64) throws {
        let bed = try WorkerBed(seed: seed)
        try bed.registered()
        let front = try bed.frontend()
        front.generate(front.entry(1, maxTokens: 100))
        bed.pass(.milliseconds(200))
        let done = Done()
        bed.loop.spawn { [service = bed.service] in done.value = await service.drain() }
        bed.pass(.milliseconds(50))
        #expect(done.value == nil)
        front.generate(front.entry(2))
        bed.pass(.milliseconds(50))
        #expect(front.refused(2)?.failure.code == .draining)
        #expect(bed.router.notices.count == 1 && bed.router.notices.first?.runningRequests == 1)
        #expect(bed.router.states.last == .draining)
        let late = try ScriptedFrontend("late", bed, Policies.policy(.frontend, id: 0xF3, generation: 0xAD), opens: false)
        guard case .failure(.refused(let refusal)) = try late.open(.data) else { throw NotInTime("a refusal") }
        #expect(refusal.code == .draining && refusal.retryable)
        try bed.until("drained") { done.value != nil }
        #expect(done.value == true)
        #expect(front.ended(1)?.reason == .finished && front.tokens(1).count == 100)
        #expect(front.ends == [.goodbye(.draining, byPeer: true)])
        #expect(bed.router.ends == [.goodbye(.leaving, byPeer: true)])
        #expect(bed.router.story(of: 11).last == "ended 1")
        bed.on { $0.stop() }
        bed.pass(.seconds(1))
        #expect(bed.router.states.last == .stopped)
        #expect(bed.isAtRest)
        #expect(bed.fabric.openConnections == 0)
    }

    @Test(
        "T14: who dials a worker that takes its leave already is refused, and does not keep it from its end",
        arguments: [LinkKind.data, .recovery])
    func dialledWhileLeaving(kind: LinkKind) throws {
        let bed = try WorkerBed()
        try bed.registered()
        // It does not hear the goodbye, which is waited for.
        let deaf = try bed.frontend(), done = Done()
        let late = try ScriptedFrontend("late", bed, Policies.policy(.frontend, id: 0xF3, generation: 0xAD), opens: false)
        deaf.loop.freeze()
        bed.loop.spawn { [service = bed.service] in done.value = await service.drain() }
        try bed.until("it takes its leave") { bed.router.states.last == .stopped }
        #expect(done.value == nil)
        guard case .failure(.refused(let refusal)) = try late.open(kind) else { throw NotInTime("a refusal") }
        #expect(refusal.code == .draining && refusal.retryable)
        try bed.until("drained") { done.value != nil }
        #expect(done.value == true)
    }

    @Test("what the drain limit leaves is given back, to go on elsewhere")
    func drainLimit() throws {
        let bed = try WorkerBed { $0.drainLimit = .seconds(5) }
        try bed.registered()
        let front = try bed.frontend()
        front.generate(front.entry(1, maxTokens: 4_000))
        bed.pass(.milliseconds(200))
        let drained = try bed.run { [service = bed.service] in await service.drain() }
        #expect(drained)
        #expect(front.ended(1)?.reason == .drained)
        #expect(front.ended(1)?.outputTokens == UInt32(front.tokens(1).count))
        bed.on { $0.stop() }
        bed.pass(.seconds(1))
        #expect(bed.isAtRest)
    }

    @Test("a stop without a drain ends everything at once", arguments: [0, 3, 40, 500] as [Int64])
    func stop(milliseconds: Int64) throws {
        let bed = try WorkerBed()
        bed.pass(.milliseconds(milliseconds))
        let front = try bed.frontend()
        front.generate(front.entry(1, maxTokens: 1_000))
        bed.pass(.milliseconds(milliseconds))
        bed.on { $0.stop() }
        bed.on { $0.stop() }
        bed.pass(.seconds(5))
        #expect(front.ends.count == 1)
        #expect(bed.fabric.openConnections == 0)
    }

    @Test("a process that was stopped for seconds goes on with what its frontends still wait for")
    func pause() throws {
        let bed = try WorkerBed()
        try bed.registered()
        let front = try bed.frontend()
        front.generate(front.entry(1, maxTokens: 100))
        bed.pass(.milliseconds(100))
        bed.loop.freeze()
        bed.pass(.milliseconds(1_500))
        bed.loop.thaw()
        try front.finish(1)
        #expect(front.tokens(1).count == 100)
    }

    @Test("events leave at once after a pause, then gathered, never more than 10 ms apart")
    func pace() throws {
        let bed = try WorkerBed(engine: .worker(sequences: 4, step: .microseconds(200)))
        try bed.registered()
        let front = try bed.frontend()
        bed.pass(.seconds(1))
        let before = bed.router.batches.count, start = bed.world.now
        front.generate(front.entry(1, maxTokens: 3_000), front.entry(2, maxTokens: 3_000))
        try front.finish(1)
        bed.pass(.seconds(1))
        // Those at the end have nothing more to wait for.
        let batches = bed.router.batches.dropFirst(before).dropLast(3)
        #expect(start.duration(to: try #require(batches.first).at) < .milliseconds(3))
        let gaps = zip(batches, batches.dropFirst()).map { $0.at.duration(to: $1.at) }
        #expect(gaps.allSatisfy { $0 >= .milliseconds(9) && $0 < .milliseconds(12) })
        #expect(bed.router.faults == [])
    }

    @Test("its state reads as one JSON value")
    func debugState() throws {
        let bed = try WorkerBed()
        try bed.registered()
        let text = bed.on { service in
            var json = JSONWriter()
            service.debugState(into: &json)
            return json.finish()
        }
        let value = try JSONValue(parsing: text)
        #expect("\(value)".contains("registered"))
    }

    private final class Done: @unchecked Sendable {
        // Safety: written in a turn of the world, read between turns.
        var value: Bool?
    }
}
