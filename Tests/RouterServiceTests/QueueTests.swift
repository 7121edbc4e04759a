import ClusterModel
import EventLoop
import Scheduling
import Testing
import Transport
import WireProtocol

@testable import RouterService

@Suite("The router's queue")
struct QueueTests {
    /// More than a rank of the scripts may have waiting.
    private static let busy: UInt64 = 2_100

    /// A router with one worker that is busy, and a frontend.
    private func busyWorld(
        _ change: (inout RouterConfig) -> Void = { _ in }
    ) -> (RouterWorld, ScriptedFrontend, ScriptedWorker) {
        var config = RouterConfig()
        change(&config)
        let world = Self.world(config), frontend = world.frontend(), worker = world.readyWorker(1)
        load(worker, Self.busy, world)
        return (world, frontend, worker)
    }

    /// In turn, and with thresholds.
    private static func world(_ config: RouterConfig) -> RouterWorld {
        var selection = SelectionSettings.inTurn
        selection.thresholds = config.busy
        return RouterWorld(selection: selection, config: config)
    }

    private func load(_ worker: ScriptedWorker, _ waiting: UInt64, _ world: RouterWorld) {
        let id = world.on(worker) { $0.script.id }
        world.on(worker) { $0.load(waiting: waiting) }
        world.until("the load of worker \(id) is heard") { world.record(id)?.waitingTokens == waiting }
    }

    private func ask(
        _ world: RouterWorld, _ frontend: ScriptedFrontend, _ count: Int = 1, _ change: (inout RouteEntry) -> Void = { _ in }
    ) -> [RouteEntry] {
        var entries = world.on(frontend) { frontend in (0..<count).map { _ in frontend.entry() } }
        for index in entries.indices { change(&entries[index]) }
        let asked = entries
        world.on(frontend) { $0.ask(asked) }
        return entries
    }

    private func parked(_ world: RouterWorld) -> Int { world.look { $0.requestsParked } }
    private func plans(_ world: RouterWorld, _ frontend: ScriptedFrontend) -> [PlanEntry] { world.on(frontend) { $0.plans } }

    private func untilParked(_ count: Int, _ world: RouterWorld, sourceLocation: SourceLocation = #_sourceLocation) {
        world.until("\(count) parked", sourceLocation: sourceLocation) { parked(world) == count }
    }

    private func untilPlans(_ count: Int, _ world: RouterWorld, _ frontend: ScriptedFrontend) -> [PlanEntry] {
        world.until("\(count) plans") { plans(world, frontend).count >= count }
        return plans(world, frontend)
    }

    // MARK: In and out

    @Test(
        "D.2: what finds every rank busy is parked, and placed when load has fallen: in its order, in one message, with its times and what is left"
    )
    func parksAndPlaces() {
        let (world, frontend, worker) = busyWorld()
        let entries = ask(world, frontend, 4) { $0.options.priority = Float($0.counter % 2) * 10 }
        untilParked(4, world)
        world.pass(.seconds(3))
        #expect(plans(world, frontend).isEmpty && world.leases == 0)
        load(worker, 0, world)
        let placed = untilPlans(4, world, frontend)
        #expect(placed.map(\.counter) == [entries[0], entries[2], entries[1], entries[3]].map(\.counter))
        #expect(placed.allSatisfy { $0.outcome == .placed && $0.legs.count == 1 })
        #expect(placed.allSatisfy { (3_000_000..<3_300_000).contains($0.queueMicroseconds) })
        #expect(placed.map(\.queueDepth) == [3, 2, 1, 0] && placed.map(\.pendingTokens) == [192, 128, 64, 0])
        #expect(world.on(frontend) { $0.planBatches } == [4])
        #expect(parked(world) == 0 && world.leases == 4)
        #expect(world.exposition.contains("apus_router_queue_left_total{how=\"placed\"} 4"))
        #expect(world.exposition.contains("apus_router_queue_wait_seconds_count 4"))
    }

    enum Relief: CaseIterable, Sendable { case prefillProgress, prefillDone, ended, givenBack, cancelled, expired, loadFell }

    @Test("D.2: whatever makes a place free, what is parked is tried again with it", arguments: Relief.allCases)
    func relieved(_ relief: Relief) {
        let world = Self.world(RouterConfig()), frontend = world.frontend(), worker = world.readyWorker(1)
        func plan() -> PlanEntry {
            world.plan(frontend) {
                $0.tokenCount = 1_500
                $0.sequenceHashes = []
            }
        }
        if relief == .loadFell { load(worker, 1_500, world) }
        // Two of them are more than a step.
        let first = plan(), leg = first.legs[0], key = world.on(frontend) { $0.key(first) }
        let others = relief == .loadFell ? [] : [plan()]
        let placed = 1 + others.count
        _ = ask(world, frontend) {
            $0.tokenCount = 1_500
            $0.sequenceHashes = []
        }
        untilParked(1, world)
        world.pass(.milliseconds(500))
        #expect(parked(world) == 1 && plans(world, frontend).count == placed)
        switch relief {
        case .prefillProgress, .prefillDone, .ended:
            world.on(worker) { $0.accept(leg, key, prefill: 1_500) }
            world.pass(.milliseconds(500))
            #expect(parked(world) == 1, "that it has begun makes no room")
            world.on(worker) { worker in
                switch relief {
                case .prefillProgress: worker.publish([.prefillProgress(PrefillProgress(lease: leg.lease, rank: 0, remainingTokens: 500))])
                case .prefillDone: worker.publish([.prefillDone(PrefillDone(lease: leg.lease, rank: 0, prefillMicroseconds: 1))])
                default: worker.end(leg, key)
                }
            }
        case .givenBack: world.on(frontend) { $0.give(back: leg, .neverDispatched) }
        case .cancelled: world.on(frontend) { $0.cancel(first.counter, 1) }
        case .expired: world.pass(.seconds(4))
        case .loadFell: load(worker, 0, world)
        }
        world.until("placed", within: .seconds(2)) { plans(world, frontend).count == placed + 1 }
        #expect(plans(world, frontend).last?.outcome == .placed)
    }

    @Test("D.2: under wspt the shortest is what is least to be computed, where most of it is cached or where it is pinned")
    func shortestByCache() {
        var config = RouterConfig()
        config.queue.policy = .wspt
        let world = Self.world(config), frontend = world.frontend()
        let workers = (1...2 as ClosedRange<UInt64>).map { world.readyWorker($0) }
        world.until("believed") { world.directory(frontend).workers[1]?.events == .exact }
        world.on(workers[0]) { $0.publish([.blocksStored(BlocksStored(rank: 0, tier: .device, parent: nil, hashes: [1, 2, 3, 4]))]) }
        for worker in workers { load(worker, Self.busy, world) }
        let pinned = ask(world, frontend) { $0.options.pins = [Pin(leg: .aggregated, workerID: 2, rank: nil)] }[0]
        let short = ask(world, frontend) {
            $0.tokenCount = 32
            $0.sequenceHashes = [8, 9]
        }[0]
        let cached = ask(world, frontend)[0]
        untilParked(3, world)
        load(workers[1], 0, world)
        #expect(untilPlans(3, world, frontend).map(\.counter) == [cached, short, pinned].map(\.counter))
    }

    @Test("C.2, L5: a pin to a busy worker holds up nobody, and a busy adapter neither")
    func noHeadOfLine() {
        let world = Self.world(RouterConfig()), frontend = world.frontend()
        let busy = world.readyWorker(1) { $0.card = WorkerScript.card("model") { $0.loRAs = [Label(text: "adapter")] } }
        load(busy, Self.busy, world)
        _ = ask(world, frontend, 3) { $0.options.pins = [Pin(leg: .aggregated, workerID: 1, rank: nil)] }
        _ = ask(world, frontend, 2) { $0.loRA = "adapter" }
        untilParked(5, world)
        // Same card, another worker: what is bound to nobody goes there at once.
        _ = world.readyWorker(2)
        _ = ask(world, frontend, 4)
        let placed = untilPlans(4, world, frontend)
        #expect(placed.allSatisfy { $0.legs.first?.workerID == 2 && $0.queueMicroseconds == 0 && $0.queueDepth == 5 })
        #expect(parked(world) == 5)
        load(busy, 0, world)
        #expect(untilPlans(9, world, frontend).dropFirst(4).allSatisfy { $0.legs.first?.workerID == 1 })
    }

    @Test("what arrives while others wait to be tried is parked behind them")
    func noOvertaking() {
        let (world, frontend, worker) = busyWorld()
        let first = ask(world, frontend, 3 * QueueingLimits.triesPerTurn) {
            $0.tokenCount = 16; $0.sequenceHashes = []
        }
        untilParked(first.count, world)
        let late = world.on(frontend) {
            $0.entry {
                $0.tokenCount = 16; $0.sequenceHashes = []
            }
        }
        // In the very turn in which the load falls, before anything was tried again.
        world.on(worker) { $0.load(waiting: 0) }
        world.until("stirred, and not all tried") {
            world.look { router in
                guard let core = router.core, parked(world) < first.count else { return false }
                guard let handler = core.frontends.all.first else { return false }
                core.queue.submit(late, from: handler)
                return true
            }
        }
        // Some workers' share of the queue fits; who came last is never among those placed before the others.
        world.pass(.seconds(1))
        let placed = plans(world, frontend).map(\.counter)
        #expect(placed == first.prefix(placed.count).map(\.counter) || placed == (first + [late]).map(\.counter))
        #expect(placed.count > QueueingLimits.triesPerTurn / 2)
    }

    @Test("a batch of more than a turn's tries goes on in the next turns, and all end placed")
    func slices() {
        let (world, frontend, worker) = busyWorld { $0.busy.waitingBatches = 1 }
        let count = 1_000
        _ = ask(world, frontend, count) {
            $0.tokenCount = 1; $0.sequenceHashes = []
        }
        untilParked(count, world)
        load(worker, 0, world)
        #expect(untilPlans(count, world, frontend).allSatisfy { $0.outcome == .placed })
        #expect(world.on(frontend) { $0.planBatches.max() ?? 0 } <= QueueingLimits.triesPerTurn)
    }

    @Test("CancelRoute, a higher attempt and the end of the route link take a request out at once; nothing of it is answered")
    func leaves() {
        let (world, frontend, worker) = busyWorld()
        let entries = ask(world, frontend, 3)
        untilParked(3, world)
        world.on(frontend) { $0.cancel(entries[0].counter, 1) }
        untilParked(2, world)
        // An attempt below is none of the cancel's business, one above ends the one below.
        var again = entries[1]
        again.attempt = 2
        let second = again
        world.on(frontend) { $0.ask([second]) }
        world.until("superseded") { world.exposition.contains("left_total{how=\"superseded\"} 1") }
        world.on(frontend) { $0.cancel(second.counter, 1) }
        world.pass(.seconds(1))
        #expect(parked(world) == 2 && plans(world, frontend).isEmpty)
        let other = world.frontend(2)
        _ = ask(world, other, 2)
        untilParked(4, world)
        world.on(other) { $0.link?.abort() }
        untilParked(2, world)
        #expect(world.exposition.contains("left_total{how=\"link_lost\"} 2"))
        load(worker, 0, world)
        let placed = untilPlans(2, world, frontend)
        // What was placed before goes first.
        #expect(placed.map(\.counter) == [entries[1].counter, entries[2].counter] && placed.map(\.attempt) == [2, 1])
        world.pass(.seconds(1))
        #expect(world.leases == 2)
    }

    @Test("a repeat of a parked request is a duplicate, and changes nothing")
    func duplicates() {
        let (world, frontend, worker) = busyWorld()
        let entry = ask(world, frontend)[0]
        untilParked(1, world)
        world.on(frontend) { $0.ask([entry]) }
        #expect(untilPlans(1, world, frontend)[0].failure?.code == .duplicate)
        load(worker, 0, world)
        #expect(untilPlans(2, world, frontend)[1].outcome == .placed)
    }

    @Test("what makes no sense is answered at once, also behind a queue; a query books nothing and waits for nothing")
    func checkedFirst() {
        let (world, frontend, _) = busyWorld()
        _ = ask(world, frontend)
        untilParked(1, world)
        #expect(world.failure(frontend) { $0.blockSize = 7 } == .invalidArgument)
        #expect(world.failure(frontend) { $0.tokenCount = 100_000 } == .promptTooLong)
        world.acquaint()
        #expect(world.failure(frontend) { $0.model = "other" } == .unknownModel)
        #expect(world.failure(frontend) { $0.options.pins = [Pin(leg: .aggregated, workerID: 77, rank: nil)] } == .unknownWorker)
        #expect(world.plan(frontend) { $0.queryOnly = true }.outcome == .queryOnly)
        #expect(parked(world) == 1)
    }

    // MARK: Bounds

    @Test("L16: a full queue answers 429's code at once, with when to come back")
    func full() {
        let (world, frontend, _) = busyWorld { $0.queue.entries = 3 }
        _ = ask(world, frontend, 4)
        let plan = untilPlans(1, world, frontend)[0]
        #expect(plan.failure?.code == .queueFull && (1_000...120_000).contains(plan.failure?.retryAfterMilliseconds ?? 0))
        #expect(plan.queueDepth == 3 && parked(world) == 3)
        // In tokens: sixteen steps of 2,048.
        let (other, asker, _) = busyWorld()
        _ = ask(other, asker, 9) { $0.tokenCount = 4_000 }
        #expect(untilPlans(1, other, asker)[0].failure?.code == .queueFull && parked(other) == 8)
    }

    @Test("D.2: no queue at all is a setting")
    func noQueue() {
        let (world, frontend, _) = busyWorld { $0.queue.entries = 0 }
        #expect(world.failure(frontend) { _ in } == .queueFull)
    }

    @Test("a request is parked no longer than the router's limit, its own, or its rest, and is told when to come back")
    func queueTime() {
        let (world, frontend, _) = busyWorld { $0.queue.longest = .seconds(20) }
        let limits: [(UInt32, UInt32, Int64)] = [(0, 60_000, 20_000), (5_000, 60_000, 5_000), (90_000, 60_000, 20_000), (0, 2_500, 2_500)]
        for (own, rest, expected) in limits {
            let before = plans(world, frontend).count, began = world.world.now
            _ = ask(world, frontend) {
                $0.queueMilliseconds = own
                $0.remainingMilliseconds = rest
            }
            world.until("its time is over", within: .seconds(30)) { plans(world, frontend).count > before }
            let plan = plans(world, frontend).last
            #expect(plan?.failure?.code == .queueTimeout && (1_000...120_000).contains(plan?.failure?.retryAfterMilliseconds ?? 0))
            let took = began.duration(to: world.world.now).inMilliseconds
            #expect((expected...expected + 100).contains(took), "\(took)")
            #expect(abs(Int64(plan?.queueMicroseconds ?? 0) / 1_000 - expected) <= 1)
        }
        #expect(parked(world) == 0)
    }

    @Test("once it is known how fast the queue empties, what could not be placed in time is refused at once")
    func unreachable() {
        let (world, frontend, worker) = busyWorld()
        _ = ask(world, frontend, 40) { $0.tokenCount = 640 }
        untilParked(40, world)
        // Room for one request at a time, four a second.
        for _ in 0..<12 {
            world.on(worker) { $0.load(waiting: 0) }
            let before = parked(world)
            world.until("one or more were placed") { parked(world) < before }
            for plan in plans(world, frontend) where plan.outcome == .placed {
                world.on(worker) { $0.end(plan.legs[0], world.on(frontend) { $0.key(plan) }) }
            }
            world.on(worker) { $0.load(waiting: Self.busy) }
            world.pass(.milliseconds(250))
            if parked(world) < 16 { break }
        }
        let left = parked(world)
        guard left > 0 else { return }  // everything went at once: there is nothing to be refused for
        _ = ask(world, frontend) {
            $0.queueMilliseconds = 1
            $0.tokenCount = 640
        }
        world.until("refused") { plans(world, frontend).last?.outcome == .failed }
        let failure = plans(world, frontend).last?.failure
        #expect(failure?.code == .deadlineUnreachable && (1_000...120_000).contains(failure?.retryAfterMilliseconds ?? 0))
    }

    @Test("without any worker left the parked ones end within seconds; those who come back in time find them")
    func workerless() {
        let (world, frontend, worker) = busyWorld()
        _ = ask(world, frontend, 2)
        untilParked(2, world)
        world.on(worker) { $0.publish([.stateChanged(StateChanged(state: .draining, reason: ""))]) }
        world.until("drains") { !world.takesWork(1) }
        world.pass(.seconds(3))
        #expect(parked(world) == 2)
        _ = world.readyWorker(2)
        #expect(untilPlans(2, world, frontend).allSatisfy { $0.outcome == .placed && $0.legs[0].workerID == 2 })
        // And now for good.
        let gone = busyWorld()
        _ = ask(gone.0, gone.1, 2)
        untilParked(2, gone.0)
        gone.0.on(gone.2) { $0.link?.goodbye(.leaving) }
        gone.0.until("both ended", within: .seconds(7)) { plans(gone.0, gone.1).count == 2 }
        #expect(plans(gone.0, gone.1).allSatisfy { $0.failure?.code == .noWorker && $0.failure?.retryAfterMilliseconds == 1_000 })
    }

    @Test("what only a worker may run whose engine begins anew is parked until it is back; others are given it at once")
    func returning() {
        let world = Self.world(RouterConfig()), frontend = world.frontend(), worker = world.readyWorker(1)
        world.on(worker) { $0.publish([.stateChanged(StateChanged(state: .starting, reason: "its engine"))]) }
        world.until("away") { !world.takesWork(1) }
        _ = ask(world, frontend)
        untilParked(1, world)
        // Longer than a pool without anybody keeps what is parked.
        world.pass(QueueingLimits.workerless + QueueingLimits.workerless)
        #expect(parked(world) == 1 && plans(world, frontend).isEmpty)
        world.on(worker) { $0.publish([.stateChanged(StateChanged(state: .ready, reason: ""))]) }
        #expect(untilPlans(1, world, frontend).map(\.legs.first?.workerID) == [1])
        // Not for whom the worker is ruled out, and not where somebody else is.
        world.on(worker) { $0.publish([.stateChanged(StateChanged(state: .starting, reason: "its engine"))]) }
        world.until("away") { !world.takesWork(1) }
        _ = ask(world, frontend) { $0.options.excludedWorkers = [1] }
        #expect(untilPlans(2, world, frontend).last?.failure?.code == .noWorker)
        _ = world.readyWorker(2)
        _ = ask(world, frontend)
        #expect(untilPlans(3, world, frontend).last?.legs.first?.workerID == 2)
    }

    @Test("the only worker is silent: what it may run is parked until it is heard again, or for the time of a pool without anybody")
    func silent() {
        let world = Self.world(RouterConfig()), frontend = world.frontend(), worker = world.readyWorker(1)
        worker.loop.freeze()
        world.until("suspected", within: .milliseconds(1_600)) { !world.takesWork(1) }
        _ = ask(world, frontend)
        untilParked(1, world)
        worker.loop.thaw()
        #expect(untilPlans(1, world, frontend).map(\.legs.first?.workerID) == [1])
        world.until("back") { world.takesWork(1) }
        worker.host.kill(.silent)
        world.until("suspected", within: .milliseconds(1_600)) { !world.takesWork(1) }
        _ = ask(world, frontend)
        untilParked(1, world)
        world.until("given up", within: .seconds(7)) { plans(world, frontend).count == 2 }
        #expect(plans(world, frontend).last?.failure?.code == .noWorker)
        // Of one that is known to be gone it is said at once.
        #expect(world.failure(frontend) { _ in } == .noWorker && parked(world) == 0)
    }

    @Test("a router that leaves sends the parked ones elsewhere")
    func drains() {
        let (world, frontend, _) = busyWorld()
        _ = ask(world, frontend, 300)
        untilParked(300, world)
        let router = world.router
        world.task("the drain") { _ = await router.drain() }
        #expect(plans(world, frontend).count == 300 && plans(world, frontend).allSatisfy { $0.failure?.code == .draining })
    }

    @Test("one link parks no more than it may have open")
    func openEntries() {
        let (world, frontend, _) = busyWorld { $0.queue.batches = 10_000 }
        _ = ask(world, frontend, 4_096)
        untilParked(4_096, world)
        #expect(world.failure(frontend) { _ in } == .tooManyQuestions)
        _ = ask(world, world.frontend(2), 2)
        untilParked(4_098, world)
    }

    // MARK: What is told of it

    @Test("D.2: depth and rate go out on the stream while something is parked, at most four times a second, and stand in the snapshot")
    func published() {
        let (world, frontend, worker) = busyWorld()
        world.pass(.seconds(2))
        func told() -> [QueueDepth] {
            world.on(frontend) { $0.changes.compactMap { if case .queueDepth(let depth) = $0 { depth } else { nil } } }
        }
        #expect(told().isEmpty)
        _ = ask(world, frontend, 5)
        untilParked(5, world)
        world.pass(.seconds(2))
        #expect(told().count == 1 && told()[0].requests == 5 && told()[0].tokens == 320 && told()[0].model == "model")
        let late = world.frontend(2)
        #expect(world.directory(late).queues[worker.digest]?.requests == 5)
        #expect(world.debugState().contains("\"requests\":5,\"tokens\":320,\"prompt_tokens\":320,\"token_limit\":32768"))
        #expect(world.exposition.contains("apus_router_queue_requests{model=\"model\"} 5"))
        load(worker, 0, world)
        world.until("empty") { world.directory(frontend).queues[worker.digest]?.requests == 0 }
        #expect((world.directory(frontend).queues[worker.digest]?.drainedTokensPerSecond ?? 0) > 0)
        let count = told().count
        world.pass(.seconds(10))
        #expect(told().count == count)
    }

    @Test("L16: thresholds of a model or of all change what is busy, in the plans and in the stream")
    func thresholds() {
        let (world, frontend, worker) = busyWorld()
        _ = ask(world, frontend)
        untilParked(1, world)
        func set(_ model: String?, _ change: (inout BusyThresholds) -> Void) {
            var thresholds = BusyThresholds()
            change(&thresholds)
            let new = thresholds
            #expect(
                world.look { router in
                    guard let core = router.core, core.busy.set(new, of: model) else { return false }
                    core.workers.thresholdsChanged()
                    core.queue.stirred()
                    return true
                })
        }
        set(nil) { $0.waitingBatches = 2 }
        #expect(untilPlans(1, world, frontend)[0].outcome == .placed)
        world.until("not busy in the stream") { world.directory(frontend).loads[1 << 8]?.busy == false }
        set("model") { $0.waitingTokens = 2_000 }
        world.until("busy in the stream") { world.directory(frontend).loads[1 << 8]?.busy == true }
        _ = ask(world, frontend)
        untilParked(1, world)
        world.look { $0.core?.busy.reset("model") }
        #expect(untilPlans(2, world, frontend)[1].outcome == .placed)
        #expect(world.debugState().contains("\"busy_thresholds\":[{\"model\":null,\"waiting_batches\":2"))
        // Blocks count as well.
        set(nil) { $0.waitingBatches = 2 }
        world.on(worker) { worker in
            var full = RankLoad()
            full.totalBlocks = 1_000
            full.activeBlocks = 950
            worker.publish([.rankLoad(full)])
        }
        world.until("full") {
            guard let told = world.directory(frontend).loads[1 << 8] else { return false }
            return told.busy && told.load.activeBlocks == 950
        }
        _ = ask(world, frontend)
        untilParked(1, world)
    }

    @Test("L16: the defaults do not move: queue on, busy at one step of waiting prefill or 95 % of the blocks")
    func defaults() {
        let config = RouterConfig()
        #expect(config.queue.entries == 5_000 && config.queue.batches == 16 && config.queue.longest == .seconds(60))
        #expect(config.queue.policy == .fcfs && config.queue.aging == .seconds(10))
        #expect(config.busy.waitingBatches == 1 && config.busy.activeBlocks == 0.95 && config.busy.waitingTokens == .max)
    }
}
