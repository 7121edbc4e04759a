import ClusterModel
import EventLoop
import WireProtocol

/// A request from its first plan to its end: where what workers send for it is put, and where its task waits.
///
/// `max_tokens` bounds what may wait here: a worker that sends more than the request allows is cut off.
@LoopActor
final class ActiveRequest {
    let counter: UInt64
    /// The present one; what comes for an earlier one is dropped.
    var attempt: UInt8 = 0
    /// More tokens than this, over all choices, no worker has a reason to send.
    let tokenLimit: Int
    private(set) var isClientGone = false
    private var arrivals = Arrivals()
    private var tokensTaken = 0
    private let signal: Signal

    init(counter: UInt64, tokenLimit: Int, loop: Loop) {
        self.counter = counter
        self.tokenLimit = tokenLimit
        signal = Signal(on: loop)
    }

    // MARK: For the links

    /// False if the frame goes past what the request can have.
    func take(_ frame: borrowing TokenFrameView) -> Bool {
        guard frame.attempt == attempt else { return true }
        guard tokensTaken + frame.tokenCount <= tokenLimit else { return false }
        tokensTaken += frame.tokenCount
        frame.appendTokens(to: &arrivals.tokens)
        arrivals.runs.append(
            Arrivals.Run(
                choice: frame.choice, leg: frame.leg, firstPosition: frame.firstPosition, count: frame.tokenCount, finish: frame.finish))
        if let logprobs = frame.logprobs() { arrivals.logprobs.append(contentsOf: logprobs) }
        signal.wake()
        return true
    }

    func take(_ status: StatusEntry, attempt: UInt8) {
        guard attempt == self.attempt else { return }
        arrivals.statuses.append(status)
        signal.wake()
    }

    func workerLost(attempt: UInt8) {
        guard attempt == self.attempt else { return }
        arrivals.isWorkerLost = true
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
    }
}
