import ClusterModel
import EventLoop
import JSONText
import Scheduling
import Testing
import Transport
import WireProtocol

@testable import RouterService

@Suite("Directory")
struct DirectoryTests {
    @Test("one line at its start says what it decides by, and what it was not given")
    func startLine() throws {
        func line(_ world: RouterWorld) throws -> JSONValue {
            world.pass(.seconds(1))
            let said = world.log.all.filter { $0.contains(#""msg":"listening""#) }
            #expect(said.count == 1)
            return try JSONValue(parsing: Array(try #require(said.first).utf8))
        }
        let alone = try line(RouterWorld())
        #expect(alone["policy"]?.asString == "round-robin" && alone["index_bytes"]?.asInt == 1 << 30 && alone["peers"]?.asString == "none")
        #expect(alone["missing"]?.asString == "other routers (--peers), proof of peers (--cluster-secret-file)")
        // Whoever gives all routers one list gives each its own address, too.
        let own = try line(RouterWorld(peers: [RouterWorld.routerAddress]))
        #expect(own["missing"]?.asString == "other routers (--peers), proof of peers (--cluster-secret-file)")
        let other = try line(RouterWorld(peers: [RouterWorld.routerAddress, Address(host: "other", port: 8100)]))
        #expect(other["missing"]?.asString == "proof of peers (--cluster-secret-file)")
    }

    @Test("a worker that registers is on the stream and in the snapshot, with its host filled in")
    func registers() throws {
        let world = RouterWorld(), early = world.frontend(1), worker = world.readyWorker(1)
        let late = world.frontend(2)
        world.until("both see it ready") {
            [early, late].allSatisfy { world.directory($0).workers[1]?.state == .ready && world.directory($0).workers[1]?.events == .exact }
        }
        for frontend in [early, late] {
            let entry = try #require(world.directory(frontend).workers[1])
            #expect(entry.endpoints == Endpoints(linkAddress: "tcp://127.0.1.1:9000", feedAddress: "tcp://127.0.1.1:9001"))
            #expect((entry.generation, entry.name, entry.model, entry.resyncing) == (0x101, "worker-1", "model", false))
            #expect(entry.ranks == [WorkerScript.capacity(0)])
            let pool = try #require(world.directory(frontend).pools[worker.digest])
            #expect((pool.workers, pool.readyWorkers, pool.current) == (1, 1, true))
        }
        let answer = try #require(world.on(worker) { $0.answer })
        #expect(answer.parityFollows && answer.events == .loadOnly && answer.warnings.isEmpty)
        world.until("each sees both frontends") { [early, late].allSatisfy { world.directory($0).frontends.count == 2 } }
        #expect(world.directory(late).frontends[1]?.endpoints.feedAddress == "tcp://127.0.2.1:9002")
    }

    @Test("a worker gets no plan before its feed was heard")
    func unheard() {
        let world = RouterWorld(), frontend = world.frontend()
        var silent = LinkFaults()
        silent.feedLoss = 1
        world.fabric.plan["127.0.1.1", RouterWorld.routerName] = silent
        let worker = world.worker(1)
        world.until("registered") { world.on(worker) { $0.answer != nil } }
        world.pass(.milliseconds(900))
        #expect(!world.takesWork(1))
        #expect(world.failure(frontend) { _ in } == .noWorker)
        #expect(world.directory(frontend).workers[1]?.state == .starting)
        world.fabric.plan["127.0.1.1", RouterWorld.routerName] = LinkFaults()
        world.until("ready") { world.takesWork(1) }
        #expect(world.plan(frontend).outcome == .placed)
    }

    @Test(
        "a worker that dies is gone for plans and on the stream, and its leases go with its feed", arguments: [ProcessDeath.reset, .silent])
    func dies(_ how: ProcessDeath) throws {
        let world = RouterWorld(), frontend = world.frontend(), worker = world.readyWorker(1)
        let plan = world.plan(frontend), leg = try #require(plan.legs.first)
        world.on(worker) { $0.accept(leg, RequestKey(origin: frontend.identity.generation, counter: plan.counter, attempt: 1)) }
        world.until("confirmed") { world.look { $0.core?.ledger.table.count(on: leg.place).bookedRequests == 0 } }
        worker.host.kill(how)
        world.until("gone from the directory", within: .seconds(3)) { world.directory(frontend).workers[1] == nil }
        #expect(world.failure(frontend) { _ in } == .noWorker)
        let gone = world.on(frontend) { $0.changes }.contains {
            if case .workerGone(let gone) = $0 { gone.generation == 0x101 } else { false }
        }
        #expect(gone)
        world.until("its leases are dropped", within: .seconds(5)) { world.leases == 0 && world.record(1) == nil }
        world.until("and the stream says so") { world.directory(frontend).leases.isEmpty }
    }

    @Test("a frozen worker gets no plans after a second, and is back when it runs again")
    func freezes() {
        let world = RouterWorld(), frontend = world.frontend(), worker = world.readyWorker(1)
        _ = world.readyWorker(2)
        worker.loop.freeze()
        world.until("suspected", within: .milliseconds(1_600)) { !world.takesWork(1) }
        for _ in 0..<4 { #expect(world.plan(frontend).legs.first?.workerID == 2) }
        world.until("it is shown as degraded") { world.directory(frontend).workers[1]?.state == .degraded }
        worker.loop.thaw()
        world.until("back") { world.takesWork(1) }
        world.until("and shown") { world.directory(frontend).workers[1]?.state == .ready }
    }

    @Test("a lost control link ends new plans and no lease; the same life comes back to what it had")
    func detaches() throws {
        let world = RouterWorld(), frontend = world.frontend(), worker = world.readyWorker(1)
        let plan = world.plan(frontend), leg = try #require(plan.legs.first)
        let key = RequestKey(origin: frontend.identity.generation, counter: plan.counter, attempt: 1)
        world.on(worker) { $0.accept(leg, key) }
        world.fabric.breakStreams(between: "127.0.1.1", and: RouterWorld.routerName)
        world.until("gone") { world.directory(frontend).workers[1] == nil }
        #expect(world.leases == 1)
        world.pass(.seconds(4))
        #expect(world.leases == 1 && world.record(1)?.isAttached == false)
        world.on(worker) { $0.dial() }
        world.until("back") { world.takesWork(1) && world.directory(frontend).workers[1]?.state == .ready }
        #expect(world.leases == 1)
        world.on(worker) { $0.end(leg, key) }
        world.until("ended") { world.leases == 0 }
    }

    @Test("a new life is adopted, and the one before never again")
    func generations() throws {
        let world = RouterWorld(), frontend = world.frontend()
        let first = world.readyWorker(1, generation: 0xA)
        _ = world.plan(frontend)
        #expect(world.leases == 1)
        first.host.kill(.reset)
        world.until("gone") { world.record(1)?.isAttached != true }
        let second = world.readyWorker(1, generation: 0xB)
        #expect(world.record(1)?.generation == 0xB)
        #expect(world.leases == 0)
        #expect(world.plan(frontend).legs.first?.generation == 0xB)
        second.host.kill(.reset)
        world.until("gone") { world.record(1)?.isAttached != true }
        let again = world.worker(1, generation: 0xA)
        world.until("refused") { world.on(again) { $0.end != nil } }
        guard case .refused(let refusal) = world.on(again, { $0.end }) else {
            Issue.record("not refused")
            return
        }
        #expect(refusal.code == .retiredGeneration && refusal.field == "generation")
    }

    @Test("a second live process with the same id is refused by name, and the first one serves on")
    func duplicate() throws {
        let world = RouterWorld(), frontend = world.frontend()
        _ = world.readyWorker(1, generation: 0xA)
        let second = world.worker(1, generation: 0xB, host: "127.0.1.99")
        world.until("refused") { world.on(second) { $0.end != nil } }
        guard case .refused(let refusal) = world.on(second, { $0.end }) else {
            Issue.record("not refused")
            return
        }
        #expect(refusal.code == .duplicateIdentity && refusal.retryable && refusal.reason.contains("worker-1"))
        #expect(world.plan(frontend).legs.first?.generation == 0xA)
        #expect(world.log.all.contains { $0.contains("link rejected") && $0.contains("duplicateIdentity") })
        #expect(world.exposition.contains("apus_router_links_rejected_total{cause=\"duplicateIdentity\"} 1"))
    }

    @Test("a drain that the control link announces ends new plans at once; the stream can undo it only after it has said it too")
    func drains() {
        let world = RouterWorld(), frontend = world.frontend(), worker = world.readyWorker(1)
        world.on(worker) {
            $0.link?.send(DrainNotice(reason: .byOperator, remainingMilliseconds: 0, runningRequests: 0, waitingRequests: 0))
        }
        world.until("draining") { world.directory(frontend).workers[1]?.state == .draining }
        #expect(world.failure(frontend) { _ in } == .noWorker)
        world.on(worker) { $0.publish([.stateChanged(StateChanged(state: .ready, reason: ""))]) }
        world.pass(.seconds(1))
        #expect(!world.takesWork(1))
        world.on(worker) {
            $0.publish([.stateChanged(StateChanged(state: .draining, reason: "")), .stateChanged(StateChanged(state: .ready, reason: ""))])
        }
        world.until("ready") { world.takesWork(1) }
    }

    @Test("D.11: a worker that leaves with a goodbye takes all it had with it")
    func leaves() {
        let world = RouterWorld(), frontend = world.frontend(), worker = world.readyWorker(1)
        _ = world.plan(frontend)
        world.on(worker) { $0.link?.goodbye(.leaving) }
        world.until("gone", within: .seconds(1)) { world.record(1) == nil && world.leases == 0 }
    }

    static let wrong: [(String, @Sendable (inout RegisterWorker) -> Void)] = [
        ("linkAddress", { $0.endpoints.linkAddress = "" }), ("linkAddress", { $0.endpoints.linkAddress = "tcp://host" }),
        ("linkAddress", { $0.endpoints.linkAddress = "tcp://:0" }), ("feedAddress", { $0.endpoints.feedAddress = "nonsense" }),
        ("ranks", { $0.ranks = [] }), ("ranks", { $0.ranks = [WorkerScript.capacity(1), WorkerScript.capacity(1)] }),
        ("ranks", { $0.ranks = [WorkerScript.capacity(1), WorkerScript.capacity(0)] }), ("blockSize", { $0.card.blockSize = 0 }),
        ("digest", { $0.card.contextLength += 1 }),
        ("card", { $0.card.loRAs = (0..<400).map { Label(text: String(repeating: "x", count: 200) + "\($0)") } }),
    ]

    @Test("a registration that makes no sense is refused by field, and may be said again rightly", arguments: wrong.indices)
    func wrongRegistration(_ index: Int) throws {
        let world = RouterWorld(), (field, change) = Self.wrong[index]
        let worker = world.worker(1) { $0.registration = change }
        world.until("an answer") { world.on(worker) { $0.failure != nil } }
        let failure = try #require(world.on(worker) { $0.failure })
        #expect(failure.code == .invalidArgument && failure.field == field)
        #expect(world.record(1)?.isAttached == false)
        world.on(worker) {
            $0.script.registration = nil
            $0.register()
        }
        world.until("registered") { world.takesWork(1) }
    }

    @Test("registering again on the same link replaces what was said")
    func replaces() {
        let world = RouterWorld(), frontend = world.frontend(), worker = world.readyWorker(1)
        world.acquaint()
        #expect(world.failure(frontend) { $0.model = "poet" } == .unknownModel)
        world.on(worker) {
            $0.script.card.loRAs = [Label(text: "poet")]
            $0.script.ranks = [0, 1]
            $0.register()
        }
        world.until("both ranks") { world.directory(frontend).workers[1]?.ranks.count == 2 && world.takesWork(1) }
        let plans = (0..<4).map { _ in world.plan(frontend) { $0.model = "poet" } }
        #expect(Set(plans.compactMap(\.legs.first?.rank)) == [0, 1])
        world.until("the pool shows it") { world.directory(frontend).pools[worker.digest]?.card.loRAs.map(\.text) == ["poet"] }
    }

    @Test("a worker that registers another feed is followed there, and gets no plan until it is heard")
    func movesItsFeed() {
        let world = RouterWorld(), worker = world.readyWorker(1)
        world.on(worker) {
            $0.script.registration = { $0.endpoints.feedAddress = "tcp://:9101" }
            $0.register()
        }
        world.until("followed, and unheard") { !world.takesWork(1) }
        world.pass(.seconds(1))
        #expect(!world.takesWork(1))
        world.on(worker) {
            $0.script.registration = nil
            $0.register()
        }
        world.until("back") { world.takesWork(1) && world.isInStep(1) }
    }

    @Test("a frontend that leaves is gone from the directory, and its leases stay until they expire")
    func frontendLeaves() {
        let world = RouterWorld(), watcher = world.frontend(1), frontend = world.frontend(2)
        _ = world.readyWorker(1)
        world.until("seen") { world.directory(watcher).frontends.count == 2 }
        _ = world.plan(frontend)
        world.on(frontend) { $0.link?.abort() }
        world.until("gone") { world.directory(watcher).frontends[2] == nil }
        #expect(world.leases == 1)
        world.until("expired", within: .seconds(7)) { world.leases == 0 }
    }

    @Test("a second frontend of the same id is refused while the first one lives, and takes its place after")
    func duplicateFrontend() {
        let world = RouterWorld(), first = world.frontend(1)
        let loop = world.world.makeLoop("other"), host = world.fabric.host("127.0.2.99", loop: loop)
        let identity = Identity(role: .frontend, id: 1, generation: 77, name: "other")
        let other = loop.perform { ScriptedFrontend(identity, loop: loop, host: host) }
        loop.perform { other.start() }
        world.until("refused") { world.on(other) { $0.end != nil } }
        first.host.kill(.reset)
        world.until("the first is gone") { world.look { $0.core?.frontends.all.isEmpty == true } }
        world.on(other) { $0.start() }
        world.until("in its place") { world.on(other) { $0.isInStep } }
    }

    @Test("two cards under one name are two pools: the larger is current, and a split is told of")
    func pools() throws {
        let world = RouterWorld(), frontend = world.frontend()
        let old = world.readyWorker(1), card = WorkerScript.card("model") { $0.weights = "newer" }
        let second = world.readyWorker(2) { $0.card = card }
        #expect(world.on(second) { $0.answer?.warnings.map(\.code) } == [.poolSplit])
        #expect(world.on(second) { $0.answer?.warnings.first?.detail.hasSuffix("which differ in: weights") } == true)
        #expect(world.plan(frontend).pool == old.digest)
        _ = world.readyWorker(3) { $0.card = card }
        world.until("the larger is current") { world.directory(frontend).pools[card.digest]?.current == true }
        #expect(world.directory(frontend).pools[old.digest]?.current == false)
        for _ in 0..<4 { #expect(world.plan(frontend).pool == card.digest) }
        // A continued request stays in its own.
        let continued = world.plan(frontend) { $0.pool = PoolRef(digest: old.digest) }
        #expect(continued.outcome == .placed && continued.legs.first?.workerID == 1)
        world.pass(.milliseconds(500))
        #expect(world.exposition.contains("apus_router_split_models 1"))
    }

    @Test("a model whose last worker left has no worker for a while, and is unknown only then")
    func emptyPool() {
        let world = RouterWorld(), frontend = world.frontend(), worker = world.readyWorker(1)
        world.on(worker) { $0.link?.goodbye(.leaving) }
        world.until("gone") { world.record(1) == nil }
        let plan = world.plan(frontend)
        #expect(plan.failure?.code == .noWorker && (plan.failure?.retryAfterMilliseconds ?? 0) > 0)
        // The answer may overtake the stream.
        world.until("the stream says so") { world.directory(frontend).pools[worker.digest]?.workers == 0 }
        world.pass(.seconds(61))
        #expect(world.failure(frontend) { _ in } == .unknownModel)
        #expect(world.directory(frontend).pools.isEmpty)
    }

    @Test("the names of adapters, and those served beside a card's, wait with it for a worker that comes back")
    func namesOfEmptyPool() throws {
        let world = RouterWorld(), frontend = world.frontend()
        world.acquaint()
        let first = world.readyWorker(1) { $0.card.loRAs = [Label(text: "poet")] }
        let last = world.readyWorker(2) {
            $0.card.servedNames = [Label(text: "alias")]
            $0.card.loRAs = [Label(text: "clerk")]
        }
        func names() -> [String] {
            world.directory(frontend).pools[last.digest].map { ($0.card.servedNames + $0.card.loRAs).map(\.text) } ?? []
        }
        world.until("all are told") { names() == ["alias", "clerk", "poet"] }
        world.on(first) { $0.link?.goodbye(.leaving) }
        world.until("who left while another is there took its own along") { names() == ["alias", "clerk"] }
        world.on(last) { $0.link?.goodbye(.leaving) }
        world.until("nobody is there") { world.directory(frontend).pools[last.digest]?.workers == 0 }
        // A frontend that began only now has no other way to know them.
        let late = world.frontend(2)
        let pool = try #require(world.directory(late).pools[last.digest])
        #expect((pool.card.servedNames + pool.card.loRAs).map(\.text) == ["alias", "clerk"])
        for name in ["alias", "clerk"] { #expect(world.failure(late) { $0.model = name } == .noWorker, "\(name)") }
        #expect(world.failure(late) { $0.model = "poet" } == .unknownModel)
        _ = world.readyWorker(3) { $0.card.loRAs = [Label(text: "critic")] }
        world.until("what is there counts again") { names() == ["critic"] }
        #expect(world.failure(late) { $0.model = "clerk" } == .unknownModel)
    }
}

extension PlanLeg {
    var place: Placement { Placement(worker: WorkerID(workerID), rank: Rank(rank)) }
}
