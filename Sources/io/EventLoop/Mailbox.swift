package import ClusterModel

/// How a wait on a mailbox ended.
package enum MailboxOutcome: Sendable { case items, closed, timedOut }

/// Hands values to one waiting task, a batch per resume: the whole queue changes places with the caller's buffer.
///
/// One resume costs a quarter of a microsecond; per value it would cost more than the value's work. Bounded by its owner: `count` tells how
/// many wait, and whoever puts decides what to do at its limit.
@LoopActor
package final class Mailbox<Value> {
    private let loop: Loop
    private var queue: [Value] = []
    private var waiter: UnsafeContinuation<Void, Never>?
    private var timer: TimerHandle?
    /// Made once, at the first wait, so that a wait makes nothing.
    private lazy var whenDue: @LoopActor () -> Void = { [weak self] in
        self?.timer = nil
        self?.resume()
    }
    package private(set) var isClosed = false

    package init(on loop: Loop) { self.loop = loop }

    package var count: Int { queue.count }

    package func put(_ value: Value) {
        guard !isClosed else { return }
        queue.append(value)
        resume()
    }

    /// What was put before is still delivered; then every wait ends with `closed`.
    package func close() {
        isClosed = true
        resume()
    }

    /// Waits until there is something, the mailbox closes, or the deadline passes. `batch` is emptied and filled; keep and reuse it.
    package func next(_ batch: inout [Value], until deadline: Instant) async -> MailboxOutcome {
        batch.removeAll(keepingCapacity: true)
        if queue.isEmpty, !isClosed {
            guard loop.now < deadline else { return .timedOut }
            precondition(waiter == nil, "a mailbox has one reader")
            await withUnsafeContinuation { continuation in
                waiter = continuation
                timer = loop.schedule(at: deadline, whenDue)
            }
        }
        swap(&queue, &batch)
        if !batch.isEmpty { return .items }
        return isClosed ? .closed : .timedOut
    }

    private func resume() {
        guard let continuation = waiter else { return }
        waiter = nil
        loop.cancel(timer)
        timer = nil
        continuation.resume()
    }
}

/// A value that arrives once, for one waiting task.
@LoopActor
package final class Promise<Value> {
    private let loop: Loop
    private var value: Value?
    private var waiter: UnsafeContinuation<Void, Never>?
    private var timer: TimerHandle?
    private lazy var whenDue: @LoopActor () -> Void = { [weak self] in
        self?.timer = nil
        self?.resume()
    }

    package init(on loop: Loop) { self.loop = loop }

    package var isFulfilled: Bool { value != nil }

    /// The first value counts; later ones are dropped.
    package func fulfil(_ value: Value) {
        guard self.value == nil else { return }
        self.value = value
        resume()
    }

    /// The value, or nil when the deadline passed before it came.
    package func wait(until deadline: Instant) async -> Value? {
        if value == nil, loop.now < deadline {
            precondition(waiter == nil, "a promise has one reader")
            await withUnsafeContinuation { continuation in
                waiter = continuation
                timer = loop.schedule(at: deadline, whenDue)
            }
        }
        return value
    }

    private func resume() {
        guard let continuation = waiter else { return }
        waiter = nil
        loop.cancel(timer)
        timer = nil
        continuation.resume()
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
