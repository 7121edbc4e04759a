import ClusterModel
import EventLoop
import Scheduling
import Testing
import Transport
import WireProtocol

@testable import RouterService

@Suite("Sessions at a router")
struct SessionTests {
    private static let key = SessionKey(tenant: "", id: "s")

    /// One that holds sessions.
    private func worker(_ world: RouterWorld, _ id: UInt64, generation: UInt64? = nil, ranks: [UInt32] = [0]) -> ScriptedWorker {
        world.readyWorker(id, generation: generation) { script in
            script.card = WorkerScript.card("model") { $0.capabilities.insert(.sessions) }
            script.ranks = ranks
        }
    }

    private func asked(
        _ action: SessionAction = .use, _ mode: SessionMode = .soft, id: String = "s", tenant: String = "", hint: PlacementRef? = nil
    ) -> RouteSession {
        RouteSession(key: SessionKey(tenant: tenant, id: id), action: action, mode: mode, ttlSeconds: 0, hint: hint)
    }

    private func sessions(_ world: RouterWorld) -> Int { world.look { $0.sessionsBound } }
    private func closes(_ world: RouterWorld, _ worker: ScriptedWorker) -> [CloseSession] { world.on(worker) { $0.closes } }

    /// Where so many requests of the session go, and what is said of it.
    private func turns(
        _ world: RouterWorld, _ frontend: ScriptedFrontend, _ count: Int, _ session: RouteSession
    ) -> [(worker: UInt64, outcome: SessionOutcome)] {
        (0..<count).map { _ in
            let plan = world.plan(frontend) { $0.session = session }
            return (plan.legs.first?.workerID ?? 0, plan.session)
        }
    }

    // MARK: Following

    @Test("a session sticks to the rank that holds it, over many turns; others go their way")
    func sticks() {
        let world = RouterWorld(), frontend = world.frontend()
        _ = worker(world, 1)
        let holder = worker(world, 2, ranks: [0, 1])
        world.on(holder) { $0.bind("s", counter: 1, rank: 1) }
        world.until("mirrored") { sessions(world) == 1 }
        for _ in 0..<20 {
            let plan = world.plan(frontend) { $0.session = asked() }
            #expect(plan.legs[0].workerID == 2 && plan.legs[0].rank == 1 && plan.session == .bound)
        }
        let others = turns(world, frontend, 9, asked(id: "other"))
        #expect(others.allSatisfy { $0.outcome == .none } && Set(others.map(\.worker)) == [1, 2])
        #expect(world.plan(frontend).session == .none)
        #expect(world.exposition.contains("apus_router_session_plans_total{outcome=\"bound\"} 20"))
        #expect(world.exposition.contains("apus_router_sessions 1"))
        // Ids of sessions are clients' own: nobody else reads them.
        #expect(world.debugState().contains(#""sessions":{"bound":1,"bindings":1,"opening":0,"lost":0}"#))
        #expect(!world.log.all.contains { $0.contains("\"s\"") })
    }

    @Test("one that its worker ended, whose time ran out or that was closed, is routed as if there had been none")
    func ended() {
        let world = RouterWorld(), frontend = world.frontend(), holder = worker(world, 1)
        _ = worker(world, 2)
        for reason in [SessionEndReason.closed, .expired, .evicted] {
            world.on(holder) { $0.bind("s", counter: 1) }
            world.until("mirrored") { sessions(world) == 1 }
            world.on(holder) { $0.unbind("s", reason) }
            world.until("gone") { sessions(world) == 0 }
            let plans = turns(world, frontend, 4, asked())
            #expect(plans.allSatisfy { $0.outcome == .none } && Set(plans.map(\.worker)) == [1, 2], "\(reason)")
        }
    }

    @Test("tenants do not see one another's sessions, nor do the pools of two models")
    func tenants() {
        let world = RouterWorld(), frontend = world.frontend(), holder = worker(world, 1)
        _ = worker(world, 2)
        let other = world.readyWorker(3) { script in
            script.card = WorkerScript.card("other") { $0.capabilities.insert(.sessions) }
        }
        world.on(holder) { $0.bind("s", counter: 5) }
        world.on(other) { $0.bind("s", counter: 2) }
        world.until("mirrored") { sessions(world) == 2 }
        #expect(turns(world, frontend, 4, asked()).allSatisfy { $0.worker == 1 && $0.outcome == .bound })
        #expect(turns(world, frontend, 4, asked(tenant: "t")).allSatisfy { $0.outcome == .none })
        let plan = world.plan(frontend) {
            $0.model = "other"
            $0.session = asked()
        }
        #expect(plan.legs.first?.workerID == 3 && plan.session == .bound)
        #expect(closes(world, holder).isEmpty && closes(world, other).isEmpty, "they are no conflict")
    }

    @Test("a hint is followed while no binding is known and its worker takes work, and no longer")
    func hint() {
        let world = RouterWorld(), frontend = world.frontend(), first = worker(world, 1)
        let hinted = worker(world, 2)
        let hint = PlacementRef(workerID: 2, rank: 0)
        #expect(turns(world, frontend, 5, asked(hint: hint)).allSatisfy { $0.worker == 2 && $0.outcome == .none })
        // Hard sessions too: a hint binds nobody.
        #expect(turns(world, frontend, 2, asked(.use, .hard, hint: PlacementRef(workerID: 99, rank: nil))).allSatisfy { $0.worker != 0 })
        world.on(first) { $0.bind("s", counter: 1) }
        world.until("mirrored") { sessions(world) == 1 }
        #expect(turns(world, frontend, 3, asked(hint: hint)).allSatisfy { $0.worker == 1 && $0.outcome == .bound })
        world.on(first) { $0.unbind("s", .closed) }
        world.until("gone") { sessions(world) == 0 }
        hinted.host.kill(.reset)
        world.until("worker 2 is gone") { world.record(2) == nil }
        #expect(turns(world, frontend, 3, asked(hint: hint)).allSatisfy { $0.worker == 1 && $0.outcome == .none })
    }

    @Test("what a frontend's session may not be: without a name")
    func nameless() {
        let world = RouterWorld(), frontend = world.frontend()
        _ = worker(world, 1)
        let plan = world.plan(frontend) { $0.session = asked(id: "") }
        #expect(plan.failure?.code == .invalidArgument && plan.failure?.field == "session")
        #expect(world.leases == 0)
    }

    // MARK: Opening

    @Test("L14: a session opens only where the engine holds sessions; where nobody does, the client is told")
    func needs() {
        let world = RouterWorld(), frontend = world.frontend()
        _ = world.readyWorker(1)
        let refused = world.plan(frontend) { $0.session = asked(.open) }
        #expect(refused.failure?.code == .sessionUnsupported && refused.failure?.field == "session")
        #expect(world.leases == 0 && turns(world, frontend, 1, asked()).first?.worker == 1)
        _ = worker(world, 2)
        for turn in 0..<6 { #expect(world.plan(frontend) { $0.session = asked(.open, id: "s\(turn)") }.legs.first?.workerID == 2) }
    }

    @Test(
        "L14: requests that race to open one session meet at one worker, before it has said a word",
        arguments: [SessionMode.soft, .hard])
    func race(mode: SessionMode) {
        let world = RouterWorld(), frontend = world.frontend()
        let workers = (1...4 as ClosedRange<UInt64>).map { worker(world, $0) }
        let entries = world.on(frontend) { frontend in (0..<8).map { _ in frontend.entry { $0.session = asked(.open, mode) } } }
        let plans = world.plans(frontend, entries), chosen = plans[0].legs[0].workerID
        #expect(plans.allSatisfy { $0.legs.first?.workerID == chosen && $0.session == .none })
        world.on(workers[Int(chosen) - 1]) { $0.bind("s", counter: 1) }
        world.until("mirrored") { sessions(world) == 1 }
        #expect(world.debugState().contains(#""opening":0"#))
        #expect(turns(world, frontend, 4, asked(.open, mode)).allSatisfy { $0.worker == chosen && $0.outcome == .bound })
    }

    @Test("L14: a failed opening leaves no binding behind: with its lease the place is free at once, and by itself after five seconds")
    func failedOpening() {
        let world = RouterWorld(), frontend = world.frontend()
        for id in 1...3 as ClosedRange<UInt64> { _ = worker(world, id) }
        let first = world.plan(frontend) { $0.session = asked(.open) }
        #expect(world.debugState().contains(#""opening":1"#))
        world.on(frontend) { $0.give(back: first.legs[0], .neverDispatched) }
        world.until("given back") { world.leases == 0 }
        #expect(world.debugState().contains(#""opening":0"#) && sessions(world) == 0)
        #expect(turns(world, frontend, 3, asked(.use)).allSatisfy { $0.outcome == .none })
        // The next opening goes where it is best now: round robin, so elsewhere.
        let second = world.plan(frontend) { $0.session = asked(.open) }
        let third = world.plan(frontend) { $0.session = asked(.open) }
        #expect(third.legs[0].workerID == second.legs[0].workerID)
        world.pass(.seconds(11))
        let later = Set(turns(world, frontend, 6, asked(.use)).map(\.worker))
        #expect(later.count == 3, "nothing was bound, so nothing is followed")
    }

    @Test("a query books nothing and opens nothing")
    func query() {
        let world = RouterWorld(), frontend = world.frontend()
        for id in 1...3 as ClosedRange<UInt64> { _ = worker(world, id) }
        _ = world.plan(frontend) {
            $0.session = asked(.open)
            $0.queryOnly = true
        }
        #expect(world.debugState().contains(#""opening":0"#) && world.leases == 0)
    }

    // MARK: Spilling, and the loss of a worker

    /// One in which a worker can be full.
    private static func busyWorld() -> RouterWorld {
        var settings = SelectionSettings.inTurn
        settings.thresholds = BusyThresholds()
        return RouterWorld(selection: settings)
    }

    @Test("a full worker is spilled from in soft mode, and the binding stays")
    func spilled() {
        let world = Self.busyWorld(), frontend = world.frontend(), holder = worker(world, 1)
        _ = worker(world, 2)
        world.on(holder) { worker in
            worker.bind("s", counter: 1)
            worker.load(waiting: 100_000)
        }
        world.until("heard") { world.record(1)?.waitingTokens == 100_000 && sessions(world) == 1 }
        #expect(turns(world, frontend, 3, asked(.open)).allSatisfy { $0.worker == 2 && $0.outcome == .spilled })
        #expect(world.debugState().contains(#""opening":0"#), "it is bound: nothing is about to be")
        world.on(holder) { $0.load(waiting: 0) }
        world.until("heard") { world.record(1)?.waitingTokens == 0 }
        #expect(turns(world, frontend, 3, asked()).allSatisfy { $0.worker == 1 && $0.outcome == .bound })
    }

    @Test("a hard session waits for its worker while that is full, and runs there when it has room")
    func hardWaits() {
        let world = Self.busyWorld(), frontend = world.frontend(), holder = worker(world, 1)
        _ = worker(world, 2)
        world.on(holder) { worker in
            worker.bind("s", counter: 1)
            worker.load(waiting: 100_000)
        }
        world.until("heard") { world.record(1)?.waitingTokens == 100_000 && sessions(world) == 1 }
        world.on(frontend) { $0.ask([$0.entry { $0.session = asked(.use, .hard) }]) }
        world.pass(.seconds(2))
        #expect(world.on(frontend) { $0.plans.isEmpty })
        // Others are not held up by it.
        #expect(world.plan(frontend).legs.first?.workerID == 2)
        world.on(holder) { $0.load(waiting: 0) }
        world.until("placed") { world.on(frontend) { $0.plans.count == 2 } }
        let plan = world.on(frontend) { $0.plans[1] }
        #expect(plan.legs.first?.workerID == 1 && plan.session == .bound && plan.queueMicroseconds >= 2_000_000)
    }

    @Test("a hard session that waits for too long, or whose worker takes no more work, fails with the reason")
    func hardFails() {
        let world = Self.busyWorld(), frontend = world.frontend(), holder = worker(world, 1)
        _ = worker(world, 2)
        world.on(holder) { worker in
            worker.bind("s", counter: 1)
            worker.load(waiting: 100_000)
        }
        world.until("heard") { world.record(1)?.waitingTokens == 100_000 && sessions(world) == 1 }
        let late = world.plan(frontend) {
            $0.session = asked(.use, .hard)
            $0.queueMilliseconds = 1_000
        }
        #expect(late.failure?.code == .queueTimeout)
        world.on(holder) { worker in
            worker.load(waiting: 0)
            worker.publish([.stateChanged(StateChanged(state: .draining, reason: ""))])
        }
        world.until("it drains") { !world.takesWork(1) }
        #expect(world.plan(frontend) { $0.session = asked(.use, .hard) }.failure?.code == .noWorker)
        #expect(turns(world, frontend, 2, asked()).allSatisfy { $0.worker == 2 && $0.outcome == .spilled })
        #expect(world.leases == 2)
    }

    @Test("a pin elsewhere is a conflict with a hard session, and stronger than a soft one")
    func pins() {
        let world = RouterWorld(), frontend = world.frontend(), holder = worker(world, 1)
        _ = worker(world, 2)
        world.on(holder) { $0.bind("s", counter: 1) }
        world.until("mirrored") { sessions(world) == 1 }
        func plan(_ mode: SessionMode, _ worker: UInt64) -> PlanEntry {
            world.plan(frontend) {
                $0.session = asked(.use, mode)
                $0.options.pins = [Pin(leg: .aggregated, workerID: worker, rank: nil)]
            }
        }
        #expect(plan(.hard, 2).failure?.code == .pinConflict)
        #expect(plan(.hard, 1).legs.first?.workerID == 1)
        let soft = plan(.soft, 2)
        #expect(soft.legs.first?.workerID == 2 && soft.session == .spilled)
    }

    @Test("its worker dies, or leaves: the loss is told until the session is placed anew, once", arguments: [false, true])
    func lost(byDrain: Bool) {
        let world = RouterWorld(), frontend = world.frontend(), holder = worker(world, 1)
        let rest = [worker(world, 2), worker(world, 3)]
        world.on(holder) { $0.bind("s", counter: 1) }
        world.until("mirrored") { sessions(world) == 1 }
        if byDrain {
            world.on(holder) { worker in
                worker.publish([.stateChanged(StateChanged(state: .draining, reason: ""))])
                worker.unbind("s", .drained)
            }
        } else {
            holder.host.kill(.reset)
        }
        world.until("lost") { sessions(world) == 0 }
        #expect(world.debugState().contains(#""lost":1"#))
        // Requests race to place it anew.
        let entries = world.on(frontend) { frontend in (0..<4).map { _ in frontend.entry { $0.session = asked() } } }
        let plans = world.plans(frontend, entries), chosen = plans[0].legs[0].workerID
        #expect(chosen > 1 && plans.allSatisfy { $0.legs[0].workerID == chosen && $0.session == .lost })
        world.on(rest[Int(chosen) - 2]) { $0.bind("s", counter: 1) }
        world.until("placed anew") { sessions(world) == 1 }
        #expect(turns(world, frontend, 6, asked()).allSatisfy { $0.worker == chosen && $0.outcome == .bound })
        #expect(world.debugState().contains(#""lost":0"#))
    }

    @Test("a worker that lost only its control link keeps its sessions: requests go elsewhere meanwhile, and come back")
    func detached() {
        let world = RouterWorld(), frontend = world.frontend(), holder = worker(world, 1)
        _ = worker(world, 2)
        world.on(holder) { $0.bind("s", counter: 1) }
        world.until("mirrored") { sessions(world) == 1 }
        world.on(holder) { $0.link?.abort() }
        world.until("detached") { world.record(1)?.isAttached == false }
        #expect(turns(world, frontend, 3, asked(.open)).allSatisfy { $0.worker == 2 && $0.outcome == .spilled })
        world.on(holder) { $0.dial() }
        world.until("back") { world.takesWork(1) }
        #expect(turns(world, frontend, 3, asked()).allSatisfy { $0.worker == 1 && $0.outcome == .bound })
    }

    // MARK: Conflicts

    @Test("two workers hold one session: the smaller counter wins, and the other is told to give it up", arguments: [false, true])
    func conflict(smallerFirst: Bool) {
        let world = RouterWorld(), frontend = world.frontend(), one = worker(world, 1), two = worker(world, 2)
        world.on(smallerFirst ? two : one) { $0.bind("s", counter: smallerFirst ? 3 : 8) }
        world.until("one") { sessions(world) == 1 }
        world.on(smallerFirst ? one : two) { $0.bind("s", counter: smallerFirst ? 8 : 3) }
        world.until("told") { closes(world, one).count == 1 }
        #expect(closes(world, one) == [CloseSession(key: Self.key, bindCounter: 8, reason: .conflict)] && closes(world, two) == [])
        world.on(one) { $0.unbind("s", .conflict) }
        world.pass(.milliseconds(200))
        #expect(turns(world, frontend, 4, asked()).allSatisfy { $0.worker == 2 && $0.outcome == .bound })
        world.until("on the stream") { world.directory(frontend).sessions[Self.key]?.workerID == 2 }
        #expect(closes(world, one).count == 1 && world.exposition.contains("apus_router_session_conflicts_total 1"))
    }

    @Test("a loser without a control link is told when it has one again")
    func conflictLater() {
        let world = RouterWorld(), one = worker(world, 1), two = worker(world, 2)
        world.on(two) { $0.bind("s", counter: 3) }
        world.until("one") { sessions(world) == 1 }
        world.on(one) { $0.link?.abort() }
        world.until("detached") { world.record(1)?.isAttached == false }
        world.on(one) { $0.bind("s", counter: 8) }
        world.pass(.milliseconds(300))
        #expect(closes(world, one) == [])
        world.on(one) { $0.dial() }
        world.until("told") { closes(world, one).map(\.bindCounter) == [8] }
    }

    @Test(
        "a worker in doubt overrules nobody: if it is gone the other binding counts, and if it comes back it wins",
        arguments: [true, false])
    func doubtfulWinner(comesBack: Bool) {
        let world = RouterWorld(), frontend = world.frontend(), one = worker(world, 1), two = worker(world, 2)
        world.on(one) { $0.bind("s", counter: 3) }
        world.until("one") { sessions(world) == 1 }
        world.on(one) { $0.link?.abort() }
        world.until("detached") { world.record(1)?.isAttached == false }
        // A frontend lost it too, and opened the session anew.
        world.on(two) { $0.bind("s", counter: 8) }
        world.pass(.milliseconds(600))
        #expect(closes(world, two) == [])
        #expect(turns(world, frontend, 3, asked()).allSatisfy { $0.worker == 2 && $0.outcome == .bound })
        if comesBack {
            world.on(one) { $0.dial() }
            world.until("told") { closes(world, two).map(\.bindCounter) == [8] }
        } else {
            one.host.kill(.reset)
            world.until("gone") { world.record(1) == nil }
            world.pass(.seconds(1))
            #expect(closes(world, two) == [] && sessions(world) == 1)
        }
        #expect(turns(world, frontend, 3, asked()).allSatisfy { $0.worker == (comesBack ? 1 : 2) && $0.outcome == .bound })
    }

    // MARK: The stream

    @Test("placements and ends of sessions are on the router's stream and in its snapshots; blocks that come and go are not")
    func published() {
        let world = RouterWorld(), frontend = world.frontend(), holder = worker(world, 1)
        world.on(holder) { worker in
            worker.bind("s", counter: 4, ttl: 60)
            worker.bind("t", counter: 5)
        }
        world.until("on the stream") { world.directory(frontend).sessions.count == 2 }
        let placed = world.directory(frontend).sessions[Self.key]
        #expect(placed == SessionPlaced(key: Self.key, workerID: 1, generation: 0x101, rank: 0, bindCounter: 4, ttlSeconds: 60))
        let late = world.frontend(2)
        #expect(world.directory(late).sessions == world.directory(frontend).sessions)
        world.on(holder) { worker in
            worker.publish([
                .sessionBound(SessionBound(key: Self.key, rank: 0, bindCounter: 4, ttlSeconds: 60, heldBlocks: 9))
            ])
            worker.unbind("t", .expired)
        }
        world.until("on the stream") { world.directory(frontend).sessions.count == 1 }
        let said = world.on(frontend) { $0.changes }.filter { if case .sessionPlaced = $0 { true } else { false } }
        #expect(said.count == 2)
        let gone = world.on(frontend) { $0.changes }.compactMap { change in
            if case .sessionGone(let gone) = change { gone } else { nil as SessionGone? }
        }
        #expect(gone == [SessionGone(key: SessionKey(tenant: "", id: "t"), workerID: 1, bindCounter: 5, reason: .expired)])
        holder.host.kill(.reset)
        world.until("gone with its worker") { world.directory(frontend).sessions.isEmpty }
    }

    @Test("a router learns of sessions that are older than itself from snapshots, and what a new one does not name is no more")
    func snapshots() {
        let world = RouterWorld(), frontend = world.frontend()
        let early = world.worker(1) { script in script.card = WorkerScript.card("model") { $0.capabilities.insert(.sessions) } }
        world.on(early) { worker in
            worker.pageEntries = 2
            for index in 1...9 as ClosedRange<UInt64> {
                worker.sessions.append(
                    SessionBound(key: SessionKey(tenant: "", id: "s\(index)"), rank: 0, bindCounter: index, ttlSeconds: 60, heldBlocks: 0))
            }
        }
        _ = worker(world, 2)
        world.until("all are mirrored") { sessions(world) == 9 && world.takesWork(1) }
        #expect(turns(world, frontend, 3, asked(id: "s7")).allSatisfy { $0.worker == 1 && $0.outcome == .bound })
        // Its numbers begin again, and some sessions ended in what was lost.
        world.on(early) { worker in
            worker.sessions.removeAll { $0.bindCounter > 4 }
            worker.restartFeed()
            worker.load(waiting: 0)
        }
        world.until("in step again", within: .seconds(40)) { world.isInStep(1) && sessions(world) == 4 }
        #expect(turns(world, frontend, 4, asked(id: "s7")).allSatisfy { $0.outcome == .none })
    }

    // MARK: Closing

    @Test("a query with the action close has the router close the session, wherever it is; any other close is the frontend's")
    func closing() {
        let world = RouterWorld(), frontend = world.frontend(), holder = worker(world, 1)
        _ = worker(world, 2)
        world.on(holder) { $0.bind("s", counter: 6) }
        world.until("mirrored") { sessions(world) == 1 }
        #expect(world.plan(frontend) { $0.session = asked(.close) }.session == .bound)
        world.pass(.milliseconds(50))
        #expect(closes(world, holder) == [])
        _ = world.plan(frontend) {
            $0.session = asked(.close)
            $0.queryOnly = true
        }
        world.until("told") { closes(world, holder) == [CloseSession(key: Self.key, bindCounter: 6, reason: .closed)] }
    }
}
