import ClusterModel
import Engines
import EventLoop
import Transport
import WireProtocol

/// How this worker hands KV state over, as its options say.
package struct RoomSettings: Sendable {
    /// Bytes of chunks that each peer may have under way to this worker.
    package var credits: UInt32 = 32 << 20
    package var codec = KVCodecPreference.auto
    /// For tests: the link breaks on purpose when so many chunks have been sent.
    package var breaksAtChunk: UInt64?

    package init() {}
}

/// All rooms of a worker, those that it fills and those that others fill here; and of those that are over, for a while, that they were.
///
/// It decides who may come into which room and what an end of either side means for the other; a room itself keeps its own state.
@LoopActor
final class RoomBook {
    unowned let core: WorkerCore
    let pool: WorkPool
    let settings: RoomSettings
    let metrics: KVMetrics
    /// Dials the links to peers; set once this process listens.
    var endpoint: LinkEndpoint?
    private var sending: [RequestKey: SendingRoom] = [:]
    private var receiving: [RequestKey: ReceivingRoom] = [:]
    private let offers: EarlyOffers
    private var graves = RoomTombstones()
    private var graveTimer: TimerHandle?
    private var peers: [RoomPeer: SendingLink] = [:]
    private var touchedPeers: [SendingLink] = []
    private var touchedLinks: [ReceivingLink] = []
    private var sentChunks: UInt64 = 0
    /// Of chunks that were unpacked and are not in the engine: what they take beyond the credits that they hold.
    private var storingBytes = 0
    private var paused: [ReceivingRoom] = []

    init(_ core: WorkerCore, pool: WorkPool, settings: RoomSettings, metrics: KVMetrics) {
        self.core = core
        self.pool = pool
        self.settings = settings
        self.metrics = metrics
        offers = EarlyOffers(on: core.loop)
        core.loop.observePauses(self) { [weak self] gap in self?.wasPaused(for: gap) }
    }

    /// Nobody is judged by time in which this process did not run.
    private func wasPaused(for gap: Duration) {
        // Order: each for itself.
        for room in sending.values { room.wasPaused(for: gap) }
        // Order: as above.
        for room in receiving.values { room.wasPaused(for: gap) }
    }

    var openCount: Int { sending.count + receiving.count + offers.count }
    var sendingCount: Int { sending.count }
    var receivingCount: Int { receiving.count }
    var tombstoneCount: Int { graves.count }
    var sendingLinkCount: Int { peers.count }
    /// Unpacked for the engine, in this process's memory.
    var bytesToStore: Int { storingBytes }
    /// On their way out, in this process's memory.
    // Order: a sum.
    var bytesToSend: Int { peers.values.reduce(0) { $0 + $1.bytesHeld } }
    var elementBytes: Int { core.profile.kvShape.map { KVShape($0).elementType.byteCount } ?? 1 }

    func makeWork() -> ChunkWork { ChunkWork(elementBytes: elementBytes, loop: core.loop) }
    func isBuried(_ room: RequestKey) -> Bool { graves.has(room) }

    // MARK: Legs that this worker has accepted

    /// The engine has the leg already; its pages come from the peer of the plan.
    func expect(_ request: OpenRequest, _ plan: RoomPlan, _ geometry: KVGeometry) {
        let room = ReceivingRoom(request, plan, geometry, book: self)
        request.receiving = room
        receiving[room.name] = room
        count()
        for offer in offers.takeAll(room.name) { take(offer, into: room) }
    }

    /// The engine gets the leg when the peer is ready for it.
    func push(_ request: OpenRequest, _ admission: EngineRequest, _ plan: RoomPlan, _ geometry: KVGeometry, to address: Address) {
        let peer = RoomPeer(plan)
        let link = peers[peer] ?? SendingLink(to: peer, at: address, book: self)
        peers[peer] = link
        let room = SendingRoom(request, admission, plan, geometry, over: link, book: self)
        request.sending = room
        sending[room.name] = room
        link.join(room)
        count()
    }

    func admit(_ request: OpenRequest, _ admission: EngineRequest) {
        request.isAdmitted = true
        core.steps.submit(.admit(admission))
    }

    /// Whatever ended the request, its room is over.
    func requestEnded(_ request: OpenRequest, _ end: WorkerCore.End) {
        guard request.sending != nil || request.receiving != nil else { return }
        let failure = end.roomFailure
        if let room = request.sending { close(room, failure, tells: true) }
        if let room = request.receiving { close(room, failure) }
    }

    // MARK: Ends of rooms

    func fail(_ room: SendingRoom, _ failure: FailureDetail, tells: Bool = true) {
        guard room.request.sending === room else { return }
        close(room, failure, tells: tells)
        core.end(room.request, .init(.failed, failure: failure))
    }

    func fail(_ room: ReceivingRoom, _ failure: FailureDetail, as reason: EndReason = .prefillLost) {
        guard room.request.receiving === room else { return }
        close(room, failure)
        core.end(room.request, .init(reason, failure: failure))
    }

    private func close(_ room: SendingRoom, _ failure: FailureDetail, tells: Bool) {
        remove(room)
        room.link.leave(room, tells ? failure : nil)
        metrics.ended(.sent, failure.code)
    }

    private func close(_ room: ReceivingRoom, _ failure: FailureDetail) {
        remove(room, nil)
        room.close(failure)
        metrics.ended(.received, failure.code)
    }

    func finished(_ room: SendingRoom) {
        remove(room)
        room.link.leave(room, nil)
        metrics.finished(.sent, room.request)
    }

    func finished(_ room: ReceivingRoom, _ done: RoomTombstones.Done) {
        remove(room, done)
        room.release()
        metrics.finished(.received, room.request)
    }

    private func remove(_ room: SendingRoom) {
        room.close()
        room.request.sending = nil
        sending[room.name] = nil
        bury(room.name)
    }

    private func remove(_ room: ReceivingRoom, _ done: RoomTombstones.Done?) {
        room.request.receiving = nil
        receiving[room.name] = nil
        bury(room.name, done)
    }

    private func bury(_ room: RequestKey, _ done: RoomTombstones.Done? = nil) {
        graves.bury(room, done: done, at: core.loop.now)
        count()
        forgetLater()
    }

    /// One timer, for the oldest tombstone.
    private func forgetLater() {
        guard graveTimer == nil, let next = graves.nextExpiry else { return }
        graveTimer = core.loop.schedule(at: next) { [weak self] in
            guard let self else { return }
            graveTimer = nil
            graves.expire(at: core.loop.now)
            forgetLater()
        }
    }

    // MARK: Offers

    func offered(_ offer: RoomOffer) {
        let name = offer.open.room
        if let room = receiving[name] {
            take(offer, into: room)
        } else if let done = graves.done(name), done.peer == offer.link.peer {
            offer.link.adopt(done, offer)
        } else if graves.has(name) {
            offer.refuse(.of(.roomClosed, "room", "it is closed"))
        } else if offers.has(name, on: offer.link) {
            offer.refuse(.of(.invalidArgument, "room", "it is offered already"))
        } else if core.state == .stopped || core.hasFailed {
            offer.refuse(.of(.draining, "", "this worker leaves"))
        } else {
            // The peer knows of an end of its old link that did not come here yet.
            var offer = offer
            if let earlier = offers.take(name, where: { $0.link.peer == offer.link.peer }) {
                earlier.refuse(.of(.roomClosed, "room", "it was offered again"))
                offer.arrivedAt = earlier.arrivedAt
            }
            if offers.isFull || core.loop.fails(at: "no room for an offered room") {
                return offer.refuse(.of(.capacity, "room", "too many rooms are offered"))
            }
            keep(offer)
        }
    }

    private func keep(_ offer: RoomOffer) {
        let name = offer.open.room, link = offer.link
        offers.keep(offer) { [weak self] in
            self?.withdraw(name, of: link, .of(.roomClosed, "room", "its request did not come in time"))
        }
        count()
    }

    /// Nobody but the worker of the plan, in the life of the plan, may fill a room.
    private func take(_ offer: RoomOffer, into room: ReceivingRoom) {
        guard offer.link.peer == room.peer else { return offer.refuse(.of(.roomClosed, "room", "another worker fills it")) }
        room.offered(offer)
    }

    private func withdraw(_ name: RequestKey, of link: ReceivingLink, _ failure: FailureDetail) {
        guard let offer = offers.take(name, where: { $0.link === link }) else { return }
        offer.refuse(failure)
        // Another peer's offer may be the one that the request is for.
        if !offers.has(name) { bury(name) }
    }

    func withdrawOffers(of link: ReceivingLink) {
        offers.forget(link)
        // Order: nobody is told of any of it.
        for room in receiving.values { room.withdrawOffer(of: link) }
        count()
    }

    func offerAborted(number: UInt32, on link: ReceivingLink, _ failure: FailureDetail) {
        if let name = offers.room(number: number, on: link) { return withdraw(name, of: link, failure) }
        _ = receiving.values.contains { $0.offerAborted(number: number, on: link, failure) }
    }

    // MARK: What the engine has not taken yet

    /// However small its chunks were on the way, no more of a room's state is unpacked than the engine soon takes. False: no more now.
    func stores(_ bytes: Int, of room: ReceivingRoom) -> Bool {
        storingBytes += bytes
        guard storingBytes >= WorkerLimits.kvStoringBytes else { return true }
        if !paused.contains(where: { $0 === room }) { paused.append(room) }
        return false
    }

    func stored(_ bytes: Int) {
        storingBytes -= bytes
        guard storingBytes <= WorkerLimits.kvStoringBytes / 2, !paused.isEmpty else { return }
        let rooms = paused
        paused.removeAll()
        for room in rooms { room.goOn() }
    }

    // MARK: What fits

    func makeOffer(_ geometry: KVGeometry) -> RoomOpen {
        var open = RoomOpen()
        open.model = core.model.card.digest
        open.engineBuild = core.profile.build
        open.shape = core.profile.kvShape.map(KVShape.init) ?? KVShape()
        open.tokens = geometry.tokens
        open.blocks = geometry.pages
        open.totalBytes = geometry.totalBytes
        return open
    }

    /// Why this engine cannot take that state, by the name of the field.
    func objection(to open: RoomOpen, _ geometry: KVGeometry) -> FailureDetail? {
        if open.model != core.model.card.digest { return .of(.incompatibleKV, "model", "another model card is served here") }
        if open.engineBuild != core.profile.build { return .of(.incompatibleKV, "engineBuild", "another build runs here") }
        guard let shape = core.profile.kvShape.map(KVShape.init) else { return .of(.incompatibleKV, "shape", "there are no pages here") }
        if let part = open.shape.difference(from: shape) { return .of(.incompatibleKV, "shape", "pages have other \(part) here") }
        if open.tokens != geometry.tokens { return .of(.invalidArgument, "tokens", "the request has \(geometry.tokens)") }
        if open.blocks != geometry.pages { return .of(.invalidArgument, "blocks", "these are \(geometry.pages) pages") }
        if open.totalBytes != geometry.totalBytes { return .of(.invalidArgument, "totalBytes", "these are \(geometry.totalBytes)") }
        return nil
    }

    func objection(to tokens: [FirstToken], of request: OpenRequest) -> FailureDetail? {
        guard Set(tokens.map(\.choice)).count == tokens.count else {
            return .of(.invalidArgument, "firstTokens", "a choice has one first token")
        }
        guard tokens.allSatisfy({ Int($0.choice) < request.choices && $0.token < core.model.card.vocabularySize }) else {
            return .of(.invalidArgument, "firstTokens", "a choice or a token that is none")
        }
        return nil
    }

    // MARK: Ways out

    func touch(_ link: SendingLink) { touchedPeers.append(link) }
    func touch(_ link: ReceivingLink) { touchedLinks.append(link) }

    /// Acknowledges what was stored, and lets the links to peers go on.
    func settle() {
        while let link = touchedPeers.popLast() { link.settle() }
        while let link = touchedLinks.popLast() { link.settle() }
    }

    func left(_ link: SendingLink) { if peers[link.peer] === link { peers[link.peer] = nil } }

    /// True if the link is to break now.
    func countsToFault() -> Bool {
        sentChunks += 1
        return sentChunks == settings.breaksAtChunk
    }

    private func count() { metrics.rooms(sending: sending.count, receiving: receiving.count) }

    func takeLeave() { for link in peers.values.sorted(by: { $0.peer.id < $1.peer.id }) { link.stop(.leaving) } }

    func stop() {
        core.loop.stopObservingPauses(self)
        core.loop.cancel(graveTimer)
        graveTimer = nil
        offers.stop()
        for link in peers.values.sorted(by: { $0.peer.id < $1.peer.id }) { link.abort() }
    }
}

extension WorkerCore.End {
    /// What the other side of its room is told.
    fileprivate var roomFailure: FailureDetail {
        if let failure { return failure }
        switch reason {
        case .drained: return .of(.draining, "", "this worker leaves")
        case .failed: return .of(.engineFailed, "", "the engine gave up")
        case .finished, .handedOver: return .of(.engineFailed, "", "the engine ended before its state had moved")
        default: return .of(.cancelled, "", "the request was ended")
        }
    }
}
