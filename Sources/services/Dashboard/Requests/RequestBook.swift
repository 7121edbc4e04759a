import ClusterFollowing
import ClusterModel
import EventLoop
import WireProtocol

/// The requests that can be looked up: those that run, the last that ended, and of these the ones that did not go well for longer.
///
/// What this frontend's own clients asked is kept always, as its own word; what routers and workers tell of it, and all of other frontends, only
/// while somebody watches.
struct RequestBook {
    private var following: TimelineBook?
    private var ended = RequestRing<Timeline>(most: DashboardLimits.endedRequests)
    /// Failed, turned away, or tried more than once.
    private var troubled = RequestRing<Timeline>(most: DashboardLimits.endedRequests)
    private var own = RequestRing<RequestSlice>(most: DashboardLimits.ownRequests)
    private(set) var droppedBefore = 0

    /// What can be asked of it.
    struct Question {
        var state = State.any
        /// The beginning of an id's digits, lower case; empty: all.
        var prefix = ""
        var model = ""
        var tenant: String?
        var limit = 50

        enum State: String, CaseIterable { case any, running, ended, troubled }
    }

    struct Found {
        let timeline: Timeline
        let isRunning: Bool
    }

    /// This frontend's clients.
    mutating func endedHere(_ slice: RequestSlice, origin: UInt64) { own.put(slice, of: RequestID(origin: origin, counter: slice.counter)) }

    // MARK: Following

    mutating func beginFollowing() {
        following = TimelineBook(most: DashboardLimits.openRequests)
    }

    mutating func endFollowing() {
        droppedBefore += following?.dropped ?? 0
        following = nil
    }

    var dropped: Int { droppedBefore + (following?.dropped ?? 0) }
    var openCount: Int { following?.openCount ?? 0 }

    /// Nil result: nobody watches.
    mutating func follow(_ body: (inout TimelineBook) -> Void) {
        guard following != nil else { return }
        body(&following!)
    }

    /// Called a few times a second.
    mutating func tick(at now: Instant) {
        guard following != nil else { return }
        following!.tick(at: now)
        for timeline in following!.takeEnded() {
            ended.put(timeline, of: timeline.id)
            if timeline.isTroubled { troubled.put(timeline, of: timeline.id) }
        }
    }

    // MARK: Looking up

    func request(_ id: RequestID) -> Found? {
        if let open = following?[id] { return Found(timeline: open.with(own[id]), isRunning: open.slice == nil && own[id] == nil) }
        if let known = ended[id] ?? troubled[id] { return Found(timeline: known.with(own[id]), isRunning: false) }
        guard let slice = own[id] else { return nil }
        return Found(timeline: Timeline(id: id).with(slice), isRunning: false)
    }

    /// Newest first, running ones before those that ended.
    func requests(_ question: Question) -> [Found] {
        var found: [Found] = [], known: Set<RequestID> = []
        func take(_ timeline: Timeline, isRunning: Bool) {
            guard found.count < question.limit, question.fits(timeline), known.insert(timeline.id).inserted else { return }
            found.append(Found(timeline: timeline, isRunning: isRunning))
        }
        if question.state == .any || question.state == .running {
            // Order: sorted before they are taken.
            let open = (following.map { Array($0.openTimelines) } ?? []).filter {
                $0.slice == nil && own[$0.id] == nil && question.fits($0)
            }
            for timeline in open.sorted(by: { $0.id.counter > $1.id.counter }) { take(timeline, isRunning: true) }
        }
        guard question.state != .running else { return found }
        if question.state != .troubled { for (id, timeline) in ended.newestFirst { take(timeline.with(own[id]), isRunning: false) } }
        for (id, timeline) in troubled.newestFirst { take(timeline.with(own[id]), isRunning: false) }
        for (id, slice) in own.newestFirst where question.state != .troubled || slice.isTroubled {
            take(Timeline(id: id).with(slice), isRunning: false)
        }
        return found
    }
}

extension RequestBook.Question {
    fileprivate func fits(_ timeline: Timeline) -> Bool {
        if !prefix.isEmpty, !timeline.id.description.hasPrefix(prefix) { return false }
        if !model.isEmpty, timeline.slice?.model != model { return false }
        if let tenant, timeline.slice?.tenant != tenant { return false }
        return true
    }
}

extension RequestSlice {
    /// Worth a look: it failed, was turned away, or was tried more than once.
    var isTroubled: Bool { status >= 400 || attempts > 1 }
}

extension Timeline {
    fileprivate var isTroubled: Bool { slice?.isTroubled ?? legs.contains { $0.attempt > 1 } }

    /// With its frontend's word, where that is known from elsewhere.
    fileprivate func with(_ slice: RequestSlice?) -> Timeline {
        guard self.slice == nil, let slice else { return self }
        var timeline = self
        timeline.slice = slice
        return timeline
    }
}
