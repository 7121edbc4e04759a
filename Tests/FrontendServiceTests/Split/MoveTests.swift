import ClusterModel
import EventLoop
import Testing
import Transport
import WireProtocol

@testable import FrontendService

@Suite("A worker that drains gives a request to another one")
struct MoveTests {
    /// Worker 1 says the beginning of an answer and drains; later it brings what it has, and says the one token that it computed.
    private func bed(
        shown: String = "hel", capabilities: Capabilities = [.choices, .logprobs, .concurrentHandOver, .moves],
        asSource: @escaping @Sendable @LoopActor (Job) -> Void = { SplitBed.prefill($0) }
    ) -> SplitBed {
        let bed = SplitBed(capabilities: capabilities)
        bed.scene.router { $0.plan = { router, entry in entry.attempt == 1 ? router.place(entry, on: 1) : router.placeAnywhere(entry) } }
        bed.script(1) { job in
            guard job.entry.attempt == 1 else { return asSource(job) }
            job.accept()
            job.start()
            if !shown.isEmpty { for choice in 0..<job.entry.choices { job.say(shown, choice: choice) } }
            job.after(.milliseconds(20)) { $0.end(.drained) }
        }
        return bed
    }

    /// Moved, failed, recomputed.
    private func outcomes(_ bed: SplitBed) -> [Double?] {
        ["moved", "failed", "recomputed"].map { bed.scene.metric(#"apus_frontend_moves_total{outcome="\#($0)"}"#) }
    }

    /// The worker that the next attempt is on.
    private func successor(_ bed: SplitBed) -> (Int, GenerateEntry)? {
        for worker in 2...4 { if let entry = bed.entries(worker).first(where: { $0.attempt == 2 }) { return (worker, entry) } }
        return nil
    }

    @Test("its blocks are brought to the next worker, and the answer goes on where it was")
    func moves() throws {
        let bed = bed(), client = bed.scene.chat()
        bed.expectWhole(client)
        #expect(bed.asked.map(\.wish) == [.any, .decode] && bed.asked(1).options.excludedWorkers == [1])
        let (worker, decode) = try #require(successor(bed)), source = try #require(bed.entries(1).last)
        #expect(decode.leg == .decode && decode.lease == 2 && decode.attempt == 2 && decode.room?.direction == .receive)
        #expect(decode.room?.peerWorkerID == 1 && decode.room?.peerGeneration == 0xA01)
        #expect(source.leg == .prefill && source.attempt == 2 && source.lease == 0 && source.routerID == 0 && !source.refuseOverbooked)
        #expect(source.room?.direction == .push && source.room?.peerWorkerID == UInt64(worker))
        #expect(source.room?.peerAddress == "tcp://worker-\(worker):8200")
        for entry in [source, decode] { #expect(entry.continuation.map(\.shownTokens.count) == [3]) }
        #expect(bed.scene.metric(#"apus_frontend_moves_total{outcome="moved"}"#) == 1)
        #expect(bed.scene.metric("apus_frontend_tracker_conflicts_total") == 0)
        #expect(bed.scene.metric(#"apus_frontend_split_attempts_total{path="concurrent"}"#) == 0)
        #expect(bed.endedLeases.map(\.lease) == [1])
    }

    @Test("nothing was shown yet: it is placed as any new request")
    func nothingShown() {
        let bed = bed(shown: "")
        bed.expectWhole(bed.scene.chat())
        #expect(bed.asked.map(\.wish) == [.any, .any] && bed.entries(1).count == 1)
        #expect(successor(bed)?.1.leg == .aggregated && outcomes(bed) == [0, 0, 1])
    }

    @Test("a worker that cannot give its blocks away, and an answer of several choices, are computed anew", arguments: [true, false])
    func cannotMove(several: Bool) {
        let bed = several ? bed() : bed(capabilities: [.choices, .concurrentHandOver])
        bed.expectWhole(bed.scene.chat(several ? #","n":2"# : ""))
        // Several texts have no one state.
        #expect(bed.asked.map(\.wish) == [.any, several ? .aggregated : .any] && bed.entries(1).count == 1)
        #expect(outcomes(bed) == [0, 0, 1])
    }

    @Test("what is computed anew on two workers counts as that, and as split", arguments: [HandOverPath.concurrent, .sequential])
    func recomputedOnTwo(path: HandOverPath) {
        let bed = bed(capabilities: [.choices, .concurrentHandOver, .sequentialHandOver])
        bed.scene.router {
            $0.plan = { router, entry in
                if entry.attempt == 1 { return router.place(entry, on: 1) }
                if entry.wish == .decode { return router.place(entry, on: 3) }
                return router.split(entry, prefill: 2, decode: path == .concurrent ? 3 : nil)
            }
        }
        bed.expectWhole(bed.scene.chat())
        #expect(outcomes(bed) == [0, 0, 1])
        #expect(bed.scene.metric(#"apus_frontend_split_attempts_total{path="\#(path)"}"#) == 1)
    }

    @Test("the last attempt takes the way on which less can go wrong, and a place that counts what it computes")
    func lastAttempt() {
        let bed = bed()
        bed.scene.router { $0.plan = { router, entry in router.place(entry, on: [4, 1, 2][Int(entry.attempt) - 1]) } }
        bed.script(4) { job in
            job.accept()
            job.end(.failed, .engineFailed)
        }
        bed.script(1) { job in
            job.accept()
            job.start()
            job.say("hel")
            job.after(.milliseconds(20)) { $0.end(.drained) }
        }
        bed.expectWhole(bed.scene.chat())
        #expect(bed.asked.map(\.wish) == [.any, .any, .any] && bed.asked(2).options.excludedWorkers == [1, 4])
        #expect(bed.entries(2).map(\.leg) == [.aggregated] && bed.entries(1).count == 1 && outcomes(bed) == [0, 0, 1])
    }

    @Test("a worker that is gone when it has drained has nothing to bring: a whole place is asked for")
    func goneAtOnce() {
        let bed = bed(), scene = bed.scene
        scene.sockets.plan.bufferBytes = 4 << 10
        bed.script(1) { job in
            job.accept()
            job.start()
            for _ in 0..<40 { job.frames(Array(repeating: "x", count: 100)) }
            job.end(.drained)
        }
        // While the client takes nothing, what came after is not looked at.
        let client = scene.chat(#","max_tokens":5000"#, reading: false)
        scene.pass(.milliseconds(500))
        #expect(bed.asked.count == 1)
        bed.worker(1).host.kill(.reset)
        scene.pass(.milliseconds(50))
        client { $0.setReading(true) }
        scene.finish(client)
        #expect(bed.asked.map(\.wish) == [.any, .any] && outcomes(bed) == [0, 0, 1])
    }

    @Test("its link ends between plan and dispatch: computed anew in the same attempt", arguments: [true, false])
    func lostBeforeDispatch(session: Bool) {
        let capabilities: Capabilities = [.choices, .logprobs, .concurrentHandOver, .moves]
        let bed = bed(capabilities: session ? capabilities.union(.sessions) : capabilities), waits = Box(false)
        if session {
            for worker in bed.scene.workers.dropFirst() {
                worker {
                    $0.opening = { _ in
                        waits.value = true
                        return nil
                    }
                }
            }
        } else {
            bed.scene.router {
                $0.explains = { question in
                    if question.request.attempt == 2 { waits.value = true }
                    return nil
                }
            }
        }
        let client =
            session
            ? bed.scene.chat(headers: [(name: "x-session-id", value: "s")])
            : bed.scene.chat(#","nvext":{"extra_fields":["decision"]}"#)
        bed.scene.run { waits.value }
        bed.worker(1).host.kill(.reset)
        bed.expectWhole(client)
        #expect(bed.asked.map(\.wish) == [.any, .decode] && bed.entries(1).count == 1 && outcomes(bed) == [0, 0, 1])
        #expect(successor(bed)?.1.leg == .aggregated && successor(bed)?.1.room == nil)
    }

    @Test("a worker of another build cannot read them: it computes the request anew, in the place that was booked")
    func otherBuild() throws {
        let bed = bed()
        for worker in bed.scene.workers.dropFirst() {
            var entry = bed.scene.entry(worker)
            entry.engineBuild = "other"
            bed.scene.router { $0.tell([.workerEntry(entry)]) }
        }
        bed.scene.pass(.milliseconds(10))
        bed.expectWhole(bed.scene.chat())
        let entry = try #require(successor(bed)?.1)
        #expect(entry.leg == .aggregated && entry.room == nil && entry.lease == 2 && entry.continuation.first?.shownTokens.count == 3)
        #expect(bed.entries(1).count == 1)
        #expect(bed.scene.metric(#"apus_frontend_moves_total{outcome="recomputed"}"#) == 1)
    }

    @Test("its link is gone before the move could begin: computed anew")
    func linkGone() {
        let bed = bed(), client = bed.scene.chat()
        bed.scene.router { $0.plan = { router, entry in entry.attempt == 1 ? router.place(entry, on: 1) : nil } }
        bed.scene.run { bed.asked.count == 2 }
        bed.worker(1).host.kill(.reset)
        bed.scene.pass(.milliseconds(50))
        bed.scene.router { router in router.answer(router.place(router.asked[1], on: 2)) }
        bed.expectWhole(client)
        #expect(bed.entries(2).map(\.leg) == [.aggregated])
    }

    @Test("a move that fails is an attempt that fails: the next one prefers where it was to go", arguments: [0, 1, 2])
    func fails(how: Int) {
        let bed = bed { job in
            if how > 0 { job.accept() }
            switch how {
            case 0: job.refuse(.draining)
            case 1: job.end(.failed, .roomClosed)
            default: job.link.abort()
            }
        }
        bed.script(2) { job in if job.entry.leg == .decode { job.accept() } else { SplitBed.run(job) } }
        bed.scene.router {
            $0.plan = { router, entry in
                switch entry.attempt {
                case 1: router.place(entry, on: 1)
                case 2: router.place(entry, on: 2)
                default: router.place(entry, on: entry.options.preferred?.workerID ?? 3)
                }
            }
        }
        bed.expectWhole(bed.scene.chat())
        #expect(bed.asked.map(\.wish) == [.any, .decode, .any])
        #expect(bed.asked(2).options.preferred?.workerID == 2 && bed.asked(2).options.excludedWorkers == [1])
        #expect(bed.cancels(2).map(\.reason) == [.legFailed])
        #expect(bed.scene.metric(#"apus_frontend_moves_total{outcome="failed"}"#) == 1)
    }

    @Test("the next worker fails, and the one after it takes the request whole")
    func successorFails() {
        let bed = bed { $0.accept() }
        bed.script(2) { job in
            job.accept()
            job.end(.failed, .engineFailed)
        }
        bed.scene.router {
            $0.plan = { router, entry in router.place(entry, on: UInt64(entry.attempt)) }
        }
        bed.expectWhole(bed.scene.chat())
        #expect(bed.asked(2).options.excludedWorkers == [1, 2] && bed.asked(2).wish == .any)
        #expect(bed.cancels(1).map(\.attempt) == [2] && bed.cancels(1).map(\.reason) == [.legFailed])
    }

    @Test("a client that leaves while its request moves: both workers are told")
    func clientGone() {
        let bed = bed { $0.accept() }, client = bed.scene.chat()
        for worker in 2...4 { bed.script(worker) { $0.accept() } }
        bed.scene.run { bed.entries(1).count == 2 && successor(bed) != nil }
        bed.scene.pass(.milliseconds(3))
        client { $0.leave() }
        bed.scene.pass(.milliseconds(2))
        #expect((1...4).map { bed.cancels($0).count }.reduce(0, +) == 2)
        #expect(bed.scene.router { $0.cancelled.map(\.attempt) } == [2])
        #expect(bed.scene.held == [])
        #expect(bed.scene.metric(#"apus_frontend_moves_total{outcome="failed"}"#) == 0)
    }
}
