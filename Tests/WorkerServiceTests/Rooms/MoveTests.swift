import ClusterModel
import Engines
import EventLoop
import Testing
import Transport
import WireProtocol
import WorkerService

/// The prefill side of the bed is the worker that leaves; the decode side goes on with its requests.
@Suite("A planned move")
struct MoveTests {
    private final class Done: @unchecked Sendable {
        // Safety: written in a turn of the world, read between turns.
        var value: Bool?
        var at: Instant?
    }

    private func bed() throws -> SplitBed { try SplitBed { config, _ in config.drainLimit = .seconds(4) } }

    private func drain(_ bed: SplitBed) -> Done {
        let done = Done()
        bed.prefill.loop.spawn { [service = bed.prefill.service, loop = bed.prefill.loop] in
            done.value = await service.drain()
            done.at = loop.now
        }
        return done
    }

    private func continued(_ shown: [TokenID], of total: UInt32) -> ContinuedChoice {
        var choice = ContinuedChoice()
        choice.shownTokens = shown
        choice.remainingMaxTokens = total - UInt32(shown.count)
        choice.penaltyOrigin = 320
        return choice
    }

    @Test(
        "the worker that leaves gives the state of what it gave back, and little is computed anew", arguments: 1...4 as ClosedRange<UInt64>)
    func move(seed: UInt64) throws {
        let bed = try bed(), total: UInt32 = 600
        bed.front.send(bed.entry(1, prompt: 320, maxTokens: total) { $0.sampling.seed = seed }, to: bed.prefill)
        bed.pass(.seconds(1))
        let done = drain(bed)
        try bed.until("given back", within: .seconds(3)) { bed.front.line(bed.prefill).isOver(1) }
        #expect(bed.front.line(bed.prefill).ended(1)?.reason == .drained)
        let shown = bed.front.line(bed.prefill).tokens(1), computed = Int(bed.prefill.count("apus_worker_prefill_tokens_total")) ?? 0
        func leg(_ entry: inout GenerateEntry) {
            entry.sampling.seed = seed
            entry.continuation = [continued(shown, of: total)]
        }
        bed.front.send(bed.decodeLeg(1, attempt: 2, prompt: 320, maxTokens: total) { leg(&$0) }, to: bed.decode)
        bed.front.send(bed.prefillLeg(1, attempt: 2, prompt: 320, maxTokens: total) { leg(&$0) }, to: bed.prefill)
        // Nothing else is taken.
        bed.front.send(bed.prefillLeg(2), to: bed.prefill)
        try bed.until("the worker has left") { done.value != nil }
        #expect(bed.front.line(bed.prefill).ended(1, attempt: 2)?.reason == .handedOver)
        #expect(bed.front.line(bed.prefill).refused(2)?.failure.code == .draining)
        let again = (Int(bed.prefill.count("apus_worker_prefill_tokens_total")) ?? 0) - computed
        #expect(again <= 32, "\(again) tokens were computed anew")
        try bed.until("the end") { bed.front.line(bed.decode).isOver(1, attempt: 2) }
        #expect(bed.front.line(bed.decode).ended(1, attempt: 2)?.reason == .finished)
        #expect(bed.decode.count("apus_worker_prefill_tokens_total") == "0")
        bed.front.send(
            bed.entry(9, prompt: 320, maxTokens: total) {
                $0.promptTokens = bed.entry(1, prompt: 320).promptTokens
                $0.sampling.seed = seed
            }, to: bed.decode)
        try bed.until("the twin") { bed.front.line(bed.decode).isOver(9) }
        #expect(shown + bed.front.line(bed.decode).tokens(1, attempt: 2) == bed.front.line(bed.decode).tokens(9))
    }

    @Test("where nobody fetches anything it leaves after a second")
    func nobody() throws {
        let bed = try bed()
        bed.front.send(bed.entry(1, prompt: 320, maxTokens: 2_000), to: bed.prefill)
        bed.pass(.seconds(1))
        let done = drain(bed)
        try bed.until("given back", within: .seconds(3)) { bed.front.line(bed.prefill).isOver(1) }
        let given = bed.world.now
        try bed.until("the worker has left") { done.value != nil }
        #expect(given.duration(to: bed.world.now).isBetween(.milliseconds(900), and: .milliseconds(1_300)))
    }

    @Test("a move that does not end in time is given back as well")
    func late() throws {
        let bed = try bed(), sink = try KVSink(bed)
        sink.ready = nil
        bed.front.send(bed.entry(1, prompt: 320, maxTokens: 2_000), to: bed.prefill)
        bed.pass(.seconds(1))
        let done = drain(bed)
        try bed.until("given back", within: .seconds(3)) { bed.front.line(bed.prefill).isOver(1) }
        let shown = bed.front.line(bed.prefill).tokens(1)
        bed.front.send(
            bed.prefillLeg(1, attempt: 2, prompt: 320, maxTokens: 2_000) {
                $0.continuation = [continued(shown, of: 2_000)]
                $0.room = sink.plan
            }, to: bed.prefill)
        try bed.until("the offer") { !sink.offers.isEmpty }
        #expect(sink.offers.first?.open.purpose == .move)
        try bed.until("the worker has left", within: .seconds(3)) { done.value != nil }
        #expect(bed.front.line(bed.prefill).ended(1, attempt: 2)?.reason == .drained)
    }
}
