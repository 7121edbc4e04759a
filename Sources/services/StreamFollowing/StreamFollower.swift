import ClusterModel
package import EventLoop
package import Transport
package import WireProtocol

/// Follows one numbered stream: in step by number, by replay where numbers are missing, by a snapshot where no replay helps.
///
/// States and rules: `proto-spec/03-exchanges.md#the-cursor`. What follows from the stream is its mirror's affair, which sees only what is
/// clean and in order. A publisher's restart with another generation is told by the owner, who knows which generation is the claimed one.
@LoopActor
package final class StreamFollower: FeedReader {
    private enum Phase {
        /// Subscribed; nothing was heard yet.
        case listening
        /// Waits for its turn to take a snapshot, or for the end of a pause. What comes is dropped: the snapshot will hold it.
        case waiting
        /// Pages are being read; what comes is held.
        case joining
        /// Events are applied in order; what comes behind a hole is held, and the hole is being made up.
        case following
        case closed
    }

    package private(set) var source: StreamSource
    package private(set) var state = StreamState.listening
    package private(set) var counters = FollowerCounters()
    private let options: FollowingOptions
    private let loop: Loop
    private let line: RecoveryLine
    private let gate: RecoveryGate
    private let network: any Network
    private weak var mirror: (any StreamMirror)?
    private var feed: FeedSubscriber?
    private var phase = Phase.listening
    private var cursor: FeedCursor
    /// The last number known to have been given. In step the cursor is there.
    private var horizon: UInt64 = 0
    /// False: what is heard next is believed, however far from it.
    private var knowsHorizon = false
    private var held = HeldBatches()
    private var pages: PageMap

    /// Ascends with each new beginning: what an older recovery still learns is not listened to.
    private var attempt: UInt64 = 0
    /// A recovery of this attempt runs, or waits for its turn or the end of a pause.
    private var isRecovering = false
    private var timer: TimerHandle?
    private var linkFailures = 0
    private var pause = RecoveryPause()
    private var inStepSince: Instant?
    /// What made up what was missing, for the note when it is over.
    private var means = StreamNotice.Recovery.lateArrival

    private var backward = BackwardNumbers()
    private var spoilt = 0

    /// Keeps its mirror weakly: the mirror's owner keeps both.
    package init(
        _ source: StreamSource, mirror: any StreamMirror, line: RecoveryLine, gate: RecoveryGate,
        options: FollowingOptions = FollowingOptions(), loop: Loop, network: any Network
    ) throws(TransportError) {
        self.source = source
        self.mirror = mirror
        self.line = line
        self.gate = gate
        self.options = options
        self.loop = loop
        self.network = network
        cursor = FeedCursor(generation: source.generation, next: 1)
        pages = PageMap(generation: source.generation)
        try subscribe()
    }

    private func subscribe() throws(TransportError) {
        feed?.close()
        feed = nil
        feed = try FeedSubscriber(to: source.feed, kind: source.kind.batches, loop: loop, network: network, reader: self)
    }

    /// The last number that was applied.
    package var position: UInt64 { cursor.next - 1 }
    package var heldBytes: Int { held.bytes }
    package var isClosed: Bool { phase == .closed }

    /// The publisher is in another life now, perhaps elsewhere: the old one's state is forgotten, and the new one joined when it is heard.
    ///
    /// It subscribes anew: a host that fell silent leaves a connection that never ends and brings nothing.
    package func adopt(generation: UInt64, feed: Address? = nil) throws(TransportError) {
        guard phase != .closed, generation != source.generation else { return }
        source.generation = generation
        source.feed = feed ?? source.feed
        line.close()
        forgetRecovery()
        pause.forgive()
        forgetHorizon()
        cursor.restart(generation: generation, next: 1)
        phase = .listening
        become(.listening)
        mirror?.restarted(self)
        try subscribe()
    }

    /// Takes a snapshot, though no number is missing: what was said before is doubted, or is to be heard by somebody new.
    package func joinAnew() {
        guard phase == .following else { return }  // it is on its way already
        forgetRecovery()
        phase = .waiting
        become(.resyncing)
        recover(after: .zero)
    }

    package func close() {
        guard phase != .closed else { return }
        forgetRecovery()
        phase = .closed
        line.close()
        feed?.close()
        feed = nil
        become(.closed)
    }

    // MARK: FeedReader

    package func feed(_ feed: FeedSubscriber, batch header: MessageHeader, body: RawSpan) {
        guard phase != .closed else { return }
        guard header.origin == source.generation else { return counters.foreign += 1 }
        let count: Int
        do throws(WireError) {
            count = try source.kind.count(body)
            guard header.number > 0, header.number < .max - UInt64(count) else { throw WireError(.invalidValue, "number") }
        } catch {
            // Its numbers are lost with it: what follows shows the gap.
            return malformed(error)
        }
        guard count > 0 else { return }
        take(header.number, count, body)
    }

    package func feed(_ feed: FeedSubscriber, beat last: UInt64, generation: UInt64) {
        guard phase != .closed else { return }
        guard generation == source.generation else { return counters.foreign += 1 }
        guard last < .max else { return malformed(WireError(.invalidValue, "lastSequence")) }
        if case .listening = phase { return begin(at: last) }
        if !knowsHorizon { knowHorizon(last) }
        if last > horizon {
            backward.went()
            missing((horizon + 1)...last)
            horizon = last
            settle()
        } else if case .following = phase, last < position {
            if backward.beat(at: loop.now) { ranBackwards(to: last) }
        } else {
            backward.went()
        }
    }

    package func feed(_ feed: FeedSubscriber, became verdict: Liveness.Verdict) { mirror?.follower(self, heard: verdict) }

    // MARK: In order

    private func take(_ first: UInt64, _ count: Int, _ body: RawSpan) {
        let last = first + UInt64(count) - 1
        if case .listening = phase { return begin(at: last) }
        if !knowsHorizon { knowHorizon(first - 1) }
        let isLate = last <= horizon
        if first > horizon + 1 { missing((horizon + 1)...(first - 1)) }
        horizon = max(horizon, last)
        switch phase {
        case .listening, .waiting, .closed: break
        case .joining: hold(first, count, body, isLate: false)
        case .following:
            switch cursor.batch(generation: source.generation, first: first, count: count) {
            case .apply(let skip):
                if isLate { counters.lateEvents += UInt64(count - skip) }
                apply(body, first: first, count: count, skip: skip)
                releaseHeld()
                settle()
            case .gap: hold(first, count, body, isLate: isLate)
            case .behind: known(first, next: last + 1)
            case .otherGeneration: break
            }
        }
    }

    /// The cursor is past it already.
    private func apply(_ body: RawSpan, first: UInt64, count: Int, skip: Int) {
        backward.went()
        counters.events += UInt64(count - skip)
        guard let mirror else { return }
        if first + UInt64(skip) > pages.newest {
            mirror.apply(StreamBatch(body, first: first, count: count, skip: skip), from: self)
        } else {
            applyByKey(NumberedEvents(body, first: first, skip: skip), to: mirror)
        }
    }

    /// Between the first and the last page: each event for the keys whose page does not contain it.
    private func applyByKey(_ batch: consuming NumberedEvents, to mirror: any StreamMirror) {
        let mine = attempt
        while attempt == mine, let (event, number) = batch.next() {
            switch pages.rest(of: event, number: number) {
            case .whole: mirror.apply(event, number: number, from: self)
            case .parts(let parts): for part in parts { mirror.apply(part, number: number, from: self) }
            case .nothing: break
            case .spoilt:
                // Nobody who keeps blocks by hash could clear a part of a rank; and what is read after a clear is small.
                spoilt += 1
                return startOver(.cleared, atOnce: spoilt <= FollowingLimits.spoiltSnapshots)
            }
        }
    }

    private func hold(_ first: UInt64, _ count: Int, _ body: RawSpan, isLate: Bool) {
        let batch = HeldBatches.Batch(first: first, count: count, body: body.withUnsafeBytes { Array($0) })
        guard held.bytes + batch.cost <= options.heldBytes, gate.hold(batch.cost) else {
            counters.overflows += 1
            return startOver(.overflow)
        }
        guard held.insert(batch) else {
            gate.giveBack(batch.cost)
            counters.duplicates += 1
            return
        }
        if isLate { counters.lateEvents += UInt64(count) }
        settle()
    }

    private func releaseHeld() {
        while case .following = phase, let batch = held.first, batch.first <= cursor.next {
            _ = held.removeFirst()
            gate.giveBack(batch.cost)
            if case .apply(let skip) = cursor.batch(generation: source.generation, first: batch.first, count: batch.count) {
                apply(batch.body.span.bytes, first: batch.first, count: batch.count, skip: skip)
            }
        }
    }

    /// In step, or what is missing is asked for.
    private func settle() {
        guard case .following = phase else { return }
        if position < horizon {
            become(.resyncing)
            if !isRecovering { recover(after: .zero) }
        } else if position >= pages.newest {
            spoilt = 0
            guard state != .inStep else { return }
            become(.inStep)
            note(.recovered(by: means))
            means = .lateArrival
        }
    }

    private func knowHorizon(_ last: UInt64) {
        knowsHorizon = true
        horizon = max(horizon, last)
    }

    // MARK: What is wrong

    private func missing(_ numbers: ClosedRange<UInt64>) {
        counters.gaps += 1
        counters.missingEvents &+= numbers.upperBound - numbers.lowerBound + 1
        note(.gap(missing: numbers))
    }

    private func malformed(_ error: WireError) {
        counters.malformed += 1
        note(.malformed(error))
    }

    /// Nothing of it is new: a repeat, or a publisher that counts from the beginning again.
    private func known(_ first: UInt64, next: UInt64) {
        counters.duplicates += 1
        if backward.repeated(first, next: next) { ranBackwards(to: next - 1) }
    }

    private func ranBackwards(to last: UInt64) {
        counters.backwards += 1
        startOver(.backwards)
        horizon = last
    }

    private func note(_ notice: StreamNotice) { mirror?.follower(self, noted: notice) }

    private func become(_ state: StreamState) {
        guard state != self.state else { return }
        if self.state == .inStep, let since = inStepSince, since.duration(to: loop.now) >= FollowingLimits.forgiven { pause.forgive() }
        inStepSince = state == .inStep ? loop.now : nil
        self.state = state
        mirror?.follower(self, became: state)
    }

    // MARK: Recovery

    /// The first thing heard of this generation: the subscription stands, and a snapshot cannot be older than what it delivers.
    private func begin(at last: UInt64) {
        knowHorizon(last)
        phase = .waiting
        become(.resyncing)
        // Any pause that was earned lies behind.
        pause.begin()
        recover(after: .zero)
    }

    private func startOver(_ problem: RecoveryProblem, atOnce: Bool = false) {
        forgetRecovery()
        phase = .waiting
        become(.resyncing)
        let longest = problem.isOfLink ? FollowingLimits.longestLinkPause : options.longestPause
        let wait = atOnce ? .zero : pause.take(atMost: longest, &loop.random)
        // That the ring is too short is nobody's failure: a snapshot was made for it.
        if case .notInRing = problem {} else { failed(problem, wait) }
        recover(after: wait)
    }

    private func failed(_ problem: RecoveryProblem, _ wait: Duration) {
        counters.failures += 1
        note(.failed(problem, retry: wait))
    }

    private func forgetHorizon() {
        knowsHorizon = false
        horizon = 0
    }

    /// Of this attempt nothing more is wanted.
    private func forgetRecovery() {
        attempt += 1
        isRecovering = false
        linkFailures = 0
        backward.went()
        loop.cancel(timer)
        gate.forget(self)
        gate.giveBack(held.bytes)
        held.removeAll()
        pages = PageMap(generation: source.generation)
    }

    /// After the pause, and in its turn.
    private func recover(after wait: Duration) {
        isRecovering = true
        guard wait > .zero else { return enter() }
        timer = loop.schedule(after: wait) { [weak self] in self?.enter() }
    }

    private func enter() {
        let mine = attempt
        gate.enter(self) { [self] in
            loop.spawn { [self] in
                await work(mine)
                gate.leave()
            }
        }
    }

    private func work(_ mine: UInt64) async {
        if attempt == mine, case .waiting = phase {
            guard knowsHorizon else {
                // What was heard before does not count any more.
                phase = .listening
                isRecovering = false
                return
            }
            phase = .joining
        }
        if attempt == mine, case .joining = phase { await readPages(mine) }
        if attempt == mine, case .following = phase { await replay(mine) }
    }

    /// A link may be lost and another one opened: pages and held events stay what they are.
    private func lostLink(_ problem: RecoveryProblem) {
        linkFailures += 1
        guard linkFailures < FollowingLimits.linkTries else { return startOver(problem) }
        let wait = pause.take(atMost: FollowingLimits.longestLinkPause, &loop.random)
        failed(problem, wait)
        recover(after: wait)
    }

    private func readPages(_ mine: UInt64) async {
        while let next = pages.next {
            let heard = horizon
            let question = SnapshotQuestion(
                stream: source.kind, publisher: source.publisher, generation: source.generation, cursor: next)
            let answer = await line.ask(question, answeredBy: SnapshotPage.self, of: source)
            guard attempt == mine else { return }
            do throws(RecoveryProblem) {
                let page = try answer.get()
                try pages.add(page, heard: pages.count == 0 ? heard : 0, wantsBlocks: options.wantsBlocks)
                if pages.count == 1 { mirror?.restarted(self) }
                counters.pages += 1
                mirror?.apply(page, from: self)
                guard attempt == mine else { return }
            } catch {
                return pagesFailed(error)
            }
        }
        joined(mine)
    }

    private func pagesFailed(_ problem: RecoveryProblem) {
        if case .noAnswer(.malformed(let error)) = problem { malformed(error) }
        if problem.isOfLink, pages.count > 0 { return lostLink(problem) }
        startOver(problem)
        // Numbers that the publisher has not reached were a liar's, or of before it began again in the same life.
        if problem == .olderThanHeard { forgetHorizon() }
    }

    private func joined(_ mine: UInt64) {
        phase = .following
        linkFailures = 0
        counters.snapshots += 1
        means = .snapshot
        cursor.restart(generation: source.generation, next: pages.oldest + 1)
        horizon = max(horizon, pages.oldest)
        mirror?.completed(through: pages.oldest, self)
        releaseHeld()
        // A hole that is left is made up by this same recovery.
        if attempt == mine, position >= horizon { finish() }
    }

    /// Asks for what is missing from the cursor on until nothing is.
    private func replay(_ mine: UInt64) async {
        while case .following = phase, position < horizon {
            // Up to the first batch that is there.
            let last = held.first.map { $0.first - 1 } ?? horizon
            let question = ReplayQuestion(
                stream: source.kind, publisher: source.publisher, generation: source.generation, firstSequence: cursor.next,
                lastSequence: last)
            let answer = await line.ask(question, answeredBy: ReplayAnswer.self, of: source)
            guard attempt == mine, case .following = phase else { return }
            // It came late by itself.
            if position >= last { continue }
            do throws(RecoveryProblem) { try take(try answer.get(), to: question) } catch {
                if case .noAnswer(.malformed(let fault)) = error { malformed(fault) }
                return error.isOfLink ? lostLink(error) : startOver(error)
            }
            guard attempt == mine else { return }
        }
        finish()
    }

    private func take(_ answer: ReplayAnswer, to question: ReplayQuestion) throws(RecoveryProblem) {
        guard answer.generation == source.generation, answer.outcome != .wrongGeneration else { throw .notInRing(.wrongGeneration) }
        guard answer.outcome == .events else { throw .notInRing(answer.outcome) }
        guard answer.firstSequence > 0, answer.firstSequence <= cursor.next, answer.lastSequence <= question.lastSequence else {
            throw .inconsistent("a replay of other numbers than were asked for")
        }
        guard answer.lastSequence >= cursor.next else {
            // Of what came by itself meanwhile; the next question is a new one.
            guard cursor.next > question.firstSequence else { throw .inconsistent("a replay that holds nothing new") }
            return
        }
        let count: Int
        do throws(WireError) { count = try source.kind.count(answer.batch.span.bytes) } catch {
            malformed(error)
            throw .inconsistent("a replay that does not decode")
        }
        guard count > 0, UInt64(count - 1) == answer.lastSequence - answer.firstSequence else {
            throw .inconsistent("a replay that holds another number of events")
        }
        linkFailures = 0
        let skip = Int(cursor.next - answer.firstSequence)
        counters.replays += 1
        counters.replayedEvents += UInt64(count - skip)
        if means == .lateArrival { means = .replay }
        _ = cursor.batch(generation: source.generation, first: answer.firstSequence, count: count)
        apply(answer.batch.span.bytes, first: answer.firstSequence, count: count, skip: skip)
        releaseHeld()
    }

    private func finish() {
        isRecovering = false
        linkFailures = 0
        line.rest()
        settle()
    }
}
