import ServiceRuntime
import Testing

/// Stands in for the loop's actor: services and host are isolated to it, and neither is Sendable.
@globalActor actor StageActor { static let shared = StageActor() }

/// A service that does as it is told and writes down what it is asked.
@StageActor final class ScriptedService {
    struct Failure: Error, CustomStringConvertible { let description: String }

    enum Behaviour { case well, fails, never }

    let name: String
    let host: ScriptedHost
    var onStart = Behaviour.well
    var onDrain = Behaviour.well
    var drainTakes = Duration.zero

    init(_ name: String, _ host: ScriptedHost) {
        self.name = name
        self.host = host
    }

    func start() async throws {
        StageActor.shared.assertIsolated()
        await Task.yield()
        StageActor.shared.assertIsolated()
        switch onStart {
        case .well: host.did("start \(name)")
        case .fails: throw Failure(description: "port taken")
        case .never: await host.never(name)
        }
    }

    func drain() async -> Bool {
        StageActor.shared.assertIsolated()
        host.did("drain \(name)")
        host.elapsed += drainTakes
        switch onDrain {
        case .well: return true
        case .fails: return false
        case .never:
            await host.never(name)
            return true
        }
    }

    func stop() { host.did("stop \(name)") }
}

extension ScriptedService: @StageActor Service {}

/// A host without a clock: an operation that hangs has its bound passed, or is interrupted if the script says so.
@StageActor final class ScriptedHost {
    var elapsed = Duration.zero
    var stop = StopReason.requested(by: "SIGTERM")
    /// Interrupts the first operation that hangs.
    var interruption: StopReason?
    private(set) var log: [String] = []
    private(set) var events: [ServiceEvent] = []
    private(set) var limits: [Duration] = []
    private var hanging: [String: CheckedContinuation<Void, Never>] = [:]
    private var onHang: (() -> Void)?

    func did(_ what: String) { log.append(what) }

    func never(_ name: String) async {
        await withCheckedContinuation { continuation in
            hanging[name] = continuation
            onHang?()
        }
        did("late \(name)")
    }

    /// Lets what was left behind go on, as it may at any time in a real process.
    func releaseHanging() {
        let waiting = hanging
        hanging = [:]
        for continuation in waiting.values { continuation.resume() }
    }

    func stopRequested() async -> StopReason { stop }

    func bounded(by limit: Duration, during phase: ServicePhase, _ operation: @escaping () async -> Void) async -> BoundedOutcome {
        StageActor.shared.assertIsolated()
        limits.append(limit)
        return await withCheckedContinuation { continuation in
            var answer: CheckedContinuation<BoundedOutcome, Never>? = continuation
            func end(_ outcome: BoundedOutcome) {
                answer?.resume(returning: outcome)
                answer = nil
            }
            onHang = { [self] in
                end(interruption.map { .interrupted($0) } ?? .deadlinePassed)
                interruption = nil
            }
            Task { @StageActor in
                await operation()
                end(.finished)
            }
        }
    }

    func report(_ event: ServiceEvent) { events.append(event) }
}

extension ScriptedHost: @StageActor ServiceHost {}

@Suite struct ServiceGroupTests {
    @StageActor private func run(_ prepare: (ScriptedHost, [ScriptedService]) -> Void) async -> (ExitCode, ScriptedHost) {
        let host = ScriptedHost()
        let services = ["links", "router", "admin"].map { ScriptedService($0, host) }
        prepare(host, services)
        let group = ServiceGroup(services, startLimit: .seconds(30), drainLimit: .seconds(120))
        return (await group.run(on: host), host)
    }

    @Test("a group starts in order, serves, and drains in reverse, on the caller's actor")
    @StageActor func wholeLife() async {
        let (code, host) = await run { _, _ in }
        #expect(code == .ok)
        #expect(
            host.log == [
                "start links", "start router", "start admin", "drain admin", "stop admin", "drain router", "stop router", "drain links",
                "stop links",
            ])
        #expect(
            host.events.filter { if case .ready = $0 { true } else if case .stopping = $0 { true } else { false } }
                == [.ready, .stopping(.requested(by: "SIGTERM"))])
        #expect(host.events.last == .ended(.ok))
    }

    @Test("a failed start stops the started ones and names the culprit")
    @StageActor func failedStart() async {
        let (code, host) = await run { $1[1].onStart = .fails }
        #expect(code == .failure)
        #expect(host.log == ["start links", "stop router", "stop links"])
        #expect(host.events.contains(.startFailed("router", reason: "port taken")))
        #expect(!host.events.contains(.ready))
    }

    @Test("a start that never ends is left behind at its bound")
    @StageActor func slowStart() async {
        let (code, host) = await run { $1[1].onStart = .never }
        #expect(code == .failure)
        #expect(host.log == ["start links", "stop router", "stop links"])
        #expect(host.events.contains(.startDeadlinePassed("router")))
        #expect(host.limits == [.seconds(30), .seconds(30)])
        // What was left behind may still wake up; it finds nobody waiting.
        host.releaseHanging()
        while host.log.last != "late router" { await Task.yield() }
    }

    @Test("a stop during a slow start is obeyed at once")
    @StageActor func stopDuringStart() async {
        let (code, host) = await run { host, services in
            services[1].onStart = .never
            host.interruption = .requested(by: "SIGTERM")
        }
        #expect(code == .ok)
        #expect(host.log == ["start links", "stop router", "drain links", "stop links"])
        host.releaseHanging()
    }

    @Test("a drain that leaves work behind makes the exit code 1, and the rest drains")
    @StageActor func badDrain() async {
        let (code, host) = await run { $1[2].onDrain = .fails }
        #expect(code == .failure)
        #expect(host.log.suffix(6) == ["drain admin", "stop admin", "drain router", "stop router", "drain links", "stop links"])
        #expect(host.events.contains(.drained("admin", endedWell: false)))
    }

    @Test("a drain past its bound is named, and the rest drains")
    @StageActor func slowDrain() async {
        let (code, host) = await run { $1[2].onDrain = .never }
        #expect(code == .failure)
        #expect(host.events.contains(.drainDeadlinePassed("admin")))
        #expect(host.log.suffix(4) == ["drain router", "stop router", "drain links", "stop links"])
        host.releaseHanging()
    }

    @Test("all drains share one bound, and what is left when it is used up is stopped")
    @StageActor func sharedLimit() async {
        let (code, host) = await run {
            $1[2].drainTakes = .seconds(100)
            $1[1].drainTakes = .seconds(20)
        }
        #expect(code == .failure)
        #expect(host.limits.suffix(2) == [.seconds(120), .seconds(20)])
        #expect(host.log.suffix(5) == ["drain admin", "stop admin", "drain router", "stop router", "stop links"])
        #expect(host.events.contains(.drainDeadlinePassed("links")))
    }

    @Test("the second request during a drain ends everything at once")
    @StageActor func leaveNow() async {
        let (code, host) = await run { host, services in
            services[1].onDrain = .never
            host.interruption = .leaveNow(by: "SIGINT")
        }
        #expect(code == .failure)
        #expect(host.log.suffix(5) == ["drain admin", "stop admin", "drain router", "stop router", "stop links"])
        #expect(host.events.contains(.stopping(.leaveNow(by: "SIGINT"))))
        host.releaseHanging()
    }
}
