import ClusterModel
import Engines
import EventLoop
import ProcessKit
import WireProtocol

/// One leg of one attempt that this worker has accepted, until its engine has let go of it.
@LoopActor
final class OpenRequest {
    let key: EngineRequestKey
    let id: RequestID
    let attempt: UInt8
    let leg: Leg
    let rank: Int
    let lease: UInt64
    let routerID: UInt64
    let choices: Int
    let receivedAt: Instant
    let maxTokens: UInt32
    let expectedOutputTokens: UInt32?
    /// As prefilled: shown tokens of earlier attempts among them.
    let promptTokens: UInt32
    /// Of the prompt, for whoever keeps a ledger of blocks; empty where the engine's cache events are not exact.
    let hashes: [SequenceHash]
    let limits: RequestLimits
    /// Its place in its client's trace; nil: nobody records it here.
    let place: SpanPlace?

    /// Bound here; nil once the request has ended.
    var session: Session?
    /// Whoever asked; nil once that link is gone.
    var link: DataLink?
    var startedAt: Instant?
    var prefilledAt: Instant?
    var firstTokenAt: Instant?
    var lastTokenAt: Instant?
    /// Prefill tokens that are still to be computed, as far as can be told.
    private(set) var remainingTokens: UInt32
    /// Those of the prompt that are taken to be cached, until the engine says at the start what it has found.
    private(set) var expectedCachedTokens: UInt32 = 0
    var cachedTokens: UInt32 = 0
    var outputTokens: UInt32 = 0
    var preemptions: UInt32 = 0
    /// In the batch, and not in the queue; or with blocks that wait for state.
    var isRunning = false
    /// The engine has it. A leg that fills a room gets there when its peer is ready.
    var isAdmitted = true
    /// The room that it fills, while that is open; or the one that others fill for it.
    var sending: SendingRoom?
    var receiving: ReceivingRoom?
    var transfer = TransferRecord()
    /// It gives the state of an earlier attempt to the worker that goes on with it.
    var isMove = false
    /// Ended for everybody but the engine, which has been told.
    var isClosing = false
    /// When its next limit is looked at.
    var timer: TimerHandle?
    private(set) var outputBlocks: UInt32 = 0
    /// By number of the choice; empty where there is one.
    private var perChoice: [UInt32]

    init(
        _ entry: GenerateEntry, id: RequestID, key: EngineRequestKey, link: DataLink, hashes: [SequenceHash], place: SpanPlace?,
        now: Instant
    ) {
        self.key = key
        self.place = place
        self.id = id
        self.link = link
        self.hashes = hashes
        attempt = entry.attempt
        leg = entry.leg
        rank = Int(entry.rank)
        lease = entry.lease
        routerID = entry.routerID
        choices = Int(entry.choices)
        receivedAt = now
        maxTokens = entry.sampling.maxTokens
        expectedOutputTokens = entry.expectedOutputTokens
        promptTokens = UInt32(clamping: entry.prefillTokens)
        // Their state comes from elsewhere: nothing of it is computed here.
        remainingTokens = entry.leg == .decode ? 0 : promptTokens
        limits = RequestLimits(entry, now: now)
        perChoice = entry.choices > 1 ? Array(repeating: 0, count: Int(entry.choices)) : []
    }

    /// So many of the prompt's blocks are in the cache now. What waits for others is what has to be computed: counted whole, a prompt that is
    /// mostly cached would keep others away. An engine computes one token at least.
    func expect(cachedBlocks: Int, blockSize: UInt32) {
        guard remainingTokens > 1 else { return }
        expectedCachedTokens = UInt32(clamping: min(UInt64(cachedBlocks) * UInt64(blockSize), UInt64(remainingTokens) - 1))
        remainingTokens -= expectedCachedTokens
    }

    /// The engine has said so: nothing is expected any more.
    func know(remaining: UInt32) {
        remainingTokens = remaining
        expectedCachedTokens = 0
    }

    var request: RequestKey { RequestKey(origin: id.origin, counter: id.counter, attempt: attempt) }

    /// True if the output holds another number of blocks now.
    func produced(_ count: UInt32, choice: UInt8, blockSize: UInt32, at now: Instant) -> Bool {
        if firstTokenAt == nil { firstTokenAt = now }
        lastTokenAt = now
        outputTokens += count
        let before = outputBlocks
        if perChoice.isEmpty {
            outputBlocks = blocks(beyond: outputTokens, blockSize)
        } else if Int(choice) < perChoice.count {
            outputBlocks -= blocks(beyond: perChoice[Int(choice)], blockSize)
            perChoice[Int(choice)] += count
            outputBlocks += blocks(beyond: perChoice[Int(choice)], blockSize)
        }
        return outputBlocks != before
    }

    /// Blocks behind the prompt's last one that so many tokens need.
    private func blocks(beyond tokens: UInt32, _ blockSize: UInt32) -> UInt32 {
        let size = UInt64(blockSize), prompt = UInt64(promptTokens)
        return UInt32(clamping: (prompt + UInt64(tokens) + size - 1) / size - (prompt + size - 1) / size)
    }

    /// The moment of the next limit.
    var deadline: Instant {
        guard let lastTokenAt else { return min(limits.total, limits.firstToken) }
        // A prefill leg has said all that it will, and the transfer has limits of its own.
        if sending != nil { return limits.total }
        return min(limits.total, max(lastTokenAt, transfer.doneAt ?? lastTokenAt) + limits.silence)
    }

    var durations: WorkerDurations {
        var durations = WorkerDurations()
        guard let startedAt else { return durations }
        durations.waitedMicroseconds = receivedAt.microseconds(to: startedAt)
        if let prefilledAt { durations.prefillMicroseconds = startedAt.microseconds(to: prefilledAt) }
        if let firstTokenAt, let lastTokenAt { durations.decodeMicroseconds = firstTokenAt.microseconds(to: lastTokenAt) }
        if leg == .prefill, let done = transfer.doneAt {
            if let first = transfer.firstChunkAt { durations.transferMicroseconds = first.microseconds(to: done) }
            if let prefilledAt { durations.exposedTransferMicroseconds = prefilledAt.microseconds(to: done) }
        }
        return durations
    }
}

/// How the state of a leg moved, on this process's clock.
struct TransferRecord: Hashable {
    /// Sent, or received.
    var firstChunkAt: Instant?
    var doneAt: Instant?
    var plainBytes: UInt64 = 0
    /// As sent, after compression.
    var sentBytes: UInt64 = 0
}

/// What an entry allows, on this process's clock. A limit of 0 is one that the sender does not state.
struct RequestLimits {
    let total: Instant
    let firstToken: Instant
    let silence: Duration

    init(_ entry: GenerateEntry, now: Instant) {
        total = now + Self.span(entry.remainingMilliseconds, or: WorkerLimits.total)
        firstToken = now + Self.span(entry.firstTokenMilliseconds, or: WorkerLimits.firstToken)
        silence = Self.span(entry.silenceMilliseconds, or: WorkerLimits.silence)
    }

    private static func span(_ milliseconds: UInt32, or limit: Duration) -> Duration {
        milliseconds == 0 ? limit : .milliseconds(Int64(milliseconds))
    }
}

extension GenerateEntry {
    /// What prefill has to cover: the prompt, and what earlier attempts showed.
    var prefillTokens: Int { continuation.reduce(promptTokens.count) { $0 + ($1.finished ? 0 : $1.shownTokens.count) } }
}

extension Instant {
    /// 0 if `later` is not later: two threads read the same clock at their own moments.
    func microseconds(to later: Instant) -> UInt64 { UInt64(max(0, duration(to: later).inMicroseconds)) }
}
