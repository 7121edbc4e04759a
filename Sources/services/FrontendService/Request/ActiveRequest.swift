import ClusterModel
import EventLoop
import RequestTracking
import WireProtocol

/// A request from its first plan to its end: where what workers send for it is put, and where its task waits.
///
/// What may wait here is bounded by what the request may have: a worker that sends more is cut off.
@LoopActor
final class ActiveRequest {
    let counter: UInt64
    /// The present one; what comes for an earlier one is dropped.
    private(set) var attempt: UInt8 = 0
    private(set) var isClientGone = false
    private let choices: Int
    private let maxTokens: Int
    private let wantsLogprobs: Bool
    private let loop: Loop
    private var arrivals = Arrivals()
    /// Of this attempt; a frame without tokens counts as one with one.
    private var tokensTaken = 0
    private var startedAt: Instant?
    private let signal: Signal

    /// A worker that dies within this time of having started a request may have died of it.
    static let youngDeath = Duration.seconds(2)

    /// `maxTokens` is of one choice.
    init(counter: UInt64, choices: Int, maxTokens: Int, wantsLogprobs: Bool, loop: Loop) {
        self.counter = counter
        self.choices = choices
        self.maxTokens = maxTokens
        self.wantsLogprobs = wantsLogprobs
        self.loop = loop
        signal = Signal(on: loop)
    }

    // MARK: For the links

    /// False if the frame goes past what the request can have.
    func take(_ frame: borrowing TokenFrameView) -> Bool {
        guard frame.attempt == attempt else { return true }
        // One more than asked for is forgiven: engines count a last token that ends the text in two ways.
        let count = frame.tokenCount, most = maxTokens + 1
        tokensTaken += max(count, 1)
        guard Int(frame.choice) < choices, Int(frame.firstPosition) + count <= most, tokensTaken <= (most + 1) * choices else {
            return false
        }
        frame.appendTokens(to: &arrivals.tokens)
        arrivals.runs.append(
            Arrivals.Run(
                choice: frame.choice, count: UInt8(truncatingIfNeeded: count), finish: frame.finish, firstPosition: frame.firstPosition))
        if wantsLogprobs, let logprobs = frame.logprobs() { arrivals.logprobs.append(contentsOf: logprobs) }
        signal.wake()
        return true
    }

    /// True if it is the last word of the present attempt's worker.
    func take(_ status: StatusEntry, attempt: UInt8) -> Bool {
        guard attempt == self.attempt else { return false }
        switch status {
        case .acceptedStatus: arrivals.isAccepted = true
        case .startedStatus(let started):
            arrivals.cachedTokens = started.cachedTokens
            arrivals.add(WorkerSlice(waited: .microseconds(Int64(clamping: started.waitedMicroseconds))))
            startedAt = startedAt ?? loop.now
        case .refusedStatus(let refusal): arrivals.refusal = refusal
        case .prefillDoneStatus(let done):
            arrivals.add(WorkerSlice(prefill: .microseconds(Int64(clamping: done.prefillMicroseconds))))
            return false  // what it is about follows in a frame
        case .endedStatus(let ended):
            arrivals.ended = ended
            arrivals.add(WorkerSlice(ended.durations))
        default: return false  // nothing here depends on the others, and whoever waits need not wake for them
        }
        signal.wake()
        return arrivals.refusal != nil || arrivals.ended != nil
    }

    /// `isDeath`: its process ended, or its host; it did not say goodbye, nor was it sent away.
    func workerLost(attempt: UInt8, isDeath: Bool) {
        guard attempt == self.attempt else { return }
        let isYoung = startedAt.map { $0.duration(to: loop.now) < Self.youngDeath } ?? false
        arrivals.loss = isDeath && isYoung ? .diedYoung : .gone
        signal.wake()
    }

    // MARK: For the client's connection

    func clientGone() {
        isClientGone = true
        signal.wake()
    }

    // MARK: For the task

    /// What came, in exchange for the caller's cleared buffer; empty when the deadline passed or the client left.
    func next(_ batch: inout Arrivals, until deadline: Instant) async {
        batch.clear()
        if arrivals.isEmpty, !isClientGone { await signal.pause(until: deadline) }
        swap(&batch, &arrivals)
    }

    /// Forgets what an attempt that failed has left, and what it was charged.
    func begin(attempt: UInt8) {
        self.attempt = attempt
        arrivals.clear()
        tokensTaken = 0
        startedAt = nil
    }
}
