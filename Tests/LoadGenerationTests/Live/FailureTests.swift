import ClusterModel
import EventLoop
import HTTPServing
import Testing

@testable import LoadGeneration

@Suite("What is counted of a live load's answers and failures")
struct FailureTests {
    private func run(
        streams: Bool = true, timeout: Duration = .seconds(3),
        _ answer: @escaping @LoopActor @Sendable (HTTPExchange, LiveScene) async -> Void
    ) throws -> LoadResult {
        let scene = LiveScene()
        let server = scene.serve { await answer($0, scene) }
        _ = server
        try scene.start(.open, planned([.milliseconds(10)]), plan: { $0.timeout = timeout }, form: { $0.streams = streams })
        return try scene.finish()
    }

    private func failure(
        streams: Bool = true, _ answer: @escaping @LoopActor @Sendable (HTTPExchange, LiveScene) async -> Void
    ) throws -> String? {
        let result = try run(streams: streams, answer)
        #expect(result.progress.failed == 1 && result.recorder.summary.counts.failed == 1)
        return result.firstFailure
    }

    @LoopActor private static func event(_ data: String, _ exchange: HTTPExchange) {
        exchange.append { ServerSentEvents.append(data: data, to: &$0) }
    }

    @Test("a status counts with its code, or else its type, and nothing that a terminal would obey")
    func statuses() throws {
        let told = try failure { exchange, _ in
            exchange.respond(
                .json(HTTPStatus.tooManyRequests, Array(#"{"error":{"message":"m","type":"rate","code":"tenant_limit"}}"#.utf8)))
        }
        #expect(told == "HTTP 429 tenant_limit")
        let typed = try failure { exchange, _ in
            exchange.respond(.json(.badRequest, Array("{\"error\":{\"type\":\"a\\u001b[31mb \\n_c\",\"code\":null}}".utf8)))
        }
        #expect(typed == "HTTP 400 a31mb_c")
        #expect(try failure { exchange, _ in exchange.respond(.text(.badGateway, "<html>")) } == "HTTP 502")
        #expect(try failure(streams: false) { exchange, _ in exchange.respond(.json(.notFound, [])) } == "HTTP 404")
    }

    @Test("an error within a stream, a stream without its end, one that is cut, and one that is none")
    func streams() throws {
        let inside = try failure { exchange, _ in
            exchange.beginStream(.ok)
            Self.event(#"{"choices":[{"delta":{"content":"a"}}]}"#, exchange)
            Self.event(#"{"error":{"message":"gone","code":"worker_lost"}}"#, exchange)
            exchange.append { ServerSentEvents.appendDone(to: &$0) }
            exchange.endStream()
        }
        #expect(inside == "error in stream worker_lost")
        let unfinished = try failure { exchange, _ in
            exchange.beginStream(.ok)
            Self.event(#"{"choices":[{"delta":{"content":"a"}}]}"#, exchange)
            exchange.endStream()
        }
        #expect(unfinished == "stream without its end")
        let cut = try failure { exchange, scene in
            exchange.beginStream(.ok)
            Self.event(#"{"choices":[{"delta":{"content":"a"}}]}"#, exchange)
            await scene.serverLoop.sleep(for: .milliseconds(50))
            exchange.abort()
        }
        #expect(cut == "cut short")
        let none = try failure { exchange, _ in
            exchange.beginStream(.ok)
            Self.event("hello", exchange)
            exchange.endStream()
        }
        #expect(none == "malformed event")
        #expect(try failure(streams: false) { exchange, _ in exchange.respond(.text(.ok, "hello")) } == "malformed answer")
        #expect(try failure(streams: false) { exchange, _ in exchange.respond(.json(.ok, Array("{}".utf8))) } == "malformed answer")
    }

    @Test("an answer that does not end in time, a server that hangs up, one that is not there")
    func connections() throws {
        let late = try run { exchange, scene in await scene.serverLoop.sleep(for: .seconds(10)) }
        #expect(late.firstFailure == "timeout" && late.elapsed < .milliseconds(3_100))
        #expect(try failure { exchange, _ in exchange.abort() } == "closed before its answer")
        let scene = LiveScene()
        try scene.start(.open, planned([.milliseconds(10)]))
        #expect(try scene.finish().firstFailure == "connect: Connection refused")
    }

    @Test("counts are those of the server where it tells them, and chunks where it does not")
    func counts() throws {
        let told = try run { exchange, scene in
            exchange.beginStream(.ok)
            Self.event(#"{"choices":[{"delta":{"role":"assistant","content":""}}],"usage":null}"#, exchange)
            await scene.serverLoop.sleep(for: .milliseconds(20))
            Self.event(#"{"choices":[{"delta":{"content":"ab"}}],"usage":null}"#, exchange)
            await scene.serverLoop.sleep(for: .milliseconds(30))
            Self.event(#"{"choices":[{"delta":{"content":"cd"}}],"usage":null}"#, exchange)
            Self.event(#"{"choices":[{"delta":{},"finish_reason":"stop"}],"usage":null}"#, exchange)
            Self.event(
                #"{"choices":[],"usage":{"prompt_tokens":31,"completion_tokens":7,"prompt_tokens_details":{"cached_tokens":16}}}"#, exchange
            )
            exchange.append { ServerSentEvents.appendDone(to: &$0) }
            exchange.endStream()
        }
        let summary = told.recorder.summary
        #expect(summary.counts.complete == 1 && summary.counts.outputTokens == 7 && told.progress.pieces == 2)
        #expect(summary.counts.promptTokens == 31 && summary.counts.cachedTokens == 16)
        // The role is no token: the first came after 20 ms, and the second 30 ms later.
        let first = try #require(summary[.firstToken].max), gap = try #require(summary[.betweenPieces].max)
        #expect(first > .milliseconds(20) && first < .milliseconds(25))
        #expect(gap > .milliseconds(29) && gap < .milliseconds(31) && summary[.betweenPieces].count == 1)

        let silent = try run { exchange, _ in
            exchange.beginStream(.ok)
            for _ in 0..<3 { Self.event(#"{"choices":[{"delta":{"content":"a"}}]}"#, exchange) }
            exchange.append { ServerSentEvents.appendDone(to: &$0) }
            exchange.endStream()
        }
        #expect(silent.recorder.summary.counts.outputTokens == 3 && silent.recorder.summary.counts.promptTokens == 20)
        #expect(silent.recorder.summary.counts.promptTokensJudged == 0)
    }
}
