import ClusterModel
import EventLoop
import Transport
import WireProtocol

/// The way to one peer worker while rooms need it: a kv link that is dialled, dialled again after a loss, and closed when it is idle.
///
/// Rooms share its credits, and what may wait for it in this process.
@LoopActor
final class SendingLink: LinkHandler {
    let peer: RoomPeer
    let address: Address
    private unowned let book: RoomBook
    private var link: Link?
    private var isDialling = false
    private var isOver = false
    private var rooms: [SendingRoom] = []
    private var byNumber: [UInt32: SendingRoom] = [:]
    private var lastNumber: UInt32 = 0
    /// Rooms that wait for RoomReady.
    private var openOffers: Set<UInt32> = []
    /// Rooms that wait for RoomDone.
    private var openEnds: Set<UInt32> = []
    /// That the peer has granted, and that were not used.
    private var credits = 0
    /// Bytes of all rooms between the engine and the link.
    private var pendingBytes = 0
    private var sentBytes = 0
    private var speed = LinkSpeed()
    private var isTouched = false
    private var timer: TimerHandle?

    init(to peer: RoomPeer, at address: Address, book: RoomBook) {
        self.peer = peer
        self.address = address
        self.book = book
        dial()
    }

    /// A quarter of the credits, so that several are under way.
    var mostChunkBytes: Int { min(Limits.kvChunkBytes, Int(link?.terms.credits ?? 0) / 4) }
    /// What chunks have where pages do not ask for more.
    var chunkBytes: Int { min(WorkerLimits.kvChunkBytes, mostChunkBytes) }
    var bytesPerSecond: Double? { speed.bytesPerSecond }
    var isOpen: Bool { link != nil }
    /// Bytes that are in this process's memory for the peer. What leaves is what rooms keep, as long as they live.
    var bytesHeld: Int { pendingBytes + max(unacknowledgedBytes, link?.unsentBytes ?? 0) }
    /// Of the chunks that were sent: rooms keep them until the peer has them.
    private var unacknowledgedBytes: Int { rooms.reduce(0) { $0 + $1.unacknowledgedBytes } }

    func isOpen(_ link: Link) -> Bool { self.link === link }

    // MARK: Rooms

    func join(_ room: SendingRoom) {
        book.core.loop.cancel(timer)
        timer = nil
        rooms.append(room)
        if link == nil, !isDialling { dial() }
        touch()
    }

    func leave(_ room: SendingRoom, _ failure: FailureDetail?) {
        guard let place = rooms.firstIndex(where: { $0 === room }) else { return }
        rooms.remove(at: place)
        byNumber[room.number] = nil
        if let failure, let link, room.isKnownToPeer {
            link.send(RoomAbort(roomNumber: room.number, room: room.name, failure: failure))
        }
        if rooms.isEmpty { rest() } else { touch() }
    }

    /// Nobody needs it: it stays for a while, since the next request for the same pair is likely.
    private func rest() {
        book.core.loop.cancel(timer)
        timer = book.core.loop.schedule(after: WorkerLimits.kvIdle) { [weak self] in
            guard let self, rooms.isEmpty else { return }
            stop(.done)
        }
    }

    func hold(_ bytes: Int) { pendingBytes += bytes }

    /// Looks at what can be done, once all that happened in this turn is known.
    func touch() {
        guard !isTouched else { return }
        isTouched = true
        book.touch(self)
    }

    func settle() {
        isTouched = false
        pump()
    }

    // MARK: The link

    private func dial() {
        guard let endpoint = book.endpoint, !isOver else { return }
        isDialling = true
        endpoint.dial(address, kind: .kv, handler: self) { [weak self] result in
            guard let self, !isOver else {
                if case .success(let link) = result { link.goodbye(.leaving) }
                return
            }
            isDialling = false
            switch result {
            case .success(let link): opened(link)
            case .failure(let end): failed(end)
            }
            book.core.settle()
        }
    }

    private func opened(_ link: Link) {
        guard RoomPeer(link.peer) == peer, link.peer.role != .frontend, link.peer.role != .router else {
            link.goodbye(.done, detail: "another process answers here")
            return failAll(.of(.roomClosed, "peerAddress", "another process answers there"))
        }
        self.link = link
        credits = Int(link.terms.credits)
        speed = LinkSpeed()
        sentBytes = 0
        if rooms.isEmpty { rest() }
        pump()
    }

    /// Rooms that were ready wait for the next try, as their peer does; for the others this was it.
    private func failed(_ end: LinkEnd) {
        for room in rooms where !room.isLost || end.isFinal {
            book.fail(room, .of(.roomClosed, "peerAddress", "\(end)"))
        }
        retry()
    }

    private func retry() {
        guard !rooms.isEmpty else { return stop(.done) }
        book.core.loop.cancel(timer)
        timer = book.core.loop.schedule(after: WorkerLimits.kvRedial) { [weak self] in
            guard let self, link == nil, !isDialling else { return }
            if rooms.isEmpty { stop(.done) } else { dial() }
        }
    }

    func link(_ link: Link, ended end: LinkEnd) {
        guard self.link === link else { return }
        forgetLink()
        if end.isFinal {
            failAll(.of(.roomClosed, "", "the peer's link was ended"))
        } else {
            for room in rooms { room.linkLost() }
            retry()
        }
        book.core.settle()
    }

    private func forgetLink() {
        link = nil
        credits = 0
        byNumber.removeAll()
        openOffers.removeAll()
        openEnds.removeAll()
    }

    private func failAll(_ failure: FailureDetail) {
        for room in rooms { book.fail(room, failure) }
        stop(.done)
    }

    func stop(_ reason: GoodbyeReason) {
        guard !isOver else { return }
        isOver = true
        book.core.loop.cancel(timer)
        timer = nil
        let link = link
        forgetLink()
        link?.goodbye(reason)
        book.left(self)
    }

    func abort() {
        link?.abort()
        stop(.done)
    }

    func linkDrained(_ link: Link) {
        look(at: link, hasDrained: true)
        pump()
    }

    // MARK: In

    func link(_ link: Link, received header: MessageHeader, body: RawSpan) {
        guard link.isOpen else { return }
        do throws(WireError) {
            switch header.kind {
            case .kvAck where !header.flags.contains(.question): try acknowledged(try Codec.decodeBody(KVAck.self, from: body))
            case .roomAbort where !header.flags.contains(.question): aborted(try Codec.decodeBody(RoomAbort.self, from: body))
            default: link.misplaced(header)
            }
        } catch {
            link.malformed(header, error)
        }
        pump()
        book.core.settle()
    }

    private func acknowledged(_ ack: KVAck) throws(WireError) {
        // Whatever a peer grants, no more is under way to it, and kept here for it, than was agreed.
        credits = min(credits + Int(ack.credits), Int(link?.terms.credits ?? 0))
        guard let room = byNumber[ack.roomNumber] else { return }
        guard room.acknowledged(through: ack.nextChunk) else { throw WireError(.invalidValue, "nextChunk") }
    }

    private func aborted(_ abort: RoomAbort) {
        guard let room = byNumber[abort.roomNumber] else { return }
        book.fail(room, abort.failure, tells: false)
    }

    // MARK: Out

    /// The question of a room has its answer, and another one may be asked.
    func answered(_ number: UInt32) {
        openOffers.remove(number)
        openEnds.remove(number)
        touch()
    }

    /// Offers rooms, sends what is packed, asks engines for more, and ends what is complete; room after room, a chunk at a time.
    func pump() {
        guard let link, link.isOpen else { return }
        // Before anything is sent, too: right after that something waits on any link.
        look(at: link)
        for room in rooms where room.state == .waiting && openOffers.count < WorkerLimits.openOffers {
            lastNumber &+= 1
            byNumber[lastNumber] = room
            openOffers.insert(lastNumber)
            room.offer(on: link, number: lastNumber)
        }
        send(on: link)
        guard self.link === link else { return }
        round { $0.askNext(room: max(0, min(WorkerLimits.kvUnsentBytes, credits) - pendingBytes)) }
        // An end that finds too many questions open goes when one of them is answered.
        for room in rooms where openOffers.count + openEnds.count < TransportLimits.openKVQuestions && room.endIfComplete(on: link) {
            openEnds.insert(room.number)
        }
        look(at: link)
    }

    private func look(at link: Link, hasDrained: Bool = false) {
        speed.look(sent: sentBytes, unsent: link.unsentBytes, at: book.core.loop.now, hasDrained: hasDrained)
    }

    private func send(on link: Link) {
        round { room in
            guard self.link === link, !link.isBackedUp, let chunk = room.nextChunk(credits: credits) else { return false }
            credits -= chunk.data.count
            sentBytes += chunk.data.count
            link.send(chunk)
            if book.countsToFault() { breakNow() }
            return true
        }
    }

    /// Gives rooms a turn each until none has anything to do. Where many have, the oldest go first and the others do not begin: all at once
    /// they would each stand still for longer than their peer waits.
    private func round(_ act: (SendingRoom) -> Bool) {
        var acted: Int
        repeat {
            acted = 0
            for room in rooms where room.hasBegun && act(room) { acted += 1 }
            for room in rooms where acted < WorkerLimits.kvRoomsAtOnce && !room.hasBegun && act(room) { acted += 1 }
        } while acted > 0
    }

    /// An injected fault: as if the network had broken it.
    private func breakNow() {
        guard let link else { return }
        link.abort()
        self.link(link, ended: .closedByPeer(TransportError(.closed, "broken on purpose")))
    }
}
