import ClusterModel
import Engines
import EventLoop
import Testing
import WireProtocol

@testable import EngineServing

@Suite("An engine is served over a pair of sockets")
struct ServingTests {
    /// Everything that the served side says to a worker that says all of this at once and then goes.
    private func told(_ said: [UInt8], _ engine: any InferenceEngine = Echo()) throws -> (
        frames: [EngineFrameKind], steps: [StepOutput], error: String?
    ) {
        let (worker, other) = try BlockingStream.pair()
        var said = said, error: String?
        try worker.write(&said)
        worker.finishWriting()
        do { try EngineServing.serve(other.take(), build: "test") { _ in engine } } catch let thrown { error = "\(thrown)" }
        var received = EngineFrameBuffer(), frames: [EngineFrameKind] = [], steps: [StepOutput] = []
        while true {
            while let kind = try received.next() {
                frames.append(kind)
                var output = StepOutput()
                try received.take { (body) throws(EngineProtocolError) in
                    if kind == .step { try EngineFrame.read(&output, kind, from: body) }
                }
                if kind == .step { steps.append(output) }
            }
            var count: Int?
            received.fill { room in
                count = try? worker.read(into: room, waits: true)
                return count ?? 0
            }
            if (count ?? 0) == 0 { return (frames, steps, error) }
        }
    }

    private func opening() -> [UInt8] {
        var bytes: [UInt8] = [], greeting = EngineGreeting(build: "worker"), settings = EngineSettings()
        EngineFrame.append(.greeting, &greeting, to: &bytes)
        EngineFrame.append(.settings, &settings, to: &bytes)
        return bytes
    }

    private func command(_ command: EngineCommand) -> [UInt8] {
        var command = command, bytes: [UInt8] = []
        EngineFrame.append(.command, &command, to: &bytes)
        return bytes
    }

    @Test("it greets, says what it is, does what it is told, and ends when the worker goes, whatever it still had to do")
    func life() throws {
        let told = try told(
            opening() + command(.cancel(EngineRequestKey(3), choice: nil)) + command(.cancel(EngineRequestKey(4), choice: nil)))
        #expect(told.error == nil && told.frames == [.greeting, .profile, .step])
        #expect(told.steps.flatMap(\.ends).map(\.key.rawValue) == [3])
    }

    @Test("a worker that goes before it has said anything is no error")
    func silence() throws { #expect(try told([]).error == nil) }

    @Test("what is no protocol, or comes out of order, ends it with the reason", arguments: 0..<4)
    func nonsense(index: Int) throws {
        var version: [UInt8] = [], greeting = EngineGreeting(build: "worker"), rest = EngineRest()
        greeting.version += 1
        EngineFrame.append(.greeting, &greeting, to: &version)
        var strange = opening()
        EngineFrame.append(.rest, &rest, to: &strange)
        let told = try told([[UInt8](repeating: 0xEE, count: 64), version, opening() + opening(), strange][index])
        #expect(told.error != nil && told.frames.last == .failure)
    }

    @Test("an engine that fails says why, and a crash says nothing", arguments: [true, false])
    func failure(isCrash: Bool) throws {
        let told = try told(opening() + command(.clearCache(Rank(0))), Echo(isCrash: isCrash))
        #expect(told.error == "it broke" && told.frames.last == (isCrash ? .profile : .failure))
    }

    @Test("a step that exports more than a frame takes is told in several, in its order")
    func exports() throws {
        var output = StepOutput(), bytes: [UInt8] = [], frames = StepFrames(), buffer = EngineFrameBuffer(), read: [StepOutput] = []
        let key = EngineRequestKey(1), part = [UInt8](repeating: 5, count: EngineFrameLimits.exportedBytes / 2)
        output.events = (0..<5 as Range<UInt32>).map {
            .exported(key, KVSlice(firstBlock: $0, blockCount: 1, firstLayer: 0, layerCount: 1), bytes: part)
        }
        output.loads = [EngineLoad()]
        output.append(3, of: key, choice: 0, position: 0, finish: nil)
        frames.append(&output, to: &bytes)
        var offset = 0
        while offset < bytes.count {
            buffer.fill { room in
                let count = min(room.count, bytes.count - offset)
                room.copyBytes(from: bytes[offset..<(offset + count)])
                offset += count
                return count
            }
            while let kind = try buffer.next() {
                var step = StepOutput()
                try buffer.take { (body) throws(EngineProtocolError) in try EngineFrame.read(&step, kind, from: body) }
                read.append(step)
            }
        }
        #expect(read.map(\.events.count) == [2, 2, 1] && read.map(\.tokens.count) == [0, 0, 1] && read.allSatisfy { $0.loads.count == 1 })
        let blocks = read.flatMap(\.events).map { if case .exported(_, let slice, _) = $0 { slice.firstBlock } else { UInt32.max } }
        #expect(blocks == [0, 1, 2, 3, 4])
    }
}

/// Ends whatever is cancelled, one a step, and breaks when its cache is to be cleared.
private final class Echo: InferenceEngine {
    private let isCrash: Bool
    private var keys: [EngineRequestKey] = []
    private var isBroken = false

    init(isCrash: Bool = false) { self.isCrash = isCrash }

    let profile = EngineProfile(
        name: "echo", build: "1", capabilities: [], cacheReport: .noCache,
        model: EngineModel(name: "none", weights: "", blockSize: 16, contextLength: 64, vocabularySize: 8),
        ranks: [EngineRank(totalBlocks: 4, maxSequences: 1, maxBatchedTokens: 64, maxWaiting: 1)])
    var hasWork: Bool { isBroken || !keys.isEmpty }

    func admit(_ request: EngineRequest) {}
    func cancel(_ key: EngineRequestKey, choice: UInt8?) { keys.append(key) }
    func clearCache(of rank: Rank) { isBroken = true }

    func step(at now: Instant, into output: inout StepOutput) throws(EngineFailure) -> Duration {
        if isBroken { throw EngineFailure("it broke", isCrash: isCrash) }
        output.ends.append(EngineEnd(key: keys.removeFirst(), reason: .cancelled, promptTokens: 0, cachedTokens: 0, outputTokens: 0))
        output.loads.append(EngineLoad())
        return .zero
    }
}
