import ClusterModel
import EngineServing
import Engines
import TestSupport
import WireProtocol

/// What each kind of frame holds, as bytes in and bytes out: for checks that are the same for all of them.
struct FrameContent: Sendable {
    let kind: EngineFrameKind
    /// A body that a writer of ours could have written, by seed.
    let random: @Sendable (UInt64, RandomFiller.Fullness) -> [UInt8]
    /// Read and written again; throws where it is not read.
    let rewritten: @Sendable (RawSpan) throws -> [UInt8]

    static let all: [FrameContent] = [
        FrameContent(.greeting) { EngineGreeting() }, FrameContent(.settings) { EngineSettings() },
        FrameContent(.command) { EngineCommand() }, FrameContent(.profile) { EngineProfile() }, FrameContent(.step) { StepOutput() },
        FrameContent(.rest) { EngineRest() }, FrameContent(.failure) { EngineFailureNote() },
    ]

    private init<Record: WireRecord>(_ kind: EngineFrameKind, _ make: @escaping @Sendable () -> Record) {
        self.kind = kind
        random = { seed, fullness in
            var filler = RandomFiller(seed: seed, fullness), record = make()
            do throws(WireError) { try record.layout(&filler) } catch { preconditionFailure("\(kind) is not filled: \(error)") }
            return Self.body(kind, &record)
        }
        rewritten = { body in
            var record = make()
            try EngineFrame.read(&record, kind, from: body)
            return Self.body(kind, &record)
        }
    }

    private static func body<Record: WireRecord>(_ kind: EngineFrameKind, _ record: inout Record) -> [UInt8] {
        var bytes: [UInt8] = []
        EngineFrame.append(kind, &record, to: &bytes)
        return Array(bytes[5...])
    }
}
