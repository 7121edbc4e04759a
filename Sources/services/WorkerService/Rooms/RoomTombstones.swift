import ClusterModel
import WireProtocol

/// Rooms that were closed or done, for the rendezvous limit: who comes late is told at once. Bounded; the oldest goes first.
struct RoomTombstones {
    /// What is left of a room that was done: its peer may not have heard so.
    struct Done: Hashable {
        let peer: RoomPeer
        let chunks: UInt32
        let held: UInt32
        let storedBlocks: UInt32
    }

    private struct Grave {
        let since: Instant
        let done: Done?
    }

    private let capacity: Int
    private let span: Duration
    private var graves: [RequestKey: Grave] = [:]
    /// Oldest first, from `head` on.
    private var order: [(room: RequestKey, since: Instant)] = []
    private var head = 0

    init(capacity: Int = WorkerLimits.roomTombstones, span: Duration = WorkerLimits.rendezvous) {
        self.capacity = capacity
        self.span = span
    }

    var count: Int { graves.count }

    func has(_ room: RequestKey) -> Bool { graves[room] != nil }
    func done(_ room: RequestKey) -> Done? { graves[room]?.done }

    mutating func bury(_ room: RequestKey, done: Done? = nil, at now: Instant) {
        graves[room] = Grave(since: now, done: done)
        order.append((room, now))
        if order.count - head > capacity { forgetOldest() }
    }

    /// When `expire` has something to forget.
    var nextExpiry: Instant? { head < order.count ? order[head].since + span : nil }

    mutating func expire(at now: Instant) {
        while let next = nextExpiry, next <= now { forgetOldest() }
    }

    private mutating func forgetOldest() {
        let oldest = order[head]
        head += 1
        if head == order.count || head > 1_024 {
            order.removeFirst(head)
            head = 0
        }
        // One that was buried again has a later place of its own.
        if graves[oldest.room]?.since == oldest.since { graves[oldest.room] = nil }
    }
}

/// Who may fill a room, or is to be found behind an address: one life of one process.
struct RoomPeer: Hashable {
    let id: UInt64
    let generation: UInt64

    init(id: UInt64, generation: UInt64) {
        self.id = id
        self.generation = generation
    }

    init(_ identity: Identity) { self.init(id: identity.id, generation: identity.generation) }
    init(_ plan: RoomPlan) { self.init(id: plan.peerWorkerID, generation: plan.peerGeneration) }
}
