import ClusterModel
import EventLoop
import Scheduling
import Testing
import Transport
import WireProtocol

@testable import RouterService

/// Peers that keep to the format and lie.
@Suite("Peers that lie to a router")
struct LiarTests {
    private static func accepted(_ number: UInt64, _ request: RequestKey, rank: UInt32 = 0) -> WorkerEvent {
        var accepted = RequestAccepted()
        accepted.lease = number
        accepted.request = request
        accepted.rank = rank
        return .requestAccepted(accepted)
    }

    @Test("lease numbers that were never given are nobody's: the plan that gets them is made all the same")
    func foreseen() {
        let world = RouterWorld(), frontend = world.frontend(), liar = world.readyWorker(1)
        let first = world.plan(frontend).legs[0].lease
        world.on(liar) { liar in
            liar.publish((1...50).map { Self.accepted(first + $0, RequestKey(origin: 7, counter: $0, attempt: 1)) })
        }
        world.pass(.milliseconds(50))
        #expect(world.leases == 1 && (0..<10).allSatisfy { _ in world.plan(frontend).outcome == .placed })
    }

    @Test("one worker's word leaves room for the leases of all others", arguments: [40_000])
    func room(_ count: UInt64) {
        let world = RouterWorld(), frontend = world.frontend(), liar = world.readyWorker(1)
        _ = world.readyWorker(2)
        for start in stride(from: UInt64(1), through: count, by: 500) {
            world.on(liar) { liar in
                liar.publish((start..<start + 500).map { Self.accepted($0, RequestKey(origin: 7, counter: $0, attempt: 1)) })
            }
        }
        world.pass(.milliseconds(500))
        #expect(world.leases == LeaseLimits().ofWorker && world.plan(frontend).outcome == .placed)
    }

    @Test("no number of tokens found is too large to compare, whoever's request it is")
    func found() {
        let world = RouterWorld(), frontend = world.frontend(), honest = world.believedWorker(1)
        world.on(honest) { $0.store([1, 2, 3]) }
        world.until("stored") { world.look { $0.indexedCopies } == 3 }
        let leg = world.plan(frontend).legs[0]
        #expect(leg.deviceBlocks == 3)
        let liar = world.believedWorker(2)
        for worker in [liar, honest] {
            var started = RequestStarted()
            started.lease = leg.lease
            started.cachedTokens = .max
            world.on(worker) { [started] in $0.publish([.requestStarted(started)]) }
            world.pass(.milliseconds(50))
        }
        #expect(world.takesWork(1) && world.takesWork(2) && world.look { $0.core?.workers[WorkerID(2)]?.trust.isTrusted } == true)
    }

    @Test("a refusal that no word of the worker bears out is believed for a second")
    func refused() {
        var settings = SelectionSettings.inTurn
        settings.thresholds = BusyThresholds()
        let world = RouterWorld(selection: settings), frontend = world.frontend(), worker = world.readyWorker(1)
        world.on(worker) { $0.load(waiting: 10) }
        world.until("heard") { world.record(1)?.waitingTokens == 10 }
        _ = world.plan(frontend) {
            $0.queryOnly = true
            $0.overbooked = [
                OverbookedReport(workerID: 1, generation: 0x101, rank: 0, lease: 0, waitingTokens: .max, streamNumber: .max)
            ]
        }
        #expect(world.record(1)?.waitingTokens == .max)
        world.until("believed no more", within: Duration.seconds(1) + RouterLimits.tick * 2) {
            world.record(1)?.waitingTokens == 10
        }
        #expect(world.plan(frontend).outcome == .placed)
    }

    @Test("nobody speaks under the generation of another frontend")
    func borrowed() {
        let world = RouterWorld(), frontend = world.frontend(1)
        let loop = world.world.makeLoop("thief"), host = world.fabric.host("127.0.2.9", loop: loop)
        let identity = Identity(role: .frontend, id: 9, generation: frontend.identity.generation, name: "thief")
        let thief = loop.perform { ScriptedFrontend(identity, loop: loop, host: host) }
        loop.perform { thief.start() }
        world.pass(.seconds(1))
        #expect(world.look { $0.core?.frontends.all.map(\.identity.id) } == [1])
        #expect(world.on(frontend) { $0.end } == nil)
    }

    @Test("card after card leaves a bounded number of empty pools")
    func cards() {
        let world = RouterWorld()
        for number in 0..<(RouterLimits.emptyPools + 20) {
            let worker = world.worker(1, generation: UInt64(0x1000 + number), host: "127.0.4.\(number % 200)") {
                $0.card = WorkerScript.card("model \(number)")
            }
            world.until("registered") { world.on(worker) { $0.answer != nil } }
            worker.host.kill(.reset)
        }
        #expect(world.look { $0.core?.workers.pools.all.count ?? 0 } <= RouterLimits.emptyPools + 1)
    }

    private static func sessionWorker(_ world: RouterWorld, _ id: UInt64) -> ScriptedWorker {
        world.readyWorker(id) { $0.card = WorkerScript.card("model") { $0.capabilities.insert(.sessions) } }
    }

    @Test("sent only where its session is, a request holds up nobody else's")
    func direct() {
        var settings = SelectionSettings.inTurn
        settings.thresholds = BusyThresholds()
        let world = RouterWorld(selection: settings), frontend = world.frontend()
        let (holder, other) = (Self.sessionWorker(world, 1), Self.sessionWorker(world, 2))
        for worker in [holder, other] { world.on(worker) { $0.load(waiting: 1_000_000) } }
        world.until("all busy") { world.record(1)?.waitingTokens == 1_000_000 && world.record(2)?.waitingTokens == 1_000_000 }
        world.on(holder) { $0.bind("s", counter: 1) }
        world.until("bound") { world.look { $0.sessionsBound } == 1 }
        world.on(frontend) { frontend in
            var session = RouteSession()
            session.key = SessionKey(tenant: "", id: "s")
            frontend.ask([
                frontend.entry {
                    $0.session = session
                    $0.options.policy = "direct"
                }
            ])
            frontend.ask([frontend.entry()])
        }
        world.until("both parked") { world.look { $0.requestsParked } == 2 }
        world.on(other) { $0.load(waiting: 0) }
        world.until("the ordinary one is placed", within: .seconds(2)) { world.look { $0.requestsParked } == 1 }
    }
}
