import ClusterModel
import EngineServing
import Engines
import WireProtocol

extension FuzzTarget {
    /// What a worker and the process of its engine read from one another: cut into pieces it gives the same frames, and each that is accepted is written
    /// in one way. The first byte chooses the pieces.
    static let engine = FuzzTarget(name: "engine", longest: 4096, allocation: 16) { bytes in
        guard let first = bytes.first else { return }
        let stream = UnsafeRawBufferPointer(rebasing: bytes.dropFirst())
        let whole = frames(in: stream, piece: max(stream.count, 1)), cut = frames(in: stream, piece: Int(first) % 23 + 1)
        demand(whole == cut, "cut into pieces of \(Int(first) % 23 + 1) bytes the frames are others")
        for frame in whole { check(frame.kind, frame.body) }
    }

    private struct Frame: Equatable {
        let kind: EngineFrameKind
        let body: [UInt8]
    }

    private static func frames(in stream: UnsafeRawBufferPointer, piece: Int) -> [Frame] {
        var buffer = EngineFrameBuffer(), frames: [Frame] = [], offset = 0
        while offset < stream.count {
            let count = min(piece, stream.count - offset)
            buffer.fill { room in
                room.copyMemory(from: UnsafeRawBufferPointer(rebasing: stream[offset..<(offset + count)]))
                return count
            }
            offset += count
            while let kind = try? buffer.next() {
                let body: [UInt8]? = try? buffer.take { (body) throws(EngineProtocolError) in body.withUnsafeBytes { [UInt8]($0) } }
                frames.append(Frame(kind: kind, body: body ?? []))
            }
        }
        return frames
    }

    private static func check(_ kind: EngineFrameKind, _ body: [UInt8]) {
        switch kind {
        case .greeting: check(EngineGreeting(), kind, body)
        case .settings: check(EngineSettings(), kind, body)
        case .command: check(EngineCommand(), kind, body)
        case .profile: check(EngineProfile(), kind, body)
        case .step: check(StepOutput(), kind, body)
        case .rest: check(EngineRest(), kind, body)
        case .failure: check(EngineFailureNote(), kind, body)
        }
    }

    private static func check<Record: WireRecord>(_ empty: Record, _ kind: EngineFrameKind, _ body: [UInt8]) {
        guard let once = rewritten(empty, kind, body) else { return }
        demand(rewritten(empty, kind, once) == once, "\(kind) is written in two ways")
    }

    /// Nil: it is not read.
    private static func rewritten<Record: WireRecord>(_ empty: Record, _ kind: EngineFrameKind, _ body: [UInt8]) -> [UInt8]? {
        var record = empty, bytes: [UInt8] = []
        do throws(EngineProtocolError) { try EngineFrame.read(&record, kind, from: body.span.bytes) } catch { return nil }
        EngineFrame.append(kind, &record, to: &bytes)
        return [UInt8](bytes.dropFirst(5))
    }
}
