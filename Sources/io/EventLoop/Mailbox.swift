package import ClusterModel

/// What one task of a loop waits for, with a deadline: the base of everything that resumes a task.
///
/// A wait makes nothing: the closure of its timer is made once, at the first wait.
@LoopActor
package class Signal {
    package let loop: Loop
    private var waiter: UnsafeContinuation<Void, Never>?
    private var timer: TimerHandle?
    /// Its timer is set only while a task waits, and that task holds the signal.
    private lazy var whenDue: @LoopActor () -> Void = { [unowned self] in
        timer = nil
        wake()
    }

    package init(on loop: Loop) { self.loop = loop }

    /// Resumes the waiting task, if there is one. It looks for itself what has happened.
    package final func wake() {
        guard let continuation = waiter else { return }
        waiter = nil
        loop.cancel(timer)
        timer = nil
        continuation.resume()
    }

    /// Waits for `wake`, or until the deadline; not at all if that has passed.
    package final func pause(until deadline: Instant) async {
        guard loop.now < deadline else { return }
        await withUnsafeContinuation { resume($0, until: deadline) }
    }

    /// What `pause` waits with, for whoever waits for each batch of tokens: every call of an async function looks four times for the executor that
    /// its task is on already, which costs more than the wait.
    package final func resume(_ continuation: UnsafeContinuation<Void, Never>, until deadline: Instant) {
        guard loop.now < deadline else { return continuation.resume() }
        precondition(waiter == nil, "a signal has one reader")
        waiter = continuation
        timer = loop.schedule(at: deadline, whenDue)
    }
}

/// How a wait on a mailbox ended.
package enum MailboxOutcome: Sendable { case items, closed, timedOut }

/// Hands values to one waiting task, a batch per resume: the whole queue changes places with the caller's buffer.
///
/// One resume costs a quarter of a microsecond; per value it would cost more than the value's work. Bounded by its owner: `count` tells how
/// many wait, and whoever puts decides what to do at its limit.
@LoopActor
package final class Mailbox<Value>: Signal {
    private var queue: [Value] = []
    package private(set) var isClosed = false

    package var count: Int { queue.count }

    package func put(_ value: Value) {
        guard !isClosed else { return }
        queue.append(value)
        wake()
    }

    /// What was put before is still delivered; then every wait ends with `closed`.
    package func close() {
        isClosed = true
        wake()
    }

    /// Waits until there is something, the mailbox closes, or the deadline passes. `batch` is emptied and filled; keep and reuse it.
    package func next(_ batch: inout [Value], until deadline: Instant) async -> MailboxOutcome {
        batch.removeAll(keepingCapacity: true)
        if queue.isEmpty, !isClosed { await pause(until: deadline) }
        swap(&queue, &batch)
        if !batch.isEmpty { return .items }
        return isClosed ? .closed : .timedOut
    }
}

/// A value that arrives once, for one waiting task.
@LoopActor
package final class Promise<Value>: Signal {
    /// Nil until it arrived.
    package private(set) var value: Value?

    package var isFulfilled: Bool { value != nil }

    /// The first value counts; later ones are dropped.
    package func fulfil(_ value: Value) {
        guard self.value == nil else { return }
        self.value = value
        wake()
    }

    /// The value, or nil when the deadline passed before it came.
    package func wait(until deadline: Instant) async -> Value? {
        if value == nil { await pause(until: deadline) }
        return value
    }
}

extension Loop {
    /// Lets a task wait; the loop's own timer, since `Task.sleep` would start the global pool and does not exist in a simulation.
    @LoopActor package func sleep(for span: Duration) async {
        await withUnsafeContinuation { continuation in
            schedule(after: span) { continuation.resume() }
        }
    }
}
