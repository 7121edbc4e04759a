import ClusterModel
package import EventLoop
import HTTPClient

/// A live load: asks a server as the plan says, and measures what its users would see.
///
/// In an open load nothing waits for answers: what is due is sent. Should all connections be busy, what is due waits and its wait counts, as
/// a user's would; it is never left out. Memory is bounded by the connections: what is not sent yet stays in the source.
@LoopActor
package final class LoadRun {
    private enum Phase { case waiting, sending, finishing, ended }

    /// What waits for a moment: a turn of a session, or a user who thinks.
    private enum Next {
        case turn(LoadItem)
        case user
    }

    package let plan: LoadPlan
    package let form: RequestForm
    private let loop: Loop
    private let sockets: any SocketSystem
    private let target: LoadTarget
    private let address: String
    @exclusivity(unchecked) private var source: any LoadSource
    @exclusivity(unchecked) private var writer: RequestWriter
    @exclusivity(unchecked) package private(set) var recorder: LoadRecorder
    @exclusivity(unchecked) package internal(set) var progress = LoadProgress()
    package private(set) var firstFailure: String?
    /// Times to first tokens since they were last taken, for a line that tells how it goes.
    @exclusivity(unchecked) private var recent = LatencyHistogram()

    private var phase = Phase.waiting
    private var begin = Instant.zero
    private var wasStopped = false
    /// The next of the source.
    private var head: LoadItem?
    private var later = TurnQueue<Next>()
    private var turnsWaiting = 0
    /// Of a closed load: who is ready to ask.
    private var idleUsers = 0
    /// The one used last is used next: its connection is the least likely to have ended.
    private var free: [LiveRequest] = []
    private var busy: [LiveRequest] = []
    private let scratch = ReadScratch(bytes: LoadLimits.readBytes)
    private var alarm: Alarm?
    private var finished: Promise<Void>

    /// - Parameter address: the target's, numeric; see `LoadTarget.resolved`.
    package init(
        on loop: Loop, sockets: any SocketSystem, target: LoadTarget, address: String, form: RequestForm, source: any LoadSource,
        blockTokens: UInt32, plan: LoadPlan, recorder: LoadRecorder
    ) throws(LoadRunError) {
        do throws(RequestWriter.Unsendable) { writer = try RequestWriter(form, target: target, blockTokens: blockTokens) } catch {
            throw .unsendable(error.description)
        }
        self.loop = loop
        self.sockets = sockets
        self.target = target
        self.address = address
        self.form = form
        self.source = source
        self.plan = plan
        self.recorder = recorder
        finished = Promise(on: loop)
    }

    /// Sends the whole load, and returns when its last answer has ended. Once.
    package func run() async throws(LoadRunError) -> LoadResult {
        precondition(phase == .waiting, "a run is run once")
        do throws(SystemError) { alarm = try loop.makeAlarm { [weak self] in self?.pump() } } catch { throw .system(error) }
        phase = .sending
        begin = loop.preciseNow
        let before = ProcessCost.soFar()
        if case .closed(let users, _) = plan.mode { idleUsers = users }
        head = source.next()
        pump()
        // Every request has a timeout, and so does what cannot be sent: it ends by itself, and this is only its backstop.
        while phase != .ended { _ = await finished.wait(until: loop.now + plan.timeout + .seconds(3_600)) }
        alarm?.close()
        alarm = nil
        return LoadResult(
            recorder: recorder, progress: progress, elapsed: begin.duration(to: loop.preciseNow), cost: ProcessCost.soFar() - before,
            firstFailure: firstFailure, ranToItsEnd: !wasStopped)
    }

    /// Sends nothing more and leaves what is under way, which is counted as interrupted.
    package func stop() {
        guard phase == .sending || phase == .finishing else { return }
        wasStopped = true
        phase = .finishing
        for request in busy { request.leave() }
        endIfDone()
    }

    /// Ends the connections that it kept, after `run` has returned: a server need not hold them any longer.
    package func close() {
        for request in free { request.close() }
        free = []
    }

    /// Since the run began.
    package var elapsed: Duration { phase == .waiting ? .zero : begin.duration(to: loop.preciseNow) }

    package func takeRecentFirstTokens() -> LatencyHistogram {
        defer { recent = LatencyHistogram() }
        return recent
    }

    // MARK: Sending

    /// Sends what is due, and sets the alarm for what is due next.
    private func pump() {
        guard phase == .sending else { return }
        let now = loop.preciseNow
        var sends = 0
        while let (moment, isTurn) = nextMoment(now) {
            if let duration = plan.duration, moment >= begin + duration {
                // Until then an answer may still bring a turn of its session.
                if now < begin + duration { alarm?.set(at: begin + duration) } else { finish() }
                return
            }
            if moment > now {
                alarm?.set(at: moment)
                return
            }
            if !isTurn, moment + plan.timeout < now {
                giveUp(moment)
                continue
            }
            if case .open = plan.mode, !hasRoom { return }  // the next answer that ends comes back here
            guard sends < LoadLimits.sendsPerTurn else {
                alarm?.set(at: now)
                return
            }
            sends += 1
            sendNext(moment, isTurn)
        }
        endIfDone()
    }

    /// When something is to be sent next, and whether it is of `later`. Nil: nothing before an answer ends.
    private func nextMoment(_ now: Instant) -> (Instant, isTurn: Bool)? {
        var ready: Instant?
        if head != nil {
            switch plan.mode {
            case .open: ready = head.map { begin + $0.request.due }
            case .closed: ready = idleUsers > 0 ? now : nil
            }
        }
        guard let turn = later.first else { return ready.map { ($0, false) } }
        guard let ready, ready < turn else { return (turn, true) }
        return (ready, false)
    }

    private func sendNext(_ moment: Instant, _ isTurn: Bool) {
        if isTurn {
            switch later.popFirst()?.value {
            case .turn(let item):
                turnsWaiting -= 1
                send(item, due: moment)
            case .user: idleUsers += 1
            case nil: return
            }
        } else if let item = head {
            head = source.next()
            if case .closed = plan.mode { idleUsers -= 1 }
            send(item, due: moment)
        }
    }

    private var hasRoom: Bool { busy.count < plan.connections }

    private func send(_ item: LoadItem, due: Instant) {
        let request: LiveRequest
        if let idle = free.popLast() {
            request = idle
        } else {
            let connection = HTTPClientConnection(on: loop, sockets: sockets, host: address, port: target.port, scratch: scratch)
            request = LiveRequest(self, connection, first: item)
            progress.connections += 1
        }
        request.place = busy.count
        busy.append(request)
        progress.sent += 1
        progress.inFlight += 1
        request.start(item, due: due)
        if due.duration(to: request.sent) > LoadLimits.late { progress.late += 1 }
    }

    func write(_ item: LoadItem, to bytes: inout [UInt8]) { writer.append(item, to: &bytes) }

    /// It has waited for a connection for as long as its user would have waited for the answer.
    private func giveUp(_ moment: Instant) {
        guard let item = head else { return }
        head = source.next()
        progress.unsent += 1
        let due = begin.duration(to: moment)
        guard plan.measures(due) else { return }
        var outcome = RequestOutcome(
            due: due, sent: due + plan.timeout, firstToken: nil, ended: due + plan.timeout, end: .unsent,
            promptTokens: item.request.promptTokens, cachedTokens: nil, outputTokens: 0)
        outcome.tenant = item.request.tenant
        recorder.ended(outcome)
    }

    // MARK: Answers

    func gap(_ duration: Duration, pieces: UInt32, of request: LiveRequest) {
        guard plan.measures(begin.duration(to: request.due)) else { return }
        recorder.gap(duration, tokens: pieces)
    }

    func ended(_ request: LiveRequest, _ end: RequestOutcome.End) {
        let now = loop.preciseNow
        let last = busy.removeLast()
        if last !== request {
            last.place = request.place
            busy[request.place] = last
        }
        request.place = -1
        free.append(request)
        progress.inFlight -= 1
        if wasStopped, end == .left {
            progress.interrupted += 1
        } else {
            record(request, end, at: now)
            goOn(after: request.item, at: now)
        }
        if phase == .sending { pump() } else { endIfDone() }
    }

    private func record(_ request: LiveRequest, _ end: RequestOutcome.End, at now: Instant) {
        let answer = request.answer, tokens = answer.usage.outputTokens ?? answer.pieces
        switch end {
        case .complete: progress.complete += 1
        case .left: progress.left += 1
        case .failed(let kind):
            progress.failed += 1
            if firstFailure == nil { firstFailure = kind }
        case .unsent: preconditionFailure("what was sent has another end")
        }
        progress.outputTokens += Int(tokens)
        progress.pieces += Int(answer.pieces)
        let due = begin.duration(to: request.due)
        var outcome = RequestOutcome(
            due: due, sent: begin.duration(to: request.sent), firstToken: request.firstPiece.map { begin.duration(to: $0) },
            ended: begin.duration(to: now), end: end, promptTokens: answer.usage.promptTokens ?? request.item.request.promptTokens,
            cachedTokens: answer.usage.cachedTokens, outputTokens: tokens)
        outcome.tenant = request.item.request.tenant
        if let time = outcome.timeToFirstToken { recent.record(time) }
        if plan.measures(due) { recorder.ended(outcome) }
    }

    /// The next turn of a session, or its user's next request.
    private func goOn(after item: LoadItem, at now: Instant) {
        guard phase == .sending else { return }
        if let (next, think) = source.next(after: item) {
            later.insert(.turn(next), at: now + think)
            turnsWaiting += 1
        } else if case .closed(_, let think) = plan.mode {
            if think > .zero { later.insert(.user, at: now + think) } else { idleUsers += 1 }
        }
    }

    // MARK: Ending

    private func finish() {
        phase = .finishing
        endIfDone()
    }

    private func endIfDone() {
        guard phase == .sending || phase == .finishing, busy.isEmpty else { return }
        if phase == .sending, head != nil || turnsWaiting > 0 { return }
        phase = .ended
        finished.fulfil(())
    }
}

/// Why a run could not be made.
package enum LoadRunError: Error, Hashable, Sendable, CustomStringConvertible {
    case unsendable(String)
    case system(SystemError)

    package var description: String {
        switch self {
        case .unsendable(let text): text
        case .system(let error): "\(error)"
        }
    }
}
