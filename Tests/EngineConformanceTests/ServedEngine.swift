import ClusterModel
import Concurrency
import EngineServing
import Engines
import EventLoop
import Glibc
import WireProtocol

/// Any engine as it is served to another process: commands, profile and steps go over a pair of sockets to a thread that runs `EngineServing`.
///
/// The suite decides when an engine steps, and so the served one works only when it is permitted to; all that is said in between is real.
final class ServedEngine: InferenceEngine {
    let profile: EngineProfile
    private let gate: EngineGate
    private let stream: BlockingStream
    private var received = EngineFrameBuffer()
    private var sent: [UInt8] = []
    private var commands: UInt64 = 0
    private var steps: [StepOutput] = []

    init(_ make: @escaping @Sendable () throws -> any InferenceEngine) throws {
        let gate = EngineGate(), (stream, other) = try BlockingStream.pair()
        self.gate = gate
        self.stream = stream
        try Self.start(ServedThread(descriptor: other.take()) { GatedEngine(try make(), gate) })
        var greeting = EngineGreeting(build: "conformance"), settings = EngineSettings()
        EngineFrame.append(.greeting, &greeting, to: &sent)
        EngineFrame.append(.settings, &settings, to: &sent)
        try stream.write(&sent)
        var profile: EngineProfile?
        while profile == nil {
            let kind = try Self.nextFrame(&received, stream)
            switch kind {
            case .greeting: try received.take { (body) throws(EngineProtocolError) in try EngineFrame.read(&greeting, kind, from: body) }
            case .profile:
                var told = EngineProfile()
                try received.take { (body) throws(EngineProtocolError) in try EngineFrame.read(&told, kind, from: body) }
                profile = told
            default: throw EngineProtocolError.unexpectedFrame(kind)
            }
        }
        guard let profile else { throw EngineProtocolError.notAnEngine }
        self.profile = profile
    }

    var hasWork: Bool { gate.hasWork }

    func admit(_ request: EngineRequest) { send(.admit(request)) }
    func cancel(_ key: EngineRequestKey, choice: UInt8?) { send(.cancel(key, choice: choice)) }
    func transfer(_ command: KVCommand) { send(.transfer(command)) }
    func session(_ command: SessionCommand) { send(.session(command)) }
    func clearCache(of rank: Rank) { send(.clearCache(rank)) }

    /// Nothing but a place for a permitted step: no request has this key.
    private static let nobody = EngineRequestKey(.max)

    func step(at now: Instant, into output: inout StepOutput) throws(EngineFailure) -> Duration {
        gate.permit()
        send(.cancel(Self.nobody, choice: nil))
        guard steps.count == 1, let step = steps.popLast() else { throw EngineFailure("a step was told in \(steps.count) frames") }
        output = step
        return .zero
    }

    /// Said, and done: the engine rests again.
    private func send(_ command: EngineCommand) {
        var command = command
        EngineFrame.append(.command, &command, to: &sent)
        commands += 1
        do {
            try stream.write(&sent)
            while true {
                let kind = try Self.nextFrame(&received, stream)
                switch kind {
                case .step:
                    var output = StepOutput()
                    try received.take { (body) throws(EngineProtocolError) in try EngineFrame.read(&output, kind, from: body) }
                    steps.append(output)
                case .rest:
                    var rest = EngineRest()
                    try received.take { (body) throws(EngineProtocolError) in try EngineFrame.read(&rest, kind, from: body) }
                    if rest.commandsTaken == commands { return }
                default: throw EngineProtocolError.unexpectedFrame(kind)
                }
            }
        } catch { preconditionFailure("the served engine is lost: \(error)") }
    }

    private static func nextFrame(_ received: inout EngineFrameBuffer, _ stream: BlockingStream) throws -> EngineFrameKind {
        while true {
            if let kind = try received.next() { return kind }
            var result = Result<Int?, SystemError>.success(nil)
            received.fill { room in
                result = Result { () throws(SystemError) in try stream.read(into: room, waits: true) }
                return (try? result.get()) ?? 0
            }
            guard try result.get() != 0 else { throw EngineProtocolError.meaning("it ended") }
        }
    }

    private static func start(_ body: ServedThread) throws {
        var thread = pthread_t()
        let status = pthread_create(&thread, nil, servedThread, Unmanaged.passRetained(body).toOpaque())
        guard status == 0 else { throw SystemError("pthread_create", code: status) }
        pthread_detach(thread)
    }
}

/// What a thread serves, until the other end is closed.
private final class ServedThread: Sendable {
    private let descriptor: Int32
    private let make: @Sendable () throws -> any InferenceEngine

    init(descriptor: Int32, _ make: @escaping @Sendable () throws -> any InferenceEngine) {
        self.descriptor = descriptor
        self.make = make
    }

    func serve() { try? EngineServing.serve(descriptor, build: "conformance") { _ in try make() } }
}

/// A free function: a closure literal would inherit an isolation that this thread does not have.
private func servedThread(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    if let argument { Unmanaged<ServedThread>.fromOpaque(argument).takeRetainedValue().serve() }
    return nil
}

/// Lets the served engine take one step at a time, and tells whether it has more to do.
private final class EngineGate: Sendable {
    private struct State {
        var isPermitted = false
        var hasWork = false
    }

    private let state = Lock(State())

    var hasWork: Bool { state.with { $0.hasWork } }
    var isPermitted: Bool { state.with { $0.isPermitted } }
    func permit() { state.with { $0.isPermitted = true } }
    func note(hasWork: Bool) { state.with { $0.hasWork = hasWork } }
    func stepped() { state.with { $0.isPermitted = false } }
}

private final class GatedEngine: InferenceEngine {
    private let engine: any InferenceEngine
    private let gate: EngineGate

    init(_ engine: any InferenceEngine, _ gate: EngineGate) {
        self.engine = engine
        self.gate = gate
    }

    var profile: EngineProfile { engine.profile }
    var hasWork: Bool { gate.isPermitted && engine.hasWork }

    func admit(_ request: EngineRequest) { apply { $0.admit(request) } }
    func cancel(_ key: EngineRequestKey, choice: UInt8?) { apply { $0.cancel(key, choice: choice) } }
    func transfer(_ command: KVCommand) { apply { $0.transfer(command) } }
    func session(_ command: SessionCommand) { apply { $0.session(command) } }
    func clearCache(of rank: Rank) { apply { $0.clearCache(of: rank) } }

    func step(at now: Instant, into output: inout StepOutput) throws(EngineFailure) -> Duration {
        // How long it lasts is left out: the suite has no time of its own to wait.
        _ = try engine.step(at: now, into: &output)
        gate.stepped()
        gate.note(hasWork: engine.hasWork)
        return .zero
    }

    private func apply(_ command: (any InferenceEngine) -> Void) {
        command(engine)
        gate.note(hasWork: engine.hasWork)
    }
}
