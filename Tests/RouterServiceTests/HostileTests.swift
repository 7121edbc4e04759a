import ClusterModel
import EventLoop
import TestSupport
import Testing
import Transport
import WireProtocol

@testable import RouterService

@Suite("Hostile peers")
struct HostileTests {
    @Test("messages out of place end the link of who sends them, and nobody else's")
    func misplaced() {
        let world = RouterWorld(), watcher = world.frontend(1)
        _ = world.readyWorker(9)
        let wrongs: [@LoopActor (Link) -> Void] = [
            { $0.send(RouteBatch(), origin: 1) },  // before it registered, and of another origin
            { $0.send(PlanBatch()) }, { $0.send(FrontendRegistered()) }, { $0.send(RegisterFrontend()) }, { $0.send(DrainNotice()) },
            { $0.send(MessageHeader(kind: .routeBatch, origin: 0xF002)) { $0.append(contentsOf: [1, 2, 3]) } },
        ]
        for (index, wrong) in wrongs.enumerated() {
            let frontend = world.frontend(2, nonce: 0xF100 + UInt64(index))
            world.on(frontend) { frontend in if let link = frontend.link { wrong(link) } }
            world.until("its link ends, case \(index)") { world.on(frontend) { $0.end != nil } }
            #expect(world.on(frontend) { $0.end } == .goodbye(.protocolError, byPeer: true), "case \(index)")
            frontend.host.kill(.reset)
        }
        #expect(world.on(watcher) { $0.end } == nil)
        #expect(world.plan(watcher).outcome == .placed)
    }

    @Test("a worker that speaks before it registered, or as a router, is cut off; a question out of place is answered")
    func workerOutOfPlace() throws {
        let world = RouterWorld()
        let wrongs: [@LoopActor (Link) -> Void] = [
            { $0.send(DrainNotice()) }, { $0.send(RegisterWorker()) }, { $0.send(WorkerRegistered()) }, { $0.send(ParityAnswer()) },
            { $0.send(CloseSession()) }, { $0.send(MessageHeader(kind: .drainNotice)) { $0.append(9) } },
        ]
        for (index, wrong) in wrongs.enumerated() {
            let worker = world.worker(UInt64(20 + index)) { $0.registers = false }
            world.until("open") { world.on(worker) { $0.link?.isOpen == true } }
            world.on(worker) { worker in if let link = worker.link { wrong(link) } }
            world.until("its link ends, case \(index)") { world.on(worker) { $0.end != nil } }
            #expect(world.on(worker) { $0.end } == .goodbye(.protocolError, byPeer: true), "case \(index)")
        }
        let worker = world.worker(40) { $0.registers = false }
        world.until("open") { world.on(worker) { $0.link?.isOpen == true } }
        let link = try #require(world.on(worker) { $0.link }), failed = Box<LinkFailure>()
        worker.loop.spawn {
            do throws(LinkFailure) {
                _ = try await link.ask(ParityProbe(), answeredBy: ParityAnswer.self, within: .seconds(2))
            } catch { failed.value = error }
        }
        world.until("answered") { failed.value != nil }
        guard case .failed(let failure) = failed.value else {
            Issue.record("another end")
            return
        }
        #expect(failure.code == .notAllowedHere && world.on(worker) { $0.end } == nil)
    }

    @Test("questions of a frontend that make no sense are answered with the field, and the link stays")
    func questions() throws {
        let world = RouterWorld(), frontend = world.frontend(), link = try #require(world.on(frontend) { $0.link })
        func failure<Q: WireMessage, A: WireMessage>(_ question: Q, _ answer: A.Type) -> Failure? {
            let box = Box<Result<A, LinkFailure>>()
            frontend.loop.spawn {
                do throws(LinkFailure) {
                    box.value = .success(try await link.ask(question, answeredBy: A.self, within: .seconds(2)))
                } catch { box.value = .failure(error) }
            }
            world.until("an answer") { box.value != nil }
            if case .failure(.failed(let failure)) = box.value { return failure }
            return nil
        }
        func snapshot(_ stream: StreamKind, _ publisher: UInt64, _ generation: UInt64, _ from: UInt64, section: UInt8 = 0)
            -> SnapshotQuestion
        {
            SnapshotQuestion(
                stream: stream, publisher: publisher, generation: generation, cursor: SnapshotCursor(section: section, fromHash: from))
        }
        #expect(failure(snapshot(.workerEvents, 0xAA, 0, 0), SnapshotPage.self)?.field == "stream")
        #expect(failure(snapshot(.routerState, 0xAB, 0, 0), SnapshotPage.self)?.field == "publisher")
        #expect(failure(snapshot(.routerState, 0xAA, 9, 0), SnapshotPage.self)?.field == "generation")
        #expect(failure(snapshot(.routerState, 0xAA, 0, 7), SnapshotPage.self)?.field == "cursor")
        #expect(failure(snapshot(.routerState, 0xAA, 0, 0, section: 1), SnapshotPage.self)?.field == "cursor")
        #expect(failure(snapshot(.routerState, 0xAA, 0, 0), SnapshotPage.self) == nil)
        #expect(failure(ExplainQuestion(), ExplainAnswer.self)?.code == .notFound)
        #expect(failure(RegisterFrontend(), FrontendRegistered.self)?.field == "feedAddress")
        func replay(_ generation: UInt64, _ first: UInt64, _ last: UInt64) -> ReplayQuestion {
            ReplayQuestion(stream: .routerState, publisher: 0xAA, generation: generation, firstSequence: first, lastSequence: last)
        }
        #expect(failure(replay(0xA1, 5, 4), ReplayAnswer.self)?.field == "lastSequence")
        let outcomes = [replay(0xA1, 1, 2), replay(0xA1, 1 << 40, 1 << 41), replay(3, 1, 2)].map { question -> ReplayOutcome? in
            let box = Box<ReplayAnswer>()
            frontend.loop.spawn { box.value = try? await link.ask(question, answeredBy: ReplayAnswer.self, within: .seconds(2)) }
            world.until("an answer") { box.value != nil }
            return box.value?.outcome
        }
        #expect(outcomes == [.events, .tooNew, .wrongGeneration])
        #expect(world.on(frontend) { $0.end } == nil)
    }

    @Test("whatever frontends and workers send, the router lives and serves others", arguments: 1...25)
    func random(_ seed: Int) {
        let world = RouterWorld(seed: UInt64(seed)), watcher = world.frontend(1)
        _ = world.readyWorker(1)
        var random = SeededRandom(seed: UInt64(seed) &* 31)
        for round in 0..<6 {
            let frontend = world.frontend(2, nonce: 0xE000 + UInt64(round)), worker = world.worker(50 + UInt64(round))
            world.until("registered") { world.on(worker) { $0.answer != nil } }
            for _ in 0..<20 {
                let kind: [MessageKind] = [.routeBatch, .cancelRoute, .leasesEnded, .registerFrontend, .snapshotQuestion, .explainQuestion]
                let chosen = kind[Int(random.next() % 6)], flags: MessageHeader.Flags = random.next() % 2 == 0 ? [.question] : []
                let body = (0..<Int(random.next() % 80)).map { _ in UInt8(truncatingIfNeeded: random.next() % 4 == 0 ? random.next() : 0) }
                world.on(frontend) {
                    $0.link?.send(MessageHeader(kind: chosen, flags: flags, origin: 0xE000 + UInt64(round), number: random.next())) {
                        $0.append(contentsOf: body)
                    }
                }
                world.on(worker) {
                    $0.link?.send(MessageHeader(kind: .registerWorker, flags: flags, number: random.next())) { $0.append(contentsOf: body) }
                    $0.publishRaw(count: 1 + Int(random.next() % 3), body)
                }
                world.pass(.milliseconds(3))
            }
            // Well-formed, and of random content.
            world.on(frontend) { frontend in
                var filler = RandomFiller(seed: random.next())
                var entry = RouteEntry(), ended = EndedLease()
                for _ in 0..<20 {
                    do throws(WireError) {
                        try entry.layout(&filler)
                        try ended.layout(&filler)
                    } catch { continue }
                    frontend.ask([entry], ended: [ended])
                }
            }
            world.pass(.milliseconds(50))
            frontend.host.kill(.reset)
            worker.host.kill(.reset)
        }
        #expect(world.plan(watcher) { $0.options.pins = [Pin(leg: .aggregated, workerID: 1, rank: nil)] }.outcome == .placed)
        world.until("at rest", within: .seconds(20)) { world.leases == 0 }
    }

    @Test("a worker whose events name leases without end fills no memory and loses only its own", arguments: [300_000])
    func leaseFlood(_ count: UInt64) {
        let world = RouterWorld(), frontend = world.frontend(), flooder = world.readyWorker(1)
        _ = world.readyWorker(2)
        world.on(flooder) { flooder in
            for start in stride(from: UInt64(1), through: count, by: 500) {
                let events = (start..<start + 500).map { lease in
                    var accepted = RequestAccepted()
                    accepted.lease = lease
                    accepted.request = RequestKey(origin: 1, counter: lease, attempt: 1)
                    return WorkerEvent.requestAccepted(accepted)
                }
                flooder.publish(events)
            }
        }
        world.pass(.milliseconds(500))
        #expect(world.leases <= 256 << 10)
        flooder.host.kill(.reset)
        world.until("dropped with it", within: .seconds(5)) { world.leases == 0 }
        #expect(world.plan(frontend).legs.first?.workerID == 2)
    }

    final class Box<Value>: @unchecked Sendable {
        // Safety: of the world's thread.
        var value: Value?
    }
}
