import ClusterModel
import JSONText
import ServiceRuntime
import Testing

@testable import EngineAdapters
@testable import Engines

@Suite("An engine that is a server")
struct ServerEngineTests {
    private static let generate = "/inference/v1/generate", abort = "/inference/v1/abort_requests"
    private static let token = #"{"choices":[{"index":0,"token_ids":[7],"finish_reason":null}],"usage":null}"#
    private static let last = #"{"choices":[{"index":0,"token_ids":[8],"finish_reason":"length"}],"usage":null}"#
    private static let counts = #"{"choices":[],"usage":{"prompt_tokens":3,"prompt_tokens_details":{"cached_tokens":2}}}"#

    private func scene(_ change: (inout ServerSettings) -> Void = { _ in }) throws -> ServedScene {
        let scene = try ServedScene(settings: change)
        try scene.replayVLLM()
        _ = try scene.begin().get()
        return scene
    }

    // MARK: The beginning

    @Test("one that loads is asked again until it stands")
    func loads() throws {
        let scene = try ServedScene()
        try scene.replayVLLM()
        scene.answer("/health") { _ in .json(503, "{}") }
        scene.later(.seconds(20)) { try? scene.replay("/health", "vllm/health") }
        #expect(throws: Never.self) { try scene.begin(within: .seconds(60)).get() }
        #expect((15...25).contains(scene.asked.count { $0.target == "/health" }))
    }

    @Test("one that never stands is given up at the deadline, with the reason")
    func never() throws {
        let scene = try ServedScene()
        scene.answer("/health") { _ in .silence }
        guard case .failure(let failure) = scene.begin(within: .seconds(20)) else { Issue.record("nothing stands there"); return }
        #expect(failure.description.contains("10.0.0.2:8000") && failure.description.contains("did not end in time"))
    }

    @Test(
        "what options say and the server does not is refused, with what to do",
        arguments: [
            (UInt32(16), UInt32?.none, "give --block-size 32"), (32, 4096, "give --context-length 1024 or less"),
        ])
    func mismatch(blockSize: UInt32, context: UInt32?, remedy: String) throws {
        let scene = try ServedScene(settings: {
            $0.blockSize = blockSize
            $0.contextLength = context
        })
        try scene.replayVLLM()
        guard case .failure(let failure) = scene.begin() else { Issue.record("it was taken"); return }
        #expect(failure.description.contains(remedy))
    }

    @Test("nothing is asked without the key, and the log has none of it")
    func key() throws {
        let secret = try #require(Self.secret("sk-of-a-test"))
        let scene = try scene { $0.key = secret }
        scene.answer(Self.generate) { _ in .events([Self.last, Self.counts, "[DONE]"], ends: true) }
        #expect(scene.outcome(scene.request()).end?.reason == .finished)
        #expect(scene.asked.allSatisfy { $0.head.contains("Authorization: Bearer sk-of-a-test") })
        #expect(!"\(secret)".contains("sk-of"))
    }

    private static func secret(_ text: String) -> Secret? {
        var table = OptionTable(ProcessDescription(name: "test", summary: "", protocolVersion: "1"))
        let key = table.secret("key", help: "A key.")
        let reader = FileReader { (_, _) throws(FileReadError) in Array("\(text)\n".utf8) }
        return table.resolve(arguments: ["--key-file", "x"], environment: [:], files: reader).configuration[key]
    }

    // MARK: Requests

    @Test("every choice is a question of its own, and the request ends with the last")
    func choices() throws {
        let scene = try scene()
        scene.answer(Self.generate) { _ in .events([Self.token, Self.last, Self.counts, "[DONE]"], ends: true) }
        let outcome = scene.outcome(
            scene.request {
                $0.sampling.temperature = 1
                $0.sampling.seed = .max
                $0.choices = [EngineChoice(choice: 0, maxTokens: 3), EngineChoice(choice: 2, shown: [5, 6], maxTokens: 2)]
            })
        #expect(outcome.faults.isEmpty && outcome.origins == [0: 0, 2: 2])
        #expect(outcome.tokens == [0: [7, 8], 2: [7, 8]] && outcome.finishes == [0: .length, 2: .length])
        #expect(outcome.end?.outputTokens == 4 && outcome.end?.cachedTokens == 2 && outcome.started.count == 1)
        let bodies: [JSONValue] = try scene.questions(Self.generate).suffix(2).map { try JSONValue(parsing: $0.body) }
        let seeds = bodies.map { $0["sampling_params"]?["seed"]?.asUInt64 }
        #expect(bodies.map { $0["token_ids"]?.asArray?.count } == [3, 5] && seeds == [UInt64.max >> 1, 1])
        #expect(Set(bodies.compactMap { $0["request_id"]?.asString }).count == 2)
    }

    @Test("more tokens than were asked for, or none that the model knows, end the request", arguments: [true, false])
    func excess(many: Bool) throws {
        let scene = try scene()
        let event = many ? Self.token : #"{"choices":[{"token_ids":[1167]}]}"#
        scene.answer(Self.generate) { _ in .events([String](repeating: event, count: 1_000)) }
        let outcome = scene.outcome(scene.request())
        guard case .failed(.failed(let reason)) = outcome.end?.reason else { Issue.record("it went on"); return }
        #expect(reason.contains(many ? "more tokens" : "vocabulary") && outcome.tokens[0]?.count ?? 0 == (many ? 3 : 0))
        scene.pass(.seconds(1))
        #expect(scene.departures == 1)
    }

    @Test("a text is whole without the counts that never come, within two seconds")
    func withoutCounts() throws {
        let scene = try scene()
        scene.answer(Self.generate) { _ in .events([Self.token, Self.last]) }
        let outcome = scene.outcome(scene.request(), within: .seconds(3))
        #expect(outcome.end?.reason == .finished && outcome.finishes == [0: .length] && outcome.faults.isEmpty)
    }

    @Test("what follows a whole text spoils nothing", arguments: ["{", #"{"error":{"code":500}}"#, Self.token])
    func behind(event: String) throws {
        let scene = try scene()
        scene.answer(Self.generate) { _ in .events([Self.last, event], ends: true) }
        let outcome = scene.outcome(scene.request())
        #expect(outcome.end?.reason == .finished && outcome.tokens == [0: [8]])
    }

    @Test("an error within a stream ends the request as what it is")
    func errorInside() throws {
        let scene = try scene()
        for (code, reason) in [
            (503, EngineFault.capacity), (500, .failed("the engine's server: the server failed within its answer: status 500")),
        ] {
            scene.answer(Self.generate) { _ in .events([Self.token, #"{"error":{"message":"secret","code":\#(code)}}"#]) }
            let outcome = scene.outcome(scene.request())
            #expect(outcome.end?.reason == .failed(reason) && outcome.tokens == [0: [7]])
        }
    }

    @Test("a cancelled request ends at once, and its server is told in both ways")
    func cancel() throws {
        let scene = try scene()
        scene.answer(Self.generate) { _ in .events([Self.token]) }
        let request = scene.request()
        scene.admit(request)
        scene.pass(.seconds(5)) { !scene.soFar(request).tokens.isEmpty }
        scene.cancel(request.key)
        #expect(scene.outcome(of: request).end?.reason == .cancelled)
        scene.pass(.seconds(1))
        #expect(scene.departures == 1)
        let told = try #require(scene.questions(Self.abort).first)
        let asked = try JSONValue(parsing: try #require(scene.questions(Self.generate).last).body)
        #expect(told.body == #"{"request_ids":["generate-tokens-\#(asked["request_id"]?.asString ?? "")"]}"#)
    }

    @Test("of two choices one can be cancelled, and the other goes on")
    func cancelOne() throws {
        let scene = try scene()
        scene.answer(Self.generate) { asked in
            asked.body.contains("-0\"") ? .events([Self.token]) : .events([Self.last, Self.counts, "[DONE]"], ends: true)
        }
        let request = scene.request { $0.choices = [EngineChoice(choice: 0, maxTokens: 3), EngineChoice(choice: 1, maxTokens: 3)] }
        scene.admit(request)
        scene.pass(.seconds(5)) { scene.soFar(request).tokens.count == 2 }
        #expect(scene.soFar(request).end == nil)
        scene.cancel(request.key, choice: 0)
        #expect(scene.outcome(of: request).end?.reason == .cancelled)
    }

    @Test("a connection that was closed meanwhile is replaced once")
    func stale() throws {
        let scene = try scene()
        scene.answer(Self.generate) { _ in .events([Self.last, Self.counts, "[DONE]"], ends: true) }
        #expect(scene.outcome(scene.request()).end?.reason == .finished)
        let before = scene.connections
        // All idle ones end, as those of a server with a short patience; the client hears of it with its next request.
        scene.killServer()
        scene.listen()
        #expect(scene.outcome(scene.request()).end?.reason == .finished)
        #expect(scene.connections > before)
    }

    // MARK: A server that goes and comes

    @Test("one that dies ends its requests at once, is away, and serves again when it is back")
    func death() throws {
        let scene = try scene()
        scene.answer(Self.generate) { _ in .events([Self.token]) }
        let first = scene.request(), second = scene.request()
        scene.admit(first)
        scene.admit(second)
        scene.pass(.seconds(5)) { !scene.soFar(second).tokens.isEmpty }
        scene.killServer()
        for request in [first, second] {
            guard case .failed(.failed) = scene.outcome(of: request).end?.reason else { Issue.record("it did not fail"); return }
        }
        scene.pass(.seconds(10)) { !scene.conditions.isEmpty }
        guard case .away = scene.conditions.first else { Issue.record("nobody was told"); return }
        #expect(scene.outcome(scene.request()).end?.reason == .failed(.failed("the engine's server is away")))
        scene.listen()
        scene.pass(.seconds(10)) { scene.conditions.count == 2 }
        #expect(scene.conditions.last == .serving && scene.failure == nil)
        scene.answer(Self.generate) { _ in .events([Self.last, Self.counts, "[DONE]"], ends: true) }
        #expect(scene.outcome(scene.request()).end?.reason == .finished)
    }

    @Test("one that comes back as another is a failure of the engine")
    func another() throws {
        let scene = try scene()
        scene.killServer()
        scene.pass(.seconds(10)) { !scene.conditions.isEmpty }
        scene.answer("/version") { _ in .json(#"{"version":"0.40.0"}"#) }
        scene.listen()
        scene.pass(.seconds(10)) { scene.failure != nil }
        #expect(scene.failure?.description.contains("vllm-0.40.0") == true)
    }

    @Test("one that answers late is not away; one that answers nothing is, after three times")
    func silence() throws {
        let scene = try scene()
        scene.answer("/health") { _ in .silence }
        scene.pass(.seconds(12))
        #expect(scene.conditions.isEmpty)
        scene.pass(.seconds(20)) { !scene.conditions.isEmpty }
        guard case .away = scene.conditions.first else { Issue.record("nobody was told"); return }
    }

    @Test("what others take there counts beside what ours take, and is told whether or not anything else happens")
    func figures() throws {
        let scene = try scene()
        scene.answer("/metrics") { _ in
            .json(#"vllm:kv_cache_usage_perc{engine="0"} 0.5"# + "\nvllm:num_requests_running{engine=\"0\"} 9\n")
        }
        scene.pass(.seconds(5))
        scene.answer(Self.generate) { _ in .events([Self.token]) }
        let request = scene.request()
        scene.admit(request)
        scene.pass(.seconds(1)) { !scene.soFar(request).tokens.isEmpty }
        // It was not there when the server said what it does.
        #expect(scene.loads.first?.activeBlocks ?? 0 > 8_192 && scene.loads.first?.runningRequests == 10)
        // The next time it is one of the nine.
        scene.pass(.seconds(5))
        #expect(scene.loads.first?.activeBlocks == 8_192 && scene.loads.first?.runningRequests == 9)
        // What is old is not believed.
        scene.answer("/metrics") { _ in .silence }
        scene.pass(.seconds(40)) { scene.loads.first?.runningRequests == 1 }
        #expect(scene.loads.first?.runningRequests == 1)
        scene.cancel(request.key)
        scene.pass(.seconds(1)) { scene.soFar(request).end != nil }
        #expect(scene.loads.first?.activeBlocks == 0 && scene.loads.first?.runningRequests == 0)
    }
}
