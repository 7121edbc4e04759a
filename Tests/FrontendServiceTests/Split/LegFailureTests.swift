import ClusterModel
import EventLoop
import JSONText
import Testing
import Transport
import WireProtocol

@testable import FrontendService

@Suite("One of two legs fails, and the request goes on")
struct LegFailureTests {
    /// How a leg fails, and in which phase.
    struct Blow: Sendable, CustomTestStringConvertible {
        let name: String
        let fails: @Sendable @LoopActor (Job) -> Void

        var testDescription: String { name }

        init(_ name: String, _ fails: @escaping @Sendable @LoopActor (Job) -> Void) {
            self.name = name
            self.fails = fails
        }

        static let refused = [FailureCode.draining, .capacity, .engineFailed, .roomClosed].map { code in
            Blow("refused \(code.rawValue)") { $0.refuse(code) }
        }
        static let ended: [Blow] = [
            Blow("the engine fails") { $0.end(.failed, .engineFailed) }, Blow("the worker's limit") { $0.end(.timedOut, .timeout) },
            Blow("superseded") { $0.end(.superseded) }, Blow("its process dies") { $0.link.abort() },
            Blow("it leaves") { $0.link.goodbye(.leaving) },
        ]
        /// Of the exchange between the two; `roomClosed` is the decode worker's.
        static let room = [FailureCode.incompatibleKV, .checksum, .stalled, .cancelled].map { code in
            Blow("room \(code.rawValue)") { $0.end(.failed, code) }
        }
    }

    /// Runs until both the failure and what the partner hears of it are there; the one follows the other at once.
    private func expectPartnerCancelled(
        _ bed: SplitBed, _ partner: Int, _ failed: Box<Instant?>, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(bed.scene.run(.seconds(200)) { failed.value != nil }, sourceLocation: sourceLocation)
        #expect(bed.scene.run(.milliseconds(2)) { bed.cancels(partner).count == 1 }, sourceLocation: sourceLocation)
        #expect(
            bed.cancels(partner).map(\.reason) == [.legFailed] && bed.cancels(partner).map(\.attempt) == [1], sourceLocation: sourceLocation
        )
        #expect(bed.cancels(partner).map(\.choice) == [255], sourceLocation: sourceLocation)
    }

    /// The script of a leg that fails 3 ms after it reached a phase: 0 received, 1 accepted, 2 started, 3 a token shown.
    private func failing(_ bed: SplitBed, _ worker: Int, phase: Int, _ blow: Blow) -> Box<Instant?> {
        let failed = Box<Instant?>(nil), world = bed.scene.world
        bed.script(worker) { job in
            guard job.entry.attempt == 1 else { return SplitBed.run(job) }
            if phase > 0 { job.accept() }
            if phase > 1 { job.start() }
            if phase > 2 { SplitBed.firstTokens(job) }
            job.after(.milliseconds(3)) { job in
                blow.fails(job)
                failed.value = world.now
            }
        }
        return failed
    }

    // MARK: The prefill leg

    @Test("the prefill worker refuses: another one, and the decode worker is preferred", arguments: Blow.refused)
    func prefillRefused(blow: Blow) {
        let bed = SplitBed(), client = bed.scene.chat()
        let failed = failing(bed, 1, phase: 0, blow)
        expectPartnerCancelled(bed, 2, failed)
        bed.expectWhole(client)
        #expect(bed.asked.map(\.attempt) == [1, 2] && bed.asked(1).wish == .any)
        #expect(bed.asked(1).options.excludedWorkers == [1])
        #expect(bed.asked(1).options.preferred == PlacementRef(workerID: 2, rank: 0))
        #expect(bed.endedLeases.map(\.lease).sorted() == [1, 2])
        #expect(Set(bed.endedLeases.map(\.reason)) == [.refused, .cancelled])
        #expect(bed.cancels(1).isEmpty)
    }

    @Test(
        "the prefill leg fails or is lost, in any phase: the decode leg is cancelled at once, and its worker preferred",
        arguments: Blow.ended + Blow.room, [1, 2, 3])
    func prefillFails(blow: Blow, phase: Int) {
        let bed = SplitBed(), client = bed.scene.chat()
        let failed = failing(bed, 1, phase: phase, blow)
        expectPartnerCancelled(bed, 2, failed)
        bed.expectWhole(client)
        #expect(bed.asked.map(\.attempt) == [1, 2] && bed.asked(1).wish == .any)
        #expect(bed.asked(1).options.excludedWorkers == [1])
        #expect(bed.asked(1).options.preferred == PlacementRef(workerID: 2, rank: 0))
        // The tokens that were shown go with it.
        #expect(bed.entries(2).last?.continuation.map(\.shownTokens.count) ?? [] == (phase > 2 ? [1] : []))
        // It has waited once: it is not refused for what else waits there.
        #expect(bed.entries(1).map(\.refuseOverbooked) == [true] && bed.entries(2).map(\.refuseOverbooked) == [false, false])
        #expect(bed.endedLeases.map(\.lease).sorted() == [1, 2])
    }

    @Test("the prefill worker did not find the decode worker in its room: another one of these", arguments: [1, 2, 3])
    func decodeNotThere(phase: Int) {
        let bed = SplitBed(), client = bed.scene.chat()
        let failed = failing(bed, 1, phase: phase, Blow("not there") { $0.end(.failed, .roomClosed) })
        expectPartnerCancelled(bed, 2, failed)
        bed.expectWhole(client)
        #expect(bed.asked.map(\.attempt) == [1, 2] && bed.asked(1).wish == .any)
        #expect(bed.asked(1).options.excludedWorkers == [2] && bed.asked(1).options.preferred == nil)
    }

    @Test("state does not get from one prefill worker to two decode workers: the one that was there both times is left", arguments: [1, 2])
    func commonWorker(says: Int) {
        let bed = SplitBed(), client = bed.scene.chat()
        bed.scene.router {
            $0.plan = { router, entry in
                switch entry.attempt {
                case 1: router.split(entry, prefill: 1, decode: 2)
                case 2: router.split(entry, prefill: 1, decode: 3)
                default: router.place(entry, on: entry.options.preferred?.workerID ?? 4)
                }
            }
        }
        // The prefill worker finds nobody, or the decode workers can do nothing with what they got.
        bed.script(1) { job in
            job.accept()
            if says == 1 { job.after(.milliseconds(3)) { $0.end(.failed, .roomClosed) } }
        }
        for worker in [2, 3] {
            bed.script(worker) { job in
                guard job.entry.leg == .decode else { return SplitBed.run(job) }
                job.accept()
                if says == 2 { job.after(.milliseconds(3)) { $0.end(.failed, .engineFailed) } }
            }
        }
        bed.expectWhole(client)
        #expect(bed.asked(1).options.excludedWorkers == [2])
        #expect(bed.asked(2).options.excludedWorkers == [1, 2] && bed.asked(2).options.preferred?.workerID == 3)
    }

    @Test("several choices that have begun are continued whole: their states are several")
    func choicesGoOnWhole() {
        let bed = SplitBed(), client = bed.scene.chat(#","n":2"#)
        _ = failing(bed, 1, phase: 3, Blow("its process dies") { $0.link.abort() })
        bed.scene.finish(client, within: .seconds(200))
        #expect(bed.asked.map(\.wish) == [.any, .aggregated])
    }

    @Test("overbooked at the prefill worker: the load goes to the router, the worker may be chosen again")
    func prefillOverbooked() {
        let bed = SplitBed(), client = bed.scene.chat()
        let failed = failing(bed, 1, phase: 0, Blow("overbooked") { $0.refuse(.overbooked, waiting: 20_000, stream: 931) })
        expectPartnerCancelled(bed, 2, failed)
        bed.expectWhole(client)
        #expect(bed.asked(1).options.excludedWorkers == [] && bed.asked(1).options.preferred?.workerID == 2)
        #expect(bed.asked(1).overbooked.map(\.workerID) == [1] && bed.asked(1).overbooked.map(\.waitingTokens) == [20_000])
        #expect(bed.entries(1).map(\.refuseOverbooked) == [true] && bed.entries(2).map(\.refuseOverbooked) == [false, false])
    }

    @Test(
        "the decode worker has lost its prefill leg: the same, whatever it says the reason was",
        arguments: [FailureCode.roomClosed, .stalled, .checksum, .incompatibleKV, .cancelled, .capacity, nil])
    func prefillLost(code: FailureCode?) {
        let bed = SplitBed(), client = bed.scene.chat()
        bed.script(1) { job in if job.entry.attempt == 1 { job.accept() } else { SplitBed.run(job) } }
        let failed = failing(bed, 2, phase: 1, Blow("prefill lost") { $0.end(.prefillLost, code) })
        expectPartnerCancelled(bed, 1, failed)
        bed.expectWhole(client)
        #expect(bed.asked(1).options.excludedWorkers == [1] && bed.asked(1).options.preferred?.workerID == 2)
        #expect(bed.asked(1).wish == .any)
        #expect(bed.scene.metric(#"apus_frontend_attempts_failed_total{reason="hand_over_failed"}"#) == 1)
    }

    // MARK: No room

    @Test("no blocks at the decode worker: the request runs whole where the prefill leg was, and nobody is left out", arguments: [1, 2])
    func capacity(says: Int) {
        let bed = SplitBed(), client = bed.scene.chat()
        bed.script(3 - says) { job in if job.entry.attempt == 1 { job.accept() } else { SplitBed.run(job) } }
        let failed = failing(bed, says, phase: 1, Blow("capacity") { $0.end(.failed, .capacity) { $0.failure?.field = "room" } })
        expectPartnerCancelled(bed, 3 - says, failed)
        bed.expectWhole(client)
        #expect(bed.asked(1).wish == .aggregated && bed.asked(1).options.preferred == PlacementRef(workerID: 1, rank: 0))
        #expect(bed.asked(1).options.excludedWorkers == [])
        #expect(bed.entries(1).map(\.leg) == [.prefill, .aggregated])
    }

    @Test("what an engine can never hold is no want of room at the other worker: its own is left out", arguments: [1, 2])
    func engineCapacity(says: Int) {
        let bed = SplitBed(), client = bed.scene.chat()
        bed.script(3 - says) { job in if job.entry.attempt == 1 { job.accept() } else { SplitBed.run(job) } }
        let failed = failing(bed, says, phase: 1, Blow("capacity") { $0.end(.failed, .capacity) { $0.failure?.field = "rank" } })
        expectPartnerCancelled(bed, 3 - says, failed)
        bed.expectWhole(client)
        #expect(bed.asked(1).wish == .any && bed.asked(1).options.excludedWorkers == [UInt64(says)])
        #expect(bed.asked(1).options.preferred?.workerID == (says == 1 ? 2 : nil))
    }

    @Test("no room, and a leg that is pinned: whole on the prefill worker is not where the client wants it")
    func pinnedWithoutRoom() {
        let bed = SplitBed(), client = bed.scene.chat(#","nvext":{"prefill_worker_id":1}"#, stream: false)
        bed.script(2) { job in
            job.accept()
            job.end(.failed, .capacity) { $0.failure?.field = "room" }
        }
        bed.scene.finish(client) { #expect($0.errorCode == "capacity") }
        #expect(bed.asked.count == 1 && bed.scene.held == [])
    }

    // MARK: The decode leg

    @Test("the decode worker refuses: another one, and nobody is preferred", arguments: Blow.refused)
    func decodeRefused(blow: Blow) {
        let bed = SplitBed(), client = bed.scene.chat()
        bed.script(1) { job in if job.entry.attempt == 1 { job.accept() } else { SplitBed.run(job) } }
        let failed = failing(bed, 2, phase: 0, blow)
        expectPartnerCancelled(bed, 1, failed)
        bed.expectWhole(client)
        #expect(bed.asked(1).options.excludedWorkers == [2] && bed.asked(1).options.preferred == nil && bed.asked(1).wish == .any)
        #expect(Set(bed.endedLeases.map(\.reason)) == [.refused, .cancelled])
    }

    @Test("the decode leg fails or is lost, before it has the state: the prefill leg is cancelled at once", arguments: Blow.ended)
    func decodeFails(blow: Blow) {
        let bed = SplitBed(), client = bed.scene.chat()
        bed.script(1) { job in
            guard job.entry.attempt == 1 else { return SplitBed.run(job) }
            job.accept()
            job.start()
            SplitBed.firstTokens(job)
        }
        let failed = failing(bed, 2, phase: 1, blow)
        expectPartnerCancelled(bed, 1, failed)
        bed.expectWhole(client)
        #expect(bed.asked(1).options.excludedWorkers == [2] && bed.asked(1).options.preferred == nil && bed.asked(1).wish == .any)
    }

    @Test("the decode worker is lost mid-stream, long after the prefill leg has ended: only the rest is made anew", arguments: Blow.ended)
    func decodeFailsLate(blow: Blow) {
        let bed = SplitBed(), client = bed.scene.chat()
        bed.script(2) { job in
            guard job.entry.attempt == 1 else { return SplitBed.run(job) }
            job.accept()
            job.after(.milliseconds(10)) { job in
                job.start()
                job.say("hel")
                job.after(.milliseconds(10)) { blow.fails($0) }
            }
        }
        bed.expectWhole(client)
        #expect(bed.asked(1).options.excludedWorkers == [2] && bed.asked(1).tokenCount == bed.asked(0).tokenCount + 3)
        #expect(bed.cancels(1).isEmpty && bed.endedLeases.map(\.lease) == [2])
        // A leg that has done its part gives nothing back.
        #expect(
            bed.scene.workers.flatMap { worker in worker { $0.jobs.map(\.entry) } }.last { $0.attempt == 2 }?.continuation.first?
                .shownTokens
                .count == 3)
    }

    @Test("overbooked at the decode worker: the report instead")
    func decodeOverbooked() {
        let bed = SplitBed(), client = bed.scene.chat()
        _ = failing(bed, 2, phase: 0, Blow("overbooked") { $0.refuse(.overbooked, waiting: 7, stream: 8) })
        bed.expectWhole(client)
        #expect(bed.asked(1).options.excludedWorkers == [] && bed.asked(1).options.preferred == nil)
        #expect(bed.asked(1).overbooked.map(\.workerID) == [2] && bed.asked(1).overbooked.map(\.lease) == [2])
    }

    // MARK: Both

    @Test("both refuse in one turn: something is learned of each")
    func bothRefuse() {
        let bed = SplitBed(), client = bed.scene.chat()
        for worker in 1...2 { bed.script(worker) { job in if job.entry.attempt == 1 { job.refuse(.draining) } else { SplitBed.run(job) } } }
        bed.expectWhole(client)
        #expect(bed.asked.count == 2 && !bed.asked(1).options.excludedWorkers.isEmpty)
        #expect(bed.endedLeases.map(\.lease).sorted() == [1, 2])
    }

    @Test("once the state is there, nothing depends on the prefill worker", arguments: Blow.ended + Blow.room)
    func prefillFailsLate(blow: Blow) {
        let bed = SplitBed(), client = bed.scene.chat()
        bed.script(1) { job in
            job.accept()
            job.start()
            SplitBed.firstTokens(job)
            job.after(.milliseconds(15)) { blow.fails($0) }
        }
        bed.expectWhole(client)
        #expect(bed.asked.count == 1 && bed.cancels(2).isEmpty)
    }

    @Test("three split attempts fail: the client is told what the last one failed of", arguments: [HandOverPath.concurrent, .sequential])
    func threeFailures(path: HandOverPath) {
        let bed = SplitBed(path)
        bed.scene.router { $0.plan = { router, entry in router.split(entry, prefill: 1, decode: path == .concurrent ? 2 : nil) } }
        bed.script(1) { job in
            job.accept()
            job.end(.failed, .stalled)
        }
        let client = bed.scene.finish(bed.scene.chat(stream: false))
        client {
            #expect($0.status == 503 && $0.errorCode == "transfer_failed" && $0.json["error"]?["param"]?.asString == nil)
        }
        #expect(bed.asked.map(\.attempt) == [1, 2, 3])
        #expect(bed.scene.held == [])
    }

    // MARK: Time

    @Test("each leg is to be accepted in time; the one that is not is left out", arguments: [1, 2])
    func neverAccepted(worker: Int) {
        let bed = SplitBed(), began = bed.scene.now
        bed.script(worker) { job in if job.entry.attempt > 1 { SplitBed.run(job) } }
        bed.script(3 - worker) { job in if job.entry.attempt > 1 { SplitBed.run(job) } else { job.accept() } }
        let client = bed.scene.chat()
        bed.expectWhole(client)
        let took = began.duration(to: client { $0.endedAt })
        #expect(took > .milliseconds(1_990) && took < .milliseconds(2_200))
        #expect(bed.asked(1).options.excludedWorkers == [UInt64(worker)])
        #expect(bed.asked(1).options.preferred?.workerID == (worker == 1 ? 2 : nil))
        #expect(bed.cancels(1).map(\.reason) == [.legFailed] && bed.cancels(2).map(\.reason) == [.legFailed])
        #expect(bed.scene.metric(#"apus_frontend_attempts_failed_total{reason="not_accepted"}"#) == 1)
    }

    @Test("one first-token limit bounds both legs, whichever is late; the prefill leg's own token does not end it", arguments: [1, 2])
    func firstToken(late: Int) {
        let bed = SplitBed(), began = bed.scene.now
        bed.script(1) { job in
            guard job.entry.attempt == 1 else { return SplitBed.run(job) }
            if late == 1 { job.accept() } else { SplitBed.prefill(job) }
        }
        bed.script(2) { job in if job.entry.attempt > 1 { SplitBed.run(job) } else { job.accept() } }
        let client = bed.scene.chat()
        bed.expectWhole(client)
        let took = began.duration(to: client { $0.endedAt })
        #expect(took > .seconds(120) && took < .seconds(121))
        #expect(bed.asked(1).options.excludedWorkers == [UInt64(late)])
        #expect(bed.asked(1).options.preferred?.workerID == (late == 1 ? 2 : nil))
        #expect(bed.entry(1, 0).firstTokenMilliseconds == 120_000 && bed.entry(2, 0).firstTokenMilliseconds == 120_000)
    }

    @Test("silence of the decode leg is its fault; frames without tokens do not break it")
    func silence() {
        let bed = SplitBed(), began = bed.scene.now
        bed.script(2) { job in
            guard job.entry.attempt == 1 else { return SplitBed.run(job) }
            job.accept()
            job.after(.milliseconds(10)) { $0.say("hel") }
            for second in 1...29 { job.after(.seconds(second)) { $0.frame("", at: 3) } }
        }
        let client = bed.scene.chat()
        bed.expectWhole(client)
        let took = began.duration(to: client { $0.endedAt })
        #expect(took > .seconds(30) && took < .seconds(31))
        #expect(bed.asked(1).options.excludedWorkers == [2] && bed.cancels(2).count == 1)
    }

    @Test("the limit of the whole request ends both legs", arguments: [HandOverPath.concurrent, .sequential])
    func total(path: HandOverPath) {
        let bed = SplitBed(path) { $0.limits.total = .seconds(20) }
        bed.script(1) { job in
            job.accept()
            job.start()
        }
        bed.script(2) { $0.accept() }
        let began = bed.scene.now, client = bed.scene.finish(bed.scene.chat(), within: .seconds(60))
        let took = began.duration(to: client { $0.endedAt })
        #expect(took >= .seconds(20) && took < .seconds(20.1))
        client { #expect($0.errorCode == "timeout") }
        #expect(bed.scene.held == [])
        #expect(bed.cancels(1).map(\.reason) == [.timedOut])
        #expect(bed.cancels(2).map(\.reason) == (path == .concurrent ? [.timedOut] : []))
    }

    // MARK: Young deaths

    @Test("a young death counts, whichever leg's worker dies", arguments: [1, 2])
    func quarantine(dies: Int) {
        let bed = SplitBed()
        bed.scene.router {
            $0.plan = { router, entry in
                entry.attempt == 1 ? router.split(entry, prefill: 1, decode: 2) : router.split(entry, prefill: 3, decode: 4)
            }
        }
        for worker in 1...4 {
            bed.script(worker) { job in
                job.accept()
                guard (job.entry.leg == .prefill) == (dies == 1) else { return }
                job.start()
                job.after(.milliseconds(500)) { $0.link.abort() }
            }
        }
        bed.scene.finish(bed.scene.chat()) { #expect($0.errorCode == "quarantined") }
        #expect(bed.asked.map(\.attempt) == [1, 2])
        #expect(bed.scene.held == [])
    }

    // MARK: The second half

    @Test("sequential: the prefill leg fails, and the request is placed anew without its worker", arguments: Blow.ended, [1, 3])
    func sequentialPrefill(blow: Blow, phase: Int) {
        let bed = SplitBed(.sequential), client = bed.scene.chat()
        _ = failing(bed, 1, phase: phase, blow)
        bed.expectWhole(client)
        #expect(bed.asked.map(\.wish) == [.any, .any] && bed.asked(1).options.excludedWorkers == [1])
        #expect(bed.asked(1).options.preferred == nil)
    }

    @Test("sequential: a leg that hands over nothing has failed")
    func sequentialNothing() {
        let bed = SplitBed(.sequential), client = bed.scene.chat()
        _ = failing(bed, 1, phase: 3, Blow("nothing") { $0.end(.handedOver) })
        bed.expectWhole(client)
        #expect(bed.asked(1).options.excludedWorkers == [1] && bed.entries(2).allSatisfy { $0.attempt == 2 })
    }

    @Test("sequential: the decode leg fails in the second half, and its worker is left out", arguments: Blow.refused + Blow.ended)
    func sequentialDecode(blow: Blow) {
        let bed = SplitBed(.sequential), client = bed.scene.chat()
        _ = failing(bed, 2, phase: 0, blow)
        bed.expectWhole(client)
        #expect(bed.asked.map(\.attempt) == [1, 1, 2] && bed.asked.map(\.wish) == [.any, .decode, .any])
        #expect(bed.asked(2).options.excludedWorkers == [2] && bed.endedLeases.map(\.lease) == [2])
        #expect(bed.asked(2).tokenCount == bed.asked(0).tokenCount + 1)
    }

    @Test(
        "sequential: no place for the second half is another attempt, which may be a whole one",
        arguments: [FailureCode.queueTimeout, .noWorker, .duplicate, .deadlineUnreachable])
    func sequentialNoPlace(code: FailureCode) {
        let bed = SplitBed(.sequential)
        bed.scene.router {
            $0.plan = { router, entry in
                if entry.wish == .decode { return router.fail(entry, code) }
                return entry.attempt == 1 ? router.split(entry, prefill: 1, decode: nil) : router.place(entry, on: 2)
            }
        }
        bed.expectWhole(bed.scene.chat())
        #expect(bed.asked.map(\.attempt).first == 1 && bed.asked.last?.attempt == 2 && bed.asked.last?.wish == .any)
        // What was shown goes with it, and nobody is to blame.
        #expect(bed.asked.last?.tokenCount == bed.asked[0].tokenCount + 1 && bed.asked.last?.options.excludedWorkers == [])
    }

    @Test(
        "sequential: the router is lost in the middle, and another one places the second half of the same attempt",
        arguments: 1...8 as ClosedRange<UInt64>)
    func routerLost(seed: UInt64) {
        let bed = SplitBed(.sequential, seed: seed, routers: 2), questions = Box(0)
        for router in bed.scene.routers {
            router {
                $0.plan = { router, entry in
                    guard entry.wish == .decode else { return SplitBed.plan(.sequential)(router, entry) }
                    questions.value += 1
                    return questions.value == 1 ? nil : router.place(entry, on: 2)
                }
            }
        }
        let client = bed.scene.chat()
        bed.scene.run { questions.value == 1 }
        bed.scene.routers.first { router in router { !$0.asked.isEmpty } }?.host.kill(.reset)
        bed.expectWhole(client)
        #expect(questions.value == 2)
        #expect(bed.entries(1).count == 1 && bed.entries(2).map(\.handOver) == [SplitBed.state])
        #expect(bed.entries(2).map(\.attempt) == [1])
    }
}
