import ClusterModel
import EventLoop
import HTTPClient
import JSONText
import TestSupport
import Testing

@testable import LoadGeneration

@Suite("The null server, on real sockets")
struct NullServerTests {
    private func asking(
        _ change: (inout NullServer.Options) -> Void = { _ in },
        _ body: @escaping @LoopActor @Sendable (HTTPClientConnection, EpollLoop) async throws -> Void
    ) async throws {
        var options = NullServer.Options()
        change(&options)
        let thread = try LoopThread()
        defer { thread.stop() }
        try await thread.run { @LoopActor [options] (loop: EpollLoop) async throws -> Void in
            let sockets = EpollSockets(on: loop), server = NullServer(on: loop, sockets: sockets, options)
            let connection = HTTPClientConnection(
                on: loop, sockets: sockets, host: "127.0.0.1", port: try server.listen(host: "127.0.0.1", port: 0))
            try await body(connection, loop)
            connection.close()
            server.close()
        }
    }

    private static func events(_ body: [UInt8]) throws(SSEReader.TooLong) -> [String] {
        var reader = SSEReader(), events: [String] = []
        try body.withUnsafeBufferPointer { (bytes) throws(SSEReader.TooLong) in
            try reader.read(UnsafeRawBufferPointer(bytes)) { events.append($0.text) }
        }
        return events
    }

    @Test("a stream is as OpenAI's: role, tokens, one finish, counts if asked for, the end", arguments: [1, 3])
    func stream(tokensPerChunk: Int) async throws {
        try await asking({ $0.tokensPerChunk = tokensPerChunk }) { connection, loop in
            for asks in [true, false] {
                let options = asks ? #","stream_options":{"include_usage":true}"# : ""
                let body = Array(#"{"model":"null","messages":[],"max_tokens":7,"stream":true\#(options)}"#.utf8)
                let answer = try await connection.fetch(.post("/v1/chat/completions", json: body), until: loop.now + .seconds(5))
                #expect(answer.status == 200 && answer["content-type"] == "text/event-stream")
                let events = try Self.events(answer.body)
                #expect(events.last == "[DONE]")
                let chunks = try events.dropLast().map { try JSONValue(parsing: $0) }
                let deltas = chunks.compactMap { $0["choices"]?[0]?["delta"]?["content"]?.asString }.filter { !$0.isEmpty }
                #expect(deltas.count == (7 + tokensPerChunk - 1) / tokensPerChunk)
                #expect(chunks.first?["choices"]?[0]?["delta"]?["role"]?.asString == "assistant")
                #expect(chunks.filter { $0["choices"]?[0]?["finish_reason"]?.asString == "length" }.count == 1)
                let usage = chunks.last?["usage"]
                #expect((usage?["completion_tokens"]?.asInt == 7) == asks)
                if asks { #expect(usage?["prompt_tokens"]?.asInt == body.count) }
            }
        }
    }

    @Test("one by one each event comes by itself, many streams at once and all of each")
    func oneByOne() async throws {
        try await asking({ $0.sendsSingly = true }) { connection, loop in
            let body = Array(#"{"model":"null","messages":[],"max_tokens":9,"stream":true}"#.utf8), streams = 8
            var parts = [[String]](repeating: [], count: streams), ended = 0
            let done = Promise<Void>(on: loop)
            for number in 0..<streams {
                loop.spawn {
                    let own = HTTPClientConnection(on: loop, sockets: EpollSockets(on: loop), host: "127.0.0.1", port: connection.port)
                    _ = try? await own.stream(.post("/v1/chat/completions", json: body), until: loop.now + .seconds(5)) {
                        parts[number].append(String(decoding: $0, as: UTF8.self))
                    }
                    own.close()
                    ended += 1
                    if ended == streams { done.fulfil(()) }
                }
            }
            _ = await done.wait(until: loop.now + .seconds(10))
            for part in parts {
                let events = try Self.events(Array(part.joined().utf8))
                #expect(events.count == 1 + 9 + 1 + 1 && events.last == "[DONE]")
                // The end is two events in one piece; what a reader was late for comes together.
                #expect(part.count > 6 && part.count <= 11, "\(part.count) pieces")
            }
        }
    }

    @Test("whole answers and the list of models are what clients read")
    func whole() async throws {
        try await asking({ $0.model = "say \"hi\"" }) { connection, loop in
            let until = loop.now + .seconds(5)
            let models = try JSONValue(parsing: try await connection.fetch(.get("/v1/models"), until: until).body)
            #expect(models["data"]?[0]?["id"]?.asString == "say \"hi\"")
            for (path, isChat) in [("/v1/chat/completions", true), ("/v1/completions", false)] {
                let answer = try await connection.fetch(.post(path, json: Array(#"{"max_tokens": 3, "prompt": "x"}"#.utf8)), until: until)
                let value = try JSONValue(parsing: answer.body), choice = value["choices"]?[0]
                #expect((isChat ? choice?["message"]?["content"] : choice?["text"])?.asString == "word word word ")
                #expect(value["usage"]?["completion_tokens"]?.asInt == 3 && choice?["finish_reason"]?.asString == "length")
            }
            let usual = try await connection.fetch(.post("/v1/completions", json: Array("{}".utf8)), until: until)
            #expect(try JSONValue(parsing: usual.body)["usage"]?["completion_tokens"]?.asInt == 16)
        }
    }

    @Test("a probe finds the model, and how many characters a token has")
    func probe() async throws {
        try await asking { connection, loop in
            let target = try LoadTarget(parsing: "http://127.0.0.1:\(connection.port)")
            let probe = ServerProbe(on: loop, sockets: EpollSockets(on: loop), target: target, address: "127.0.0.1")
            let form = RequestForm(model: "null", prompt: .text(charactersPerToken: 1))
            #expect(try await probe.firstModel(form) == "null")
            #expect(try await probe.charactersPerToken(form, seed: 1) == 1)
            probe.close()
        }
    }

    @Test("a live load on real sockets sends all, and its answers are all there", arguments: [true, false])
    func live(streams: Bool) async throws {
        let thread = try LoopThread()
        defer { thread.stop() }
        let result = try await thread.run { @LoopActor (loop: EpollLoop) async throws -> LoadResult in
            let sockets = EpollSockets(on: loop), server = NullServer(on: loop, sockets: sockets)
            let port = try server.listen(host: "127.0.0.1", port: 0), target = try LoadTarget(parsing: "http://127.0.0.1:\(port)")
            var form = RequestForm(model: "null", prompt: .text(charactersPerToken: 1)), plan = LoadPlan(.open)
            form.streams = streams
            plan.timeout = .seconds(120)
            let mix = PromptMix(input: .uniform(1...6_000), output: .uniform(1...40))
            let times = ArrivalTimes(.gamma(shape: 0.2), rate: 1_000, seed: 1)
            let run = try LoadRun(
                on: loop, sockets: sockets, target: target, address: target.host, form: form,
                source: MixSource(mix, times: times, requests: 200, seed: 1), blockTokens: 64, plan: plan, recorder: LoadRecorder())
            defer { server.close() }
            return try await run.run()
        }
        let counts = result.recorder.summary.counts
        #expect(counts.complete == 200 && result.firstFailure == nil)
        #expect(streams ? result.progress.pieces == Int(counts.outputTokens) : result.progress.pieces == 0)
        #expect(counts.outputTokens > 200 * 15 && counts.outputTokens < 200 * 26)
        #expect(result.cost.cpu > .zero && result.cpuPerRequest != nil)
    }
}
