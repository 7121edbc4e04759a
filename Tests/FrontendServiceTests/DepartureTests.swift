import ClusterModel
import EventLoop
import HTTPServing
import Testing
import Transport
import WireProtocol

@testable import FrontendService

@Suite("A client that leaves costs nothing more, in whatever phase")
struct DepartureTests {
    /// What leaving may take: the client's end travels, and the word of it.
    private static let atOnce = Duration.milliseconds(2)

    @Test("while the plan is asked for: the router is told at once", arguments: [1, 2, 3] as [UInt64])
    func asked(seed: UInt64) {
        let scene = Scene(seed: seed)
        scene.router { $0.plan = { _, _ in nil } }
        let client = scene.chat()
        scene.run { scene.router { !$0.asked.isEmpty } }
        client { $0.leave() }
        #expect(scene.run(Self.atOnce) { scene.router { $0.cancelled.count } == 1 })
        #expect(scene.router { $0.cancelled } == scene.router { $0.asked.map { RequestRef(counter: $0.counter, attempt: 1) } })
        #expect(scene.held == [])
        // The plan that crosses the cancel is dropped.
        scene.router { $0.answer($0.place($0.asked[0], on: 1)) }
        scene.pass(.seconds(3))
        #expect(scene.workers.allSatisfy { worker in worker { $0.jobs.isEmpty } })
    }

    @Test(
        "as the plan arrives: what was booked is given back, and no worker hears of the request", arguments: 1...20 as ClosedRange<UInt64>)
    func planned(seed: UInt64) {
        let scene = Scene(seed: seed)
        scene.router { $0.plan = { _, _ in nil } }
        let client = scene.chat()
        scene.run { scene.router { !$0.asked.isEmpty } }
        // Both arrive at about the same time, in an order that the seed decides.
        scene.router { $0.answer($0.place($0.asked[0], on: 1)) }
        client { $0.leave() }
        scene.pass(.milliseconds(50))
        let jobs = scene.worker { $0.jobs.count }, cancels = scene.worker { $0.cancels.count }
        #expect(jobs == cancels)
        #expect(scene.router { $0.cancelled.count + $0.endedLeases.count } >= 1)
        #expect(scene.held == [])
    }

    @Test("after dispatch: worker and router are told at once")
    func dispatched() {
        let scene = Scene()
        for worker in scene.workers { worker { $0.script = { _ in } } }
        let client = scene.chat()
        scene.run { scene.worker { !$0.jobs.isEmpty } }
        client { $0.leave() }
        #expect(scene.run(Self.atOnce) { scene.worker { $0.cancels.count } == 1 })
        #expect(scene.worker { $0.cancels.map(\.reason) } == [.clientGone])
        #expect(scene.worker { $0.cancels.map(\.choice) } == [255])
        // The worker may never have heard of it: the booking must not wait for its expiry.
        #expect(scene.router { $0.cancelled.map(\.attempt) } == [1])
        #expect(scene.held == [])
    }

    @Test("while it streams: the worker is told at once, and frames that follow are counted and dropped", arguments: [true, false])
    func streaming(stream: Bool) {
        let scene = Scene()
        for worker in scene.workers {
            worker {
                $0.script = { job in
                    job.accept()
                    for step in 0..<100 { job.after(.milliseconds(step * 10)) { $0.say("x") } }
                }
            }
        }
        let client = scene.chat(stream: stream)
        scene.pass(.milliseconds(200))
        client { $0.leave() }
        #expect(scene.run(Self.atOnce) { scene.worker { $0.cancels.count } == 1 })
        #expect(scene.held == [])
        scene.pass(.seconds(1))
        #expect((scene.metric("apus_frontend_late_frames_total") ?? 0) > 10)
        #expect(scene.worker { $0.cancels.count } == 1)
    }

    @Test("while it reads nothing: the worker is told at once")
    func backedUp() {
        let scene = Scene(workers: 1)
        scene.sockets.plan.bufferBytes = 4 << 10
        scene.worker {
            $0.script = { job in
                job.accept()
                for step in 0..<1000 { job.after(.milliseconds(step)) { $0.say("x") } }
            }
        }
        let client = scene.chat(#","max_tokens":4000"#, reading: false)
        scene.pass(.milliseconds(900))
        #expect(scene.worker { $0.cancels.count } == 0)
        client { $0.leave() }
        #expect(scene.run(Self.atOnce) { scene.worker { $0.cancels.count } == 1 })
        #expect(scene.held == [])
    }

    @Test("while there is no router: the request is forgotten at once")
    func withoutRouter() {
        let scene = Scene()
        scene.router.host.kill(.reset)
        scene.pass(.milliseconds(10))
        let client = scene.chat()
        scene.run { scene.service { $0.openRequests } == 1 }
        client { $0.leave() }
        #expect(scene.run(Self.atOnce) { scene.service { $0.openRequests } == 0 })
    }

    @Test("thousands leave in one moment: every one is told of, and nothing is held")
    func many() {
        let scene = Scene(workers: 1) { $0.http.connections = 20_000 }
        // Some have a plan and wait for the worker, all others wait for a plan: as many as a link may have, the rest for one of those to end.
        scene.router { $0.plan = { router, entry in entry.counter <= 600 ? router.place(entry, on: 1) : nil } }
        scene.worker { $0.script = { _ in } }
        let clients = (0..<5_000).map { _ in scene.chat(stream: false) }
        let asked = 600 + TransportLimits.openRouteQuestions
        #expect(scene.run(.seconds(1)) { scene.router { $0.asked.count } == asked })
        #expect(scene.service { $0.openRequests } == 5_000)
        for client in clients { client { $0.leave() } }
        #expect(scene.run(.seconds(1)) { scene.router { $0.cancelled.count } >= asked })
        #expect(scene.run(.seconds(1)) { scene.worker { $0.cancels.count } == 600 })
        #expect(scene.held == [])
        #expect(scene.service { $0.openConnections } == 0)
    }

    /// What a client's request is made of holds each other while it runs; nothing may when it has ended.
    @Test("a request that has ended is let go, whether it was answered or left", arguments: [true, false], [true, false])
    func isFreed(stream: Bool, leaves: Bool) {
        let scene = Scene(), seen = Box(Weak())
        for worker in scene.workers {
            worker {
                $0.script = { job in
                    job.accept()
                    job.after(.milliseconds(50)) { _ in job.answer("hello") }
                }
            }
        }
        let client = scene.chat(stream: stream)
        scene.run { scene.service { $0.frontend.workers.all.contains { !$0.legs.isEmpty } } }
        scene.service { service in seen.value.object = service.frontend.workers.all.flatMap(\.legs).first?.request }
        #expect(seen.value.object != nil)
        if leaves { client { $0.leave() } } else { scene.finish(client) }
        #expect(scene.held == [])
        scene.pass(.seconds(1))
        #expect(seen.value.object == nil)
    }

    private struct Weak {
        weak var object: AnyObject?
    }
}
