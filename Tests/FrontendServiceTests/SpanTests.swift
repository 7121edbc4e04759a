import ClusterModel
import EventLoop
import Telemetry
import Testing
import Transport
import WireProtocol

@testable import FrontendService
@testable import ProcessKit

@Suite("Spans of requests that do not go well")
struct SpanTests {
    /// What was recorded since the last look, in order of its beginning.
    private func spans(_ scene: Scene) -> [Span] {
        scene.pass(.milliseconds(100))
        let tracer = scene.tracer
        return scene.loop.perform { tracer.take(atMost: tracer.waiting) }.sorted { $0.startNanoseconds < $1.startNanoseconds }
    }

    private func failed(_ spans: [Span], _ reason: String) -> [String] {
        spans.filter { $0.status == .error(reason) }.map(\.name).sorted()
    }

    private func part(_ name: String, _ spans: [Span]) -> Span? { spans.first { $0.name == name } }

    private static let root = "POST /v1/chat/completions", question = "kv_router.select_worker", run = "kv_router.route_request"

    @Test("an attempt that never reached its worker has a run, with what failed")
    func unreachable() {
        let scene = Scene(isTraced: true)
        scene.worker.host.kill(.reset)
        scene.pass(.milliseconds(500))
        scene.router { $0.plan = { router, entry in entry.attempt == 1 ? router.place(entry, on: 1) : router.placeAnywhere(entry) } }
        scene.finish(scene.chat()) { #expect($0.text() == "hello") }
        let spans = spans(scene)
        #expect(spans.filter { $0.name == Self.run }.count == 2 && spans.filter { $0.name == Self.question }.count == 2)
        #expect(failed(spans, "unreachable") == ["dispatch", Self.run])
    }

    @Test("a client that leaves while the link to its worker is waited for: that time is the run's")
    func waited() {
        let scene = Scene(workers: 1, isTraced: true)
        scene.router {
            $0.plan = { router, entry in
                var plan = router.placeAnywhere(entry)
                plan.legs[0].generation += 1
                return plan
            }
        }
        let client = scene.chat()
        scene.run { scene.router { !$0.asked.isEmpty } }
        scene.pass(.milliseconds(300))
        client { $0.leave() }
        let spans = spans(scene), run = part(Self.run, spans)
        #expect(failed(spans, "client_gone") == ["dispatch", Self.run])
        #expect((run?.endNanoseconds ?? 0) - (run?.startNanoseconds ?? 0) >= 250_000_000)
    }

    @Test("where there is no router the wait for one shows, and how it ended")
    func noRouter() {
        let scene = Scene(isTraced: true)
        scene.router.host.kill(.reset)
        scene.pass(.milliseconds(500))
        scene.finish(scene.chat(), within: .seconds(60)) { #expect($0.status == 503) }
        let spans = spans(scene)
        #expect(failed(spans, "no_router") == [Self.question])
        #expect(spans.contains { $0.name == Self.root && $0.status == .error("status 503") })
    }

    @Test("the part in which an attempt died is there, with what ended it", arguments: [0, 1, 2, 3])
    func died(reached: Int) {
        let scene = Scene(workers: 1, isTraced: true), stages = ["dispatch", "worker_wait", "prefill", "decode"]
        scene.worker {
            $0.script = { job in
                guard job.entry.attempt == 1 else { return job.answer("hello") }
                if reached > 0 { job.accept() }
                if reached > 1 { job.start() }
                if reached > 2 { job.say("hel") }
                if reached == 0 { job.refuse(.draining) } else { job.end(.drained) }
            }
        }
        scene.router { $0.plan = { router, entry in router.place(entry, on: 1) } }
        scene.finish(scene.chat())
        let spans = spans(scene), reason = reached == 0 ? "refused" : "drained"
        #expect(failed(spans, reason) == [stages[reached], Self.run].sorted())
        let first = spans.first { $0.name == Self.run && $0.status == .error(reason) }
        let parts = spans.filter { $0.parent == first?.id }
        #expect(parts.map(\.name).sorted() == stages[...reached].sorted())
        // Nothing of the run is in none of its parts.
        let nanoseconds = parts.map { $0.endNanoseconds - $0.startNanoseconds }.reduce(0, +)
        #expect(first.map { $0.endNanoseconds - $0.startNanoseconds } == nanoseconds)
    }

    @Test("whatever a router is told of, a session's end too, is a span that is recorded")
    func parents() {
        let scene = Scene(workers: 1, card: Scene.card { $0.capabilities.insert(.sessions) }, isTraced: true)
        scene.router { $0.plan = { router, entry in router.fail(entry, entry.queryOnly ? .noWorker : .capacity) } }
        let close = #","nvext":{"session_control":{"session_id":"s","action":"close"}}"#
        scene.finish(scene.chat(close)) { #expect($0.status == 503) }
        let spans = spans(scene), told = scene.router { $0.asked.map { TraceParent(parsing: $0.traceParent)?.span } }
        #expect(scene.router { $0.asked.filter(\.queryOnly).count } == 1)
        #expect(told.allSatisfy { span in spans.contains { $0.id == span } })
        #expect(told.last == part(Self.root, spans)?.id)
    }
}
