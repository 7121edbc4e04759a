import ClusterModel
import EventLoop
import HTTPClient
import Testing
import Transport
import WireProtocol

@testable import FrontendService

@Suite("Routers come and go")
struct RouterTests {
    @Test("a router is lost while a plan is asked for: the next one is asked", arguments: [1, 2, 3] as [UInt64])
    func nextRouter(seed: UInt64) {
        let scene = Scene(seed: seed, routers: 2)
        scene.run { scene.routers.allSatisfy { router in router { $0.snapshotQuestions > 0 } } }
        scene.pass(.milliseconds(50))
        for router in scene.routers { router { $0.plan = { _, _ in nil } } }
        let client = scene.chat()
        scene.run { scene.routers.contains { router in router { !$0.asked.isEmpty } } }
        let first = scene.routers.firstIndex { router in router { !$0.asked.isEmpty } } ?? 0
        scene.routers[1 - first].on { $0.plan = nil }
        scene.routers[first].host.kill(.reset)
        scene.finish(client)
        client { #expect($0.text() == "hello") }
        #expect(scene.routers[1 - first].on { $0.asked.map(\.attempt) } == [2])
        #expect(scene.held == [])
    }

    @Test("the only router comes back within the bound: requests that waited are served")
    func comesBack() {
        let scene = Scene()
        scene.router.host.kill(.reset)
        scene.pass(.milliseconds(100))
        let client = scene.chat()
        scene.pass(.seconds(5))
        #expect(!client.isEnded)
        scene.addRouter(1, generation: 0xB99)
        scene.finish(client)
        client { #expect($0.text() == "hello") }
        // The wait for a router is no part of the time that a worker has to accept.
        #expect(scene.router { $0.asked.map(\.attempt) } == [1])
        #expect(scene.held == [])
    }

    @Test("a worker has its whole time to accept, however long the router took")
    func acceptanceAfterWait() {
        let scene = Scene(workers: 1)
        scene.worker { $0.script = { job in job.after(.milliseconds(1_500)) { $0.answer("hello") } } }
        scene.router {
            $0.plan = { router, entry in
                router.after(.milliseconds(1_000)) { $0.answer($0.place(entry, on: 1)) }
                return nil
            }
        }
        scene.finish(scene.chat()) { #expect($0.text() == "hello") }
        #expect(scene.router { $0.asked.count } == 1)
    }

    @Test("a router restarts before its workers are known to it again: no client is told that the model does not exist")
    func restartWithoutWorkers() {
        let scene = Scene()
        scene.router.host.kill(.reset)
        scene.pass(.milliseconds(100))
        scene.addRouter(1, generation: 0xB99, knowsWorkers: false)
        scene.pass(.seconds(1))
        let client = scene.chat()
        scene.pass(.seconds(1))
        #expect(!client.isEnded)
        let workers = scene.workers.map(scene.entry), card = scene.card
        scene.router { router in
            router.tell([.modelPool(ModelPool(card: card, workers: 2, readyWorkers: 2, current: true))] + workers.map { .workerEntry($0) })
        }
        scene.finish(client)
        client { #expect($0.text() == "hello") }
        // Neither the links to the workers nor the model's files were given up for it.
        #expect(scene.worker { $0.fileQuestions.count + $0.ends.count } <= 2)
        #expect(scene.workers.reduce(0) { sum, worker in sum + worker { $0.fileQuestions.count } } == 1)
    }

    @Test("no router for longer than the bound is 503, with a hint when to try again")
    func noRouter() {
        let scene = Scene()
        scene.router.host.kill(.reset)
        scene.pass(.milliseconds(100))
        let began = scene.now
        let client = scene.finish(scene.chat())
        client {
            #expect($0.status == 503)
            #expect($0.errorCode == "no_worker")
            #expect($0.header("retry-after") != nil)
        }
        let took = began.duration(to: client { $0.endedAt })
        #expect(took > .seconds(9.9) && took < .seconds(10.2))
        #expect(scene.held == [])
    }

    @Test("a frontend that has never met a router waits for one, too")
    func neverMet() {
        let scene = Scene(routers: 0, isReady: false)
        scene.pass(.milliseconds(100))
        let client = scene.chat()
        scene.pass(.seconds(2))
        scene.addRouter(1)
        scene.finish(client)
        client { #expect($0.text() == "hello") }
    }

    @Test(
        "what a router refuses is told as it is",
        arguments: [(.queueFull, 429), (.noWorker, 503), (.invalidArgument, 400), (.unknownModel, 503)] as [(FailureCode, Int)])
    func refusals(code: FailureCode, status: Int) {
        let scene = Scene()
        scene.router { $0.plan = { $0.fail($1, code, retryAfter: 3_000) } }
        let client = scene.finish(scene.chat())
        client { #expect($0.status == status) }
        if status != 400, code != .unknownModel { client { #expect($0.header("retry-after") == "3") } }
        #expect(scene.router { $0.asked.count } == 1)
    }

    /// Which router the requests of these tests go to, and the other one: they all have one prompt.
    private func order(_ scene: Scene) -> (first: Remote<ScriptedRouter>, second: Remote<ScriptedRouter>) {
        scene.run { scene.service { $0.usableRouters } == 2 }
        scene.finish(scene.chat())
        let first = scene.routers.firstIndex { router in router { !$0.asked.isEmpty } } ?? 0
        return (scene.routers[first], scene.routers[1 - first])
    }

    @Test("requests of one prefix meet in one router, those of many prefixes are spread")
    func choice() {
        let scene = Scene(routers: 2), (first, second) = order(scene)
        for _ in 0..<8 { scene.finish(scene.chat()) { #expect($0.text() == "hello") } }
        #expect(first { $0.asked.count } == 9 && second { $0.asked.isEmpty })
        for number in 0..<24 {
            let body = #"{"model":"tiny","prompt":"Number \#(number) of many prompts that differ from the beginning on","stream":true}"#
            scene.finish(scene.send(.post("/v1/completions", json: Array(body.utf8))))
        }
        let shares = [first { $0.asked.count } - 9, second { $0.asked.count }]
        #expect(shares.allSatisfy { $0 >= 5 } && shares[0] + shares[1] == 24, "\(shares)")
    }

    @Test("a router that all requests of a moment mean gets no more than its share of them")
    func boundedLoad() {
        let scene = Scene(routers: 2), (first, second) = order(scene)
        for router in scene.routers { router { $0.plan = { _, _ in nil } } }
        for _ in 0..<20 { _ = scene.chat() }
        scene.pass(.milliseconds(100))
        #expect(first { $0.asked.count } - 1 == 13 && second { $0.asked.count } == 7, "five quarters of the mean of twenty are 12.5")
    }

    @Test("a router that leaves is not asked again, another one is, and no attempt is lost on it")
    func draining() {
        let scene = Scene(routers: 2), (first, second) = order(scene)
        first { $0.plan = { $0.fail($1, .draining) } }
        for _ in 0..<4 { scene.finish(scene.chat()) { #expect($0.text() == "hello") } }
        #expect(first { $0.asked.count } == 5 && second { $0.asked.map(\.attempt) } == [1, 1, 1, 1])
        first {
            $0.tell([
                .routerHealth(RouterHealth(state: .draining, reason: "", workers: 0, resyncing: 0, leases: 0, indexedBlocks: 0))
            ])
        }
        scene.pass(.milliseconds(20))
        for _ in 0..<4 { scene.finish(scene.chat()) { #expect($0.text() == "hello") } }
        #expect(first { $0.asked.count } == 5)
    }

    @Test("the only router leaves: what it refuses waits for its successor, and no attempt is lost on it")
    func lastDrains() {
        let scene = Scene()
        scene.router { $0.plan = { $0.fail($1, .draining) } }
        let client = scene.chat()
        scene.pass(.milliseconds(500))
        #expect(!client.isEnded && scene.router { $0.asked.count } == 1, "it is not asked again and again")
        scene.router.host.kill(.reset)
        scene.pass(.seconds(1))
        scene.addRouter(1, generation: 0xB99)
        scene.finish(client)
        client { #expect($0.text() == "hello") }
        #expect(scene.router { $0.asked.map(\.attempt) } == [1])
        #expect(scene.held == [])
    }

    @Test("a router that begins, or drains, is not asked", arguments: [ProcessState.starting, .draining, .stopped])
    func notReady(state: ProcessState) {
        let scene = Scene(routers: 2), (first, second) = order(scene)
        first {
            $0.tell([.routerHealth(RouterHealth(state: state, reason: "", workers: 0, resyncing: 0, leases: 0, indexedBlocks: 0))])
        }
        scene.pass(.milliseconds(20))
        for _ in 0..<4 { scene.finish(scene.chat()) { #expect($0.text() == "hello") } }
        #expect(first { $0.asked.count } == 1 && second { $0.asked.count } == 4)
    }

    @Test("rule 8: of a router that is lost only what it had not placed is asked elsewhere, as the next attempt")
    func lostRouter() {
        let scene = Scene(routers: 2), (first, second) = order(scene)
        scene.workers.forEach { worker in
            worker {
                $0.script = { job in
                    job.accept()
                    job.say("he")
                    job.after(.seconds(1)) { $0.say("llo", finish: .endOfText) }
                }
            }
        }
        let placed = (0..<3).map { _ in scene.chat() }
        scene.run { placed.allSatisfy { $0.text == "he" } }
        let before = (first { $0.asked.count }, second { $0.asked.count })
        first { $0.plan = { _, _ in nil } }
        second { $0.plan = { router, entry in entry.attempt == 1 ? nil : router.placeAnywhere(entry) } }
        let open = (0..<2).map { _ in scene.chat() }
        scene.run { first { $0.asked.count } + second { $0.asked.count } == before.0 + before.1 + 2 }
        let mine = first { $0.asked.count } - before.0
        first.host.kill(.reset)
        second { $0.plan = nil }
        for client in placed { scene.finish(client) { #expect($0.text() == "hello") } }
        for client in open { scene.finish(client) { #expect($0.text() == "hello") } }
        #expect(mine > 0 && second { $0.asked.suffix(mine).map(\.attempt) } == Array(repeating: 2, count: mine))
        #expect(scene.held == [])
    }

    @Test("a router that sees no worker does not speak for the others", arguments: [FailureCode.noWorker, .unknownModel])
    func blindRouter(code: FailureCode) {
        let scene = Scene(routers: 2), (first, second) = order(scene)
        first { $0.plan = { $0.fail($1, code) } }
        for _ in 0..<4 { scene.finish(scene.chat()) { #expect($0.text() == "hello") } }
        #expect(first { $0.asked.count } == 5)
        #expect(second { $0.asked.map(\.attempt) } == [1, 1, 1, 1])
        second { $0.plan = { $0.fail($1, code) } }
        scene.finish(scene.chat()) { #expect($0.status == 503) }
        #expect(second { $0.asked.count } == 5)
    }

    @Test("a router that answers nothing is given up once the request may be parked no longer, and told so")
    func silentRouter() {
        let scene = Scene()
        scene.router { $0.plan = { _, _ in nil } }
        let began = scene.now
        let client = scene.finish(scene.chat(), within: .seconds(90))
        client {
            #expect($0.status == 504)
            #expect($0.errorCode == "timeout")
        }
        let took = began.duration(to: client { $0.endedAt })
        // A minute in the queue and what answers may be late by; two more attempts that may not be parked.
        #expect(took > .seconds(68.9) && took < .seconds(69.2))
        #expect(scene.router { $0.asked.map(\.queueMilliseconds) } == [60_000, 1, 1])
        scene.pass(.milliseconds(10))
        #expect(scene.router { $0.cancelled.map(\.attempt) } == [1, 2, 3])
        #expect(scene.held == [])
    }

    @Test(
        "a parked request waits as long as it may, beyond every other limit of an attempt; what is left of that is told to the next router")
    func parked() {
        let scene = Scene(routers: 2)
        scene.pass(.milliseconds(50))
        for router in scene.routers { router { $0.plan = { _, _ in nil } } }
        let client = scene.chat()
        scene.run { scene.routers.contains { router in router { !$0.asked.isEmpty } } }
        let first = scene.routers.firstIndex { router in router { !$0.asked.isEmpty } } ?? 0
        scene.pass(.seconds(20))
        #expect(!client.isEnded)
        scene.routers[first].host.kill(.reset)
        let other = scene.routers[1 - first]
        scene.run { other { !$0.asked.isEmpty } }
        let left = other { $0.asked[0].queueMilliseconds }
        #expect((39_000...40_001).contains(left) && other { $0.asked[0].attempt } == 2)
        scene.pass(.seconds(30))
        #expect(!client.isEnded)
        other { $0.answer($0.place($0.asked[0], on: 1)) }
        scene.finish(client) { #expect($0.text() == "hello") }
        #expect(scene.held == [])
    }

    @Test("a wait of any length is told as at least a second and at most two minutes", arguments: [(1, "1"), (1_001, "2"), (.max, "120")])
    func retryAfter(milliseconds: UInt32, header: String) {
        let scene = Scene()
        scene.router { $0.plan = { $0.fail($1, .deadlineUnreachable, retryAfter: milliseconds) } }
        scene.finish(scene.chat()) {
            #expect($0.status == 503 && $0.errorCode == "deadline_unreachable")
            #expect($0.header("retry-after") == header)
        }
    }

    @Test("a plan with a leg too many, or none, is given back and another one asked for", arguments: [0, 2])
    func strangePlans(legs: Int) {
        let scene = Scene()
        scene.router {
            $0.plan = { router, entry in
                var plan = router.place(entry, on: 1)
                if entry.attempt == 1 { plan.legs = (0..<legs).map { _ in router.place(entry, on: 1).legs[0] } }
                return plan
            }
        }
        scene.finish(scene.chat()) { #expect($0.text() == "hello") }
        #expect(scene.router { $0.endedLeases.count } == legs)
        #expect(scene.router { $0.asked[0].wish } == .any)
    }

    @Test("a plan for a worker whose link is still on its way waits for the link")
    func newWorker() {
        let scene = Scene(workers: 1)
        let second = scene.addWorker(2), entry = scene.entry(second)
        scene.fabric.partition("frontend", "worker-2")
        scene.router { router in
            router.tell([.workerEntry(entry)])
            router.plan = { $0.place($1, on: 2) }
        }
        scene.pass(.milliseconds(50))
        let client = scene.chat()
        scene.pass(.milliseconds(300))
        scene.fabric.heal("frontend", "worker-2")
        scene.finish(client)
        client { #expect($0.text() == "hello") }
        #expect(scene.router { $0.asked.count } == 1)
    }

    @Test("a plan for a worker that cannot be reached is given back at once, and the router told")
    func unreachable() {
        let scene = Scene()
        scene.worker.host.kill(.reset)
        scene.pass(.milliseconds(500))
        scene.router { $0.plan = { router, entry in entry.attempt == 1 ? router.place(entry, on: 1) : router.placeAnywhere(entry) } }
        let began = scene.now
        let client = scene.finish(scene.chat())
        client { #expect($0.text() == "hello") }
        #expect(began.duration(to: client { $0.endedAt }) < .milliseconds(20))
        #expect(scene.router { $0.asked.map(\.options.unreachableWorkers) } == [[1], [1]])
        #expect(scene.router { $0.endedLeases.map(\.reason) } == [.neverDispatched])
    }

    @Test("the link to the only worker breaks, before the plan or behind it: the request waits for it", arguments: [false, true])
    func linkReturns(isPlanned: Bool) {
        let scene = Scene(workers: 1)
        if isPlanned {
            scene.router { $0.plan = { router, entry in entry.attempt == 1 ? router.place(entry, on: 1) : router.placeAnywhere(entry) } }
        }
        scene.fabric.breakStreams(between: "frontend", and: "worker-1")
        scene.pass(.milliseconds(5))
        scene.finish(scene.chat()) { #expect($0.text() == "hello") }
        #expect(scene.router { $0.asked.map(\.options.unreachableWorkers) } == (isPlanned ? [[1], [1], []] : [[1], []]))
        #expect(scene.router { $0.asked.map(\.attempt) } == (isPlanned ? [1, 2, 2] : [1, 1]))
        #expect(scene.held == [])
    }

    @Test("a worker that does not come back is waited for as long as routers may take to see that, once, and not when they have seen it")
    func linkGone() {
        let scene = Scene(workers: 1), worker = scene.worker { $0.identity }
        scene.worker.host.kill(.reset)
        scene.pass(.milliseconds(5))
        func refused() -> Duration {
            let began = scene.now, client = scene.finish(scene.chat())
            client { #expect($0.status == 503 && $0.errorCode == "no_worker") }
            return began.duration(to: client { $0.endedAt })
        }
        let first = refused()
        #expect(first > .milliseconds(1_900) && first < .milliseconds(2_020), "\(first)")
        #expect(refused() < .milliseconds(20))
        let gone = Scene(workers: 1)
        gone.worker.host.kill(.reset)
        gone.router { $0.tell([.workerGone(WorkerGone(workerID: worker.id, generation: worker.generation, reason: "it is gone"))]) }
        gone.pass(.milliseconds(5))
        let client = gone.finish(gone.chat()), began = gone.now
        client { #expect($0.status == 503 && began.duration(to: $0.endedAt) < .milliseconds(20)) }
    }

    // MARK: Hostile

    @Test("a router's malformed message ends its link alone; running streams go on, plans are asked elsewhere", arguments: [0, 1, 2])
    func malformed(which: Int) {
        let scene = Scene(routers: 2, workers: 1)
        scene.pass(.milliseconds(50))
        scene.worker {
            $0.script = { job in
                job.accept()
                job.say("he")
                job.after(.seconds(3)) { $0.say("llo", finish: .endOfText) }
            }
        }
        let running = scene.chat()
        scene.run { running.text == "he" }
        for router in scene.routers { router { $0.plan = { _, _ in nil } } }
        let waiting = scene.chat()
        scene.run { scene.routers.contains { router in router { $0.asked.count } > 0 && router { $0.asked.last?.counter } == 2 } }
        let asked = scene.routers.firstIndex { router in router { $0.asked.last?.counter } == 2 } ?? 0
        scene.routers[1 - asked].on { $0.plan = nil }
        let began = scene.now
        scene.routers[asked].on { router in
            guard let link = router.link else { return }
            switch which {
            case 0: link.send(MessageHeader(kind: .planBatch, origin: link.peer.generation)) { $0.append(contentsOf: [9, 0, 0, 0, 1]) }
            case 1: link.send(PlanBatch(), origin: 12345)
            default: link.send(MessageHeader(kind: .tokenBatch, origin: link.peer.generation)) { $0.append(contentsOf: [0, 0, 0, 0]) }
            }
        }
        // The one that waited does not wait for the link to be closed.
        #expect(scene.run(.milliseconds(100)) { scene.routers[1 - asked].on { $0.asked.last?.counter } == 2 })
        #expect(began.duration(to: scene.now) < .milliseconds(100))
        scene.finish(running)
        scene.finish(waiting)
        running { #expect($0.text() == "hello") }
        waiting { #expect($0.text() == "hello") }
        #expect(scene.routers[asked].on { $0.ends.count } == 1)
    }
}

extension ScriptedRouter {
    func after(_ span: Duration, _ action: @escaping @LoopActor (ScriptedRouter) -> Void) {
        loop.schedule(after: span) { action(self) }
    }
}
