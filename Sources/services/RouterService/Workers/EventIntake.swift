import ClusterModel
import EventLoop
import ProcessKit
import Scheduling
import Telemetry
import Transport
import WireProtocol

/// Follows the stream of one life of a worker: in step by number, and by a snapshot where numbers are missing.
///
/// States and rules: `proto-spec/03-exchanges.md#the-cursor`. Until it is in step the worker is routed by load alone, and its leases do not
/// expire.
@LoopActor
final class EventIntake: FeedReader {
    private enum Phase {
        /// Subscribed; nothing was heard yet.
        case listening
        /// Waits for its turn, or for the end of a pause. What comes is dropped: the snapshot will hold it.
        case waiting
        /// A snapshot is being taken; what comes is held.
        case recovering
        case inStep
        case closed
    }

    let address: Address
    private let core: RouterCore
    private let record: WorkerRecord
    private var feed: FeedSubscriber?
    private var phase = Phase.listening
    private var cursor: FeedCursor
    private var held: [(first: UInt64, body: [UInt8])] = []
    private var heldBytes = 0
    private var overflowed = false
    /// Beats in a row that said less than is known: a publisher whose numbers run backwards.
    private var backwardBeats = 0
    private var pause = Duration.zero
    private var inStepSince: Instant?
    private var timer: TimerHandle?
    /// Recoveries that failed since the last one that did not.
    private var failures = 0

    init(_ core: RouterCore, _ record: WorkerRecord, _ address: Address) throws(TransportError) {
        self.core = core
        self.record = record
        self.address = address
        cursor = FeedCursor(generation: record.life.generation.rawValue, next: 1)
        feed = try FeedSubscriber(to: address, kind: .workerEvents, loop: core.loop, network: core.context.network, reader: self)
    }

    /// The last number that was applied.
    var position: UInt64 { cursor.next - 1 }
    var isClosed: Bool { if case .closed = phase { true } else { false } }

    func close() {
        guard !isClosed else { return }
        leaveStep()
        phase = .closed
        core.loop.cancel(timer)
        core.recoveries.forget(self)
        feed?.close()
        feed = nil
        held = []
    }

    // MARK: FeedReader

    func feed(_ feed: FeedSubscriber, batch header: MessageHeader, body: RawSpan) {
        guard header.origin == cursor.generation else { return }  // another life, which this record is not about
        heard()
        switch phase {
        case .listening: recover()
        case .waiting, .closed: break
        case .recovering: hold(header.number, body)
        case .inStep: take(header.number, body)
        }
    }

    func feed(_ feed: FeedSubscriber, beat last: UInt64, generation: UInt64) {
        guard generation == cursor.generation else { return }
        heard()
        switch phase {
        case .listening: recover()
        case .waiting, .recovering, .closed: break
        case .inStep:
            if case .gap = cursor.beat(generation: generation, last: last) { return lost() }
            // One may have been overtaken on its way; two in a row are a fault, after which nothing would ever be applied again.
            backwardBeats = last < position ? backwardBeats + 1 : 0
            if backwardBeats >= 2 { lost() }
        }
    }

    func feed(_ feed: FeedSubscriber, became verdict: Liveness.Verdict) {
        let isSilent = verdict == .dead
        guard isSilent != record.isFeedSilent else { return }
        record.isFeedSilent = isSilent
        // Without a control link the feed was the last sign of life.
        if isSilent, record.link == nil { return core.workers.remove(record, reason: "neither its control link nor its feed is there") }
        core.workers.changed(record)
    }

    private func heard() {
        guard !record.isHeard else { return }
        record.isHeard = true
        core.workers.changed(record)
    }

    // MARK: In step

    private func take(_ first: UInt64, _ body: RawSpan) {
        let count: Int
        do throws(WireError) { count = try EventBatch.check(body) } catch {
            // Its numbers are lost with it: what follows shows the gap.
            return core.metrics.malformedEvents.increment()
        }
        guard count > 0 else { return }
        switch cursor.batch(generation: cursor.generation, first: first, count: count) {
        case .apply(let skip):
            backwardBeats = 0
            EventBatch.apply(body, first: first, skip: skip, of: record, to: core)
        case .behind, .otherGeneration: break
        case .gap: lost()
        }
    }

    private func lost() {
        core.metrics.gaps.increment()
        core.log.debug("gap in a worker's stream", ["worker": .hex(record.life.worker.rawValue), "after": .unsigned(position)])
        leaveStep()
        recover()
    }

    private func leaveStep() {
        guard case .inStep = phase else { return }
        phase = .waiting
        if let since = inStepSince, since.duration(to: core.loop.now) >= RouterLimits.recoveryForgiven { pause = .zero }
        setInStep(false)
    }

    private func setInStep(_ isInStep: Bool) {
        record.isInStep = isInStep
        inStepSince = isInStep ? core.loop.now : nil
        core.ledger.setInStep(record.life, isInStep)
        core.workers.changed(record)
    }

    // MARK: Recovery

    /// After a pause, if one was earned, and in its turn.
    private func recover() {
        phase = .waiting
        let wait = pause
        pause = min(max(pause * 2, RouterLimits.recoveryPause), RouterLimits.recoveryPauseAtMost)
        guard wait > .zero else { return enter() }
        // Up to half as much again, so that routers that lost the same message do not ask together.
        let jitter = Int64(core.loop.random.next() % UInt64(max(wait.inNanoseconds / 2, 1)))
        timer = core.loop.schedule(after: wait + .nanoseconds(jitter)) { [weak self] in self?.enter() }
    }

    private func enter() {
        guard case .waiting = phase else { return }
        core.recoveries.enter(self) { [self] in
            phase = .recovering
            held = []
            heldBytes = 0
            overflowed = false
            core.loop.spawn { [self] in
                let result = await SnapshotReader(core, record).read()
                core.recoveries.leave()
                finish(result)
            }
        }
    }

    private func finish(_ result: Result<SnapshotReader.Snapshot, SnapshotReader.Problem>) {
        guard case .recovering = phase else { return }
        switch result {
        case .success where overflowed: failed("more events came meanwhile than are held")
        case .failure(let problem): failed(problem.description)
        case .success(let snapshot):
            apply(snapshot)
            core.metrics.recovered("done")
        }
    }

    private func failed(_ reason: String) {
        core.metrics.recovered("failed")
        // The first of a row is worth a line.
        failures += 1
        core.log.log(
            failures == 1 ? .warning : .debug, "a worker's stream was not recovered",
            ["worker": .hex(record.life.worker.rawValue), "reason": .text(reason), "retry": .duration(pause)])
        held = []
        recover()
    }

    private func hold(_ first: UInt64, _ body: RawSpan) {
        guard !overflowed else { return }
        heldBytes += body.byteCount
        guard heldBytes <= RouterLimits.heldEventBytes else {
            overflowed = true
            held = []
            return
        }
        held.append((first, body.withUnsafeBytes { Array($0) }))
    }

    private func apply(_ snapshot: SnapshotReader.Snapshot) {
        core.ledger.reconcile(record.life, held: snapshot.requests)
        for load in snapshot.loads { core.workers.load(record, load, number: snapshot.sequence) }
        if let state = snapshot.state { core.workers.declared(record, state.state, state.reason) }
        cursor.restart(generation: cursor.generation, next: snapshot.sequence + 1)
        phase = .inStep
        failures = 0
        backwardBeats = 0
        setInStep(true)
        let waiting = held
        held = []
        for (first, body) in waiting {
            guard case .inStep = phase else { break }  // a gap among them is a gap as any other
            take(first, body.span.bytes)
        }
    }
}
