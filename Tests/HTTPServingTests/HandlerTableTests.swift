import ClusterModel
import EventLoop
import HTTPServing
import Testing

@Suite("Routes")
struct HandlerTableTests {
    private final class Routed: @unchecked Sendable {
        // Safety: one test drives it, on one thread.
        let world = VirtualWorld(seed: 5)
        let loop: VirtualLoop
        let clientLoop: VirtualLoop
        let sockets: VirtualSockets
        let table: HandlerTable
        let server: HTTPServer

        init() {
            let fabric = VirtualSocketFabric(world), loop = world.makeLoop("server"), clientLoop = world.makeLoop("client")
            let own = VirtualSockets("server", loop: loop, on: fabric)
            (table, server) = loop.perform {
                let table = HandlerTable(on: loop)
                let server = HTTPServer(on: loop, sockets: own, application: table)
                do { try server.listen(host: "server", port: 80) } catch { preconditionFailure("\(error)") }
                return (table, server)
            }
            sockets = VirtualSockets("client", loop: clientLoop, on: fabric)
            self.loop = loop
            self.clientLoop = clientLoop
        }

        func add(_ body: @LoopActor (HandlerTable) -> Void) { loop.perform { body(table) } }

        func ask(_ requests: String, heads: Set<Int> = []) -> [Answers.Answer] {
            let client = clientLoop.perform {
                let client = RawClient(on: clientLoop)
                client.connect(sockets, "server", 80)
                client.send(Array(requests.utf8))
                return client
            }
            world.run(for: .seconds(3))
            return clientLoop.perform { Answers(client.text, heads: heads).all }
        }
    }

    private func routed() -> Routed {
        let routed = Routed()
        routed.add { table in
            for path in ["/", "/v1/models", "/v1/models/special"] as [StaticString] {
                table.on(.get, path, run: { $0.respond(.text(.ok, path.description)) })
            }
            table.on(.get, "/v1/models/{id}", run: { $0.respond(.text(.ok, "model " + ($0.parameter("id") ?? ""))) })
            table.on(
                .get, "/v1/models/{id}/files/{file*}",
                run: { exchange in
                    exchange.respond(.text(.ok, exchange.parameters.map { "\($0.name)=\($0.value)" }.joined(separator: " ")))
                })
            table.on(.post, "/v1/models", maximumBody: 10, run: { $0.respond(.text(.created, "\($0.request.body.count)")) })
            table.on(.delete, "/v1/models", run: { $0.respond(HTTPResponse(.noContent)) })
        }
        return routed
    }

    @Test("paths lead to their handlers, exact ones first, escapes undone")
    func paths() {
        let answers = routed().ask(
            [
                "/", "//", "/v1/models", "/v1//models/", "/v1/models/special", "/v1/models/gpt", "/v1/models/meta-llama%2FLlama-3",
                "/v1/models/%C3%A4%20b", "/v1/models/a/files/b/c", "/%76%31/models", "/v1/models?x=/y",
            ].map { get($0) }.joined())
        #expect(
            answers.map(\.body) == [
                "/", "/", "/v1/models", "/v1/models", "/v1/models/special", "model gpt", "model meta-llama/Llama-3", "model \u{e4} b",
                "id=a file=b/c", "/v1/models", "/v1/models",
            ])
    }

    @Test(
        "unknown paths are 404, among them those of escaped slashes",
        arguments: ["/v1", "/v1/models/a/b", "/v1%2Fmodels", "/V1/models", "/v1/models/a/files"])
    func notFound(path: String) {
        let answers = routed().ask(get(path))
        #expect(answers.map(\.status) == [404])
        #expect(answers[0].body.contains("\"code\":\"not_found\""))
    }

    @Test("wrong methods are 405 and OPTIONS 204, both with the methods that there are; HEAD is GET without a body")
    func methods() {
        let requests = ["PATCH /v1/models", "OPTIONS /v1/models", "HEAD /v1/models", "POST /v1/models/x", "BREW /", "OPTIONS *"]
        let answers = routed().ask(requests.map { "\($0) HTTP/1.1\r\nHost: a\r\n\r\n" }.joined(), heads: [2])
        #expect(answers.map(\.status) == [405, 204, 200, 405, 405, 204])
        #expect(
            answers.map { $0.fields["allow"] } == [
                "GET, POST, DELETE, HEAD, OPTIONS", "GET, POST, DELETE, HEAD, OPTIONS", nil, "GET, HEAD, OPTIONS", "GET, HEAD, OPTIONS",
                "GET, HEAD, POST, OPTIONS",
            ])
        #expect(answers[2].fields["content-length"] == "10")
    }

    @Test("a route's own body limit holds before the body is read, and 404 comes before 413")
    func bodyLimit() {
        let routed = routed()
        #expect(routed.ask(post("/v1/models", "0123456789")).map(\.status) == [201])
        #expect(routed.ask(post("/v1/models", "0123456789a")).map(\.status) == [413])
        #expect(routed.ask(post("/nowhere", String(repeating: "x", count: 100_000)) + get("/")).map(\.status) == [404, 200])
        #expect(routed.ask("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n").map(\.status) == [413])
    }

    @Test("a guard refuses before routes and bodies")
    func refusing() {
        let routed = routed()
        routed.add { table in
            table.refuse = { $0.headers["authorization"] == "Bearer k" ? nil : table.error(.unauthorized, "a key is needed") }
        }
        let answers = routed.ask(get("/") + get("/", "Authorization: Bearer k\r\n") + post("/nowhere", "body"))
        #expect(answers.map(\.status) == [401, 200, 401])
        #expect(answers[0].body.contains("authentication_error"))
    }

    @Test("a handler may be a task; one that ends without an answer is a 500, or the end of its stream")
    func tasks() {
        let routed = routed()
        routed.add { table in
            let loop = routed.loop
            table.on(
                .get, "/slow",
                task: { exchange in
                    await loop.sleep(for: .milliseconds(100))
                    exchange.respond(.text(.ok, "slow"))
                })
            table.on(.get, "/forgets", task: { _ in await loop.sleep(for: .milliseconds(1)) })
            table.on(
                .get, "/breaks",
                task: { exchange in
                    exchange.beginStream(.ok)
                    exchange.append(Array("x".utf8))
                })
        }
        let answers = routed.ask(get("/slow") + get("/forgets") + get("/breaks"))
        #expect(answers.map(\.status) == [200, 500])
        #expect(answers[1].body.contains("server_error"))
    }

    @Test("errors take the shape that the application gives them, the server's own as well")
    func errors() {
        let routed = routed()
        routed.add { $0.errors = { status, reason in Array("<\(status.code) \(reason)>".utf8) } }
        #expect(routed.ask(get("/nowhere")).map(\.body) == ["<404 there is nothing at this path>"])
        #expect(routed.ask("x\r\n\r\n").map(\.body) == ["<400 the request line has no target>"])
    }

    @Test("names and values of a query are decoded, and the path without it")
    func query() {
        let routed = routed()
        routed.add { table in
            table.on(
                .get, "/q",
                run: { exchange in
                    exchange.respond(.text(.ok, exchange.request.path + exchange.request.query.map { "|\($0.name)=\($0.value)" }.joined()))
                })
        }
        let answers = routed.ask(get("/q?a=1&b=%C3%A4+c&flag&=x&&d=1=2&bad=%zz%") + get("/q"))
        #expect(answers.map(\.body) == ["/q|a=1|b=\u{e4} c|flag=|=x|d=1=2|bad=%zz%", "/q"])
    }
}
