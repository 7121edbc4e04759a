import ClusterModel
import EngineAdapters
import EngineServing
import Engines
import EventLoop
import TestSupport
import Testing

@Suite("An engine in a process of its own")
struct HelperEngineTests {
    private static let first = EngineRequestKey(1)

    private func run(
        _ limits: @escaping @Sendable (inout HelperLimits) -> Void = { _ in },
        _ body: @escaping @LoopActor @Sendable (HelperGround) async throws -> Void
    ) async throws {
        let thread = try LoopThread("helper")
        defer { thread.stop() }
        try await thread.run { loop in
            let ground = HelperGround(on: loop, limits)
            defer { ground.engine.close() }
            try await body(ground)
        }
    }

    @Test("requests go in, steps come out, and a process that rests is left alone")
    func steps() async throws {
        try await run { ground in
            let life = try await ground.begin()
            ground.admit(1)
            #expect(try await life.command().word == "admit 1")
            try life.step { output in
                output.events = [.started(Self.first, cachedTokens: 0), .prefillDone(Self.first)]
                output.append(7, of: Self.first, choice: 0, position: 0, finish: nil)
            }
            try life.step { output in
                output.append(8, of: Self.first, choice: 0, position: 1, finish: .length)
                output.ends = [EngineEnd(key: Self.first, reason: .finished, promptTokens: 3, cachedTokens: 0, outputTokens: 2)]
            }
            try life.rest()
            try await ground.until { !ground.told.ends.isEmpty }
            #expect(ground.told.tokens == [7, 8] && ground.told.ends.map(\.reason) == [.finished] && ground.conditions.isEmpty)
            #expect(!life.isKilled && ground.launcher.lives.count == 1)
        }
    }

    @Test("when it dies everything ends as lost, its cache is gone, and the next process has what came meanwhile, with its sessions")
    func death() async throws {
        try await run { ground in
            let life = try await ground.begin()
            ground.engine.take(.session(.open(session: 5, rank: Rank(0))))
            ground.engine.take(.session(.open(session: 6, rank: Rank(0))))
            ground.admit(1)
            ground.admit(2)
            for _ in 0..<4 { _ = try await life.command() }
            try life.step { output in
                output.events = [.sessionHolds(5, blocks: 2)]
                output.append(7, of: Self.first, choice: 0, position: 0, finish: nil)
            }
            life.die("it was killed by signal 6")
            try await ground.until { ground.told.ends.count == 2 }
            // What it had said before its death is told first.
            #expect(ground.told.tokens == [7] && ground.told.events == [.sessionHolds(5, blocks: 2), .sessionHolds(5, blocks: 0)])
            #expect(ground.told.ends.map(\.outputTokens) == [1, 0] && ground.told.cache == [CacheChange(kind: .cleared, rank: Rank(0))])
            for end in ground.told.ends {
                guard case .failed(.lost) = end.reason else { return #expect(Bool(false), "it ended \(end.reason)") }
            }
            ground.engine.take(.session(.end(session: 6)))
            ground.admit(3)
            ground.admit(4)
            ground.admit(5)
            ground.engine.take(.cancel(EngineRequestKey(4), choice: nil))
            try await ground.until { ground.told.ends.count == 4 }
            // Two may wait, and one more has no room; the one that was cancelled ends at once.
            #expect(Set(ground.told.ends[2...].map(\.key.rawValue)) == [4, 5])
            let next = try await ground.launcher.life(2)
            try next.stand()
            var words: [String] = []
            for _ in 0..<2 { words.append(try await next.command().word) }
            #expect(words == ["open 5", "admit 3"])
            #expect(ground.conditions.count == 2 && ground.conditions.last == .serving)
        }
    }

    @Test("bytes that are no frames end the process that says them")
    func garbage() async throws {
        try await run { ground in
            let life = try await ground.begin()
            ground.admit(1)
            _ = try await life.command()
            try life.say([UInt8](repeating: 0xEE, count: 64))
            try await ground.until { ground.told.ends.count == 1 }
            #expect(life.isKilled)
            try await ground.launcher.life(2).stand()
            try await ground.until { ground.conditions.last == .serving }
        }
    }

    @Test("steps that cannot be are not believed, and end the process that says them", arguments: ImpossibleStep.all)
    func impossible(step: ImpossibleStep) async throws {
        try await run { ground in
            let life = try await ground.begin()
            ground.admit(1)
            _ = try await life.command()
            try life.step { output in
                output.append(3, of: Self.first, choice: 0, position: 0, finish: nil)
                step.change(&output)
            }
            try await ground.until { ground.told.ends.count == 1 }
            #expect(life.isKilled && ground.told.tokens.isEmpty, "\(step.name)")
        }
    }

    @Test("a process that has work and says nothing is killed")
    func silence() async throws {
        try await run({ $0.patience = .milliseconds(20) }) { ground in
            let life = try await ground.begin()
            ground.admit(1)
            try await ground.until { ground.told.ends.count == 1 }
            #expect(life.isKilled)
        }
    }

    @Test("one whose processes die again and again fails as a whole")
    func givingUp() async throws {
        try await run({ $0.deaths = 3 }) { ground in
            var life = try await ground.begin()
            for number in 2...3 {
                life.die("it ended with status 1")
                life = try await ground.launcher.life(number)
                try life.stand()
                try await ground.until { ground.conditions.last == .serving && ground.conditions.count == 2 * (number - 1) }
            }
            life.die("it ended with status 1")
            try await ground.until { ground.failure != nil }
            #expect(ground.launcher.lives.count == 3)
        }
    }

    @Test("a process that comes back as another engine is refused")
    func another() async throws {
        try await run { ground in
            try await ground.begin().die("it ended")
            var profile = EngineProfile.scripted
            profile.model.weights = "others"
            try await ground.launcher.life(2).stand(profile)
            try await ground.until { ground.failure != nil }
        }
    }

    @Test("an engine that does not come to stand says why", arguments: [true, false])
    func beginning(isRefused: Bool) async throws {
        try await run { ground in
            let launcher = ground.launcher
            ground.loop.spawn {
                guard let life = try? await launcher.life(1) else { return }
                if isRefused {
                    try? life.say(.greeting, EngineGreeting(build: "scripted"))
                    try? life.say(.failure, EngineFailureNote("no such weights"))
                } else {
                    try? life.say([1, 2, 3, 4, 5, 6, 7, 8])
                }
            }
            do {
                _ = try await ground.engine.begin(until: ground.loop.now + .seconds(60))
                #expect(Bool(false), "it began")
            } catch {
                #expect("\(error)".contains(isRefused ? "no such weights" : "protocol"), "\(error)")
            }
        }
    }
}

/// One way in which a step is impossible.
struct ImpossibleStep: Sendable, CustomTestStringConvertible {
    let name: String
    let change: @Sendable (inout StepOutput) -> Void
    var testDescription: String { name }

    static let all = [
        ImpossibleStep(name: "loads of no rank") { $0.loads = [] },
        ImpossibleStep(name: "an unknown request") { $0.events = [.prefillDone(EngineRequestKey(9))] },
        ImpossibleStep(name: "the end of an unknown request") {
            $0.ends = [EngineEnd(key: EngineRequestKey(9), reason: .finished, promptTokens: 0, cachedTokens: 0, outputTokens: 0)]
        },
        ImpossibleStep(name: "an unknown choice") { $0.runs[0].choice = 1 },
        ImpossibleStep(name: "tokens behind the last") { $0.runs[0].count = 2 },
        ImpossibleStep(name: "tokens before the first") { $0.runs[0].first = -1 },
        ImpossibleStep(name: "no tokens") { $0.runs[0].count = 0 },
        ImpossibleStep(name: "a token outside of the vocabulary") { $0.tokens[0] = 100 },
        ImpossibleStep(name: "scores that are not there") { $0.runs[0].firstLogprob = 0 },
        ImpossibleStep(name: "the same token again") { $0.runs.append($0.runs[0]) },
        ImpossibleStep(name: "a cache of no rank") { $0.cache = [CacheChange(kind: .cleared, rank: Rank(1))] },
        ImpossibleStep(name: "hashes that are not there") { $0.cache = [CacheChange(kind: .removed, rank: Rank(0), first: 0, count: 1)] },
        ImpossibleStep(name: "more tokens than a context has") { $0.events = [.preempted(EngineRequestKey(1), remaining: .max)] },
        ImpossibleStep(name: "a vector of an engine without any") { $0.events = [.embedded(EngineRequestKey(1), [1])] },
        ImpossibleStep(name: "more prefill than fits a step") { $0.prefillTokens = 65 },
    ]
}
