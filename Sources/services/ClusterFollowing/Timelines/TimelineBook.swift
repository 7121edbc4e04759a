package import ClusterModel
package import WireProtocol

/// Puts together what frontends, routers and workers tell of requests, each in its own time, and gives each request that ended once.
///
/// Pure: times come in. Everything is bounded, and what does not fit is counted.
package struct TimelineBook {
    private struct Open {
        var timeline: Timeline
        var heardAt: Instant
        var sliceAt: Instant?
        /// It may have ended before anybody watched: without its frontend's word it is not told of.
        var needsSlice = false
    }

    private var open: [RequestID: Open] = [:]
    private var byLease: [UInt64: RequestID] = [:]
    private var closed = Recent<RequestID>(most: 16_384)
    /// Frontends that left, by generation.
    private var departed = Recent<UInt64>(most: 1_024)
    private var ended: [Timeline] = []
    /// Requests that were not followed, because too many were.
    package private(set) var dropped = 0

    /// Streams come a little apart: a frontend tells each 250 ms, a router four times a second.
    package static let settling = Duration.milliseconds(1_500)
    /// Nothing was heard of it for longer than a request may take.
    static let forgetting = Duration.seconds(1_860)
    /// Its frontend is gone, and its workers have ended it.
    static let silence = Duration.seconds(5)
    /// Nothing runs for it and its frontend says nothing: it waits in a queue, for a router or to be taken by a worker. Processes cannot be told
    /// to let it wait for so long: 600 s, 120 s and 60 s. Then its frontend's word is lost.
    static let waiting = Duration.seconds(900)
    private let most: Int

    /// - Parameter most: requests that are put together at once.
    package init(most: Int = FollowingBounds.openRequests) { self.most = most }

    package var openCount: Int { open.count }
    /// Those that are put together now, in no order.
    package var openTimelines: some Collection<Timeline> { open.values.lazy.map(\.timeline) }

    /// One that is open.
    package subscript(id: RequestID) -> Timeline? { open[id]?.timeline }

    /// Those that ended since this was last asked, in the order in which they were complete.
    package mutating func takeEnded() -> [Timeline] {
        defer { ended = [] }
        return ended
    }

    // MARK: What is told

    package mutating func told(_ slice: RequestSlice, by frontend: UInt64, at now: Instant) {
        let id = RequestID(origin: frontend, counter: slice.counter)
        change(id, at: now) { entry in
            entry.timeline.slice = slice
            entry.sliceAt = entry.sliceAt ?? now
        }
        closeIfComplete(id)
    }

    package mutating func placed(_ slice: RouteSlice, by router: Int, at now: Instant) {
        guard slice.outcome == .placed else { return }
        let id = RequestID(origin: slice.request.origin, counter: slice.request.counter)
        change(id, at: now) { entry in
            guard entry.timeline.routes.count < FollowingBounds.parts else { return }
            entry.timeline.add(Timeline.Route(router: router, slice: slice))
        }
        closeIfComplete(id)
    }

    package mutating func event(_ event: WorkerEvent, on life: FollowedLife, at now: Instant) {
        switch event {
        case .requestAccepted(let accepted):
            add(accepted.lease, of: accepted.request, accepted.leg, on: life, accepted.rank, at: now)
        case .requestStarted(let started):
            leg(started.lease, on: life, at: now) { leg in
                leg.cachedTokens = started.cachedTokens
                leg.durations.waitedMicroseconds = started.waitedMicroseconds
            }
        case .prefillDone(let done):
            leg(done.lease, on: life, at: now) { $0.durations.prefillMicroseconds = done.prefillMicroseconds }
        case .requestEnded(let ended):
            // One that began before its worker was followed is told of whole by its end.
            add(ended.lease, of: ended.request, ended.leg, on: life, ended.rank, at: now)
            leg(ended.lease, on: life, at: now) { leg in
                leg.durations = ended.durations
                leg.cachedTokens = ended.cachedTokens
                leg.outputTokens = ended.outputTokens
                leg.end = ended.reason
                leg.isOver = true
            }
            if let id = byLease[ended.lease] { closeIfComplete(id) }
        default: break
        }
    }

    /// A frontend is there, or again: its link to a router may have broken.
    package mutating func joined(frontend: UInt64) { departed.remove(frontend) }

    /// It tells nothing any more.
    package mutating func left(frontend: UInt64) { departed.insert(frontend) }

    /// What ran there is lost.
    package mutating func left(_ life: FollowedLife, at now: Instant) { endLegs(on: life) { _ in true } }

    /// Its stream was joined anew: what it does not hold any more has ended, and nobody knows how.
    package mutating func rejoined(_ life: FollowedLife, held: Set<UInt64>) { endLegs(on: life) { !held.contains($0) } }

    private mutating func endLegs(on life: FollowedLife, _ isOver: (UInt64) -> Bool) {
        // A cluster that starts joins hundreds of streams while thousands of requests are open: only those that are meant are sorted.
        let meant = open.filter { $0.value.timeline.legs.contains { $0.life == life && !$0.isOver && isOver($0.lease) } }
        for id in meant.keys.sorted() {
            guard var entry = open.removeValue(forKey: id) else { continue }
            entry.timeline.changeLegs(where: { $0.life == life && isOver($0.lease) }) { $0.isOver = true }
            open[id] = entry
            closeIfComplete(id)
        }
    }

    // MARK: Time

    /// Called a few times a second: closes what was waited for long enough.
    package mutating func tick(at now: Instant) {
        var due: [(id: RequestID, tells: Bool)] = []
        // Order: what is due is sorted before it is closed.
        for (id, entry) in open {
            let quiet = entry.heardAt.duration(to: now), areOver = entry.timeline.legs.allSatisfy(\.isOver)
            if let told = entry.sliceAt {
                if told.duration(to: now) >= Self.settling { due.append((id, true)) }
            } else if quiet >= (!areOver ? Self.forgetting : departed.contains(id.origin) ? Self.silence : Self.waiting) {
                // One that no worker told of was placed, and never came there.
                due.append((id, !entry.timeline.legs.isEmpty && !entry.needsSlice))
            }
        }
        due.sort { $0.id < $1.id }
        for (id, tells) in due { close(id, tells: tells) }
    }

    /// From now on requests are watched: those that have ended are not told of.
    package mutating func begin() {
        for id in open.keys.sorted() {
            guard var entry = open.removeValue(forKey: id) else { continue }
            entry.needsSlice = !entry.timeline.legs.isEmpty && entry.timeline.legs.allSatisfy(\.isOver)
            open[id] = entry
            if entry.sliceAt != nil { close(id, tells: false) }
        }
        ended = []
    }

    private mutating func closeIfComplete(_ id: RequestID) {
        guard let timeline = open[id]?.timeline, let slice = timeline.slice else { return }
        // One word of a router for each attempt, and of a worker for each of these.
        let attempts = Int(slice.attempts), placed = timeline.routes.reduce(0) { $0 + $1.slice.legs.count }
        guard timeline.routes.count >= attempts, timeline.legs.count >= placed, timeline.legs.allSatisfy(\.isOver) else { return }
        close(id)
    }

    private mutating func close(_ id: RequestID, tells: Bool = true) {
        guard let entry = open.removeValue(forKey: id) else { return }
        for leg in entry.timeline.legs { byLease[leg.lease] = nil }
        // Without its frontend's word it may go on where nobody looks, and its end be told yet.
        if entry.sliceAt != nil { closed.insert(id) }
        if tells { ended.append(entry.timeline) }
    }

    // MARK: Parts

    private mutating func change(_ id: RequestID, at now: Instant, _ body: (inout Open) -> Void) {
        // What is still said of one that was closed is late.
        guard !closed.contains(id) else { return }
        if open[id] == nil {
            guard open.count < most else {
                dropped += 1
                return
            }
            open[id] = Open(timeline: Timeline(id: id), heardAt: now)
        }
        guard var entry = open.removeValue(forKey: id) else { return }
        entry.heardAt = now
        body(&entry)
        open[id] = entry
    }

    private mutating func add(
        _ lease: UInt64, of request: RequestKey, _ role: Leg, on life: FollowedLife, _ rank: UInt32, at now: Instant
    ) {
        guard lease != 0, byLease[lease] == nil else { return }
        let id = RequestID(origin: request.origin, counter: request.counter)
        var isAdded = false
        change(id, at: now) { entry in
            guard entry.timeline.legs.count < FollowingBounds.parts else { return }
            entry.timeline.add(Timeline.Leg(lease: lease, life: life, attempt: request.attempt, role: role, rank: rank))
            isAdded = true
        }
        if isAdded { byLease[lease] = id }
    }

    private mutating func leg(_ lease: UInt64, on life: FollowedLife, at now: Instant, _ body: (inout Timeline.Leg) -> Void) {
        guard let id = byLease[lease] else { return }
        change(id, at: now) { $0.timeline.changeLegs(where: { $0.lease == lease && $0.life == life }, body) }
    }
}

/// What was put in lately: when it is full, the oldest goes.
private struct Recent<ID: Hashable> {
    private let most: Int
    private var known: Set<ID> = []
    private var line: [ID] = []
    private var next = 0

    init(most: Int) { self.most = most }

    func contains(_ id: ID) -> Bool { known.contains(id) }

    /// Its place in the line stays: put in again, it may go as early as if it had never left.
    mutating func remove(_ id: ID) { known.remove(id) }

    mutating func insert(_ id: ID) {
        guard known.insert(id).inserted else { return }
        if line.count < most {
            line.append(id)
        } else {
            known.remove(line[next])
            line[next] = id
            next = (next + 1) % most
        }
    }
}
