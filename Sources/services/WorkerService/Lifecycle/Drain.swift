import ClusterModel
import Engines
import EventLoop
import Telemetry
import WireProtocol

/// Takes the worker out of service, and unless its process ends back into it: nothing new, running requests to their end or, past a limit,
/// back to their frontends.
///
/// One drain at a time; the end of the process goes before any other, and is not undone.
@LoopActor
final class Drain {
    enum Purpose: Hashable {
        case shutdown
        /// Asked for on the admin side; lasts until it is undone.
        case byOperator
        /// Serves again, in the other role, as soon as nothing runs.
        case roleChange(WorkerRole)

        var reason: DrainReason {
            switch self {
            case .shutdown: .shutdown
            case .byOperator: .byOperator
            case .roleChange: .roleChange
            }
        }

        /// As the stream says it.
        var words: String {
            switch self {
            case .shutdown: "shutdown"
            case .byOperator: "by operator"
            case .roleChange(let role): "becomes \(role)"
            }
        }
    }

    private let core: WorkerCore
    private let handler: GenerateHandler
    private let registrations: @LoopActor () -> [Registration]
    /// Of the drain that goes on: each has its own to wait on.
    private var turn: Signal?
    private(set) var role: WorkerRole
    private(set) var purpose: Purpose?
    private(set) var deadline: Instant
    /// How long beyond that the state of what was given back may be fetched, where the process ends.
    private var moveTime = Duration.zero
    private var arrivedMoves = 0

    init(
        _ core: WorkerCore, _ handler: GenerateHandler, role: WorkerRole, registrations: @escaping @LoopActor () -> [Registration]
    ) {
        self.core = core
        self.handler = handler
        self.role = role
        self.registrations = registrations
        deadline = core.loop.now
    }

    /// The process ends within `limit`: what runs may go on for nearly as long.
    func beginShutdown(within limit: Duration) -> Signal {
        let times = Self.times(within: limit, moves: core.profile.capabilities.contains(.moves))
        let turn = begin(.shutdown, limit: times.runs)
        moveTime = times.moves
        return turn
    }

    /// How long what runs may go on, and how long its state may be fetched after that; the rest is for saying so. Where there is time for it,
    /// each reserve is whole.
    nonisolated static func times(within limit: Duration, moves: Bool) -> (runs: Duration, moves: Duration) {
        let wanted = moves ? WorkerLimits.moveReserve : .zero
        let runs = max(limit - WorkerLimits.drainReserve - wanted, limit / 2)
        return (runs, min(wanted, max(limit - runs - WorkerLimits.drainReserve, (limit - runs) / 2)))
    }

    /// Takes nothing new from here on; `limit` is how long what runs may go on. Ends a drain that was begun before.
    func begin(_ purpose: Purpose, limit: Duration) -> Signal {
        let turn = Signal(on: core.loop)
        supersede(by: turn)
        moveTime = .zero
        arrivedMoves = 0
        self.purpose = purpose
        deadline = core.loop.now + limit
        for registration in registrations() { registration.announceDrain(purpose.reason, remaining: limit) }
        core.sessions.drain()
        core.become(.draining, reason: purpose.words)
        return turn
    }

    /// Waits for what runs, and gives back what is left at the deadline. False if something else came between.
    func finish(_ turn: Signal) async -> Bool {
        while core.table.openCount > 0, core.loop.now < deadline, self.turn === turn { await turn.pause(until: deadline) }
        guard self.turn === turn else { return false }
        let left = core.table.openCount
        if left > 0 { core.log.warning("giving requests back", ["requests": .count(left)]) }
        handler.giveBack()
        if left > 0, moveTime > .zero { await letMove(left, turn) }
        guard self.turn === turn else { return false }
        self.turn = nil
        return true
    }

    /// Whoever goes on with what was given back may fetch its state: the legs for that come soon, or not at all.
    private func letMove(_ count: Int, _ turn: Signal) async {
        let begun = core.loop.now, end = begun + moveTime, arrival = min(begun + WorkerLimits.moveArrival, end)
        while arrivedMoves < count, core.loop.now < arrival, self.turn === turn { await turn.pause(until: arrival) }
        while core.table.openCount > 0, core.loop.now < end, self.turn === turn { await turn.pause(until: end) }
        if self.turn === turn { handler.giveBack() }
    }

    /// The last request has ended.
    func look() { turn?.wake() }

    /// A leg came that gives the state of an earlier request to another worker.
    func moveArrived() {
        arrivedMoves += 1
        turn?.wake()
    }

    /// The process ends at once.
    func abandon() {
        purpose = .shutdown
        supersede(by: nil)
    }

    /// Back in service; every router hears of it anew, since it may have taken the worker for leaving.
    func resume(as role: WorkerRole? = nil) {
        supersede(by: nil)
        if let role { self.role = role }
        purpose = nil
        core.becomeAble()
        for registration in registrations() { registration.renew() }
    }

    private func supersede(by next: Signal?) {
        let last = turn
        turn = next
        last?.wake()
    }
}

// MARK: - Orders of an operator

extension Drain {
    /// Why an order is not followed.
    struct Refusal: Error, Hashable {
        let reason: String
    }

    /// Out of service until `undo`.
    func order(limit: Duration) throws(Refusal) {
        try mayChange()
        if case .roleChange = purpose { throw Refusal(reason: "it is changing its role") }
        let turn = begin(.byOperator, limit: limit)
        core.loop.spawn { [weak self] in _ = await self?.finish(turn) }
    }

    /// Undoes `order`; in service already is no error.
    func undo() throws(Refusal) {
        try mayChange()
        switch purpose {
        case .byOperator: resume()
        case .roleChange: throw Refusal(reason: "it is changing its role")
        case .shutdown, nil: return
        }
    }

    func change(to role: WorkerRole, limit: Duration) throws(Refusal) {
        try mayChange()
        guard purpose != nil || role != self.role else { return }
        let turn = begin(.roleChange(role), limit: limit)
        core.loop.spawn { [weak self] in
            guard let self, await finish(turn) else { return }
            core.log.info("role", ["role": .text("\(role)")])
            resume(as: role)
        }
    }

    private func mayChange() throws(Refusal) {
        if purpose == .shutdown || core.state == .stopped { throw Refusal(reason: "the process is ending") }
        if core.hasFailed { throw Refusal(reason: "the engine failed") }
    }
}
