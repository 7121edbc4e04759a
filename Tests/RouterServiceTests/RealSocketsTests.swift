import ClusterModel
import EventLoop
import ProcessKit
import Telemetry
import TestSupport
import Testing
import Transport
import WireProtocol

@testable import RouterService

/// One pass over real sockets: what the simulation proves is not a simulation's only.
@Suite("Real sockets")
struct RealSocketsTests {
    @LoopActor
    final class Peer: LinkHandler {
        private(set) var plans: [PlanEntry] = []
        private(set) var end: LinkEnd?

        nonisolated init() {}

        func link(_ link: Link, received header: MessageHeader, body: RawSpan) {
            switch header.kind {
            case .planBatch: plans += (try? Codec.decodeBody(PlanBatch.self, from: body))?.entries ?? []
            case .parityProbe: link.answer(header, with: Failure(.unsupportedKind))
            case .snapshotQuestion:
                var page = SnapshotPage()
                page.generation = 0x51
                page.throughHash = .max
                link.answer(header, with: page)
            default: break
            }
        }

        func link(_ link: Link, ended: LinkEnd) { end = ended }
    }

    struct TimedOut: Error { let what: String }

    @Test("a worker and a frontend register over nng, and a request is placed")
    func smoke() async throws {
        let thread = try LoopThread("router"), pool = WorkPool(threads: 1), metrics = MetricsRegistry()
        try await thread.run { loop in
            let network = try NngNetwork(on: loop), cluster = ClusterValues(clusterID: "smoke")
            defer { network.close() }
            let context = ProcessContext(
                loop: loop, network: network, sockets: EpollSockets(on: loop), pool: pool,
                log: Logger(level: .error, style: .json, sink: DescriptorSink(), metrics: metrics, wallClock: { 0 }), metrics: metrics,
                policy: LinkPolicy(identity: Identity(role: .router, id: 1, generation: 2, name: "router"), cluster: cluster),
                advertisedHost: nil)
            var config = RouterConfig()
            config.listen = Address(host: "127.0.0.1", port: 0)
            config.publish = Address(host: "127.0.0.1", port: 0)
            let router = RouterService(config, context)
            try await router.start()
            let address = try #require(router.address)

            var workerPolicy = LinkPolicy(identity: Identity(role: .worker, id: 5, generation: 0x51, name: "w"), cluster: cluster)
            workerPolicy.accepts = [.recovery: [.router]]
            let workerEnd = LinkEndpoint(loop: loop, network: network, policy: workerPolicy), worker = Peer(), recovery = Peer()
            let links = try workerEnd.listen(on: Address(host: "127.0.0.1", port: 0), accepted: { $0.handler = recovery })
            let feed = try FeedPublisher(
                on: Address(host: "127.0.0.1", port: 0), kind: .workerEvents, generation: 0x51, loop: loop, network: network)
            let control = try await workerEnd.dial(address, kind: .control, handler: worker).get()
            var registration = RegisterWorker()
            registration.endpoints = Endpoints(linkAddress: "tcp://:\(links.port)", feedAddress: "tcp://:\(feed.address.port)")
            registration.state = .ready
            registration.card = WorkerScript.card("model")
            registration.ranks = [WorkerScript.capacity(0)]
            _ = try await control.ask(registration, answeredBy: WorkerRegistered.self, within: .seconds(5))

            let frontend = Peer()
            let frontendEnd = LinkEndpoint(
                loop: loop, network: network,
                policy: LinkPolicy(identity: Identity(role: .frontend, id: 6, generation: 0x61, name: "f"), cluster: cluster))
            let route = try await frontendEnd.dial(address, kind: .route, handler: frontend).get()
            let answer = try await route.ask(
                RegisterFrontend(
                    endpoints: Endpoints(linkAddress: "", feedAddress: "tcp://:1"), httpAddress: "", state: .ready, streamPosition: 0),
                answeredBy: FrontendRegistered.self, within: .seconds(5))
            #expect(answer.endpoints.linkAddress == "tcp://:\(address.port)")

            @LoopActor func until(_ what: String, _ condition: @LoopActor () -> Bool) async throws {
                let limit = loop.now + .seconds(20)
                while !condition() {
                    guard loop.now < limit else { throw TimedOut(what: what) }
                    await loop.sleep(for: .milliseconds(2))
                }
            }
            try await until("ready and in step") {
                let record = router.core?.workers[WorkerID(5)]
                return record?.takesWork == true && record?.isInStep == true
            }
            var entry = RouteEntry()
            entry.counter = 1
            entry.attempt = 1
            entry.choices = 1
            entry.model = "model"
            entry.blockSize = 16
            entry.tokenCount = 20
            route.send(RouteBatch(endedLeases: [], entries: [entry]), origin: 0x61)
            try await until("a plan") { !frontend.plans.isEmpty }
            #expect(frontend.plans.first?.outcome == .placed && frontend.plans.first?.legs.first?.workerID == 5)
            #expect(router.leasesHeld == 1)

            #expect(await router.drain())
            router.stop()
            try await until("goodbyes") { frontend.end != nil && worker.end != nil }
            #expect(frontend.end == .goodbye(.draining, byPeer: true) && worker.end == .goodbye(.draining, byPeer: true))
            feed.close()
            workerEnd.stopListening()
        }
        thread.stop()
        pool.close()
    }
}
