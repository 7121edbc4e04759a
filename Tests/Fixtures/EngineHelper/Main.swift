import ClusterModel
import EngineServing
import Engines
import EventLoop
import Glibc
import ServiceRuntime

/// The reference engine in a process of its own, for tests of such processes: served as every engine is, and able to go wrong as none should.
///
/// `ENGINE_HELPER_FAULT`: `abort`, `hang` or `garbage` and the number of the step in which it does so, as in `hang:20`; and with a path behind it,
/// `hang:20:FILE`, only in the process that is the first to make that file. `ENGINE_HELPER_PACE`: milliseconds of each step.
@main
struct Main {
    nonisolated static func main() {
        do {
            let fault = try EngineFault(getenv("ENGINE_HELPER_FAULT").map { String(cString: $0) })
            let pace = getenv("ENGINE_HELPER_PACE").flatMap { Int(String(cString: $0)) } ?? 0
            try EngineServing.serveParent(build: "test") { settings in
                FaultyReference(try reference(settings), fault, pace: .milliseconds(pace))
            }
        } catch {
            complain("\(error)")
            exit(1)
        }
    }

    private nonisolated static func reference(_ settings: EngineSettings) throws -> ReferenceEngine {
        let bytes = try FileReader.system.read(settings.weightsPath, 1 << 30)
        var room = ReferenceConfiguration.usualRoom
        if settings.blocks > 0 { room.totalBlocks = settings.blocks }
        if settings.waiting > 0 { room.maxWaiting = settings.waiting }
        var made = ReferenceConfiguration(
            try LlamaModel(try GGUFFile(parsing: bytes)), name: settings.modelName, weights: SHA256.digest(of: bytes).description,
            room: room)
        made.blockSize = settings.blockSize
        made.endTokens = settings.endTokens
        return ReferenceEngine(made)
    }
}

private func complain(_ text: String) {
    let line = Array("enginehelper: \(text)\n".utf8)
    _ = write(STDERR_FILENO, line, line.count)
}

/// What goes wrong, and in which step.
struct EngineFault {
    enum Kind: String { case abort, hang, garbage }

    let kind: Kind
    let step: Int

    /// Nil: nothing goes wrong in this process.
    init?(_ text: String?) throws {
        guard let text, !text.isEmpty else { return nil }
        let parts = text.split(separator: ":", maxSplits: 2).map(String.init)
        guard parts.count >= 2, let kind = Kind(rawValue: parts[0]), let step = Int(parts[1]) else {
            throw EngineFailure("ENGINE_HELPER_FAULT is no fault: \(text)")
        }
        if parts.count == 3 {
            let file = open(parts[2], O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0o600)
            guard file >= 0 else { return nil }
            close(file)
        }
        self.kind = kind
        self.step = step
    }
}

private final class FaultyReference: InferenceEngine {
    private let engine: ReferenceEngine
    private let fault: EngineFault?
    private let pace: Duration
    private var steps = 0

    init(_ engine: ReferenceEngine, _ fault: EngineFault?, pace: Duration) {
        self.engine = engine
        self.fault = fault
        self.pace = pace
    }

    var profile: EngineProfile { engine.profile }
    var hasWork: Bool { engine.hasWork }

    func admit(_ request: EngineRequest) { engine.admit(request) }
    func cancel(_ key: EngineRequestKey, choice: UInt8?) { engine.cancel(key, choice: choice) }
    func transfer(_ command: KVCommand) { engine.transfer(command) }
    func session(_ command: SessionCommand) { engine.session(command) }
    func clearCache(of rank: Rank) { engine.clearCache(of: rank) }

    func step(at now: Instant, into output: inout StepOutput) throws(EngineFailure) -> Duration {
        steps += 1
        if let fault, steps == fault.step {
            switch fault.kind {
            case .abort:
                complain("an assertion of the library failed")
                abort()
            case .hang: while true { pause() }
            case .garbage:
                let bytes = [UInt8](repeating: 0xEE, count: 64)
                _ = write(EngineServing.descriptor, bytes, bytes.count)
            }
        }
        _ = try engine.step(at: now, into: &output)
        return pace
    }
}
