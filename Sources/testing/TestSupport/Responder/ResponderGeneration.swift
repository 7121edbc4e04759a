import ClusterModel
import EventLoop
import Transport
import WireProtocol

/// The tokens of one request: each follows from the prompt, the seed and its position, a few in each message.
@LoopActor
final class ResponderGeneration {
    private let entry: GenerateEntry
    private let origin: UInt64
    private let link: Link
    private let loop: Loop
    private let done: @LoopActor () -> Void
    private let promptHash: UInt64
    private let total: UInt32
    private var position: UInt32 = 0
    private var timer: TimerHandle?

    private static let tokensPerStep: UInt32 = 8
    private static let mostTokens: UInt32 = 256
    private static let vocabulary: UInt64 = 32_000

    init(_ entry: GenerateEntry, origin: UInt64, link: Link, loop: Loop, done: @escaping @LoopActor () -> Void) {
        self.entry = entry
        self.origin = origin
        self.link = link
        self.loop = loop
        self.done = done
        promptHash = entry.promptTokens.withUnsafeBytes { XXH3.hash($0, seed: entry.sampling.seed) }
        total = max(1, min(entry.sampling.maxTokens, Self.mostTokens))
    }

    func start() {
        timer = loop.schedule(after: .milliseconds(1)) { [weak self] in self?.step() }
    }

    /// The link is gone: nobody is told.
    func cancel() { loop.cancel(timer) }

    func end(_ reason: EndReason) {
        loop.cancel(timer)
        var ended = EndedStatus()
        ended.counter = entry.counter
        ended.attempt = entry.attempt
        ended.leg = entry.leg
        ended.reason = reason
        ended.promptTokens = UInt32(clamping: entry.promptTokens.count)
        ended.outputTokens = position
        link.send(StatusBatch(entries: [.endedStatus(ended)]), origin: origin)
        done()
    }

    private func step() {
        let count = min(Self.tokensPerStep, total - position)
        var frame = TokenFrame()
        frame.counter = entry.counter
        frame.attempt = entry.attempt
        frame.leg = entry.leg
        frame.firstPosition = position
        frame.tokens = (0..<count).map { token(at: position + $0) }
        position += count
        if position == total { frame.finish = .length }
        link.send(TokenBatch(frames: [frame]), origin: origin)
        if position == total { end(.finished) } else { start() }
    }

    private func token(at position: UInt32) -> UInt32 {
        var place = SeededRandom(seed: promptHash &+ UInt64(position))
        return UInt32(place.next() % Self.vocabulary)
    }
}
