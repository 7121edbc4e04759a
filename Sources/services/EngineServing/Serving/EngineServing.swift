import ClusterModel
package import Engines
import EventLoop
import WireProtocol

/// Serves an engine to the worker at the other end of a descriptor, in the process of the engine: one thread, which waits in the call.
///
/// It ends when the worker does, by the end of what it reads; a worker that is killed takes the process along by `serveParent`.
package struct EngineServing: ~Copyable {
    /// Where a worker's launcher puts the descriptor of a process that it starts.
    package static let descriptor: Int32 = 3

    private let stream: BlockingStream
    private let engine: any InferenceEngine
    private var received = EngineFrameBuffer()
    private var sent: [UInt8] = []
    private var output = StepOutput()
    private var frames = StepFrames()
    private var taken: UInt64 = 0

    /// All that the main function of an engine's program has to do: serves the worker that started it, and does not outlive it. Parameters and
    /// errors are those of `serve`.
    package static func serveParent(build: String, _ make: (EngineSettings) throws -> any InferenceEngine) throws {
        ThisProcess.endsWithParent()
        try serve(build: build, make)
    }

    /// Serves until the worker closes its end; throws where the worker says what is not the protocol, or the engine fails. The worker hears of
    /// the latter, and whoever calls ends its process.
    ///
    /// - Parameters:
    ///   - build: of this program, for logs.
    ///   - make: from what the worker says; may take long.
    package static func serve(
        _ descriptor: Int32 = Self.descriptor, build: String, _ make: (EngineSettings) throws -> any InferenceEngine
    ) throws {
        let stream = BlockingStream(descriptor)
        defer { stream.close() }
        var received = EngineFrameBuffer(), sent: [UInt8] = []
        do {
            var greeting = EngineGreeting(build: build)
            EngineFrame.append(.greeting, &greeting, to: &sent)
            try stream.write(&sent)
            guard let settings = try Self.settings(&received, from: stream) else { return }
            let engine = try make(settings)
            var profile = engine.profile
            EngineFrame.append(.profile, &profile, to: &sent)
            try stream.write(&sent)
            var serving = EngineServing(stream, engine, received)
            try serving.run()
        } catch let error as SystemError where error.isBrokenPipe {
            return  // The worker has gone while it was written to, which is the same end as that of what it says.
        } catch {
            if (error as? EngineFailure)?.isCrash == true { throw error }
            sent.removeAll()
            var note = EngineFailureNote("\(error)")
            EngineFrame.append(.failure, &note, to: &sent)
            // Whether it is heard or not, the first error is the one to throw.
            try? stream.write(&sent)
            throw error
        }
    }

    private init(_ stream: BlockingStream, _ engine: any InferenceEngine, _ received: EngineFrameBuffer) {
        self.stream = stream
        self.engine = engine
        self.received = received
    }

    /// Nil: the worker went before it said any.
    private static func settings(_ received: inout EngineFrameBuffer, from stream: BlockingStream) throws -> EngineSettings? {
        var greeting = EngineGreeting(), settings = EngineSettings(), isGreeted = false
        while true {
            while let kind = try received.next() {
                switch kind {
                case .greeting where !isGreeted:
                    isGreeted = true
                    try received.take { (body) throws(EngineProtocolError) in try EngineFrame.read(&greeting, kind, from: body) }
                    try greeting.check()
                case .settings where isGreeted:
                    try received.take { (body) throws(EngineProtocolError) in try EngineFrame.read(&settings, kind, from: body) }
                    return settings
                default: throw EngineProtocolError.unexpectedFrame(kind)
                }
            }
            guard try read(&received, from: stream, waits: true) else { return nil }
        }
    }

    /// False at the end of what the worker says. Nothing is there, and it does not wait: true.
    private static func read(_ received: inout EngineFrameBuffer, from stream: BlockingStream, waits: Bool) throws -> Bool {
        var result = Result<Int?, SystemError>.success(nil)
        received.fill { room in
            result = Result { () throws(SystemError) in try stream.read(into: room, waits: waits) }
            return (try? result.get()) ?? 0
        }
        return try result.get() != 0
    }

    // MARK: Steps

    private mutating func run() throws {
        var mustRest = false
        while true {
            // At most what was sent together: an engine that works is not held up by a worker that says more and more.
            if try takeCommands() { mustRest = true }
            if engine.hasWork {
                try step()
                mustRest = true
            } else if mustRest {
                var rest = EngineRest(commandsTaken: taken)
                EngineFrame.append(.rest, &rest, to: &sent)
                mustRest = false
            }
            try stream.write(&sent)
            var isOpen = try Self.read(&received, from: stream, waits: !engine.hasWork && !mustRest)
            // What has begun is read whole: a piece a step would take seconds for the state of a long prompt.
            while isOpen, received.byteCount > 0, try received.next() == nil {
                isOpen = try Self.read(&received, from: stream, waits: true)
            }
            guard isOpen else { return }
        }
    }

    /// Whether there was any.
    private mutating func takeCommands() throws -> Bool {
        let before = taken
        while let kind = try received.next() {
            guard kind == .command else { throw EngineProtocolError.unexpectedFrame(kind) }
            var command = EngineCommand()
            try received.take { (body) throws(EngineProtocolError) in try EngineFrame.read(&command, kind, from: body) }
            taken += 1
            engine.apply(command)
        }
        return taken > before
    }

    private mutating func step() throws {
        let began = BlockingStream.now
        output.removeAll()
        let duration = try engine.step(at: began, into: &output)
        // A simulated engine's step lasts as long as it says.
        if duration > .zero { stream.pause(until: began + duration) }
        frames.append(&output, to: &sent)
    }
}
