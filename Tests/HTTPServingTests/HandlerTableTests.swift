import ClusterModel
import EventLoop
import HTTPServing
import Testing

@Suite("Routes")
struct HandlerTableTests {
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

    @Test("wrong methods are 405 and OPTIONS 204, both with the methods that there are, unknown ones 501; HEAD is GET without a body")
    func methods() {
        let requests = ["PATCH /v1/models", "OPTIONS /v1/models", "HEAD /v1/models", "POST /v1/models/x", "BREW /", "OPTIONS *"]
        let answers = routed().ask(requests.map { "\($0) HTTP/1.1\r\nHost: a\r\n\r\n" }.joined(), heads: [2])
        #expect(answers.map(\.status) == [405, 204, 200, 405, 501, 204])
        #expect(
            answers.map { $0.fields["allow"] } == [
                "GET, POST, DELETE, HEAD, OPTIONS", "GET, POST, DELETE, HEAD, OPTIONS", nil, "GET, HEAD, OPTIONS", nil,
                "GET, HEAD, POST, OPTIONS",
            ])
        #expect(answers[2].fields["content-length"] == "10")
    }

    @Test("a table of JSON refuses bodies that say they are something else, by the head, and reads those that say nothing")
    func contentTypes() {
        let routed = routed()
        routed.add { $0.takesOnlyJSON = true }
        let types: [(String, Int)] = [
            ("", 201), ("Content-Type: application/json", 201), ("content-type:APPLICATION/Json ; charset=utf-8", 201),
            ("Content-Type: application/vnd.api+JSON", 201), ("Content-Type: application/x-www-form-urlencoded", 415),
            ("Content-Type: text/plain;charset=UTF-8", 415), ("Content-Type: application/jsonl", 415), ("Content-Type:", 415),
            ("Content-Type: application/json\r\nContent-Type: text/plain", 415), ("Content-Encoding: identity", 201),
            ("Content-Encoding: gzip", 415),
        ]
        let answers = routed.ask(types.map { post("/v1/models", "{}", $0.0.isEmpty ? "" : $0.0 + "\r\n") }.joined())
        #expect(answers.map(\.status) == types.map(\.1))
        #expect(answers[4].fields["accept"] == "application/json" && answers[4].body.contains("Content-Type: application/json"))
        #expect(answers[10].fields["accept-encoding"] == "identity")
        // Nothing was sent, so nothing is of another kind; and what a method has no use for is not judged.
        #expect(routed.ask(post("/v1/models", "", "Content-Type: text/plain\r\n")).map(\.status) == [201])
        #expect(routed.ask("GET / HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\nx").map(\.status) == [200])
    }

    @Test("every 401 says how to prove oneself, once")
    func challenge() {
        let routed = routed()
        routed.add { table in
            table.refuse = { _ in table.error(.unauthorized, "a key is needed") }
        }
        #expect(routed.ask(get("/")).map { $0.fields["www-authenticate"] } == ["Bearer"])
        routed.add { table in
            table.refuse = { _ in HTTPResponse(.unauthorized, headers: [HTTPField("WWW-Authenticate", "Basic")]) }
        }
        #expect(routed.ask(get("/")).map { $0.fields["www-authenticate"] } == ["Basic"])
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

    @Test("a handler may leave a task, or two; whichever of them ends without an answer, it is a 500, or the end of its stream")
    func remainders() {
        let routed = routed()
        routed.add { table in
            let loop = routed.loop
            table.handle(.get, "/slow") { exchange in
                .tasks {
                    await loop.sleep(for: .milliseconds(100))
                    return {
                        await loop.sleep(for: .milliseconds(100))
                        exchange.respond(.text(.ok, "slow"))
                    }
                }
            }
            table.handle(.get, "/later") { exchange in
                .task {
                    await loop.sleep(for: .milliseconds(100))
                    exchange.respond(.text(.ok, "later"))
                }
            }
            table.handle(.get, "/refuses") { exchange in
                .tasks {
                    exchange.respond(.text(.conflict, "no"))
                    return nil
                }
            }
            table.handle(.get, "/refuses-at-once") { exchange in
                exchange.respond(.text(.conflict, "no"))
                return .nothing
            }
            table.handle(.get, "/forgets") { _ in .tasks { nil } }
            table.handle(.get, "/forgets-at-once") { _ in .nothing }
            table.handle(.get, "/forgets-later") { _ in .task { await loop.sleep(for: .milliseconds(1)) } }
            table.handle(.get, "/breaks") { exchange in
                .task {
                    exchange.beginStream(.ok)
                    exchange.append(Array("x".utf8))
                }
            }
        }
        let paths = ["/slow", "/later", "/refuses", "/refuses-at-once", "/forgets", "/forgets-at-once", "/forgets-later", "/breaks"]
        let answers = routed.ask(paths.map { get($0) }.joined())
        #expect(answers.map(\.status) == [200, 200, 409, 409, 500, 500, 500])
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
