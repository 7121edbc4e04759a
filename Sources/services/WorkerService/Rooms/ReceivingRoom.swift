import ClusterModel
import Engines
import EventLoop
import Transport
import WireProtocol

/// A room on the decode worker: expected, ready, perhaps lost for a while, and then done or closed. States:
/// `proto-spec/03-exchanges.md#a-room`.
@LoopActor
final class ReceivingRoom {
    private enum State: Hashable { case expected, ready, lost }

    /// A chunk from its arrival until the engine has it.
    private struct Arrival {
        let slice: KVSlice
        let wireBytes: Int
        let linkNumber: UInt64
        var isUnpacked = false
        /// That it takes beyond what it took on the way, until the engine has it.
        var moreBytes = 0
    }

    let request: OpenRequest
    let peer: RoomPeer
    private unowned let book: RoomBook
    private let geometry: KVGeometry
    /// How long either side waits for the other, and when that is over for this one.
    private let patience: Duration
    private var rendezvous: Instant
    private var state = State.expected
    /// Leading pages that are here already; nil: nothing is reserved yet.
    private var held: UInt32?
    private var offer: RoomOffer?
    private var link: ReceivingLink?
    private var number: UInt32 = 0
    private var ledger: ChunkLedger?
    /// Oldest first.
    private var arrivals: [Arrival] = []
    private var stored: UInt32 = 0
    private var end: (end: RoomEnd, header: MessageHeader, link: ReceivingLink)?
    private var hasChunks = false
    /// The last chunk that came or was stored, the loss of the link.
    private var progressAt: Instant
    private lazy var clock = RoomClock(on: book.core.loop) { [weak self] in
        self?.deadline
    } passed: { [weak self] in
        self?.expired()
    }
    private lazy var line = makeLine()

    init(_ request: OpenRequest, _ plan: RoomPlan, _ geometry: KVGeometry, book: RoomBook) {
        self.request = request
        self.geometry = geometry
        self.book = book
        peer = RoomPeer(plan)
        progressAt = book.core.loop.now
        patience = plan.rendezvous
        rendezvous = progressAt + patience
        clock.watch()
    }

    var name: RequestKey { request.request }
    /// For people.
    var words: String { "\(state)" }

    // MARK: Both halves of its beginning

    /// The engine has blocks for the whole prompt.
    func reserved(_ blocks: UInt32) {
        guard held == nil else { return }
        held = min(blocks, geometry.pages)
        answer()
    }

    /// By the worker that is to come, for the first time or after the loss of a link.
    func offered(_ offer: RoomOffer) {
        if let objection = book.objection(to: offer.open, geometry) {
            offer.refuse(objection)
            return book.fail(self, objection)
        }
        if offer.link === link || self.offer?.link === offer.link {
            return offer.refuse(.of(.invalidArgument, "room", "it is offered already"))
        }
        // The peer knows of an end of the old link that did not come here yet.
        link?.forget(number)
        var offer = offer
        if let earlier = self.offer {
            earlier.refuse(.of(.roomClosed, "room", "it was offered again"))
            offer.arrivedAt = earlier.arrivedAt
        }
        self.offer = offer
        answer()
        if state == .expected { clock.watch() }
    }

    /// Only whole, checked chunks count, so what came over a lost link is looked at first.
    private func answer() {
        guard let offer, let held, line.isEmpty else { return }
        self.offer = nil
        let ledger = ledger ?? ChunkLedger(geometry, held: held)
        self.ledger = ledger
        link = offer.link
        number = offer.open.roomNumber
        end = nil
        state = .ready
        progressAt = book.core.loop.now
        offer.link.adopt(self, offer, held: held, nextChunk: ledger.nextChunk)
        clock.watch()
    }

    // MARK: Chunks

    func received(_ chunk: KVChunk, on link: ReceivingLink) {
        progressAt = book.core.loop.now
        if !hasChunks {
            hasChunks = true
            request.transfer.firstChunkAt = progressAt
            clock.watch()
        }
        do throws(ChunkProblem) {
            guard end == nil else { throw ChunkProblem("chunk", "the room has ended") }
            guard let slice = try ledger?.admit(chunk) else { return }
            book.metrics.received(plain: Int(chunk.plainBytes), wire: chunk.data.count)
            arrivals.append(Arrival(slice: slice, wireBytes: chunk.data.count, linkNumber: link.number))
            line.put(CheckJob(chunk: chunk, slice: slice), bytes: Int(chunk.plainBytes))
        } catch {
            link.grant(chunk.data.count, room: number, nextChunk: stored)
            book.fail(self, .of(.invalidArgument, error.field, error.reason))
        }
    }

    private func makeLine() -> ChunkLine<CheckJob, CheckedChunk> {
        let work = book.makeWork()
        return ChunkLine(on: book.core.loop, pool: book.pool) { job in
            work.check(job.chunk, job.slice)
        } done: { [weak self] chunk in
            self?.checked(chunk)
        } settle: { [weak book] in
            book?.core.settle()
        }
    }

    private func checked(_ chunk: CheckedChunk) {
        switch chunk.plain {
        case .success(let bytes):
            unpacked(bytes.count)
            book.core.steps.submit(.transfer(.store(request.key, chunk.slice, bytes: bytes)))
            answer()
        case .failure(let fault):
            book.fail(self, fault.detail)
            book.core.settle()
        }
    }

    private func unpacked(_ bytes: Int) {
        guard let place = arrivals.firstIndex(where: { !$0.isUnpacked }) else { return }
        arrivals[place].isUnpacked = true
        arrivals[place].moreBytes = max(0, bytes - arrivals[place].wireBytes)
        if !book.stores(arrivals[place].moreBytes, of: self) { line.isPaused = true }
    }

    /// By the engine, in the order in which it was asked.
    func stored(_ slice: KVSlice) {
        guard let first = arrivals.first, first.slice == slice else { return }
        arrivals.removeFirst()
        book.stored(first.moreBytes)
        stored += 1
        progressAt = book.core.loop.now
        giveBack(first)
        complete()
        clock.watch()
    }

    /// Credits belong to the link on which the bytes came.
    private func giveBack(_ arrival: Arrival) {
        guard let link else { return }
        link.grant(link.number == arrival.linkNumber ? arrival.wireBytes : 0, room: number, nextChunk: stored)
    }

    /// The engine lets go of what it was given; the peer may use the credits elsewhere.
    private func giveBackAll() {
        let all = arrivals
        arrivals.removeAll()
        for arrival in all {
            giveBack(arrival)
            book.stored(arrival.moreBytes)
        }
    }

    /// The engine has taken what was unpacked.
    func goOn() { line.isPaused = false }

    // MARK: Done

    func ended(_ end: RoomEnd, _ header: MessageHeader, on link: ReceivingLink) {
        guard self.end == nil, let ledger else {
            return link.link.answer(header, with: Failure(.invalidArgument, field: "roomNumber", reason: "it has ended before"))
        }
        progressAt = book.core.loop.now
        self.end = (end, header, link)
        if let problem = ledger.problem(with: end) { return book.fail(self, .of(.checksum, problem.field, problem.reason)) }
        if let failure = book.objection(to: end.firstTokens, of: request) { return book.fail(self, failure) }
        complete()
    }

    private func complete() {
        guard let end, let ledger, stored == ledger.nextChunk else { return }
        self.end = nil
        request.transfer.doneAt = book.core.loop.now
        book.core.steps.submit(
            .transfer(.complete(request.key, firstTokens: end.end.firstTokens.map(KVFirstToken.init), handOver: end.end.handOver)))
        end.link.forget(number)
        end.link.link.answer(end.header, with: RoomDone(roomNumber: number, storedBlocks: ledger.pages))
        let done = RoomTombstones.Done(peer: peer, chunks: ledger.nextChunk, held: held ?? 0, storedBlocks: ledger.pages)
        // Acknowledged with everything else.
        link = nil
        book.finished(self, done)
    }

    // MARK: Lost and closed

    func aborted(_ failure: FailureDetail) {
        // The room is over, and its link lives on.
        giveBackAll()
        link?.forget(number)
        link = nil
        book.fail(self, failure)
    }

    func lost(_ link: ReceivingLink, _ end: LinkEnd) {
        guard self.link === link else { return }
        self.link = nil
        self.end = nil
        guard !end.isFinal else { return book.fail(self, .of(.roomClosed, "", "the peer's link was ended")) }
        state = .lost
        progressAt = book.core.loop.now
        clock.watch()
    }

    func withdrawOffer(of link: ReceivingLink) { if offer?.link === link { offer = nil } }

    func offerAborted(number: UInt32, on link: ReceivingLink, _ failure: FailureDetail) -> Bool {
        guard let offer, offer.link === link, offer.open.roomNumber == number else { return false }
        self.offer = nil
        offer.refuse(failure)
        book.fail(self, failure)
        return true
    }

    /// It is done: nothing is waited for any more.
    func release() {
        clock.stop()
        line.close()
    }

    /// Whoever closes it says why; nothing of it is left here.
    func close(_ failure: FailureDetail) {
        release()
        giveBackAll()
        offer?.refuse(failure)
        offer = nil
        if let end { end.link.link.answer(end.header, with: Failure(failure)) }
        end = nil
        link?.abort(number, name, failure)
        link = nil
    }

    // MARK: Time

    /// When the peer's next sign must have come; nil while nothing is waited for but this worker's own engine.
    private var deadline: Instant? {
        switch state {
        // The peer's patience may have begun before this side's: whoever is there hears in time that there is no room. And whoever may
        // still be on the way to say why it does not come is waited for.
        case .expected: offer.map { min(rendezvous, $0.arrivedAt + patience) } ?? rendezvous + WorkerLimits.roomAnswer
        case .lost: progressAt + WorkerLimits.kvStall
        case .ready: hasChunks && end == nil && offer == nil && arrivals.isEmpty ? progressAt + WorkerLimits.kvStall : nil
        }
    }

    func wasPaused(for gap: Duration) {
        progressAt = progressAt + gap
        rendezvous = rendezvous + gap
        clock.watch()
    }

    private func expired() {
        switch state {
        case .expected where offer != nil: book.fail(self, .of(.capacity, "room", "no blocks in time"), as: .failed)
        case .expected: book.fail(self, .of(.roomClosed, "", "nobody came in time"))
        case .ready, .lost: book.fail(self, .of(.stalled, "", "nothing came in time"))
        }
        book.core.settle()
    }
}

/// A chunk that is to be unpacked and summed.
struct CheckJob: Sendable {
    let chunk: KVChunk
    let slice: KVSlice
}

extension ChunkFault {
    fileprivate var detail: FailureDetail {
        switch self {
        case .unreadable(let field): .of(.invalidArgument, field, "it does not unpack")
        case .damaged: .of(.checksum, "checksum", "it does not hold")
        }
    }
}
