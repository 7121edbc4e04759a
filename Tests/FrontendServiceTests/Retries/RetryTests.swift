import ClusterModel
import EventLoop
import JSONText
import Testing
import Transport
import WireProtocol

@testable import FrontendService

/// What the frontend does of itself when requests fail, seen from routers and workers.
@Suite("Retries and breakers")
struct RetryTests {
    private func script(_ scene: Scene, _ script: @escaping @LoopActor (Job) -> Void) {
        for worker in scene.workers { worker { $0.script = script } }
    }

    @LoopActor
    private static func fails(_ job: Job) {
        job.accept()
        job.end(.failed, .engineFailed)
    }

    private func attempts(_ scene: Scene) -> Int { scene.workers.reduce(0) { sum, worker in sum + worker { $0.jobs.count } } }

    @Test("T29: when all fail, a tenth of the requests is tried again, the others are told at once, and an operator hears of it")
    func budget() {
        let scene = Scene(workers: 4) { $0.limits.breaker.failures = 0 }
        script(scene) { Self.fails($0) }
        for _ in 0..<300 { scene.finish(scene.chat(stream: false)) { #expect($0.status == 500) } }
        #expect(attempts(scene) <= 330, "\(attempts(scene)) attempts")
        #expect(attempts(scene) >= 310)
        #expect(scene.metric(#"apus_frontend_retries_total{outcome="made"}"#) == Double(attempts(scene) - 300))
        #expect((scene.metric(#"apus_frontend_retries_total{outcome="held_back"}"#) ?? 0) > 200)
        #expect(scene.log.count { $0.contains("retries held back") } == 2)
        #expect(scene.held == [])
    }

    @Test("what follows a worker's death, leave, restart or wrong booking is no retry, and needs no budget", arguments: 0..<7)
    func free(_ kind: Int) {
        let scene = Scene(workers: 2) { $0.limits.retries = RetryLimits(share: 0, fewest: 0) }
        script(scene) { job in
            guard job.entry.attempt == 1 else { return job.answer("hello") }
            switch kind {
            case 0: job.refuse(.overbooked, waiting: 9, stream: 1)
            case 1: job.refuse(.draining)
            case 2: job.refuse(.engineFailed, retry: 100)
            case 3:
                job.accept()
                job.end(.drained)
            case 4:
                job.accept()
                job.end(.failed, .engineFailed) { $0.failure?.field = "worker" }
            case 5: job.refuse(.engineFailed, field: "worker")
            default: job.link.abort()
            }
        }
        for _ in 0..<3 {
            scene.finish(scene.chat(stream: false)) { #expect($0.status == 200) }
            scene.pass(.seconds(3))
        }
        #expect(scene.metric("apus_frontend_retries_total") ?? 0 == 0)
        #expect(scene.metric("apus_frontend_workers_barred") == 0)
        #expect(scene.held == [])
    }

    @Test("without a budget a failure is the client's at once, with its own words")
    func none() {
        let scene = Scene(workers: 2) { $0.limits.retries = RetryLimits(share: 0, fewest: 0) }
        script(scene) { Self.fails($0) }
        scene.finish(scene.chat(stream: false)) {
            #expect($0.status == 500)
            #expect($0.json["error"]?["code"]?.asString == "engine_failed")
        }
        #expect(attempts(scene) == 1)
    }

    // MARK: Breakers

    /// Two workers, of which the first has just failed its fifth request in a row.
    private func withBarred(_ body: (Scene) -> Void) {
        let scene = Scene(workers: 2)
        scene.worker { $0.script = { Self.fails($0) } }
        for _ in 0..<40 where scene.metric("apus_frontend_workers_barred") != 1 {
            scene.finish(scene.chat(stream: false)) { #expect($0.status == 200) }
        }
        #expect(scene.metric("apus_frontend_workers_barred") == 1)
        #expect(scene.worker { $0.jobs.count } == 5)
        body(scene)
        #expect(scene.held == [])
    }

    @Test("T29: a worker that fails all it is given is kept out of questions, tried by one request, and used again when it has healed")
    func breaker() {
        withBarred { scene in
            let before = scene.router { $0.asked.count }
            for _ in 0..<10 { scene.finish(scene.chat(stream: false)) { #expect($0.status == 200) } }
            #expect(scene.router { $0.asked.dropFirst(before).allSatisfy { $0.options.excludedWorkers == [1] } })
            #expect(scene.worker { $0.jobs.count } == 5)
            // It still fails: whoever tries goes on elsewhere.
            scene.pass(.milliseconds(300))
            for _ in 0..<10 { scene.finish(scene.chat(stream: false)) { #expect($0.status == 200) } }
            #expect(scene.worker { $0.jobs.count } == 6)
            script(scene) { $0.answer("hello") }
            scene.pass(.seconds(1))
            for _ in 0..<10 { scene.finish(scene.chat(stream: false)) { #expect($0.status == 200) } }
            #expect(scene.worker { $0.jobs.count } > 8)
            #expect(scene.metric("apus_frontend_workers_barred") == 0)
            #expect(scene.metric(#"apus_frontend_breaker_total{event="admitted"}"#) == 1)
            #expect(scene.log.count { $0.contains("worker barred") } == 1 && scene.log.count { $0.contains("worker admitted again") } == 1)
        }
    }

    @Test("a request that is pinned to a barred worker goes there, and nothing is barred that has no other beside it")
    func exceptions() {
        withBarred { scene in
            var before = scene.router { $0.asked.count }
            scene.finish(scene.chat(#","nvext":{"backend_instance_id":1}"#, stream: false))
            #expect(scene.router { $0.asked.dropFirst(before).allSatisfy { $0.options.excludedWorkers == [] } })
            // The other one fails all, too: from then on either may as well be asked.
            script(scene) { Self.fails($0) }
            for _ in 0..<12 { scene.finish(scene.chat(stream: false)) { #expect([500, 503].contains($0.status)) } }
            #expect(scene.metric("apus_frontend_workers_barred") == 2)
            before = scene.router { $0.asked.count }
            scene.finish(scene.chat(stream: false)) { #expect($0.status == 500) }
            #expect(scene.router { $0.asked[before].options.excludedWorkers } == [])
        }
    }

    @Test("clients' own mistakes, and departures, are nobody's failures")
    func mistakes() {
        let scene = Scene(workers: 2)
        script(scene) { $0.refuse(.invalidArgument, field: "minTokens", reason: "above maxTokens") }
        for _ in 0..<20 { scene.finish(scene.chat(stream: false)) { #expect($0.status == 400) } }
        #expect(scene.metric("apus_frontend_workers_barred") == 0)
        #expect(scene.service { $0.frontend.workers.all.allSatisfy { $0.breaker.failuresInARow == 0 } })
    }
}
