import ClusterModel
import EventLoop
import Transport
import WireProtocol

/// A kv link that another worker opened: what it offers and sends, and the credits that it has.
@LoopActor
final class ReceivingLink: LinkHandler {
    /// What a number of the peer's stands for.
    enum Slot {
        case offered
        case room(ReceivingRoom)
        /// Offered once more by a peer that did not hear of the end.
        case done(RoomTombstones.Done)
    }

    private struct Grant {
        let room: UInt32
        var nextChunk: UInt32
        var credits: Int
    }

    let link: Link
    /// Tells this link from all others of this process: credits belong to the link on which a chunk came.
    let number: UInt64
    private unowned let book: RoomBook
    private let ended: @LoopActor (ReceivingLink, LinkEnd) -> Void
    private var slots: [UInt32: Slot] = [:]
    /// That the peer may still send.
    private var credits: Int
    private var grants: [Grant] = []

    init(_ link: Link, number: UInt64, book: RoomBook, ended: @escaping @LoopActor (ReceivingLink, LinkEnd) -> Void) {
        self.link = link
        self.number = number
        self.book = book
        self.ended = ended
        credits = Int(book.settings.credits)
    }

    var peer: RoomPeer { RoomPeer(link.peer) }
    /// Received, and not given back: they are in this process's memory.
    var bytesHeld: Int { Int(book.settings.credits) - credits }

    // MARK: In

    func link(_ link: Link, received header: MessageHeader, body: RawSpan) {
        // What comes after this side's goodbye is answered by the end of the link.
        guard link.isOpen else { return }
        do throws(WireError) {
            let isQuestion = header.flags.contains(.question)
            switch header.kind {
            case .roomOpen where isQuestion: offered(try Codec.decodeBody(RoomOpen.self, from: body), header)
            case .kvChunk where !isQuestion: try received(try Codec.decodeBody(KVChunk.self, from: body))
            case .roomEnd where isQuestion: ended(try Codec.decodeBody(RoomEnd.self, from: body), header)
            case .roomAbort where !isQuestion: aborted(try Codec.decodeBody(RoomAbort.self, from: body))
            default: link.misplaced(header)
            }
        } catch {
            link.malformed(header, error)
        }
        book.core.settle()
    }

    func link(_ link: Link, ended end: LinkEnd) {
        let all = slots.sorted { $0.key < $1.key }
        slots.removeAll()
        grants.removeAll()
        book.withdrawOffers(of: self)
        for case .room(let room) in all.map(\.value) { room.lost(self, end) }
        ended(self, end)
        book.core.settle()
    }

    private func offered(_ open: RoomOpen, _ header: MessageHeader) {
        func refuse(_ code: FailureCode, _ field: String, _ reason: String) {
            link.answer(header, with: Failure(code, field: field, reason: reason))
        }
        if slots[open.roomNumber] != nil { return refuse(.invalidArgument, "roomNumber", "it is in use") }
        if slots.count >= WorkerLimits.roomsPerLink { return refuse(.capacity, "roomNumber", "too many rooms on this link") }
        slots[open.roomNumber] = .offered
        book.offered(RoomOffer(open: open, header: header, link: self, arrivedAt: book.core.loop.now))
    }

    private func received(_ chunk: KVChunk) throws(WireError) {
        guard chunk.data.count <= credits else { throw WireError(.countOverLimit, "data") }
        credits -= chunk.data.count
        if case .room(let room) = slots[chunk.roomNumber] { return room.received(chunk, on: self) }
        // It was closed while this was under way, or never was.
        grant(chunk.data.count, room: chunk.roomNumber, nextChunk: 0)
        var abort = RoomAbort()
        abort.roomNumber = chunk.roomNumber
        abort.failure = .of(.roomClosed, "roomNumber", "there is no such room")
        link.send(abort)
    }

    private func ended(_ end: RoomEnd, _ header: MessageHeader) {
        switch slots[end.roomNumber] {
        case .room(let room): room.ended(end, header, on: self)
        case .done(let done):
            slots[end.roomNumber] = nil
            link.answer(header, with: RoomDone(roomNumber: end.roomNumber, storedBlocks: done.storedBlocks))
        case .offered, nil:
            link.answer(header, with: Failure(.roomClosed, field: "roomNumber", reason: "there is no such room"))
        }
    }

    private func aborted(_ abort: RoomAbort) {
        switch slots[abort.roomNumber] {
        case .room(let room): room.aborted(abort.failure)
        case .offered: book.offerAborted(number: abort.roomNumber, on: self, abort.failure)
        case .done: slots[abort.roomNumber] = nil
        case nil: break
        }
    }

    // MARK: Out

    /// The room takes the number of its offer; chunks may come.
    func adopt(_ room: ReceivingRoom, _ offer: RoomOffer, held: UInt32, nextChunk: UInt32) {
        slots[offer.open.roomNumber] = .room(room)
        ready(offer, held: held, nextChunk: nextChunk)
    }

    /// A peer that did not hear of the end is told so.
    func adopt(_ done: RoomTombstones.Done, _ offer: RoomOffer) {
        slots[offer.open.roomNumber] = .done(done)
        ready(offer, held: done.held, nextChunk: done.chunks)
    }

    private func ready(_ offer: RoomOffer, held: UInt32, nextChunk: UInt32) {
        link.answer(
            offer.header,
            with: RoomReady(
                roomNumber: offer.open.roomNumber, credits: book.settings.credits, heldBlocks: held, nextChunk: nextChunk))
    }

    func refuse(_ offer: RoomOffer, _ failure: FailureDetail) {
        slots[offer.open.roomNumber] = nil
        link.answer(offer.header, with: Failure(failure))
    }

    func forget(_ room: UInt32) { slots[room] = nil }

    func abort(_ room: UInt32, _ key: RequestKey, _ failure: FailureDetail) {
        slots[room] = nil
        link.send(RoomAbort(roomNumber: room, room: key, failure: failure))
    }

    /// Credits for bytes that this process holds no longer. They leave with the next `settle`.
    func grant(_ bytes: Int, room: UInt32, nextChunk: UInt32) {
        credits += bytes
        if let last = grants.indices.last, grants[last].room == room {
            grants[last].nextChunk = max(grants[last].nextChunk, nextChunk)
            grants[last].credits += bytes
        } else {
            if grants.isEmpty { book.touch(self) }
            grants.append(Grant(room: room, nextChunk: nextChunk, credits: bytes))
        }
    }

    func settle() {
        for grant in grants {
            link.send(KVAck(roomNumber: grant.room, nextChunk: grant.nextChunk, credits: UInt32(clamping: grant.credits)))
        }
        grants.removeAll(keepingCapacity: true)
    }
}

extension Failure {
    init(_ detail: FailureDetail) {
        self.init(
            detail.code, field: detail.field, reason: detail.reason, retryAfterMilliseconds: detail.retryAfterMilliseconds)
    }
}

extension FailureDetail {
    init(_ failure: Failure) {
        self.init(
            code: failure.code, retryAfterMilliseconds: failure.retryAfterMilliseconds, field: failure.field, reason: failure.reason)
    }
}

extension LinkEnd {
    /// Nobody will offer anything again: one side left, or broke the rules.
    var isFinal: Bool {
        switch self {
        case .refused(let refusal): !refusal.retryable
        case .goodbye, .badMessage, .badFraming: true
        case .closedByPeer, .silent, .writeStalled, .outboxFull, .handshakeTimeout, .dialFailed: false
        }
    }
}
