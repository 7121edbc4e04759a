import ClusterModel
import LoadGeneration
import Scheduling

/// What is parked at one router, with the requests beside their tickets.
struct FleetQueue {
    private(set) var order: RequestQueue
    private var requests: [Int: FleetRequest] = [:]
    var tokenLimit: UInt64 = 0
    private let settings: QueueSettings

    init(_ settings: QueueSettings, at now: Instant) {
        self.settings = settings
        order = RequestQueue(settings, at: now)
    }

    var isEmpty: Bool { order.isEmpty }
    var count: Int { order.count }

    private func lane(_ request: FleetRequest) -> QueueLane {
        var lane = QueueLane()
        lane.excluded = request.excluded.sorted()
        return lane
    }

    /// Whether it has to stand behind others.
    func mustWait(_ request: FleetRequest) -> (Bool, isBusy: Bool) {
        guard !order.isEmpty else { return (false, false) }
        if order.hasWork { return (true, false) }
        return (order.isParked(lane(request)), true)
    }

    /// False: there is no room for it, or its time would be over first.
    mutating func park(_ request: FleetRequest, tokens: UInt32, isBusy: Bool, deadline: Instant, at now: Instant) -> Bool {
        var parked = ParkedRequest(arrival: now, expiry: min(now + settings.longest, deadline), deadline: deadline)
        parked.lane = lane(request)
        parked.tenant = String(request.planned.tenant)
        parked.tokens = tokens
        parked.promptTokens = request.planned.promptTokens
        guard let ticket = try? order.park(parked, isBusy: isBusy, tokenLimit: tokenLimit, at: now) else { return false }
        requests[ticket.index] = request
        request.ticket = ticket
        request.parkedAt = now
        return true
    }

    /// Tries what is parked as long as somebody has room; `attempt` says whether it was placed, or failed for good, or found all busy.
    mutating func drain(at now: Instant, _ attempt: (FleetRequest) -> FleetRouter.Answer?) {
        order.stir()
        while true {
            order.reopen(atMost: 32)
            guard let ticket = order.next(at: now), let request = requests[ticket.index] else { return }
            switch attempt(request) {
            case .busy: order.busy(ticket)
            case .placed, .failed, nil:
                order.placed(ticket, at: now)
                left(request, at: now)
            }
        }
    }

    mutating func remove(_ request: FleetRequest, at now: Instant) {
        guard let ticket = request.ticket, requests[ticket.index] === request else { return }
        order.remove(ticket, at: now)
        left(request, at: now)
    }

    /// Those whose time is over.
    mutating func expired(at now: Instant) -> [FleetRequest] {
        var over: [FleetRequest] = []
        while let ticket = order.expired(at: now), let request = requests[ticket.index] {
            order.remove(ticket, at: now)
            left(request, at: now)
            over.append(request)
        }
        return over
    }

    /// Everybody in it, and nobody any more.
    mutating func dissolve(at now: Instant) -> [FleetRequest] {
        let all = requests.sorted { $0.key < $1.key }.map(\.value)
        for request in all { remove(request, at: now) }
        return all
    }

    private mutating func left(_ request: FleetRequest, at now: Instant) {
        if let ticket = request.ticket { requests[ticket.index] = nil }
        request.ticket = nil
        if let since = request.parkedAt { request.waitedInQueue += since.duration(to: now) }
        request.parkedAt = nil
    }
}
