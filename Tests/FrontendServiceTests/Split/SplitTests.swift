import ClusterModel
import EventLoop
import HTTPClient
import Testing
import Transport
import WireProtocol

@testable import FrontendService

@Suite("A request on two workers")
struct SplitTests {
    @Test(
        "concurrent: both legs leave in one turn, each knows the other, and the client gets one answer",
        arguments: 1...5 as ClosedRange<UInt64>)
    func concurrent(seed: UInt64) throws {
        let bed = SplitBed(seed: seed), client = bed.scene.chat(#","stream_options":{"include_usage":true}"#)
        bed.expectWhole(client)
        client {
            #expect($0.usage("completion_tokens") == 6)
            #expect($0.usage("prompt_tokens") == 21)
        }
        #expect(bed.asked.map(\.wish) == [.any])
        let prefill = try #require(bed.entries(1).first), decode = try #require(bed.entries(2).first)
        #expect(prefill.leg == .prefill && decode.leg == .decode && prefill.attempt == 1 && decode.attempt == 1)
        #expect(prefill.lease == 1 && decode.lease == 2 && prefill.routerID == 1 && decode.routerID == 1)
        #expect(
            prefill.room
                == RoomPlan(
                    direction: .push, peerWorkerID: 2, peerGeneration: 0xA02, peerAddress: "tcp://worker-2:8200",
                    rendezvousMilliseconds: 10_000))
        #expect(
            decode.room
                == RoomPlan(direction: .receive, peerWorkerID: 1, peerGeneration: 0xA01, peerAddress: "", rendezvousMilliseconds: 10_000))
        #expect(prefill.handOver.isEmpty && decode.handOver.isEmpty)
        #expect(prefill.promptTokens == decode.promptTokens && prefill.sampling == decode.sampling)
        #expect(bed.cancels(1).isEmpty && bed.cancels(2).isEmpty && bed.endedLeases.isEmpty)
    }

    @Test("sequential: the decode leg is placed when the first one has handed over, in the same attempt, with its state unchanged")
    func sequential() throws {
        let bed = SplitBed(.sequential)
        bed.expectWhole(bed.scene.chat())
        let asked = bed.asked, prefill = try #require(bed.entries(1).first), decode = try #require(bed.entries(2).first)
        #expect(asked.map(\.wish) == [.any, .decode] && asked.map(\.attempt) == [1, 1])
        #expect(
            bed.asked(1).needs == bed.asked(0).needs && bed.asked(1).options.excludedWorkers.isEmpty
                && bed.asked(1).options.preferred == nil)
        #expect(prefill.room == nil && prefill.handOver.isEmpty && prefill.leg == .prefill && prefill.continuation.isEmpty)
        #expect(decode.room == nil && decode.handOver == SplitBed.state && decode.leg == .decode && decode.attempt == 1)
        // It repeats the first token, so it begins where the attempt began.
        #expect(decode.continuation.isEmpty && decode.lease == 2)
        #expect(bed.cancels(1).isEmpty && bed.cancels(2).isEmpty && bed.endedLeases.isEmpty)
    }

    @Test("a client that leaves: both workers and the router are told at once", arguments: [0, 3, 7, 12, 25])
    func clientGone(after milliseconds: Int) {
        let bed = SplitBed(), client = bed.scene.chat()
        bed.scene.run { !bed.jobs(1).isEmpty && !bed.jobs(2).isEmpty }
        bed.scene.pass(.milliseconds(milliseconds))
        client { $0.leave() }
        // A prefill leg that has handed over runs nowhere.
        let legs = milliseconds < 8 ? 2 : 1
        #expect(
            bed.scene.run(.milliseconds(2)) {
                bed.cancels(1).count + bed.cancels(2).count == legs && bed.scene.router { $0.cancelled.count } == 1
            })
        #expect((bed.cancels(1) + bed.cancels(2)).allSatisfy { $0.reason == .clientGone && $0.choice == 255 })
        #expect(bed.scene.held == [])
    }

    @Test(
        "sequential: a client that leaves in any phase; what runs is told, and the router of what it was asked", arguments: [0, 3, 12, 25])
    func clientGoneSequential(after milliseconds: Int) {
        let bed = SplitBed(.sequential), client = bed.scene.chat()
        bed.scene.run { !bed.jobs(1).isEmpty }
        bed.scene.pass(.milliseconds(milliseconds))
        client { $0.leave() }
        bed.scene.pass(.milliseconds(2))
        let running = milliseconds < 8 ? 1 : 2
        #expect(bed.cancels(running).map(\.reason) == [.clientGone] && bed.cancels(3 - running).isEmpty)
        #expect(bed.scene.router { $0.cancelled.map(\.attempt) } == [1])
        #expect(bed.scene.held == [])
    }

    @Test("a client that leaves while the second half has no place: the router is told at once, and nobody else need be")
    func clientGoneUnplaced() {
        let bed = SplitBed(.sequential)
        bed.scene.router { $0.plan = { router, entry in entry.wish == .decode ? nil : router.split(entry, prefill: 1, decode: nil) } }
        let client = bed.scene.chat()
        bed.scene.run { bed.asked.count == 2 }
        client { $0.leave() }
        #expect(bed.scene.run(.milliseconds(2)) { bed.scene.router { $0.cancelled.count } == 1 })
        #expect(bed.cancels(1).isEmpty && bed.entries(2).isEmpty)
        #expect(bed.scene.held == [])
        // The place that crosses the cancel is dropped.
        bed.scene.router { $0.answer($0.place($0.asked[1], on: 2)) }
        bed.scene.pass(.seconds(3))
        #expect(bed.entries(2).isEmpty)
    }

    @Test("a client that leaves as the plan arrives: no leg runs, or each is cancelled", arguments: 1...20 as ClosedRange<UInt64>)
    func clientGonePlanned(seed: UInt64) {
        let bed = SplitBed(seed: seed)
        bed.scene.router { $0.plan = { _, _ in nil } }
        let client = bed.scene.chat()
        bed.scene.run { !bed.asked.isEmpty }
        bed.scene.router { $0.answer($0.split($0.asked[0], prefill: 1, decode: 2)) }
        client { $0.leave() }
        bed.scene.pass(.milliseconds(50))
        for worker in 1...2 { #expect(bed.entries(worker).count == bed.cancels(worker).count) }
        #expect(bed.scene.router { $0.cancelled.count + $0.endedLeases.count } >= 1)
        #expect(bed.scene.held == [])
    }

    @Test("a client that reads nothing and leaves: both legs are told at once")
    func backedUp() {
        let bed = SplitBed()
        bed.scene.sockets.plan.bufferBytes = 4 << 10
        bed.script(1) { job in
            job.accept()
            SplitBed.firstTokens(job)
        }
        bed.script(2) { job in
            job.accept()
            for step in 0..<1_000 { job.after(.milliseconds(step)) { $0.say("x") } }
        }
        let client = bed.scene.chat(#","max_tokens":4000"#, reading: false)
        bed.scene.pass(.milliseconds(900))
        client { $0.leave() }
        #expect(bed.scene.run(.milliseconds(2)) { bed.cancels(1).count == 1 && bed.cancels(2).count == 1 })
        #expect(bed.scene.held == [])
    }

    @Test("a client that reads nothing until its time is over: both legs are told of that")
    func lateWhileBackedUp() {
        let bed = SplitBed { $0.limits.total = .seconds(5) }
        bed.scene.sockets.plan.bufferBytes = 4 << 10
        bed.script(1) { job in
            job.accept()
            SplitBed.firstTokens(job)
        }
        bed.script(2) { job in
            job.accept()
            for step in 0..<2_000 { job.after(.milliseconds(step)) { $0.say("x") } }
        }
        _ = bed.scene.chat(#","max_tokens":4000"#, reading: false)
        bed.scene.pass(.milliseconds(4_900))
        #expect(bed.cancels(1).isEmpty && bed.cancels(2).isEmpty)
        bed.scene.run(.seconds(1)) { !bed.cancels(1).isEmpty && !bed.cancels(2).isEmpty }
        #expect(bed.cancels(1).map(\.reason) == [.timedOut] && bed.cancels(2).map(\.reason) == [.timedOut])
        #expect(bed.asked.count == 1)
    }

    @Test("the answer is complete before a leg could leave: it never does, and its place is given back")
    func neverLeft() {
        let bed = SplitBed(), scene = bed.scene
        scene.fabric.plan["frontend", "worker-2"].bytesPerSecond = 1_000
        scene.fabric.plan["frontend", "worker-2"].bufferBytes = 4 << 10
        // Prompts for more than is kept for a link.
        let prompt = String(repeating: "x", count: 8_000), body = #"{"model":"tiny","prompt":"\#(prompt)","stream":true}"#
        scene.router {
            $0.plan = { router, entry in entry.counter <= 40 ? router.place(entry, on: 2) : SplitBed.plan(.concurrent)(router, entry) }
        }
        let others = (0..<40).map { _ in scene.send(.post("/v1/completions", json: Array(body.utf8))) }
        scene.run { bed.asked.count == 40 }
        scene.pass(.milliseconds(5))
        bed.script(1) { job in
            job.accept()
            job.say("", finish: .endOfText)
            job.end(.handedOver)
        }
        scene.finish(scene.chat()) { #expect($0.finish() == "stop") }
        scene.pass(.milliseconds(2))
        #expect(bed.endedLeases.map(\.reason) == [.neverDispatched] && bed.endedLeases.map(\.lease) == [42])
        for client in others { client { $0.leave() } }
        scene.fabric.plan["frontend", "worker-2"] = LinkFaults()
        scene.pass(.seconds(20))
        #expect(bed.entries(2).allSatisfy { $0.counter <= 40 })
        #expect(scene.held == [])
    }

    // MARK: Plans

    @Test("one worker of a plan cannot be reached: nothing runs at the other one", arguments: [1, 2])
    func unreachable(worker: Int) {
        let bed = SplitBed()
        bed.worker(worker).host.kill(.reset)
        bed.scene.pass(.milliseconds(500))
        bed.expectWhole(bed.scene.chat())
        #expect(bed.entries(3 - worker).allSatisfy { $0.attempt == 2 })
        #expect(Set(bed.endedLeases.map(\.reason)) == [.neverDispatched] && bed.endedLeases.map(\.lease).sorted() == [1, 2])
        #expect(bed.asked(1).options.unreachableWorkers == [UInt64(worker)])
    }

    @Test("what was not asked for is given back: two whole legs, a decode leg alone, a path without its legs", arguments: [0, 1, 2, 3])
    func strange(which: Int) {
        let bed = SplitBed()
        bed.scene.router {
            $0.plan = { router, entry in
                guard entry.attempt == 1 else { return router.place(entry, on: 3) }
                var plan = router.split(entry, prefill: 1, decode: 2)
                switch which {
                case 0: plan.legs[0].leg = .aggregated
                case 1: plan.legs.removeFirst()
                case 2: plan.handOver = .none
                default: plan.handOver = .sequential
                }
                return plan
            }
        }
        bed.expectWhole(bed.scene.chat())
        #expect(bed.entries(1).isEmpty && bed.entries(2).isEmpty && bed.endedLeases.count == (which == 1 ? 1 : 2))
    }

    @Test(
        "a pin to one leg's worker does not end the request when the other one fails; when its own does, it ends", arguments: [true, false])
    func pinned(fails: Bool) {
        let bed = SplitBed(), client = bed.scene.chat(#","nvext":{"prefill_worker_id":1}"#, stream: false)
        bed.script(fails ? 1 : 2) { job in
            guard job.entry.attempt == 1 else { return SplitBed.run(job) }
            job.accept()
            job.end(.failed, .engineFailed)
        }
        bed.scene.finish(client) { #expect($0.status == (fails ? 500 : 200)) }
        #expect(bed.asked.count == (fails ? 1 : 2) && bed.asked.allSatisfy { $0.options.pins.map(\.workerID) == [1] })
        #expect(bed.scene.held == [])
    }

    // MARK: What an attempt carries

    @Test("a seed is drawn once a request: all legs and attempts have it, and the next request has another")
    func seed() {
        let bed = SplitBed()
        bed.script(1) { job in
            guard job.entry.attempt == 1 else { return SplitBed.run(job) }
            job.accept()
            job.end(.failed, .stalled)
        }
        bed.expectWhole(bed.scene.chat())
        func seeds() -> [UInt64] { bed.scene.workers.flatMap { worker in worker { $0.jobs.map(\.entry.sampling.seed) } } }
        let first = seeds()
        #expect(first.count == 3 && Set(first).count == 1)
        bed.script(1) { SplitBed.run($0) }
        bed.scene.finish(bed.scene.chat())
        #expect(Set(seeds()).count == 2)
    }

    @Test("what binds the output to an engine's state is continued only where nothing was shown")
    func constrained() {
        var request = GenerationRequest(model: "tiny", prompt: .text("x"))
        #expect(request.mayContinue(after: 3))
        request.constraint = .jsonObject
        #expect(request.mayContinue(after: 0) && !request.mayContinue(after: 1))
    }
}
