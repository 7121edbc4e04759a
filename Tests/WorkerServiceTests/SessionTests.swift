import ClusterModel
import Engines
import EventLoop
import Testing
import Transport
import WireProtocol

@testable import WorkerService

@Suite("Sessions of a worker")
struct SessionTests {
    /// What a client says of its session, over one data link.
    private final class Client {
        let bed: WorkerBed
        let frontend: ScriptedFrontend
        let link: Link

        init(sessions: Int? = nil, ttl: Duration? = nil, blocks: UInt32 = 512) throws {
            bed = try WorkerBed(engine: .worker(blocks: blocks)) { config in
                if let sessions { config.sessions.sessions = sessions }
                if let ttl { config.sessions.timeToLive = ttl }
            }
            try bed.registered()
            frontend = try bed.frontend()
            link = try #require(frontend.link)
        }

        func open(
            _ id: String, tenant: String = "", ttl: UInt32 = 0, _ change: (inout OpenSession) -> Void = { _ in }
        ) throws -> Result<SessionOpened, LinkFailure> {
            var question = OpenSession()
            question.key = SessionKey(tenant: tenant, id: id)
            question.ttlSeconds = ttl
            question.pool = bed.card.digest
            change(&question)
            return try frontend.ask(link, question, SessionOpened.self)
        }

        func end(_ id: String, bindCounter: UInt64 = 0, afterRequests: Bool = false) throws -> Bool {
            var question = EndSession()
            question.key = SessionKey(tenant: "", id: id)
            question.bindCounter = bindCounter
            question.afterRequests = afterRequests
            return try frontend.ask(link, question, SessionEnded.self).get().existed
        }

        func generate(_ counter: UInt64, session: String, prompt: Int = 40, maxTokens: UInt32 = 8) {
            frontend.generate(
                frontend.entry(counter, prompt: prompt, maxTokens: maxTokens) { $0.session = SessionKey(tenant: "", id: session) })
        }

        /// What the stream said of sessions, in order.
        var story: [String] {
            bed.router.events.compactMap { event in
                switch event {
                case .sessionBound(let bound): "\(bound.key.id) bound \(bound.bindCounter) for \(bound.ttlSeconds) s"
                case .sessionUnbound(let unbound): "\(unbound.key.id) ended \(unbound.bindCounter) \(unbound.reason)"
                default: nil
                }
            }
        }

        /// The last word of the stream on the blocks of a session.
        func held(_ id: String) -> UInt32? {
            var held: UInt32?
            for event in bed.router.events {
                if case .sessionBound(let bound) = event, bound.key.id == id { held = bound.heldBlocks }
                if case .sessionUnbound(let unbound) = event, unbound.key.id == id { held = nil }
            }
            return held
        }
    }

    private func failure(_ result: Result<SessionOpened, LinkFailure>) -> Failure? {
        if case .failure(.failed(let failure)) = result { failure } else { nil }
    }

    @Test("a session is bound, renewed, and expires when nothing names it for its time")
    func lifetime() throws {
        let client = try Client()
        let opened = try client.open("a", ttl: 10).get()
        #expect(opened.bindCounter == 1 && opened.rank == 0 && opened.ttlSeconds == 10)
        client.bed.pass(.seconds(8))
        #expect(try client.open("a", ttl: 20).get().bindCounter == 1, "a repeat renews")
        client.bed.pass(.seconds(19))
        #expect(client.story == ["a bound 1 for 10 s", "a bound 1 for 20 s"])
        client.bed.pass(.seconds(2))
        #expect(client.story.last == "a ended 1 expired")
        #expect(try client.open("a").get().bindCounter == 2, "another binding of the same name")
        #expect(try client.open("a", ttl: .max).get().ttlSeconds == 86_400, "what is granted is said")
        #expect(try client.open("a", ttl: 5).get().ttlSeconds == 5)
        client.bed.pass(.seconds(6))
        #expect(client.story.last == "a ended 2 expired", "a shorter time counts from its word on")
    }

    @Test("expiry waits for a request that runs, and its end begins the time anew")
    func expiryWaits() throws {
        let client = try Client()
        _ = try client.open("a", ttl: 1).get()
        client.generate(1, session: "a", maxTokens: 400)
        client.bed.pass(.seconds(3))
        #expect(client.frontend.ended(1) == nil && client.story.allSatisfy { !$0.contains("ended") })
        try client.frontend.finish(1)
        client.bed.pass(.milliseconds(900))
        #expect(client.story.allSatisfy { !$0.contains("ended") })
        client.bed.pass(.milliseconds(200))
        #expect(client.story.last == "a ended 1 expired")
    }

    @Test("the blocks of a session stay after its request, are told, and go with it")
    func blocks() throws {
        let client = try Client()
        _ = try client.open("a").get()
        // 40 tokens and 23 whose state is computed: three blocks of 16 are full.
        client.generate(1, session: "a", prompt: 40, maxTokens: 24)
        try client.frontend.finish(1)
        client.bed.pass(.seconds(1))
        #expect(client.held("a") == 3)
        #expect(client.bed.router.lastLoad?.sessionBlocks == 3 && client.bed.router.lastLoad?.activeBlocks == 0)
        #expect(try client.end("a"))
        client.bed.pass(.seconds(1))
        #expect(client.held("a") == nil && client.bed.router.lastLoad?.sessionBlocks == 0)
        #expect(client.story.last == "a ended 1 closed")
        #expect(client.bed.isAtRest)
    }

    @Test("a deferred close is answered at once, and done with the last request; opening again takes it back")
    func deferredClose() throws {
        let client = try Client()
        _ = try client.open("a").get()
        client.generate(1, session: "a", maxTokens: 50)
        client.bed.pass(.milliseconds(100))
        #expect(try client.end("a", afterRequests: true))
        #expect(client.frontend.ended(1) == nil && client.story.count == 1)
        try client.frontend.finish(1)
        client.bed.pass(.milliseconds(100))
        #expect(client.story.last == "a ended 1 closed")
        _ = try client.open("a").get()
        client.generate(2, session: "a", maxTokens: 50)
        client.bed.pass(.milliseconds(100))
        #expect(try client.end("a", afterRequests: true))
        _ = try client.open("a").get()
        try client.frontend.finish(2)
        client.bed.pass(.milliseconds(100))
        #expect(client.held("a") != nil, "it was opened after it was closed")
    }

    @Test("closing what is not bound is no error; another binding than the one that is meant stays")
    func ends() throws {
        let client = try Client()
        #expect(try client.end("a") == false)
        _ = try client.open("a").get()
        #expect(try client.end("a", bindCounter: 7) == false)
        #expect(try client.end("a", bindCounter: 1))
        #expect(try client.end("a") == false)
        // A request may name a session that is gone: it runs as any other.
        client.generate(1, session: "a")
        try client.frontend.finish(1)
        #expect(client.frontend.ended(1)?.reason == .finished)
    }

    @Test("a router's word ends exactly the binding that it names, though a request of it runs")
    func conflict() throws {
        let client = try Client(), control = try #require(client.bed.router.links.last)
        _ = try client.open("a").get()
        client.generate(1, session: "a", maxTokens: 50)
        client.bed.pass(.milliseconds(100))
        func close(_ bindCounter: UInt64) {
            var message = CloseSession()
            message.key = SessionKey(tenant: "", id: "a")
            message.bindCounter = bindCounter
            message.reason = .conflict
            client.bed.router.on { control.send(message) }
            client.bed.pass(.milliseconds(50))
        }
        close(2)
        #expect(client.story.count == 1)
        close(1)
        #expect(client.story.last == "a ended 1 conflict")
        try client.frontend.finish(1)
        client.bed.pass(.seconds(1))
        #expect(client.frontend.ended(1)?.reason == .finished)
        #expect(client.bed.router.lastLoad?.sessionBlocks == 0, "the loser keeps nothing")
    }

    @Test("what cannot be bound is refused by the name of its field")
    func refusals() throws {
        let client = try Client(sessions: 2)
        #expect(failure(try client.open(""))?.field == "key")
        #expect(failure(try client.open("a") { $0.rank = 9 })?.field == "rank")
        #expect(failure(try client.open("a") { $0.loRA = "none" })?.field == "loRA")
        #expect(failure(try client.open("a") { $0.salt = [1, 2] })?.field == "salt")
        #expect(failure(try client.open("a") { $0.pool = Digest() })?.code == .unknownModel)
        _ = try client.open("a").get()
        #expect(failure(try client.open("a") { $0.salt = Array(repeating: 1, count: 16) })?.field == "salt")
        _ = try client.open("a", tenant: "other").get()
        #expect(failure(try client.open("b"))?.code == .sessionLimit)
        #expect(try client.end("a"))
        _ = try client.open("b").get()
        #expect(client.bed.count("apus_worker_sessions_refused_total") == "1" && client.bed.count("apus_worker_sessions ") == "2")
    }

    @Test("a drain ends idle sessions at once, the others with their requests, and opens none")
    func drain() throws {
        let client = try Client()
        for id in ["a", "b"] { _ = try client.open(id).get() }
        client.generate(1, session: "b", maxTokens: 50)
        client.bed.pass(.milliseconds(100))
        client.bed.on { service in _ = try? service.drainControl?.order(limit: .seconds(60)) }
        client.bed.pass(.milliseconds(50))
        #expect(client.story.last == "a ended 1 drained" && client.frontend.ended(1) == nil)
        #expect(failure(try client.open("c"))?.code == .draining)
        try client.frontend.finish(1)
        client.bed.pass(.milliseconds(100))
        #expect(client.story.last == "b ended 2 drained")
    }

    @Test("a snapshot holds the sessions that are bound")
    func snapshot() throws {
        let client = try Client()
        for id in ["a", "b"] { _ = try client.open(id).get() }
        _ = try client.end("a")
        let address = client.frontend.workerAddress
        let link = try client.bed.router.dial(.recovery, address, client.bed.world)
        let page = try client.bed.world.run(on: client.bed.router.loop, within: .seconds(30)) {
            try await link.ask(
                SnapshotQuestion(stream: .workerEvents, publisher: 0x3033, generation: 0, cursor: SnapshotCursor()),
                answeredBy: SnapshotPage.self, within: .seconds(5))
        }
        let bound = page.entries.compactMap { if case .sessionBound(let bound) = $0 { bound } else { nil } }
        #expect(bound.map(\.key.id) == ["b"] && bound.map(\.bindCounter) == [2])
    }
}
