import ClusterModel
import EventLoop
import Scheduling
import Testing
import Transport
import WireProtocol

@testable import RouterService

@Suite("Plans")
struct PlanTests {
    @Test("requests go round the ready placements, one lease each, and every entry is answered once")
    func roundRobin() {
        let world = RouterWorld(), frontend = world.frontend()
        _ = world.readyWorker(1) { $0.ranks = [0, 1] }
        _ = world.readyWorker(2)
        let entries = world.on(frontend) { frontend in (0..<30).map { _ in frontend.entry() } }
        let plans = world.plans(frontend, entries)
        #expect(plans.map(\.counter) == entries.map(\.counter))
        #expect(plans.allSatisfy { $0.outcome == .placed && $0.legs.count == 1 && $0.routerID == 0xAA && $0.promptBlocks == 4 })
        #expect(world.on(frontend) { $0.planBatches } == [30])
        var given: [Placement: Int] = [:]
        for plan in plans { given[plan.legs[0].place, default: 0] += 1 }
        #expect(given.count == 3 && given.values.allSatisfy { $0 == 10 })
        #expect(Set(plans.map { $0.legs[0].lease }).count == 30 && !plans.contains { $0.legs[0].lease == 0 })
        #expect(world.leases == 30)
        world.until("all leases on the stream") { world.directory(frontend).leases.count == 30 }
        let made = world.directory(frontend).leases[plans[0].legs[0].lease]
        #expect(made?.hashes == [1, 2, 3, 4] && made?.request == world.on(frontend) { $0.key(plans[0]) })
    }

    @Test("D.2: a plan says what its worker said last, with what is booked since, and the number of that event")
    func belief() {
        let world = RouterWorld(), frontend = world.frontend(), worker = world.readyWorker(1)
        world.on(worker) { $0.load(waiting: 500) }
        world.until("heard") { world.record(1)?.waitingTokens == 500 }
        let number = world.on(worker) { ($0.feed?.nextSequence ?? 0) - 1 }
        let first = world.plan(frontend), second = world.plan(frontend)
        #expect(first.legs[0].waitingTokens == 500 && first.legs[0].streamNumber == number)
        #expect(second.legs[0].waitingTokens == 564)
        // Once the worker has it, its own word counts; the second one will find the first one's blocks, and adds nothing.
        world.on(worker) { $0.accept(first.legs[0], RequestKey(origin: frontend.identity.generation, counter: first.counter, attempt: 1)) }
        world.until("accepted") { world.look { $0.core?.ledger.table.count(on: first.legs[0].place).bookedRequests == 1 } }
        #expect(world.plan(frontend).legs[0].waitingTokens == 500)
    }

    @Test(
        "a plan says what is cached where it goes, and its prefill is booked without that, also where the policy does not ask",
        arguments: [SelectionPolicy.roundRobin, .random, .powerOfTwo, .leastLoaded, .kv])
    func cached(_ policy: SelectionPolicy) {
        var settings = SelectionSettings.inTurn
        settings.policy = policy
        let world = RouterWorld(selection: settings), frontend = world.frontend(), worker = world.believedWorker(1)
        world.on(worker) { $0.store([1, 2, 3]) }
        world.until("stored") { world.look { $0.indexedCopies } == 3 }
        let leg = world.plan(frontend).legs[0]
        #expect(leg.deviceBlocks == 3)
        #expect(world.look { $0.core?.ledger.table[leg.lease]?.prefillTokens } == 16)
    }

    @Test("D.2: the load of an overbooked report counts until the worker's stream is past it, and its lease ends")
    func overbooked() {
        let world = RouterWorld(), frontend = world.frontend(), worker = world.readyWorker(1)
        world.on(worker) { $0.load(waiting: 10) }
        world.until("heard") { world.record(1)?.waitingTokens == 10 }
        let number = world.on(worker) { ($0.feed?.nextSequence ?? 0) - 1 }
        let first = world.plan(frontend)
        func report(_ stream: UInt64, _ waiting: UInt64, lease: UInt64) -> OverbookedReport {
            OverbookedReport(workerID: 1, generation: 0x101, rank: 0, lease: lease, waitingTokens: waiting, streamNumber: stream)
        }
        let second = world.plan(frontend) {
            $0.counter = first.counter
            $0.attempt = 2
            $0.overbooked = [report(number + 5, 2_000, lease: first.legs[0].lease)]
        }
        #expect(second.outcome == .placed && second.legs[0].waitingTokens == 2_000 && second.legs[0].streamNumber == number + 5)
        #expect(world.leases == 1)
        // What the worker said of itself, and the second attempt's 64 tokens: the first one's blocks went with its lease, so that none of them was
        // found and all of the prompt was booked again. The last report is older than the one before, and changes nothing.
        let stale = world.plan(frontend) { $0.overbooked = [report(number + 1, 1, lease: 0)] }
        #expect(stale.legs[0].waitingTokens == 2_064)
    }

    @Test("several choices go where they run side by side; more than any worker runs is the client's error, and says how many are possible")
    func choices() {
        let world = RouterWorld(), frontend = world.frontend()
        for (id, sequences) in [(UInt64(1), UInt32(2)), (2, 4), (3, 2)] {
            _ = world.readyWorker(id) { $0.registration = { $0.ranks[0].maxSequences = sequences } }
        }
        for _ in 0..<6 { #expect(world.plan(frontend) { $0.choices = 4 }.legs.first?.workerID == 2) }
        let plan = world.plan(frontend) { $0.choices = 5 }
        #expect(plan.outcome == .failed && plan.failure?.code == .invalidArgument && plan.failure?.field == "choices")
        #expect(plan.failure?.reason.contains("4 sequences") == true)
    }

    @Test("C.2, C.3: a query books nothing, and is in no histogram")
    func queryOnly() {
        let world = RouterWorld(), frontend = world.frontend()
        _ = world.readyWorker(1)
        let plan = world.plan(frontend) { $0.queryOnly = true }
        #expect(plan.outcome == .queryOnly && plan.legs.count == 1 && plan.legs[0].lease == 0 && plan.legs[0].workerID == 1)
        #expect(world.leases == 0)
        #expect(world.exposition.contains("apus_router_plans_total{outcome=\"query_only\"} 1"))
        #expect(world.exposition.contains("dynamo_router_overhead_total_ms_count{router_id=\"170\"} 0"))
        // It names no turn either, and may be asked again.
        #expect(
            world.plan(frontend) {
                $0.queryOnly = true; $0.counter = plan.counter
            }.outcome == .queryOnly)
    }

    @Test("D.4: a repeated attempt is refused while it is open and until its tombstone ends; a later one ends the one before")
    func attempts() {
        let world = RouterWorld(), frontend = world.frontend(), worker = world.readyWorker(1)
        let first = world.plan(frontend)
        #expect(world.failure(frontend) { $0.counter = first.counter } == .duplicate)
        let second = world.plan(frontend) {
            $0.counter = first.counter
            $0.attempt = 2
        }
        #expect(second.outcome == .placed && world.leases == 1)
        world.until("the stream says so") { world.directory(frontend).leases.keys.sorted() == [second.legs[0].lease] }
        #expect(world.failure(frontend) { $0.counter = first.counter } == .duplicate)
        // The first one's late acceptance makes no lease.
        world.on(worker) { $0.accept(first.legs[0], RequestKey(origin: frontend.identity.generation, counter: first.counter, attempt: 1)) }
        world.pass(.milliseconds(100))
        #expect(world.leases == 1)
        world.on(frontend) { $0.cancel(first.counter, 2) }
        world.until("cancelled") { world.leases == 0 }
        #expect(
            world.failure(frontend) {
                $0.counter = first.counter; $0.attempt = 2
            } == .duplicate)
        world.pass(.seconds(11))
        #expect(
            world.plan(frontend) {
                $0.counter = first.counter; $0.attempt = 2
            }.outcome == .placed)
    }

    struct Refusal: Sendable, CustomTestStringConvertible {
        let name: String
        let code: FailureCode
        let field: String
        let change: @Sendable (inout RouteEntry) -> Void
        var testDescription: String { name }

        init(_ name: String, _ code: FailureCode, _ field: String = "", _ change: @escaping @Sendable (inout RouteEntry) -> Void) {
            self.name = name
            self.code = code
            self.field = field
            self.change = change
        }
    }

    static let refusals = [
        Refusal("an unknown model", .unknownModel, "model") { $0.model = "nobody" },
        Refusal("an unknown pool", .unknownModel, "pool") { $0.pool = PoolRef(digest: Digest()) },
        Refusal("no attempt", .invalidArgument, "attempt") { $0.attempt = 0 },
        Refusal("too many attempts", .invalidArgument, "attempt") { $0.attempt = 4 },
        Refusal("no choice", .invalidArgument, "choices") { $0.choices = 0 },
        Refusal("too many choices", .invalidArgument, "choices") { $0.choices = 17 },
        Refusal("two pins for one leg", .invalidArgument, "pins") {
            $0.options.pins = [Pin(leg: .decode, workerID: 1, rank: nil), Pin(leg: .decode, workerID: 2, rank: nil)]
        },
        Refusal("a negative priority", .invalidArgument, "priority") { $0.options.priority = -1 },
        Refusal("a negative weight", .invalidArgument, "overlapWeight") { $0.options.overlapWeight = -0.5 },
        Refusal("a negative temperature", .invalidArgument, "temperature") { $0.options.temperature = -0.5 },
        Refusal("a tenant without weight", .invalidArgument, "tenantWeight") { $0.tenantWeight = 0 },
        Refusal("blocks of another size", .invalidArgument, "blockSize") { $0.blockSize = 32 },
        Refusal("blocks of no size", .invalidArgument, "blockSize") { $0.blockSize = 0 },
        Refusal("more hashes than blocks", .invalidArgument, "sequenceHashes") { $0.tokenCount = 63 },
        Refusal("a prompt that fills the context", .promptTooLong, "tokenCount") { $0.tokenCount = 4_096 },
        Refusal("a pin to nobody", .unknownWorker, "pins[0]") { $0.options.pins = [Pin(leg: .aggregated, workerID: 9, rank: nil)] },
        Refusal("a pin to no rank", .unknownWorker, "pins[0]") { $0.options.pins = [Pin(leg: .aggregated, workerID: 1, rank: 7)] },
        Refusal("a pin against the allowed", .pinConflict, "pins[0]") {
            $0.options.pins = [Pin(leg: .aggregated, workerID: 1, rank: nil)]
            $0.options.allowedWorkers = [2]
        },
        Refusal("nobody is allowed", .noWorker) { $0.options.allowedWorkers = [77] },
        Refusal("everybody is excluded", .noWorker) { $0.options.excludedWorkers = [1, 2] },
        Refusal("nobody can", .noWorker) { $0.needs = [.promptLogprobs] },
        Refusal("nobody embeds", .noWorker) { $0.task = .embed },
        Refusal("an adapter that nobody has", .noWorker) { $0.loRA = "poet" },
        Refusal("a prefill leg without prefill workers", .noWorker) { $0.wish = .prefill },
    ]

    @Test("what cannot be placed is refused with its reason, and books nothing", arguments: refusals)
    func refused(_ row: Refusal) {
        let world = RouterWorld(), frontend = world.frontend()
        _ = world.readyWorker(1)
        _ = world.readyWorker(2)
        world.acquaint()
        let plan = world.plan(frontend, row.change)
        #expect(plan.outcome == .failed && plan.legs.isEmpty)
        #expect(plan.failure?.code == row.code && plan.failure?.field == row.field)
        #expect((plan.failure?.retryAfterMilliseconds ?? 0 > 0) == (row.code == .noWorker))
        #expect(world.leases == 0)
        #expect(world.exposition.contains("apus_router_plans_total{outcome=\"\(RouterMetrics.name(of: row.code))\"} 1"))
        // The link lives, and the next request is placed.
        #expect(world.plan(frontend).outcome == .placed)
    }

    @Test("a router that has just begun does not say of a model or a worker that there is none")
    func young() {
        let world = RouterWorld(), frontend = world.frontend()
        _ = world.readyWorker(1)
        let unknown: [@Sendable (inout RouteEntry) -> Void] = [
            { $0.model = "nobody" }, { $0.pool = PoolRef(digest: Digest()) },
            { $0.options.pins = [Pin(leg: .aggregated, workerID: 9, rank: nil)] },
        ]
        for change in unknown {
            let plan = world.plan(frontend, change)
            #expect(plan.failure?.code == .noWorker && (plan.failure?.retryAfterMilliseconds ?? 0) > 0)
        }
        world.acquaint()
        #expect(unknown.map { world.failure(frontend, $0) } == [.unknownModel, .unknownModel, .unknownWorker])
    }

    @Test("pins, preferences and exclusions are heeded")
    func options() {
        let world = RouterWorld(), frontend = world.frontend()
        for id in 1...3 as ClosedRange<UInt64> { _ = world.readyWorker(id) }
        for _ in 0..<3 {
            #expect(world.plan(frontend) { $0.options.pins = [Pin(leg: .aggregated, workerID: 2, rank: 0)] }.legs[0].workerID == 2)
            #expect(world.plan(frontend) { $0.options.preferred = PlacementRef(workerID: 3, rank: nil) }.legs[0].workerID == 3)
            #expect(world.plan(frontend) { $0.options.unreachableWorkers = [1, 2] }.legs[0].workerID == 3)
        }
    }

    @Test("names lead to a pool: the card's, those served beside it, adapters'")
    func names() {
        let world = RouterWorld(), frontend = world.frontend()
        let card = WorkerScript.card("model") {
            $0.servedNames = [Label(text: "alias")]
            $0.loRAs = [Label(text: "poet")]
        }
        _ = world.readyWorker(1) { $0.card = card }
        _ = world.readyWorker(2)
        for _ in 0..<3 { #expect(world.plan(frontend) { $0.model = "poet" }.legs[0].workerID == 1) }
        #expect(world.plan(frontend) { $0.model = "alias" }.outcome == .placed)
        // What is a card's name cannot be taken over by an adapter of that name.
        _ = world.readyWorker(3) { $0.card = WorkerScript.card("other") { $0.loRAs = [Label(text: "model")] } }
        for _ in 0..<4 { #expect(world.plan(frontend).pool == card.digest) }
    }

    @Test("C.5: a lease ends once, whoever says so: the worker, the frontend, or both")
    func leaseEnds() {
        let world = RouterWorld(), frontend = world.frontend(), worker = world.readyWorker(1)
        let plans = (0..<3).map { _ in world.plan(frontend) }
        let keys = plans.map { plan in world.on(frontend) { $0.key(plan) } }
        for (plan, key) in zip(plans, keys) { world.on(worker) { $0.accept(plan.legs[0], key) } }
        world.until("accepted") { world.look { $0.core?.ledger.table.count(on: plans[0].legs[0].place).bookedRequests == 0 } }
        world.on(worker) { $0.end(plans[0].legs[0], keys[0]) }
        world.on(frontend) {
            $0.give(back: plans[1].legs[0], .workerLost)
            $0.give(back: plans[1].legs[0], .workerLost)
            $0.give(back: plans[0].legs[0], .finished)
        }
        world.until("two ended") { world.leases == 1 }
        world.on(worker) { $0.end(plans[1].legs[0], keys[1]) }
        // Given back with the next request, before that one is looked at.
        let last = plans[2].legs[0]
        let next = world.plans(
            frontend,
            [
                world.on(frontend) {
                    $0.entry {
                        $0.counter = plans[2].counter; $0.attempt = 2
                    }
                }
            ],
            ended: [EndedLease(lease: last.lease, workerID: 1, generation: 0x101, rank: 0, reason: .workerLost)])
        #expect(next[0].outcome == .placed && world.leases == 1)
        func releases() -> [UInt64] {
            world.on(frontend) { $0.changes }.compactMap { if case .leaseReleased(let lease) = $0 { lease.lease } else { nil } }
        }
        world.until("each is released on the stream") { releases().count >= 3 && world.directory(frontend).leases.count == 1 }
        #expect(releases().sorted() == plans.map { $0.legs[0].lease }.sorted())
    }

    @Test("C.5, L6: a lease that is not accepted expires in five seconds")
    func expiry() {
        let world = RouterWorld(), frontend = world.frontend()
        _ = world.readyWorker(1)
        _ = world.plan(frontend)
        world.pass(.milliseconds(4_700))
        #expect(world.leases == 1)
        world.until("expired", within: .milliseconds(700)) { world.leases == 0 }
        #expect(world.exposition.contains("apus_router_leases_ended_total{reason=\"expired\"} 1"))
    }

    @Test("many requests at once are all answered, a batch for a batch")
    func burst() {
        let world = RouterWorld(), frontend = world.frontend()
        for id in 1...8 as ClosedRange<UInt64> { _ = world.readyWorker(id) }
        let entries = world.on(frontend) { frontend in (0..<4_096).map { _ in frontend.entry() } }
        let plans = world.plans(frontend, entries)
        #expect(plans.allSatisfy { $0.outcome == .placed } && world.leases == 4_096)
        world.until("all on the stream") { world.directory(frontend).leases.count == 4_096 }
        #expect(world.on(frontend) { $0.gaps } == 0)
        // A newcomer reads them all, in pages of one moment.
        let late = world.frontend(2)
        #expect(world.directory(late).leases.count == 4_096)
        world.until("all expired", within: .seconds(8)) { world.leases == 0 && world.directory(late).leases.isEmpty }
    }

    @Test("a router that drains says so, answers what still comes, and takes leave")
    func drain() {
        let world = RouterWorld(), frontend = world.frontend(), worker = world.readyWorker(1)
        let service = world.router, done = RouterWorld.Flag()
        world.routerLoop.spawn { done.isUp = await service.drain() }
        world.until("told on the stream") { world.directory(frontend).health.state == .draining }
        #expect(world.failure(frontend) { _ in } == .draining)
        world.until("drained", within: .seconds(1)) { done.isUp }
        guard case .goodbye(.draining, byPeer: true) = world.on(frontend, { $0.end }) else {
            Issue.record("the frontend's link ended otherwise")
            return
        }
        #expect(world.on(worker) { $0.end } == .goodbye(.draining, byPeer: true))
        world.look { $0.stop() }
        world.pass(.seconds(3))
        #expect(world.routerLoop.perform { world.routerLoop.timersWaiting } == 0)
    }
}
