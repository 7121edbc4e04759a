import ClusterModel
import EngineAdapters
import EngineServing
import Engines
import EventLoop
import Telemetry
import TestSupport

/// An engine with scripted processes, and what it tells: tokens, ends and conditions as they come.
@LoopActor
final class HelperGround: RemoteEngineListener {
    let launcher: ScriptedLauncher
    let loop: EpollLoop
    private(set) var engine: HelperEngine!
    private(set) var conditions: [EngineCondition] = []
    private(set) var told = StepOutput()
    private(set) var failure: EngineFailure?
    private var news = 0

    init(on loop: EpollLoop, _ change: (inout HelperLimits) -> Void = { _ in }) {
        self.loop = loop
        launcher = ScriptedLauncher(on: loop)
        var limits = HelperLimits()
        // As fast as the loop turns, so that no test waits for it.
        limits.firstPause = .milliseconds(1)
        limits.longestPause = .milliseconds(1)
        // The other end is the test itself, which a busy machine holds up for longer than any process may take.
        limits.patience = .seconds(3_600)
        change(&limits)
        let metrics = MetricsRegistry()
        let surroundings = EngineSurroundings(
            loop: loop, sockets: EpollSockets(on: loop), pool: WorkPool(threads: 0),
            log: Logger(level: .error, style: .json, sink: NoSink(), metrics: metrics, wallClock: { 0 }), metrics: metrics)
        engine = HelperEngine(EngineSettings(), launcher, surroundings, limits: limits) { _ in }
        engine.listener = self
    }

    /// Begun, with its first process.
    func begin(_ profile: EngineProfile = .scripted) async throws -> ScriptedHelper {
        let launcher = launcher
        loop.spawn { try? await launcher.life(1).stand(profile) }
        _ = try await engine.begin(until: loop.now + .seconds(60))
        return try await launcher.life(1)
    }

    func engineHasNews() { news += 1 }
    func engineIs(_ condition: EngineCondition) { conditions.append(condition) }

    /// Turns the loop, and takes what is told, until the condition holds: bounded, since a test that waits for ever says nothing.
    func until(_ condition: () -> Bool) async throws {
        for _ in 0..<20_000 {
            take()
            if condition() { return }
            await loop.sleep(for: .milliseconds(1))
        }
        throw EngineFailure("what was waited for did not come; told so far: \(told)")
    }

    private func take() {
        while engine.hasNews, failure == nil {
            var output = StepOutput()
            do throws(EngineFailure) { try engine.tell(into: &output, at: loop.now) } catch {
                failure = error
                return
            }
            told.events += output.events
            told.tokens += output.tokens
            told.ends += output.ends
            told.cache += output.cache
            told.loads = output.loads
        }
    }

    func admit(_ key: UInt64) {
        engine.take(
            .admit(
                EngineRequest(
                    key: EngineRequestKey(key), rank: Rank(0), prompt: [1, 2, 3], sampling: EngineSampling(),
                    choices: [EngineChoice(choice: 0, maxTokens: 8)], contextLimit: 256)))
    }
}

/// Its failures are what the tests are about: they are told by what comes of them.
private struct NoSink: LogSink {
    func write(_ line: [UInt8]) -> Bool { true }
}

extension EngineCommand {
    /// In a word, for comparisons.
    var word: String {
        switch self {
        case .admit(let request): "admit \(request.key.rawValue)"
        case .cancel(let key, _): "cancel \(key.rawValue)"
        case .transfer: "transfer"
        case .session(.open(let session, _)): "open \(session)"
        case .session(.end(let session)): "end \(session)"
        case .clearCache: "clear"
        }
    }
}
