import ClusterModel
import EventLoop
import JSONText
import Testing
import Transport
import WireProtocol

@testable import FrontendService

@Suite("Sessions of clients")
struct SessionTests {
    /// Workers that hold sessions, and a router that says of each plan what a test wants.
    private func scene(
        seed: UInt64 = 1, routers: Int = 1, workers: Int = 2, outcome: SessionOutcome = .none, capable: Bool = true,
        _ configure: (inout FrontendConfig) -> Void = { _ in }
    ) -> Scene {
        let scene = Scene(
            seed: seed, routers: routers, workers: workers, card: Scene.card { if capable { $0.capabilities.insert(.sessions) } },
            configure: configure)
        place(scene, outcome)
        return scene
    }

    private func place(_ scene: Scene, _ outcome: SessionOutcome) {
        for router in scene.routers {
            router {
                $0.plan = { router, entry in
                    var plan = router.placeAnywhere(entry)
                    plan.session = outcome
                    if entry.queryOnly { plan.outcome = .queryOnly }
                    return plan
                }
            }
        }
    }

    private static func control(_ id: String = "s", _ action: String? = nil, timeout: Int? = nil) -> String {
        let action = action.map { #","action":"\#($0)""# } ?? "", timeout = timeout.map { #","timeout":\#($0)"# } ?? ""
        return #","nvext":{"session_control":{"session_id":"\#(id)"\#(action)\#(timeout)}}"#
    }

    private func asked(_ scene: Scene) -> [RouteSession?] { scene.router { $0.asked.map(\.session) } }
    private func opened(_ scene: Scene) -> [OpenSession] { scene.workers.flatMap { worker in worker { $0.opened } } }
    private func ended(_ scene: Scene) -> [EndSession] { scene.workers.flatMap { worker in worker { $0.ended } } }
    private func entries(_ scene: Scene) -> [GenerateEntry] { scene.workers.flatMap { worker in worker { $0.jobs.map(\.entry) } } }
    private let key = SessionKey(tenant: "", id: "s")
    private var deferred: EndSession { EndSession(key: key, bindCounter: 0, afterRequests: true) }

    // MARK: Names

    @Test("a session comes from our header, the body, or another's header, in this order; a name alone is to be bound")
    func names() {
        let scene = scene(outcome: .bound)
        func ask(_ members: String, _ headers: [(name: String, value: String)]) -> RouteSession? {
            scene.finish(scene.chat(members, stream: false, headers: headers)) { #expect($0.status == 200) }
            return asked(scene).last ?? nil
        }
        #expect(ask("", []) == nil)
        #expect(ask(Self.control("body"), []) == RouteSession(key: key("body"), action: .use, mode: .soft, ttlSeconds: 0, hint: nil))
        for name in ["x-session-id", "X-Session-Token", "x-dynamo-session-id", "X-LiteLLM-Session-Id", "X-Correlation-ID"] {
            #expect(ask("", [(name, "head")]) == RouteSession(key: key("head"), action: .open, mode: .soft, ttlSeconds: 0, hint: nil))
        }
        // Ours first, and an empty one is none.
        #expect(ask("", [("x-correlation-id", "theirs"), ("x-session-id", "ours")])?.key.id == "ours")
        #expect(ask("", [("x-session-id", ""), ("x-session-token", "theirs")])?.key.id == "theirs")
        // Ours overrides the body's name, and the body says what is to become of it.
        let both = ask(Self.control("body", "close", timeout: 60), [("x-session-id", "ours")])
        #expect(both == RouteSession(key: key("ours"), action: .close, mode: .soft, ttlSeconds: 60, hint: nil))
        #expect(ask(Self.control("body"), [("x-correlation-id", "proxy")])?.key.id == "body")
        #expect(scene.held == [])
    }

    private func key(_ id: String) -> SessionKey { SessionKey(tenant: "", id: id) }

    @Test("which headers name sessions is an option, and so is the mode")
    func options() {
        let scene = scene(outcome: .bound) { config in
            config.sessions.headers = ["x-agent"]
            config.sessions.mode = .hard
        }
        scene.finish(scene.chat(stream: false, headers: [("x-session-id", "no"), ("X-Agent", "yes")]))
        #expect(asked(scene) == [RouteSession(key: key("yes"), action: .open, mode: .hard, ttlSeconds: 0, hint: nil)])
    }

    @Test("names that are too long, none at all, or words that are no action are told by field")
    func refused() {
        let scene = scene()
        func param(_ members: String, _ headers: [(name: String, value: String)] = []) -> String? {
            scene.finish(scene.chat(members, stream: false, headers: headers))({ answer in
                #expect(answer.status == 400)
                return answer.json["error"]?["param"]?.asString
            })
        }
        let long = String(repeating: "x", count: 257)
        #expect(param("", [("x-session-id", long)]) == "x-session-id")
        #expect(param("", [("x-correlation-id", long)]) == "x-correlation-id")
        #expect(param(Self.control(long)) == "nvext.session_control.session_id")
        #expect(param(Self.control("")) == "nvext.session_control.session_id")
        #expect(param(Self.control("s", "keep")) == "nvext.session_control.action")
        #expect(param(Self.control("s", "open", timeout: 0)) == "nvext.session_control.timeout")
        #expect(param(#","nvext":{"session_control":{"action":"open"}}"#) == "nvext.session_control.session_id")
        #expect(asked(scene).isEmpty && scene.held == [])
    }

    @Test("the longest name that the wire holds is taken, in whatever script")
    func longest() {
        let scene = scene(outcome: .bound), id = String(repeating: "水", count: 85) + "!"
        scene.finish(scene.chat(stream: false, headers: [("x-session-id", id)])) { #expect($0.status == 200) }
        #expect(asked(scene).last??.key.id == id && entries(scene).last?.session?.id == id)
    }

    // MARK: Opening

    @Test("open is awaited: the worker has the session before it has the request")
    func open() {
        let scene = scene()
        scene.finish(scene.chat(Self.control("s", "open", timeout: 60), stream: false)) { #expect($0.status == 200) }
        let worker = scene.workers.first { worker in worker { !$0.jobs.isEmpty } }
        #expect(worker?.on { $0.messages.filter { $0 != .fileQuestion } } == [.openSession, .generateBatch])
        #expect(opened(scene) == [OpenSession(key: key, rank: 0, ttlSeconds: 60, pool: scene.card.digest, loRA: "", salt: [])])
        #expect(entries(scene).map(\.session) == [key])
        #expect(asked(scene) == [RouteSession(key: key, action: .open, mode: .soft, ttlSeconds: 60, hint: nil)])
        #expect(scene.metric(#"apus_frontend_sessions_opened_total{outcome="opened"}"#) == 1)
        #expect(scene.held == [])
    }

    @Test("nothing is sent before the worker has answered, however long it takes")
    func awaited() {
        let scene = scene(workers: 1)
        scene.worker { $0.opening = { _ in nil } }
        let client = scene.chat(Self.control("s", "open"), stream: false)
        scene.run { opened(scene).count == 1 }
        scene.pass(.milliseconds(1_500))
        #expect(entries(scene).isEmpty && !client.isEnded)
        // Three attempts, each with its own bound; then the client is told.
        scene.finish(client) { #expect($0.status == 503) }
        #expect(entries(scene).isEmpty)
    }

    @Test(
        "an opening that the worker refuses fails the request with its reason, gives the booking back, and leaves nothing",
        arguments: [
            (FailureCode.sessionLimit, 503, "session_limit", nil as String?),
            (.sessionUnsupported, 400, "session_unsupported", "nvext.session_control"),
            (.invalidArgument, 400, "invalid_value", "nvext.session_control"),
        ])
    func openRefused(code: FailureCode, status: Int, word: String, param: String?) {
        let scene = scene()
        for worker in scene.workers { worker { $0.opening = { _ in .failure(Failure(code, field: "key", reason: "scripted")) } } }
        scene.finish(scene.chat(Self.control("s", "open"))) {
            #expect($0.status == status && $0.errorCode == word)
            #expect($0.json["error"]?["param"]?.asString == param)
        }
        #expect(scene.held == [])
        #expect(entries(scene).isEmpty && opened(scene).count == 1)
        #expect(scene.router { $0.endedLeases.map(\.reason) } == [.neverDispatched])
    }

    @Test("a worker that drains opens nothing: another one does")
    func openElsewhere() {
        let scene = scene()
        scene.worker { $0.opening = { _ in .failure(Failure(.draining, reason: "it leaves")) } }
        scene.finish(scene.chat(Self.control("s", "open"), stream: false)) { #expect($0.status == 200) }
        #expect(scene.router { $0.asked.map(\.options.excludedWorkers) } == [[], [1]])
        #expect(scene.workers[1].on { $0.opened.count } == 1 && entries(scene).count == 1)
        #expect(scene.held == [])
    }

    @Test("an opening without an answer is taken back, and the next attempt opens elsewhere")
    func openUnanswered() {
        let scene = scene()
        scene.worker { $0.opening = { _ in nil } }
        scene.finish(scene.chat(Self.control("s", "open"), stream: false)) { #expect($0.status == 200) }
        #expect(scene.worker { $0.ended } == [deferred], "what may have been bound all the same is not")
        #expect(scene.workers[1].on { $0.opened.count } == 1 && entries(scene).map(\.attempt) == [2])
        #expect(scene.held == [])
    }

    @Test("no router finds a worker that holds sessions: the client that opens one is told so at once")
    func unsupported() {
        let scene = scene(capable: false)
        scene.router { $0.plan = { router, entry in router.fail(entry, .sessionUnsupported) } }
        scene.finish(scene.chat(Self.control("s", "open"))) {
            #expect($0.status == 400 && $0.errorCode == "session_unsupported")
        }
        #expect(opened(scene).isEmpty && scene.held == [])
    }

    @Test("the client leaves while its session is being opened: the booking goes back at once, and nothing runs")
    func leavesWhileOpening() {
        let scene = scene(workers: 1)
        scene.worker { $0.opening = { _ in nil } }
        let client = scene.chat(Self.control("s", "open"))
        scene.run { opened(scene).count == 1 }
        client { $0.leave() }
        scene.pass(.milliseconds(50))
        #expect(scene.router { $0.endedLeases.map(\.reason) } == [.neverDispatched])
        #expect(scene.service { $0.openRequests } == 0 && entries(scene).isEmpty)
        scene.pass(.seconds(5))
        #expect(scene.held == [])
    }

    @Test("more openings at once than a link may have questions: each has its turn")
    func manyOpenings() {
        let scene = scene(workers: 1)
        let clients = (0..<100).map { scene.chat(Self.control("s\($0)", "open"), stream: false) }
        for client in clients { scene.finish(client) { #expect($0.status == 200) } }
        #expect(opened(scene).count == 100 && scene.held == [])
    }

    // MARK: Following

    @Test("a session that is bound is named, and not opened again unless the client says so", arguments: ["use", "bind", "open"])
    func bound(action: String) {
        let scene = scene(outcome: .bound)
        scene.finish(scene.chat(Self.control("s", action == "use" ? nil : action), stream: false)) { #expect($0.status == 200) }
        #expect(opened(scene).count == (action == "open" ? 1 : 0), "an open of a bound one renews its time")
        #expect(entries(scene).map(\.session) == [key])
    }

    @Test("use of a session that nobody knows binds nothing")
    func unknown() {
        let scene = scene()
        scene.finish(scene.chat(Self.control(), stream: false)) { #expect($0.status == 200) }
        #expect(opened(scene).isEmpty && ended(scene).isEmpty)
    }

    @Test("spilled: the request runs elsewhere, and the binding stays where it is", arguments: ["use", "bind", "open"])
    func spilled(action: String) {
        let scene = scene(outcome: .spilled)
        scene.finish(scene.chat(Self.control("s", action == "use" ? nil : action), stream: false)) { #expect($0.status == 200) }
        #expect(opened(scene).isEmpty)
    }

    @Test("lost: whoever follows it binds it anew; a client that only uses it is not failed by that", arguments: [true, false])
    func lost(refused: Bool) {
        let scene = scene(outcome: .lost)
        if refused {
            for worker in scene.workers { worker { $0.opening = { _ in .failure(Failure(.sessionLimit, reason: "full")) } } }
        }
        scene.finish(scene.chat(Self.control(), stream: false)) { #expect($0.status == 200) }
        #expect(opened(scene).map(\.key) == [key] && scene.held == [])
    }

    @Test("bind opens where sessions are held, without failing a request over it")
    func bind() {
        let scene = scene()
        for worker in scene.workers { worker { $0.opening = { _ in .failure(Failure(.sessionLimit, reason: "full")) } } }
        scene.finish(scene.chat(Self.control("s", "bind"), stream: false)) { #expect($0.status == 200) }
        #expect(opened(scene).count == 1 && asked(scene).map { $0?.action } == [.open])
        #expect(scene.metric(#"apus_frontend_sessions_opened_total{outcome="refused"}"#) == 1)
    }

    @Test("bind where nobody holds sessions is affinity alone, and workers that know no sessions hear of none")
    func bindUnsupported() {
        let scene = scene(capable: false)
        scene.finish(scene.chat(Self.control("s", "bind"), stream: false)) { #expect($0.status == 200) }
        #expect(asked(scene).map { $0?.action } == [.use] && opened(scene).isEmpty && entries(scene).map(\.session) == [nil])
    }

    @Test("a router that finds nobody for a bind is asked again without: the pool changed meanwhile")
    func bindRefused() {
        let scene = scene()
        scene.router {
            $0.plan = { router, entry in
                entry.session?.action == .open ? router.fail(entry, .sessionUnsupported) : router.placeAnywhere(entry)
            }
        }
        scene.finish(scene.chat(Self.control("s", "bind"), stream: false)) { #expect($0.status == 200) }
        #expect(asked(scene).map { $0?.action } == [.open, .use])
        #expect(scene.router { $0.asked.map(\.attempt) } == [1, 1])
    }

    @Test("the worker dies with the session: the next attempt opens it anew, wherever it goes", arguments: ["use", "open", "bind"])
    func workerLost(action: String) {
        let scene = scene(outcome: .bound)
        for worker in scene.workers {
            worker { $0.script = { job in if job.entry.attempt == 1 { job.accept() } else { job.answer("hello") } } }
        }
        let client = scene.chat(Self.control("s", action == "use" ? nil : action), stream: false)
        scene.run { !entries(scene).isEmpty }
        // The router has not seen it yet: it says that the session is bound elsewhere.
        place(scene, .spilled)
        scene.fabric.breakStreams(between: "frontend", and: "worker-1")
        scene.finish(client) { #expect($0.status == 200 && $0.text() == "hello") }
        #expect(scene.workers[1].on { $0.opened.map(\.key) } == [key])
        #expect(entries(scene).map(\.session) == [key, key] && scene.held == [])
    }

    @Test("a worker that refuses a request keeps its session: it is not opened anew elsewhere")
    func refusedElsewhere() {
        let scene = scene(outcome: .bound)
        for worker in scene.workers {
            worker { $0.script = { job in if job.entry.attempt == 1 { job.refuse(.capacity) } else { job.answer("hello") } } }
        }
        scene.router {
            $0.plan = { router, entry in
                var plan = router.placeAnywhere(entry)
                plan.session = entry.attempt == 1 ? .bound : .spilled
                return plan
            }
        }
        scene.finish(scene.chat(Self.control("s", "bind"), stream: false)) { #expect($0.status == 200) }
        #expect(opened(scene).isEmpty && entries(scene).count == 2)
    }

    // MARK: Closing

    @Test("close: the worker is told when it has the request, and ends the session behind it")
    func close() {
        let scene = scene(workers: 1, outcome: .bound)
        scene.worker { $0.script = { $0.accept() } }
        let client = scene.chat(Self.control("s", "close"))
        scene.run { !ended(scene).isEmpty }
        #expect(ended(scene) == [deferred] && !client.isEnded)
        #expect(scene.worker { $0.messages.filter { $0 != .fileQuestion } } == [.generateBatch, .endSession])
        scene.worker { worker in
            worker.jobs[0].start()
            worker.jobs[0].say("hello", finish: .endOfText)
            worker.jobs[0].end(.finished)
        }
        scene.finish(client) { #expect($0.text() == "hello") }
        #expect(ended(scene).count == 1 && opened(scene).isEmpty && scene.held == [])
    }

    @Test("close, and the client leaves mid-stream: the session has been closed")
    func closeAndLeave() {
        let scene = scene(workers: 1, outcome: .bound)
        scene.worker { $0.script = { job in job.accept() } }
        let client = scene.chat(Self.control("s", "close"))
        scene.run { !entries(scene).isEmpty }
        client { $0.leave() }
        scene.pass(.milliseconds(100))
        #expect(ended(scene) == [deferred] && scene.worker { $0.cancels.count } == 1)
        #expect(scene.held == [])
    }

    @Test("close, and the request is refused for good: the session is closed all the same")
    func closeAndRefused() {
        let scene = scene(workers: 1, outcome: .bound)
        scene.worker { $0.script = { $0.refuse(.invalidArgument, field: "x") } }
        scene.finish(scene.chat(Self.control("s", "close"))) { #expect($0.status == 400) }
        scene.pass(.milliseconds(100))
        #expect(ended(scene) == [deferred] && scene.held == [])
    }

    @Test("close, and there is no plan, or one elsewhere: the router sees to it", arguments: [false, true])
    func closeElsewhere(spilled: Bool) {
        let scene = scene(workers: 2)
        scene.router {
            $0.plan = { router, entry in
                if entry.queryOnly { return router.fail(entry, .noWorker) }
                guard spilled else { return router.fail(entry, .capacity) }
                var plan = router.placeAnywhere(entry)
                plan.session = .spilled
                return plan
            }
        }
        scene.finish(scene.chat(Self.control("s", "close"))) { #expect($0.status == (spilled ? 200 : 503)) }
        scene.run { scene.service { $0.sessionsClosing == 0 } && scene.router { $0.asked.last?.queryOnly == true } }
        #expect(scene.router { $0.asked.filter(\.queryOnly).map { $0.session?.action } } == [.close])
        #expect(ended(scene).isEmpty && scene.held == [])
        #expect(scene.metric(#"apus_frontend_sessions_closed_total{told="yes"}"#) == 1)
    }

    @Test("close, and the client leaves before there is a plan: the router sees to it")
    func closeAndLeaveEarly() {
        let scene = scene(workers: 1)
        scene.router { $0.plan = { router, entry in entry.queryOnly ? router.fail(entry, .noWorker) : nil } }
        let client = scene.chat(Self.control("s", "close"))
        scene.run { scene.router { !$0.asked.isEmpty } }
        client { $0.leave() }
        scene.pass(.milliseconds(100))
        #expect(scene.router { $0.asked.map(\.queryOnly) } == [false, true] && scene.held == [])
    }

    @Test("close of a session that no router knows has nothing to end")
    func closeUnknown() {
        let scene = scene()
        scene.finish(scene.chat(Self.control("s", "close"), stream: false)) { #expect($0.status == 200) }
        scene.pass(.milliseconds(100))
        #expect(ended(scene).isEmpty && scene.router { $0.asked.count } == 1)
    }

    // MARK: The cookie

    private func cookie(_ client: Scene.Client) -> String? {
        client { $0.header("set-cookie") }.flatMap { $0.split(separator: ";").first.map(String.init) }
    }

    @Test("without the option no cookie is set, and none is read")
    func noCookie() {
        let scene = scene()
        #expect(cookie(scene.finish(scene.chat(stream: false, headers: [("cookie", "apus=x")]))) == nil)
        #expect(asked(scene) == [nil])
    }

    @Test(
        "a client without a name gets a session in a cookie, and is known by it; nobody can read an address in it",
        arguments: [true, false])
    func cookies(stream: Bool) {
        let scene = scene { $0.sessions.cookie = "apus" }
        let first = scene.finish(scene.chat(stream: stream))
        let field = first { $0.header("set-cookie") } ?? ""
        #expect(field.hasSuffix("; Path=/; HttpOnly; SameSite=Lax; Max-Age=86400"))
        guard let given = cookie(first), let id = asked(scene).last??.key.id, let chosen = entries(scene).first else {
            Issue.record("no cookie")
            return
        }
        #expect(id.utf8.count == 22 && chosen.session?.id == id && !given.contains(id))
        #expect(asked(scene).last??.action == .open && opened(scene).count == 1)
        place(scene, .bound)
        let second = scene.finish(scene.chat(stream: stream, headers: [("Cookie", "other=1; \(given); more=2")]))
        let question = asked(scene).last ?? nil
        #expect(question?.key.id == id && question?.hint == PlacementRef(workerID: 1, rank: 0))
        // It was placed elsewhere this time, which the next cookie says.
        let renewed = cookie(second)
        #expect(renewed != nil && renewed != given)
        scene.finish(scene.chat(stream: stream, headers: [("cookie", renewed ?? "")]))
        #expect(asked(scene).last??.hint == PlacementRef(workerID: 2, rank: 0))
    }

    @Test("a cookie that says the same is not sent again, until half of its life is over")
    func renewal() {
        let scene = scene(workers: 1) { config in
            config.sessions.cookie = "apus"
            config.sessions.cookieLife = .seconds(600)
        }
        let first = cookie(scene.finish(scene.chat(stream: false))) ?? ""
        #expect(cookie(scene.finish(scene.chat(stream: false, headers: [("cookie", first)]))) == nil)
        scene.pass(.seconds(301))
        let second = cookie(scene.finish(scene.chat(stream: false, headers: [("cookie", first)])))
        #expect(second != nil && second != first)
        scene.pass(.seconds(301))
        // The first has ended by now: whoever comes with it begins anew.
        scene.finish(scene.chat(stream: false, headers: [("cookie", first)]))
        let ids = asked(scene).map { $0?.key.id }
        #expect(ids[0] == ids[1] && ids[1] == ids[2] && ids[3] != ids[0])
    }

    @Test("a cookie that was changed, or made elsewhere, is none", arguments: 0..<6)
    func forged(kind: Int) {
        let scene = scene { $0.sessions.cookie = "apus" }
        let given = cookie(scene.finish(scene.chat(stream: false))) ?? "", id = asked(scene).last??.key.id
        var text = Array(given.utf8)
        switch kind {
        case 0: text[text.count / 2] = text[text.count / 2] == 0x41 ? 0x42 : 0x41
        case 1: text.removeLast(3)
        case 2: text = Array("apus=".utf8)
        case 3: text = Array("apus=\(String(repeating: "A", count: 6_000))".utf8)
        case 4: text = Array("apus=!!!".utf8)
        default:
            let content = SessionCookie.Content(id: id ?? "", hint: nil, expiresAt: .max)
            let other = SessionCookie(secret: [1, 2, 3]).text(content, tenant: "", nonce: Array(repeating: 7, count: 16))
            text = Array("apus=\(other)".utf8)
        }
        scene.finish(scene.chat(stream: false, headers: [("cookie", String(decoding: text, as: UTF8.self))])) { #expect($0.status == 200) }
        #expect(asked(scene).last??.key.id != id && asked(scene).last??.hint == nil)
    }

    @Test("a name beats the cookie; closing the cookie's session takes the cookie away")
    func cookieAndName() {
        let scene = scene(outcome: .bound) { $0.sessions.cookie = "apus" }
        let given = cookie(scene.finish(scene.chat(stream: false, headers: [("x-session-id", "s")]))) ?? ""
        scene.finish(scene.chat(stream: false, headers: [("x-session-id", "s"), ("cookie", given)]))
        #expect(asked(scene).last??.hint != nil, "the cookie is of this session")
        scene.finish(scene.chat(stream: false, headers: [("x-session-id", "t"), ("cookie", given)]))
        #expect(asked(scene).last??.key.id == "t" && asked(scene).last??.hint == nil)
        let last = scene.finish(scene.chat(Self.control("s", "close"), stream: false, headers: [("cookie", given)]))
        #expect(last { $0.header("set-cookie") } == "apus=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0")
    }
}
