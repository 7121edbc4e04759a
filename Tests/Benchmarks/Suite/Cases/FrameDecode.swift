import CTwins
import WireProtocol

/// Frames of a batch decoded in place, without a link; beside the twin's decoder.
struct FrameDecode: BenchmarkCase {
    let name = "frame-decode"
    private static let frames = 32
    private static let batchesPerRun = 2_000

    func run(_ settings: Settings) throws(BenchmarkFailure) -> [Figure] {
        let body = Self.batch(), count = Self.batchesPerRun
        var decoded = FrameSum(), twinFrames: UInt64 = 0, twinSum: UInt64 = 0
        let nanoseconds = Measuring.least(settings.repetitions, count: count * Self.frames) { Self.decode(body, count, &decoded) }
        let twin = Measuring.least(settings.repetitions, count: count * Self.frames) {
            Self.decodeInC(body, count, frames: &twinFrames, sum: &twinSum)
        }
        guard decoded.sum == twinSum, decoded.frames == Int(twinFrames) else { throw BenchmarkFailure("the two decoders do not agree") }
        let allocations = Measuring.allocations { Self.decode(body, count, &decoded) }
        return [
            Figure("a frame of 1 token", nanoseconds, "ns", .atMost(3)),
            Figure("a frame of 1 token, C", twin, "ns"),
            Figure("allocations a frame", Double(allocations) / Double(count * Self.frames), "", .atMost(0), kind: .allocations),
        ]
    }

    private static func batch() -> [UInt8] {
        var writer = TokenBatchWriter()
        writer.begin(origin: 1, number: 1)
        for frame in 0..<frames { writer.append(counter: UInt64(frame), attempt: 1, position: 7, token: UInt32(frame * 31)) }
        writer.finish()
        return writer.message.extracting(droppingFirst: MessageHeader.byteCount).withUnsafeBytes { Array($0) }
    }

    @inline(never)
    private static func decode(_ body: [UInt8], _ count: Int, _ decoded: inout FrameSum) {
        for _ in 0..<count {
            do throws(WireError) { try decoded.add(body.span.bytes) } catch { preconditionFailure("our own batch was refused: \(error)") }
        }
    }

    @inline(never)
    private static func decodeInC(_ body: [UInt8], _ count: Int, frames: inout UInt64, sum: inout UInt64) {
        body.withUnsafeBufferPointer { bytes in
            for _ in 0..<count { precondition(ctwins_decode_batch(bytes.baseAddress, UInt64(bytes.count), &frames, &sum)) }
        }
    }

    // MARK: Instructions

    func instructions(_ settings: Settings) throws(BenchmarkFailure) -> [Figure] {
        [
            Figure("instructions a frame", try Self.instructions(inC: false), "", kind: .instructions),
            Figure("instructions a frame, C", try Self.instructions(inC: true), ""),
        ]
    }

    /// Collected by callgrind while this program decodes in a role of its own: the difference of two lengths leaves out what is not per frame.
    private static func instructions(inC: Bool) throws(BenchmarkFailure) -> Double {
        let few = try collected(rounds: 100, inC: inC), many = try collected(rounds: 300, inC: inC)
        return Double(many - few) / Double(200 * frames)
    }

    private static func collected(rounds: Int, inC: Bool) throws(BenchmarkFailure) -> Int {
        let arguments = ["--role", "decode", "\(rounds)", inC ? "1" : "0"]
        return try Callgrind.instructions(of: arguments)
    }

    /// The body of the role.
    static func decodeForCallgrind(rounds: Int, inC: Bool) {
        struct Work {
            let body: [UInt8]
            let rounds: Int
            let inC: Bool
            var decoded = FrameSum()
        }
        var work = Work(body: batch(), rounds: rounds, inC: inC)
        withUnsafeMutablePointer(to: &work) { pointer in
            ctwins_collect(
                { context in
                    guard let work = context?.assumingMemoryBound(to: Work.self) else { return }
                    var frames: UInt64 = 0, sum: UInt64 = 0
                    if work.pointee.inC {
                        FrameDecode.decodeInC(work.pointee.body, work.pointee.rounds, frames: &frames, sum: &sum)
                    } else {
                        FrameDecode.decode(work.pointee.body, work.pointee.rounds, &work.pointee.decoded)
                    }
                }, pointer)
        }
    }
}
