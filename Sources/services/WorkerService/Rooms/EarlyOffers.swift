import EventLoop
import WireProtocol

/// Rooms that were offered before the request that they are for came; of each peer one, since only that request says which peer is to fill its
/// room. Bounded in number, and each in time.
@LoopActor
final class EarlyOffers {
    private let loop: Loop
    private var offers: [RequestKey: [(offer: RoomOffer, timer: TimerHandle)]] = [:]
    private(set) var count = 0

    init(on loop: Loop) { self.loop = loop }

    var isFull: Bool { count >= WorkerLimits.openRoomOffers }
    func has(_ room: RequestKey) -> Bool { offers[room] != nil }
    func has(_ room: RequestKey, on link: ReceivingLink) -> Bool { offers[room]?.contains { $0.offer.link === link } ?? false }

    /// Until its request comes, or the limit has passed.
    func keep(_ offer: RoomOffer, expired: @escaping @LoopActor () -> Void) {
        offers[offer.open.room, default: []].append((offer, loop.schedule(after: WorkerLimits.rendezvous, expired)))
        count += 1
    }

    /// The request has come: what its peers offered.
    func takeAll(_ room: RequestKey) -> [RoomOffer] {
        guard let early = offers.removeValue(forKey: room) else { return [] }
        count -= early.count
        for entry in early { loop.cancel(entry.timer) }
        return early.map(\.offer)
    }

    func take(_ room: RequestKey, where matches: (RoomOffer) -> Bool) -> RoomOffer? {
        guard let place = offers[room]?.firstIndex(where: { matches($0.offer) }), let entry = offers[room]?.remove(at: place) else {
            return nil
        }
        if offers[room]?.isEmpty ?? false { offers[room] = nil }
        count -= 1
        loop.cancel(entry.timer)
        return entry.offer
    }

    /// The link is gone: nobody waits for an answer.
    func forget(_ link: ReceivingLink) {
        // Order: nobody is told of any of it.
        for room in Array(offers.keys) { _ = take(room) { $0.link === link } }
    }

    /// A number is in use once on a link.
    func room(number: UInt32, on link: ReceivingLink) -> RequestKey? {
        // Order: at most one has it.
        offers.first { $0.value.contains { $0.offer.link === link && $0.offer.open.roomNumber == number } }?.key
    }

    func stop() {
        // Order: timers that end unheard.
        for entry in offers.values.joined() { loop.cancel(entry.timer) }
        offers.removeAll()
        count = 0
    }
}
