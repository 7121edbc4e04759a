import ClusterModel
import Engines
import EventLoop
import Transport
import WireProtocol

/// A room on the prefill worker: offered, then filled while the engine computes, then ended. Nothing is computed before the peer is ready.
/// States: `proto-spec/03-exchanges.md#a-room`.
@LoopActor
final class SendingRoom {
    enum State: Hashable {
        /// For a link, or for its turn to ask on it.
        case waiting
        case offered
        case ready
        /// Everything has left, RoomEnd too.
        case ending
    }

    let request: OpenRequest
    private let geometry: KVGeometry
    private unowned let book: RoomBook
    let link: SendingLink
    /// What the engine is given once the peer is ready; nil from then on.
    private var admission: EngineRequest?
    private var rendezvous: Instant
    private(set) var state = State.waiting
    private(set) var number: UInt32 = 0
    /// It was offered under its number, and not just about to be.
    private(set) var isKnownToPeer = false
    /// The engine was asked for something of it.
    private(set) var hasBegun = false
    /// Since the link was lost, while the room is not ready again.
    private var lostAt: Instant?

    private var cursor: PageCursor?
    private var exportable: UInt32 = 0
    /// Asked of the engine, and not packed yet.
    private var exporting = 0
    /// Of those, come from the engine.
    private var packing = 0
    private var choice: CodecChoice
    private lazy var line = makeLine()
    private var chunks = ChunkQueue()
    /// Of what the engine was asked for, and what is not packed yet.
    private var exportingBytes = 0
    /// Bytes between the engine and the link, as the link was told.
    private var pendingBytes = 0

    private var firstTokens: [FirstToken] = []
    /// State of the engine that is no page.
    private var handOver: [UInt8] = []
    /// Choices whose first token is still to come.
    private var owed: Set<UInt8>
    private var progressAt: Instant
    private lazy var clock = RoomClock(on: book.core.loop) { [weak self] in
        self?.deadline
    } passed: { [weak self] in
        self?.expired()
    }

    init(
        _ request: OpenRequest, _ admission: EngineRequest, _ plan: RoomPlan, _ geometry: KVGeometry, over link: SendingLink,
        book: RoomBook
    ) {
        self.request = request
        self.admission = admission
        self.geometry = geometry
        self.link = link
        self.book = book
        choice = CodecChoice(book.settings.codec, elementBytes: book.elementBytes)
        owed = Set(admission.choices.map(\.choice))
        progressAt = book.core.loop.now
        rendezvous = progressAt + plan.rendezvous
        clock.watch()
    }

    var name: RequestKey { request.request }
    var isLost: Bool { lostAt != nil }
    /// Of chunks that the peer may have, and that are kept until it says so.
    var unacknowledgedBytes: Int { chunks.unacknowledgedBytes }
    /// For people.
    var words: String { isLost ? "lost" : "\(state)" }
    private var now: Instant { book.core.loop.now }

    // MARK: Offered and ready

    func offer(on link: Link, number: UInt32) {
        state = .offered
        self.number = number
        var open = book.makeOffer(geometry)
        open.room = name
        open.purpose = request.isMove ? .move : .handOver
        open.roomNumber = number
        open.codec = choice.chosen ?? .none
        let limit = (admission == nil ? now + WorkerLimits.kvStall : rendezvous) + WorkerLimits.roomAnswer
        clock.watch()
        ask(open, on: link, until: limit, late: .roomClosed) { $0.accepted($1) }
    }

    /// Asks in a task of its own. The room may be over, or on another link, when that begins and when the answer is there: then nothing is
    /// asked, or the answer is nobody's.
    private func ask<Question: WireMessage, Answer: WireMessage>(
        _ question: Question, on link: Link, until limit: Instant, late: FailureCode,
        _ take: @escaping @LoopActor (SendingRoom, Answer) -> Void
    ) {
        let asked = state, number = number
        book.core.loop.spawn { [self, weak book] in
            var answer: Result<Answer, LinkFailure>?
            if book != nil, stands(asked, number, on: link) {
                isKnownToPeer = true
                do throws(LinkFailure) {
                    answer = .success(try await link.ask(question, answeredBy: Answer.self, within: now.duration(to: limit)))
                } catch { answer = .failure(error) }
            }
            // The worker may have stopped meanwhile.
            guard let book else { return }
            defer { book.core.settle() }
            self.link.answered(number)
            guard let answer, stands(asked, number, on: link) else { return }
            switch answer {
            case .success(let answer): take(self, answer)
            case .failure(.failed(let failure)): book.fail(self, FailureDetail(failure), tells: false)
            case .failure(.timedOut): book.fail(self, .of(late, "", "no answer in time"))
            case .failure(.ended), .failure(.malformed): break  // the link's end comes, and with it what is to be done
            }
        }
    }

    private func stands(_ asked: State, _ number: UInt32, on link: Link) -> Bool {
        request.sending === self && state == asked && self.number == number && self.link.isOpen(link)
    }

    private func accepted(_ ready: RoomReady) {
        guard ready.roomNumber == number, ready.heldBlocks <= geometry.pages, chunks.canStand(at: ready.nextChunk) else {
            return book.fail(self, .of(.invalidArgument, "nextChunk", "the peer is ready for what was never sent"))
        }
        state = .ready
        lostAt = nil
        progressAt = now
        if let admission {
            let page = ready.heldBlocks
            guard
                let cursor = PageCursor(geometry, from: page, chunkBytes: link.chunkBytes)
                    ?? PageCursor(geometry, from: page, chunkBytes: link.mostChunkBytes)
            else { return book.fail(self, .of(.incompatibleKV, "credits", "no layer of a page fits into a quarter of the peer's credits")) }
            self.cursor = cursor
            self.admission = nil
            book.admit(request, admission)
        }
        chunks.resume(at: ready.nextChunk)
        count()
        clock.watch()
        link.pump()
    }

    // MARK: Out of the engine

    func exportable(_ pages: UInt32) {
        exportable = max(exportable, pages)
        link.touch()
    }

    /// Asks the engine for the next slice, if there is one and `room` bytes are enough for it.
    func askNext(room: Int) -> Bool {
        guard state == .ready, var next = cursor, let slice = next.next(below: exportable), let bytes = geometry.bytes(of: slice) else {
            return false
        }
        guard bytes <= room else { return false }
        cursor = next
        hasBegun = true
        exporting += 1
        exportingBytes += bytes
        count()
        book.core.steps.submit(.transfer(.export(request.key, slice)))
        return true
    }

    func exported(_ slice: KVSlice, _ bytes: [UInt8]) {
        guard exporting > packing else { return }
        guard geometry.bytes(of: slice) == bytes.count else {
            return book.fail(self, .of(.engineFailed, "", "the engine exported another size than it was asked for"))
        }
        packing += 1
        line.put(PackJob(slice: slice, plain: bytes, codecs: choice.next(at: link.bytesPerSecond)), bytes: bytes.count)
    }

    func take(beside state: [UInt8]) {
        guard state.count <= Limits.handOverBytes else {
            return book.fail(self, .of(.engineFailed, "handOver", "the engine's state is longer than a message takes"))
        }
        handOver = state
    }

    private func makeLine() -> ChunkLine<PackJob, PackedSlice> {
        let work = book.makeWork()
        return ChunkLine(on: book.core.loop, pool: book.pool) { job in
            work.pack(job)
        } done: { [weak self] packed in
            self?.packed(packed)
        } settle: { [weak book] in
            book?.core.settle()
        }
    }

    private func packed(_ packed: PackedSlice) {
        exporting -= 1
        packing -= 1
        exportingBytes -= packed.plainBytes
        choice.judge(packed.trials, at: link.bytesPerSecond)
        request.transfer.plainBytes += UInt64(packed.plainBytes)
        chunks.add(packed)
        count()
        link.touch()
    }

    /// Tells the link what it has to expect.
    private func count() {
        let bytes = exportingBytes + chunks.waitingBytes
        link.hold(bytes - pendingBytes)
        pendingBytes = bytes
    }

    // MARK: Onto the link

    /// The next chunk, if it is packed and the credits cover it.
    func nextChunk(credits: Int) -> KVChunk? {
        guard state == .ready else { return nil }
        let waits = chunks.awaitsAcknowledgement
        guard let (next, isRepeat) = chunks.send(within: credits) else { return nil }
        count()
        if request.transfer.firstChunkAt == nil { request.transfer.firstChunkAt = now }
        request.transfer.sentBytes += UInt64(next.bytes)
        book.metrics.sent(next.packed, isRepeat: isRepeat)
        if !waits {
            progressAt = now
            clock.watch()
        }
        return next.message(in: number)
    }

    /// False if the peer acknowledges what it cannot have.
    func acknowledged(through next: UInt32) -> Bool {
        let before = chunks.acknowledged
        guard chunks.acknowledge(next) else { return false }
        // A repeat is no progress.
        if chunks.acknowledged > before { progressAt = now }
        return true
    }

    // MARK: First tokens and the end

    func produced(_ token: FirstToken) {
        guard owed.remove(token.choice) != nil else { return }
        firstTokens.append(token)
        link.touch()
    }

    /// A choice that was cancelled owes nothing, and an engine that has not heard of it never does. True if there is nothing else to compute.
    func drop(choice: UInt8) -> Bool {
        owed.remove(choice)
        link.touch()
        guard admission != nil else { return false }
        admission?.choices.removeAll { $0.choice == choice }
        return admission?.choices.isEmpty ?? false
    }

    /// RoomEnd leaves when prefill is done, its tokens are known and every page is on its way. True if that is now.
    func endIfComplete(on link: Link) -> Bool {
        guard state == .ready, request.prefilledAt != nil, owed.isEmpty, cursor?.isAtEnd ?? false, exporting == 0, chunks.isAllSent else {
            return false
        }
        state = .ending
        progressAt = now
        let end = RoomEnd(
            roomNumber: number, chunks: chunks.count, totalBytes: request.transfer.plainBytes,
            checksum: ChunkLedger.checksum(of: chunks.checksums), cachedTokens: request.cachedTokens,
            firstTokens: firstTokens.sorted { $0.choice < $1.choice }, handOver: handOver,
            prefillMicroseconds: request.durations.prefillMicroseconds)
        clock.watch()
        book.core.loop.reaches("all of a room sent, its end not")
        ask(end, on: link, until: now + WorkerLimits.roomEndAnswer, late: .stalled) { (room, _: RoomDone) in room.done() }
        return true
    }

    private func done() {
        request.transfer.doneAt = now
        book.core.loop.reaches("room handed over, its leg not ended")
        book.finished(self)
        book.core.steps.submit(.transfer(.release(request.key)))
    }

    // MARK: Lost and closed

    /// The link is gone, and another one is tried.
    func linkLost() {
        guard state != .waiting else { return }
        if lostAt == nil { lostAt = now }
        state = .waiting
        isKnownToPeer = false
        clock.watch()
    }

    func close() {
        // Whatever is still answered: the engine does not get it.
        admission = nil
        clock.stop()
        line.close()
        chunks.removeAll()
        exportingBytes = 0
        count()
    }

    // MARK: Time

    func wasPaused(for gap: Duration) {
        progressAt = progressAt + gap
        rendezvous = rendezvous + gap
        if let lostAt { self.lostAt = lostAt + gap }
        clock.watch()
    }

    private var deadline: Instant? {
        // Whoever was ready once, and lost the link, has as long as its peer waits; whoever never was, until the rendezvous is over.
        if let lostAt, admission == nil { return lostAt + WorkerLimits.kvStall }
        switch state {
        case .waiting: return rendezvous
        case .offered: return rendezvous + WorkerLimits.roomAnswer
        case .ready: return chunks.awaitsAcknowledgement ? progressAt + WorkerLimits.kvStall : nil
        case .ending: return progressAt + WorkerLimits.kvStall
        }
    }

    private func expired() {
        book.fail(self, failureInTime)
        book.core.settle()
    }

    private var failureInTime: FailureDetail {
        guard admission != nil else { return .of(.stalled, "", "nothing was acknowledged") }
        // The peer is there, and too many others wait for it.
        if state == .waiting, link.isOpen { return .of(.capacity, "room", "it could not be offered in time") }
        return .of(.roomClosed, "", "the peer was not ready in time")
    }
}
