import ClusterModel
import EventLoop
import Testing
import Transport
import WireProtocol

@testable import WorkerService

@Suite("Out of service and back")
struct DrainTests {
    private func started() throws -> (WorkerBed, ScriptedFrontend) {
        let bed = try WorkerBed()
        try bed.registered()
        return (bed, try bed.frontend())
    }

    /// What an order was refused with; nil if it was followed.
    private func order(_ bed: WorkerBed, _ carryOut: @LoopActor (Drain) throws(Drain.Refusal) -> Void) -> String? {
        bed.on { service in
            guard let drain = service.drainControl else { return "no worker" }
            do throws(Drain.Refusal) { try carryOut(drain) } catch { return error.reason }
            return nil
        }
    }

    @Test("an operator's drain takes nothing new, lets what runs end, and is undone with a registration")
    func operatorsDrain() throws {
        let (bed, frontend) = try started()
        frontend.generate(frontend.entry(1, maxTokens: 50))
        bed.pass(.milliseconds(100))
        #expect(order(bed) { drain throws(Drain.Refusal) in try drain.order(limit: .seconds(60)) } == nil)
        bed.pass(.milliseconds(20))
        #expect(bed.router.notices.map(\.reason) == [.byOperator] && bed.router.notices[0].runningRequests == 1)
        frontend.generate(frontend.entry(2))
        try frontend.finish(2)
        #expect(frontend.refused(2)?.failure.code == .draining)
        try frontend.finish(1)
        #expect(frontend.ended(1)?.reason == .finished)
        bed.pass(.seconds(100))
        #expect(bed.router.states.last == .draining, "it lasts until it is undone")
        let registrations = bed.router.registrations.count
        #expect(order(bed) { drain throws(Drain.Refusal) in try drain.undo() } == nil)
        bed.pass(.seconds(1))
        #expect(bed.router.states.last == .ready)
        #expect(bed.router.registrations.count == registrations + 1 && bed.router.registrations.last?.state == .ready)
        frontend.generate(frontend.entry(3))
        try frontend.finish(3)
        #expect(frontend.ended(3)?.reason == .finished)
        #expect(order(bed) { drain throws(Drain.Refusal) in try drain.undo() } == nil, "in service already")
    }

    @Test("past its limit what runs is given back; undone before that it runs on")
    func limit() throws {
        let (bed, frontend) = try started()
        frontend.generate(frontend.entry(1, maxTokens: 1_000))
        bed.pass(.milliseconds(100))
        #expect(order(bed) { drain throws(Drain.Refusal) in try drain.order(limit: .seconds(1)) } == nil)
        bed.pass(.milliseconds(500))
        #expect(order(bed) { drain throws(Drain.Refusal) in try drain.undo() } == nil)
        bed.pass(.seconds(2))
        #expect(frontend.ended(1) == nil)
        #expect(order(bed) { drain throws(Drain.Refusal) in try drain.order(limit: .seconds(1)) } == nil)
        bed.pass(.milliseconds(900))
        #expect(frontend.ended(1) == nil)
        bed.pass(.milliseconds(200))
        #expect(frontend.ended(1)?.reason == .drained)
        #expect(bed.isAtRest)
    }

    @Test("a change of role drains first, then registers with the other role; nothing comes between")
    func role() throws {
        let (bed, frontend) = try started()
        frontend.generate(frontend.entry(1, maxTokens: 50))
        bed.pass(.milliseconds(100))
        #expect(bed.router.registrations.last?.role == .aggregated)
        #expect(order(bed) { drain throws(Drain.Refusal) in try drain.change(to: .prefill, limit: .seconds(60)) } == nil)
        bed.pass(.milliseconds(50))
        #expect(bed.router.notices.last?.reason == .roleChange && bed.router.registrations.last?.role == .aggregated)
        #expect(order(bed) { drain throws(Drain.Refusal) in try drain.order(limit: .seconds(1)) } != nil)
        #expect(order(bed) { drain throws(Drain.Refusal) in try drain.undo() } != nil)
        try frontend.finish(1)
        #expect(frontend.ended(1)?.reason == .finished)
        bed.pass(.milliseconds(200))
        #expect(bed.router.registrations.last?.role == .prefill && bed.router.states.last == .ready)
        // The last word counts, and the role that it has is no change.
        let registrations = bed.router.registrations.count
        #expect(order(bed) { drain throws(Drain.Refusal) in try drain.change(to: .prefill, limit: .seconds(60)) } == nil)
        bed.pass(.seconds(1))
        #expect(bed.router.registrations.count == registrations && bed.router.states.last == .ready)
    }

    @Test("the end of the process goes before every order, in whatever order they come")
    func shutdownWins() throws {
        let (bed, frontend) = try started()
        frontend.generate(frontend.entry(1, maxTokens: 50))
        bed.pass(.milliseconds(100))
        #expect(order(bed) { drain throws(Drain.Refusal) in try drain.change(to: .decode, limit: .seconds(60)) } == nil)
        let ended = try bed.run { [service = bed.service] in await service.drain() }
        #expect(ended)
        #expect(frontend.ended(1)?.reason == .finished)
        bed.pass(.seconds(1))
        #expect(bed.router.registrations.last?.role == .aggregated && bed.router.states.last == .stopped)
        #expect(order(bed) { drain throws(Drain.Refusal) in try drain.undo() } != nil)
    }
}
