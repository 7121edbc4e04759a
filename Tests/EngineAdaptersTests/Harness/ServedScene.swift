import ClusterModel
import EventLoop
import ServiceRuntime
import Telemetry
import TestSupport
import TextProcessing

@testable import EngineAdapters
@testable import Engines

/// An engine's adapter and a double of its server, in virtual time.
final class ServedScene: @unchecked Sendable {
    // Safety: one test drives it, on one thread.
    let world: VirtualWorld
    private let fabric: VirtualSocketFabric
    let loop: VirtualLoop
    let serverLoop: VirtualLoop
    let serverSockets: VirtualSockets
    let double: ServerDouble
    let engine: ServerEngine
    let metrics = MetricsRegistry()
    private let told: Told
    private static let pool = WorkPool(threads: 0)
    private var lastKey: UInt64 = 0
    private var probe = ServerDouble.Answer.json(400, #"{"error":{"param":"body.token_ids","code":400}}"#)
    static let generate = "/inference/v1/generate"
    static let port: UInt16 = 8000

    init(
        seed: UInt64 = 1, settings change: (inout ServerSettings) -> Void = { _ in },
        dialect: (ServerSettings) -> any ServerDialect = { VLLMDialect($0) }
    ) throws {
        world = VirtualWorld(seed: seed)
        fabric = VirtualSocketFabric(world)
        loop = world.makeLoop("worker")
        serverLoop = world.makeLoop("server")
        serverSockets = VirtualSockets("10.0.0.2", loop: serverLoop, on: fabric)
        var settings = try Self.settings()
        change(&settings)
        double = serverLoop.perform { [serverLoop] in ServerDouble(on: serverLoop) }
        let surroundings = EngineSurroundings(
            loop: loop, sockets: VirtualSockets("10.0.0.1", loop: loop, on: fabric), pool: Self.pool,
            log: Logger(level: .debug, style: .json, sink: Unwritten(), metrics: metrics, wallClock: { 0 }), metrics: metrics)
        let dialect = dialect(settings)
        (engine, told) = loop.perform {
            let engine = ServerEngine(settings, dialect, surroundings), told = Told(engine)
            engine.listener = told
            return (engine, told)
        }
        listen()
    }

    deinit { loop.perform { engine.close() } }

    /// Of the tiny model, at the double.
    static func settings() throws -> ServerSettings {
        var contents: [String: [UInt8]] = [:]
        for name in ["tokenizer.json", "tokenizer_config.json"] { contents[name] = try Repository.read("deploy/models/tiny/\(name)") }
        return ServerSettings(
            address: try ServerAddress("http://10.0.0.2:\(port)"), text: try ModelText.make(files: contents),
            room: EngineRank(totalBlocks: 64, maxSequences: 8, maxBatchedTokens: 512, maxWaiting: 8), usualBlockSize: 16)
    }

    func listen() {
        serverLoop.perform { [serverSockets, double] in
            do { try double.listen(serverSockets, port: Self.port) } catch { preconditionFailure("\(error)") }
        }
    }

    // MARK: The server

    func answer(_ target: String, _ answer: @escaping @Sendable (ServerDouble.Asked) -> ServerDouble.Answer) {
        serverLoop.perform { [double, probe] in
            // The question that makes no sense is asked whenever the server is learned, whatever else it answers there.
            double.answers[target] = { target == Self.generate && $0.body == "{}" ? probe : answer($0) }
        }
    }

    func replay(_ target: String, _ name: String, piece: Int = .max) throws {
        let bytes = try Capture(name).answer
        answer(target) { _ in ServerDouble.Answer(bytes, piece: piece) }
    }

    /// All that a server of this kind is asked before it serves, as the real one said it.
    func replayVLLM(takesTokens: Bool = true) throws {
        for (target, name) in [("/health", "health"), ("/v1/models", "models"), ("/version", "version"), ("/metrics", "metrics-idle")] {
            try replay(target, "vllm/\(name)")
        }
        if !takesTokens { probe = .json(403, #"{"error":{"type":"PermissionDeniedError","code":403}}"#) }
        answer(Self.generate) { _ in .json(500, "{}") }
    }

    var asked: [ServerDouble.Asked] { serverLoop.perform { [double] in double.asked } }
    /// Questions that make tokens.
    func questions(_ target: String) -> [ServerDouble.Asked] { asked.filter { $0.target == target } }
    var connections: Int { serverLoop.perform { [double] in double.connections } }
    /// Of another host.
    func sockets(of host: String) -> VirtualSockets { VirtualSockets(host, loop: serverLoop, on: fabric) }
    func killServer() { serverLoop.perform { [double] in double.die() } }
    func later(_ span: Duration, _ action: @escaping () -> Void) { world.schedule(after: span, action) }
    var departures: Int { serverLoop.perform { [double] in double.departures } }

    // MARK: The engine

    func begin(within limit: Duration = .seconds(30)) -> Result<EngineProfile, EngineFailure> {
        let box = Box<Result<EngineProfile, EngineFailure>>(), engine = engine, loop = loop
        loop.perform {
            _ = loop.spawn {
                do throws(EngineFailure) { box.value = .success(try await engine.begin(until: loop.now + limit)) } catch {
                    box.value = .failure(error)
                }
            }
        }
        world.run(for: limit + .seconds(30)) { box.value != nil }
        return box.value ?? .failure(EngineFailure("nothing came of it"))
    }

    /// A request of one choice that wants three tokens.
    func request(_ change: (inout EngineRequest) -> Void = { _ in }) -> EngineRequest {
        lastKey += 1
        var request = EngineRequest(
            key: EngineRequestKey(lastKey), rank: Rank(0), prompt: [1161, 284, 198], sampling: EngineSampling(),
            choices: [EngineChoice(choice: 0, maxTokens: 3)], contextLimit: 1024)
        change(&request)
        return request
    }

    func admit(_ request: EngineRequest) { loop.perform { engine.take(.admit(request)) } }
    func cancel(_ key: EngineRequestKey, choice: UInt8? = nil) { loop.perform { engine.take(.cancel(key, choice: choice)) } }

    func pass(_ span: Duration, until condition: () -> Bool = { false }) { world.run(for: span, until: condition) }

    /// Runs until the request has ended; what was told of it.
    func outcome(of request: EngineRequest, within limit: Duration = .seconds(60)) -> Told.Outcome {
        world.run(for: limit) { told.outcomes[request.key]?.end != nil }
        return told.outcomes[request.key] ?? Told.Outcome()
    }

    func outcome(_ request: EngineRequest, within limit: Duration = .seconds(60)) -> Told.Outcome {
        admit(request)
        return outcome(of: request, within: limit)
    }

    func soFar(_ request: EngineRequest) -> Told.Outcome { told.outcomes[request.key] ?? Told.Outcome() }
    var conditions: [EngineCondition] { told.conditions }
    var failure: EngineFailure? { told.failure }
    var remarks: [String] { loop.perform { engine.remarks } }
    var cacheChanges: [CacheChange] { told.cache }
    var loads: [EngineLoad] { told.loads }

    private final class Box<Value>: @unchecked Sendable {
        // Safety: used on the thread of the test's world.
        var value: Value?
    }
}

private final class Unwritten: LogSink {
    func write(_ line: [UInt8]) -> Bool { true }
}

/// What an engine told, taken apart by request. It checks the rules that hold for all of them.
@LoopActor
final class Told: RemoteEngineListener {
    struct Outcome {
        var started: [UInt32] = []
        var prefills = 0
        var tokens: [UInt8: [TokenID]] = [:]
        /// Of the first token of each choice.
        var origins: [UInt8: UInt32] = [:]
        var finishes: [UInt8: EngineFinish] = [:]
        var logprobs: [AnswerLogprob] = []
        var end: EngineEnd?
        /// What was told against the rules.
        var faults: [String] = []
    }

    private unowned let engine: ServerEngine
    nonisolated(unsafe) private(set) var outcomes: [EngineRequestKey: Outcome] = [:]  // Safety: used on the thread of the test's world.
    nonisolated(unsafe) private(set) var conditions: [EngineCondition] = []  // Safety: as above.
    nonisolated(unsafe) private(set) var failure: EngineFailure?  // Safety: as above.
    nonisolated(unsafe) private(set) var cache: [CacheChange] = []  // Safety: as above.
    nonisolated(unsafe) private(set) var loads: [EngineLoad] = []  // Safety: as above.
    private var output = StepOutput()
    private var isDue = false
    private let loop = Loop.current

    init(_ engine: ServerEngine) { self.engine = engine }

    func engineIs(_ condition: EngineCondition) { conditions.append(condition) }

    func engineHasNews() {
        guard !isDue, let loop else { return }
        isDue = true
        loop.schedule(after: .zero) { [weak self] in self?.look() }
    }

    private func look() {
        isDue = false
        guard engine.hasNews, let loop else { return }
        output.removeAll()
        do throws(EngineFailure) { try engine.tell(into: &output, at: loop.now) } catch { return failure = error }
        for event in output.events {
            switch event {
            case .started(let key, let cached): change(key) { $0.started.append(cached) }
            case .prefillDone(let key): change(key) { $0.prefills += 1 }
            default: break
            }
        }
        for run in output.runs { take(run) }
        for end in output.ends { change(end.key) { $0.end = end } }
        cache.append(contentsOf: output.cache)
        loads = output.loads
    }

    private func take(_ run: TokenRun) {
        let output = output
        change(run.key) { outcome in
            if outcome.finishes[run.choice] != nil { outcome.faults.append("tokens behind an end") }
            if outcome.started.isEmpty { outcome.faults.append("tokens before the start") }
            if run.count < 1, run.finish == nil { outcome.faults.append("a run of nothing") }
            let origin = outcome.origins[run.choice] ?? run.position
            outcome.origins[run.choice] = origin
            if Int(run.position - origin) != outcome.tokens[run.choice, default: []].count {
                outcome.faults.append("a position does not follow")
            }
            outcome.tokens[run.choice, default: []] += output.tokens[Int(run.first)..<Int(run.first + run.count)]
            if let finish = run.finish { outcome.finishes[run.choice] = finish }
            guard run.firstLogprob >= 0 else { return }
            let first = Int(run.firstLogprob), stride = Int(run.topCount) + 1
            for index in 0..<Int(run.count) {
                let place = first + index * stride
                outcome.logprobs.append(
                    AnswerLogprob(chosen: output.logprobs[place], top: Array(output.logprobs[(place + 1)..<(place + stride)])))
            }
        }
    }

    private func change(_ key: EngineRequestKey, _ body: (inout Outcome) -> Void) {
        var outcome = outcomes[key] ?? Outcome()
        if outcome.end != nil { outcome.faults.append("told behind the end") }
        body(&outcome)
        outcomes[key] = outcome
    }
}
