import ClusterModel
package import EventLoop
package import WireProtocol

/// Whom a link tells what happens.
package protocol LinkHandler: AnyObject, Sendable {
    /// A message that is no answer to a question of this side; `body` is unpacked and lives as long as the call.
    @LoopActor func link(_ link: Link, received header: MessageHeader, body: RawSpan)
    @LoopActor func link(_ link: Link, ended: LinkEnd)
    /// What waited for the peer has left this process.
    @LoopActor func linkDrained(_ link: Link)
}

extension LinkHandler {
    @LoopActor package func linkDrained(_ link: Link) {}
}

/// A conversation with one peer process: whole messages both ways, questions and answers, heartbeats, an orderly end.
///
/// What is sent during a turn of the loop leaves at its end in one write. The handler is held until the link has ended.
@LoopActor
package final class Link: ByteStreamOwner, EndOfTurn {
    private enum Phase { case opening, open, closing, ended }

    package let loop: Loop
    package private(set) var terms = LinkTerms()
    package let isDialer: Bool
    @exclusivity(unchecked) package var handler: (any LinkHandler)?
    /// Messages of kinds that this version does not know, and that asked no answer.
    package private(set) var unknownMessages = 0

    private let stream: any ByteStream
    private let policy: LinkPolicy
    private var handshake: Handshake
    @exclusivity(unchecked) private var framing = SPFraming()
    @exclusivity(unchecked) private var phase = Phase.opening
    /// The high byte of the kinds that belong to this link; none before it is open.
    private var ownKinds = UInt16.max
    private var opened: (@LoopActor (Result<Link, LinkEnd>) -> Void)?

    // What every message touches is not checked at run time for overlapping access: it is lent to nobody who could come back here meanwhile.
    @exclusivity(unchecked) private var outbox: [UInt8] = []
    @exclusivity(unchecked) private var wantsFlush = false
    @exclusivity(unchecked) private var sentSinceBeat = false
    private var beatNumber: UInt32 = 0
    private var pausedBeforeBeat = Duration.zero
    @exclusivity(unchecked) private var liveness: Liveness
    private var timer: TimerHandle?
    private var lastSentTotal: UInt64 = 0
    private var lastProgress: Instant

    private var nextQuestion: UInt64 = 1
    private var waiting: [UInt64: Promise<LinkAnswer>] = [:]
    private var questionsOpenHere = 0
    private var mostQuestions: Int { terms.kind.questionLimit }
    private let compression = Compression()
    private var unpacked: [UInt8] = []

    /// Both sides begin here; `opened` is called once, with the link when its handshake is done.
    init(
        _ stream: any ByteStream, loop: Loop, policy: LinkPolicy, dialling kind: LinkKind?,
        opened: @escaping @LoopActor (Result<Link, LinkEnd>) -> Void
    ) {
        self.stream = stream
        self.loop = loop
        self.policy = policy
        self.opened = opened
        isDialer = kind != nil
        liveness = Liveness(now: loop.now, suspectedAfter: policy.suspectedAfter, deadAfter: policy.deadAfter)
        lastProgress = loop.now
        let isLoopback = stream.remoteAddress?.isLoopback ?? false
        let demandsProof = policy.demandsProof(isLoopback: isLoopback, isMutuallyAuthenticated: stream.isMutuallyAuthenticated)
        let nonce = loop.secureRandomBytes(Limits.nonceBytes)
        outbox.append(contentsOf: SPFraming.greeting)
        if let kind {
            let (machine, hello) = Handshake.dialer(policy, kind: kind, demandsProof: demandsProof, nonce: nonce)
            handshake = machine
            append(hello)
        } else {
            handshake = .listener(policy, demandsProof: demandsProof, nonce: nonce)
        }
        awaitStep()
        stream.start(self)
        flushSoon()
    }

    package var peer: Identity { terms.peer }
    package var kind: LinkKind { terms.kind }
    package var remoteAddress: Address? { stream.remoteAddress }
    package var localAddress: Address? { stream.localAddress }
    package var isOpen: Bool { phase == .open }
    package var liveliness: Liveness.Verdict { liveness.verdict(at: loop.now) }
    /// Bytes that wait for the peer in this process.
    package var unsentBytes: Int { outbox.count + stream.unsentBytes }
    /// A polite sender of much stops when this is true; whoever was told so hears `linkDrained` when it may go on.
    package var isBackedUp: Bool {
        guard unsentBytes > TransportLimits.outboxHighBytes else { return false }
        owesDrainNotice = true
        flushSoon()
        return true
    }
    private var owesDrainNotice = false

    // MARK: Sending

    /// Sends at the end of this turn. After the end of the link it does nothing: the handler was, or is about to be, told.
    package func send<M: WireMessage>(
        _ message: M, flags: MessageHeader.Flags = [], origin: UInt64 = 0, number: UInt64 = 0, compressed: Bool = false
    ) {
        guard phase == .open else { return }
        append(message, flags: flags, origin: origin, number: number, compressed: compressed && terms.features.contains(.compression))
        flushSoon()
    }

    /// A chunk is large: it leaves at once, and from where it lies; unless, in a later version's dialect, more is said behind its data.
    package func send(_ chunk: KVChunk) {
        guard phase == .open, policy.dialect.tail.isEmpty else { return send(chunk, flags: []) }
        sentSinceBeat = true
        let start = SPFraming.beginMessage(in: &outbox)
        Codec.appendHead(of: chunk, version: policy.dialect.version, to: &outbox)
        SPFraming.endMessage(at: start, in: &outbox, beyond: chunk.data.count)
        stream.send(&outbox, then: chunk.data)
        flushSoon()
    }

    /// For batches that are written in place: `body` appends the body to the bytes that leave.
    package func send(_ header: MessageHeader, _ body: (inout [UInt8]) -> Void) {
        guard phase == .open else { return }
        sentSinceBeat = true
        // Moved out and back: `body` may look at anything but the bytes.
        var out: [UInt8] = []
        swap(&out, &outbox)
        let start = SPFraming.beginMessage(in: &out), message = Codec.beginMessage(header, in: &out)
        body(&out)
        Codec.patchBodyLength(of: message, in: &out)
        SPFraming.endMessage(at: start, in: &out)
        precondition(outbox.isEmpty, "a send within a send")
        swap(&out, &outbox)
        flushSoon()
    }

    /// For a message that was written elsewhere with its header, as `TokenBatchWriter` does.
    package func send(whole message: RawSpan) {
        guard phase == .open else { return }
        sentSinceBeat = true
        let start = SPFraming.beginMessage(in: &outbox)
        outbox.append(message)
        SPFraming.endMessage(at: start, in: &outbox)
        flushSoon()
    }

    /// Asks, and waits for the answer, the end of the link or the deadline, whichever is first.
    package func ask<Q: WireMessage, A: WireMessage>(
        _ question: Q, answeredBy: A.Type, within limit: Duration, compressed: Bool = false
    ) async throws(LinkFailure) -> A {
        guard phase == .open else { throw .ended }
        guard waiting.count < mostQuestions else { throw .failed(Failure(.tooManyQuestions, reason: "this side has too many open")) }
        let number = nextQuestion, promise = Promise<LinkAnswer>(on: loop)
        nextQuestion += 1
        waiting[number] = promise
        send(question, flags: .question, origin: policy.identity.generation, number: number, compressed: compressed)
        let answer = await promise.wait(until: loop.now + limit)
        waiting[number] = nil
        switch answer {
        case nil: throw .timedOut
        case .ended: throw .ended
        case .message(let rawKind, let body):
            do throws(LinkFailure) { return try LinkAnswer.read(rawKind, body) } catch {
                if case .malformed(let fault) = error { protocolError(fault) }
                throw error
            }
        }
    }

    /// Answers the question that `header` was.
    package func answer<M: WireMessage>(_ header: MessageHeader, with message: M, compressed: Bool = false) {
        if questionsOpenHere > 0 { questionsOpenHere -= 1 }
        reply(header, with: message, compressed: compressed)
    }

    /// Answers a question that never counted as open here.
    private func reply<M: WireMessage>(_ header: MessageHeader, with message: M, compressed: Bool = false) {
        send(message, flags: .answer, origin: header.origin, number: header.number, compressed: compressed)
    }

    // MARK: Ending

    /// Ends in order: what was sent arrives, and the peer says so. Bounded by a second.
    package func goodbye(_ reason: GoodbyeReason, detail: String = "") {
        guard phase == .open else {
            if phase == .opening { abort() }
            return
        }
        append(Goodbye(reason, detail: String(detail.prefix(120))))
        leave(.goodbye(reason, byPeer: false))
    }

    /// A message that does not decode: a question is answered with its fault, and the link stays; anything else ends the link.
    package func malformed(_ header: MessageHeader, _ error: WireError) {
        guard header.flags.contains(.question) else { return protocolError(error) }
        answer(header, with: Failure(.malformed, field: error.field, reason: error.code.rawValue))
    }

    /// The peer broke the rules: it is told which, and the link ends.
    package func protocolError(_ error: WireError) {
        guard phase == .open else { return }
        append(Goodbye(.protocolError, detail: error.description))
        leave(.badMessage(error))
    }

    /// Ends at once; the handler hears nothing.
    package func abort() {
        handler = nil
        opened = nil
        finish(.closedByPeer(TransportError(.closed, "aborted here")))
    }

    private var plannedEnd: LinkEnd?

    private func leave(_ end: LinkEnd) {
        plannedEnd = end
        phase = .closing
        flushSoon()
        loop.cancel(timer)
        lastSentTotal = stream.sentTotal
        awaitAck(end)
    }

    /// A second without an acknowledgement ends the wait, but not while the peer still takes what was sent before.
    private func awaitAck(_ end: LinkEnd) {
        timer = loop.schedule(after: TransportLimits.goodbye) { [weak self] in
            guard let self else { return }
            let total = stream.sentTotal
            guard stream.unsentBytes > 0, total != lastSentTotal else { return finish(end) }
            lastSentTotal = total
            awaitAck(end)
        }
    }

    private func finish(_ end: LinkEnd) {
        guard phase != .ended else { return }
        phase = .ended
        loop.cancel(timer)
        loop.stopObservingPauses(self)
        stream.close()
        let promises = waiting.keys.sorted().compactMap { waiting[$0] }
        waiting.removeAll()
        for promise in promises { promise.fulfil(.ended) }
        let told = handler, opening = opened
        handler = nil
        opened = nil
        if let opening { opening(.failure(end)) } else { told?.link(self, ended: end) }
    }

    /// Ends an opening that fails on this side. A listener says why; a dialer gives up. The bytes leave, and the peer closes, or the time of
    /// another step passes.
    private func refuse(_ refusal: Refuse, end: LinkEnd) {
        if isDialer { append(Goodbye(.protocolError, detail: "\(refusal.code) \(refusal.field)")) } else { append(refusal) }
        leave(end)
        loop.cancel(timer)
        timer = loop.schedule(after: TransportLimits.handshake) { [weak self] in self?.finish(end) }
    }

    // MARK: ByteStreamOwner

    package var wantedBytes: Int { framing.wanted }

    package func streamReceived(_ bytes: UnsafeRawBufferPointer) -> Int {
        var used = 0
        // Part of a long message is a sign of life too.
        liveness.heard(at: loop.now)
        // A copy, so that no access to this object is under way while messages are handled: each would be checked at run time.
        var framing = framing
        defer { self.framing = framing }
        do throws(SPFraming.Problem) {
            while phase != .ended, let range = try framing.next(in: bytes, from: &used) {
                let isOpening = phase == .opening
                received(RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: bytes[range])))
                if isOpening { framing.maximum = self.framing.maximum }
            }
        } catch {
            finish(plannedEnd ?? .badFraming)
        }
        return used
    }

    package func streamDrained() { if phase == .open { handler?.linkDrained(self) } }

    package func streamClosed(_ error: TransportError) { finish(plannedEnd ?? .closedByPeer(error)) }

    // MARK: EndOfTurn

    package var endOfTurn: EndOfTurnStage { .written }

    package func flush() {
        wantsFlush = false
        guard phase != .ended else { return }
        if !outbox.isEmpty { stream.send(&outbox) }
        if owesDrainNotice {
            owesDrainNotice = false
            stream.notifyWhenDrained()
        }
        if stream.unsentBytes > TransportLimits.outboxBytes { finish(.outboxFull) }
    }

    private func flushSoon() {
        guard !wantsFlush else { return }
        wantsFlush = true
        loop.atEndOfTurn(self)
    }

    private func append<M: WireMessage>(
        _ message: M, flags: MessageHeader.Flags = [], origin: UInt64 = 0, number: UInt64 = 0, compressed: Bool = false
    ) {
        sentSinceBeat = true
        let start = SPFraming.beginMessage(in: &outbox)
        Codec.append(message, flags: flags, origin: origin, number: number, dialect: policy.dialect, to: &outbox)
        if compressed { compression.compress(messageAt: start, in: &outbox) }
        SPFraming.endMessage(at: start, in: &outbox)
    }

    // MARK: Receiving

    private func received(_ message: RawSpan) {
        do throws(WireError) {
            // The refusal of another major is read, and nothing else of it.
            let header = try MessageHeader(reading: message, anyMajor: phase == .opening)
            // What comes many times a second takes the short way: a known kind of this link, neither question nor answer, not compressed.
            if phase == .open, header.flags.rawValue == 0, header.rawKind >> 8 == ownKinds, header.kind != nil {
                handler?.link(self, received: header, body: message.extracting(droppingFirst: MessageHeader.byteCount))
                return
            }
            guard header.version.major == WireVersion.current.major || (isDialer && header.kind == .refuse) else {
                throw WireError(.unsupportedMajor, "major")
            }
            let rest = message.extracting(droppingFirst: MessageHeader.byteCount)
            if header.flags.contains(.compressed) {
                guard phase != .opening else { throw WireError(.badCompression, "flags") }
                // Taken out while it is read, so that a handler that sends cannot meet it half changed.
                var body: [UInt8] = []
                swap(&body, &unpacked)
                try compression.unpack(rest, header: header, into: &body)
                dispatch(header, body.span.bytes)
                swap(&body, &unpacked)
            } else {
                dispatch(header, rest)
            }
        } catch {
            if phase == .opening {
                let code = error.code == .unsupportedMajor ? RefuseCode.version : .malformed
                let reason = code == .version ? "this side speaks major \(WireVersion.current.major)" : error.code.rawValue
                refuse(Refuse(code, field: error.field, reason: reason), end: .badMessage(error))
            } else {
                protocolError(error)
            }
        }
    }

    private func dispatch(_ header: MessageHeader, _ body: RawSpan) {
        switch phase {
        case .opening: advanceHandshake(header, body)
        case .open: dispatchOpen(header, body)
        case .closing: dispatchClosing(header, body)
        case .ended: break
        }
    }

    /// After this side's Goodbye what the peer sent before it heard of it still counts; after the peer's own, or a refusal, nothing does.
    private func dispatchClosing(_ header: MessageHeader, _ body: RawSpan) {
        switch header.kind {
        case .goodbyeAck: finish(plannedEnd ?? .goodbye(.done, byPeer: false))
        case .goodbye:
            // It crossed ours. Each is acknowledged, so that both sides know that everything before it arrived.
            append(GoodbyeAck())
            flushSoon()
        case let kind? where isLeaving && terms.kind.carries(kind) && header.flags.isDisjoint(with: [.question, .answer]):
            handler?.link(self, received: header, body: body)
        default: break
        }
    }

    private var isLeaving: Bool {
        if case .goodbye(_, byPeer: false) = plannedEnd { true } else { false }
    }

    private func dispatchOpen(_ header: MessageHeader, _ body: RawSpan) {
        if header.flags.contains(.answer) {
            // An answer that nobody waits for any more came after its deadline: normal.
            waiting[header.number]?.fulfil(.message(header.rawKind, body.withUnsafeBytes { Array($0) }))
            return
        }
        guard let kind = header.kind else {
            if header.flags.contains(.question) {
                reply(header, with: Failure(.unsupportedKind, field: "kind", reason: "this side does not know the kind"))
            } else {
                unknownMessages += 1
            }
            return
        }
        switch kind {
        case .heartbeat: break  // its arrival was the message
        case .goodbye:
            let reason = (try? Codec.decodeBody(Goodbye.self, from: body))?.reason ?? .done
            append(GoodbyeAck())
            leave(.goodbye(reason, byPeer: true))
        case .goodbyeAck: break
        case _ where !terms.kind.carries(kind):
            guard header.flags.contains(.question) else { return protocolError(WireError(.unexpectedKind, "kind")) }
            reply(header, with: Failure(.notAllowedHere, field: "kind", reason: "this kind does not belong to this link"))
        default:
            if header.flags.contains(.question) {
                guard questionsOpenHere < mostQuestions else {
                    return reply(header, with: Failure(.tooManyQuestions, reason: "too many open questions on this link"))
                }
                questionsOpenHere += 1
            }
            handler?.link(self, received: header, body: body)
        }
    }

    // MARK: Opening

    /// Each step of the peer has its own second.
    private func awaitStep() {
        loop.cancel(timer)
        timer = loop.schedule(after: TransportLimits.handshake) { [weak self] in
            let refusal = Refuse(.handshakeTimeout, retryable: true, reason: "a step of the opening took longer than a second")
            self?.refuse(refusal, end: .handshakeTimeout)
            // Whoever was silent need not be waited for: it is told, and closed, or a stranger would hold a descriptor for longer.
            self?.flush()
            self?.finish(.handshakeTimeout)
        }
    }

    private func advanceHandshake(_ header: MessageHeader, _ body: RawSpan) {
        if header.kind == .goodbye { return finish(.goodbye(.protocolError, byPeer: true)) }
        awaitStep()
        let step = handshake.received(header, body: body) { hello in policy.judge?(hello) }
        switch step {
        case .send(let message): append(message)
        case .open(let message, let terms):
            if let message { append(message) }
            open(terms)
        case .refuse(let refusal): refuse(refusal, end: .refused(refusal))
        case .refused(let refusal): return finish(.refused(refusal))
        case .giveUp(let refusal): refuse(refusal, end: .refused(refusal))
        }
        flushSoon()
    }

    private func open(_ agreed: LinkTerms) {
        terms = agreed
        phase = .open
        framing.maximum = Limits.messageBytes + MessageHeader.byteCount
        loop.cancel(timer)
        loop.observePauses(self) { [weak self] gap in self?.paused(for: gap) }
        liveness = Liveness(now: loop.now, suspectedAfter: min(policy.suspectedAfter, terms.deadAfter), deadAfter: terms.deadAfter)
        timer = loop.schedule(each: terms.heartbeat, whenBeat)
        ownKinds = agreed.kind.ownKinds
        let tell = opened
        opened = nil
        tell?(.success(self))
    }

    // MARK: Liveness

    private func paused(for gap: Duration) {
        liveness.paused(for: gap, until: loop.now)
        lastProgress = min(loop.now, lastProgress + gap)
        pausedBeforeBeat = pausedBeforeBeat + gap
    }

    /// Made once, so that a beat makes nothing.
    private lazy var whenBeat: @LoopActor () -> Void = { [weak self] in self?.beat() }

    private func beat() {
        guard phase == .open else { return }
        let now = loop.now
        if liveness.verdict(at: now) == .dead { return finish(.silent(liveness.lastHeard.duration(to: now))) }
        let total = stream.sentTotal
        if total != lastSentTotal || stream.unsentBytes == 0 {
            lastSentTotal = total
            lastProgress = now
        } else if lastProgress.duration(to: now) >= TransportLimits.writeStall {
            return finish(.writeStalled)
        }
        if !sentSinceBeat {
            var heartbeat = Heartbeat()
            beatNumber &+= 1
            heartbeat.number = beatNumber
            heartbeat.pausedMilliseconds = UInt32(clamping: pausedBeforeBeat.inMilliseconds)
            pausedBeforeBeat = .zero
            append(heartbeat)
            flushSoon()
        }
        sentSinceBeat = false
        // With the beats of all links; but a silence that is a death before the next one is not waited out.
        timer = loop.schedule(at: min(loop.next(each: terms.heartbeat), liveness.deadAt), whenBeat)
    }
}
