import ClusterModel
import EventLoop
import WireProtocol

/// A request from its first plan to its end: where what workers send for it is put, and where its task waits.
///
/// What may wait here is bounded by what the request may have: a worker that sends more is cut off. Links give it only what comes from
/// a leg that runs there.
@LoopActor
final class ActiveRequest {
    let counter: UInt64
    /// The present one; what comes for an earlier one is dropped.
    private(set) var attempt: UInt8 = 0
    private(set) var isClientGone = false
    /// A worker has accepted it, in this attempt or an earlier one.
    private(set) var wasTaken = false
    private let choices: Int
    private let maxTokens: Int
    private let wantsLogprobs: Bool
    private let wantsEmbedding: Bool
    private let loop: Loop
    private var arrivals = Arrivals()
    private var main = LegCharge()
    private var prefill = LegCharge()
    private let signal: Signal

    /// What one leg of this attempt has had.
    private struct LegCharge {
        /// A frame without tokens counts as one with one.
        var tokens = 0
        var startedAt: Instant?
    }

    /// A worker that dies within this time of having started a request may have died of it.
    static let youngDeath = Duration.seconds(2)

    /// `maxTokens` is of one choice.
    init(counter: UInt64, choices: Int, maxTokens: Int, wantsLogprobs: Bool, wantsEmbedding: Bool = false, loop: Loop) {
        self.counter = counter
        self.choices = choices
        self.maxTokens = maxTokens
        self.wantsLogprobs = wantsLogprobs
        self.wantsEmbedding = wantsEmbedding
        self.loop = loop
        signal = Signal(on: loop)
    }

    private subscript(leg: Leg) -> LegCharge {
        get { leg == .prefill ? prefill : main }
        set { if leg == .prefill { prefill = newValue } else { main = newValue } }
    }

    // MARK: For the links

    /// False if the frame goes past what the request can have.
    func take(_ frame: borrowing TokenFrameView) -> Bool {
        guard frame.attempt == attempt else { return true }
        // One more than asked for is forgiven: engines count a last token that ends the text in two ways.
        let count = frame.tokenCount, most = maxTokens + 1, leg = frame.leg
        self[leg].tokens += max(count, 1)
        guard Int(frame.choice) < choices, Int(frame.firstPosition) + count <= most, self[leg].tokens <= (most + 1) * choices else {
            return false
        }
        let logprobs = wantsLogprobs ? frame.logprobs() : nil
        arrivals.makeRoom()
        frame.appendTokens(to: &arrivals.tokens)
        arrivals.runs.append(
            Arrivals.Run(
                choice: frame.choice, count: UInt8(truncatingIfNeeded: count), finish: frame.finish, leg: leg,
                hasLogprobs: logprobs != nil, firstPosition: frame.firstPosition))
        if let logprobs { arrivals.logprobs.append(contentsOf: logprobs) }
        if count > 0 { arrivals.hasTokens(of: leg) }
        signal.wake()
        return true
    }

    /// True if it is the last word of the worker on that leg of the present attempt.
    func take(_ status: StatusEntry, of leg: Leg, attempt: UInt8) -> Bool {
        guard attempt == self.attempt else { return false }
        let isLast: Bool
        switch status {
        case .acceptedStatus:
            isLast = arrivals.hear(of: leg) { $0.isAccepted = true }
            wasTaken = true
        case .startedStatus(let started):
            isLast = arrivals.hear(of: leg) {
                $0.cachedTokens = started.cachedTokens
                $0.times.add(LegTimes(waited: started.waitedMicroseconds))
            }
            self[leg].startedAt = self[leg].startedAt ?? loop.now
        case .embeddingStatus(let embedding):
            guard wantsEmbedding else { return false }
            isLast = arrivals.hear(of: leg) { $0.say(.embedding(embedding.vector)) }
        case .refusedStatus(let refusal): isLast = arrivals.hear(of: leg) { $0.say(.refusal(refusal)) }
        case .prefillDoneStatus(let done):
            // What it is about follows in a frame.
            arrivals.hear(of: leg) { $0.times.add(LegTimes(prefill: done.prefillMicroseconds)) }
            return false
        case .endedStatus(let ended):
            let loss = ended.isLoss ? loss(of: leg, isDeath: true) : nil
            isLast = arrivals.hear(of: leg) {
                $0.say(.end(ended))
                $0.loss = loss ?? $0.loss
                $0.times.add(LegTimes(ended.durations))
            }
        default: return false  // nothing here depends on the others, and whoever waits need not wake for them
        }
        signal.wake()
        return isLast
    }

    /// `isDeath`: its process ended, or its host; it did not say goodbye, nor was it sent away.
    func workerLost(_ leg: Leg, attempt: UInt8, isDeath: Bool) {
        guard attempt == self.attempt else { return }
        let loss = loss(of: leg, isDeath: isDeath)
        arrivals.hear(of: leg) { $0.loss = loss }
        signal.wake()
    }

    private func loss(of leg: Leg, isDeath: Bool) -> WorkerLoss {
        let isYoung = self[leg].startedAt.map { $0.duration(to: loop.now) < Self.youngDeath } ?? false
        return isDeath && isYoung ? .diedYoung : .gone
    }

    // MARK: For the client's connection

    func clientGone() {
        isClientGone = true
        signal.wake()
    }

    // MARK: For the task

    /// Nothing came yet that its task could look at.
    var isAwaited: Bool { arrivals.isEmpty && !isClientGone }

    /// Resumes the task when something came, the client left, or the deadline passed.
    func resume(_ continuation: UnsafeContinuation<Void, Never>, until deadline: Instant) { signal.resume(continuation, until: deadline) }

    /// What came, in exchange for the caller's buffer; empty when the deadline passed or the client left.
    func take(_ batch: inout Arrivals) {
        batch.clear()
        swap(&batch, &arrivals)
    }

    /// Forgets what an attempt that failed has left, and what it was charged.
    func begin(attempt: UInt8) {
        self.attempt = attempt
        arrivals.clear()
        main = LegCharge()
        prefill = LegCharge()
    }
}
