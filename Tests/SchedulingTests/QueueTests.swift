import ClusterModel
import Testing

@testable import Scheduling

@Suite("The queue")
struct QueueTests {
    private let start = Instant(nanoseconds: 1_000_000_000_000)

    private func request(
        _ tokens: UInt32 = 100, at offset: Double = 0, priority: Double = 0, tenant: String = "", weight: Double = 1,
        deadline: Double = 100,
        waits: Double = 60, pin: UInt64? = nil
    ) -> ParkedRequest {
        let arrival = start + .milliseconds(Int64(offset * 1_000))
        var request = ParkedRequest(
            arrival: arrival, expiry: arrival + .milliseconds(Int64(waits * 1_000)),
            deadline: start + .milliseconds(Int64(deadline * 1_000)))
        request.tokens = tokens
        request.promptTokens = tokens
        request.priority = priority
        request.tenant = tenant
        request.weight = weight
        if let pin { request.lane.pins = [PlacementPin(role: .aggregated, target: PlacementTarget(worker: WorkerID(pin), rank: nil))] }
        return request
    }

    private func queue(_ policy: QueuePolicy = .fcfs, _ change: (inout QueueSettings) -> Void = { _ in }) -> RequestQueue {
        var settings = QueueSettings()
        settings.policy = policy
        change(&settings)
        return RequestQueue(settings, at: start)
    }

    private func park(_ queue: inout RequestQueue, _ request: ParkedRequest, isBusy: Bool = false) -> QueueTicket? {
        try? queue.park(request, isBusy: isBusy, tokenLimit: .max, at: request.arrival)
    }

    /// Places everything that can be, and gives the order, by the order of parking.
    private func drain(_ queue: inout RequestQueue, _ tickets: [QueueTicket?], at offset: Double = 0) -> [Int] {
        let now = start + .milliseconds(Int64(offset * 1_000))
        var order: [Int] = []
        while let ticket = queue.next(at: now) {
            order.append(tickets.firstIndex(of: ticket) ?? -1)
            queue.placed(ticket, at: now)
        }
        return order
    }

    /// Why it is not parked.
    private func refusal(_ queue: inout RequestQueue, _ request: ParkedRequest, tokens: UInt64 = .max, at now: Instant) -> QueueRefusal? {
        do throws(QueueRefusal) {
            _ = try queue.park(request, isBusy: false, tokenLimit: tokens, at: now)
            return nil
        } catch { return error }
    }

    // MARK: Order

    @Test(
        "D.2: each policy has its order: fcfs and lcfs with a second for each unit of priority, wspt by priority a token, deadline by deadline",
        arguments: [
            (QueuePolicy.fcfs, [1, 0, 4, 2, 3]), (.lcfs, [4, 1, 3, 2, 0]), (.wspt, [1, 3, 4, 0, 2]), (.deadline, [4, 3, 2, 1, 0]),
        ])
    func golden(policy: QueuePolicy, order: [Int]) {
        var queue = queue(policy)
        let parked = [
            request(1_000, at: 0, deadline: 90), request(1_000, at: 1, priority: 2.5, deadline: 80), request(4_000, at: 2, deadline: 70),
            request(300, at: 3, deadline: 60), request(2_000, at: 3, priority: 1.5, deadline: 50),
        ]
        // 0: key 0; 1: 1.5; 2: -2; 3: -3; 4: -1.5. As lcfs: 0, 3.5, 2, 3, 4.5.
        let tickets = parked.map { park(&queue, $0) }
        let placed = drain(&queue, tickets, at: 3)
        #expect(placed == order)
        #expect(queue.isEmpty && queue.tokens == 0 && queue.promptTokens == 0)
    }

    @Test("D.2: a priority below nothing is none, under every policy", arguments: QueuePolicy.allCases)
    func negativePriority(policy: QueuePolicy) {
        var queue = queue(policy)
        let tickets = [request(priority: -1_000), request(at: 0.001), request(at: 0.002, priority: -5)].map { park(&queue, $0) }
        let order = drain(&queue, tickets, at: 1)
        #expect(order == (policy == .lcfs ? [2, 1, 0] : [0, 1, 2]))
    }

    @Test("of a tenant's requests the higher class goes first under every policy, whatever the priorities", arguments: QueuePolicy.allCases)
    func classes(policy: QueuePolicy) {
        var queue = queue(policy)
        let parked = (0..<4).map { place in
            var request = request(1_000, at: 0, priority: place == 0 ? 1_000 : 0, deadline: place == 0 ? 10 : 90)
            request.priorityClass = [0, 1, 7, 1][place]
            return request
        }
        let tickets = parked.map { park(&queue, $0) }
        #expect(drain(&queue, tickets) == (policy == .lcfs ? [2, 3, 1, 0] : [2, 1, 3, 0]))
    }

    @Test("D.2: equal keys keep the order of arrival, and lcfs turns it round", arguments: QueuePolicy.allCases)
    func ties(policy: QueuePolicy) {
        var queue = queue(policy)
        let tickets = (0..<20).map { _ in park(&queue, request()) }
        let order = drain(&queue, tickets)
        #expect(order == (policy == .lcfs ? Array((0..<20).reversed()) : Array(0..<20)))
    }

    @Test(
        "L5: nothing starves: past the aging bound the oldest has one placement in four, whatever goes before it",
        arguments: QueuePolicy.allCases)
    func aging(policy: QueuePolicy) {
        var queue = queue(policy) { $0.aging = .seconds(10) }
        // What every policy would put last, and a stream of others that never ends.
        let old = park(&queue, request(5_000, at: 0, deadline: 10_000, waits: 1_000))
        var offset = 0.0, placements = 0
        while queue[old ?? .none] != nil, offset < 60 {
            offset += 0.1
            _ = park(&queue, request(1, at: offset, priority: 1_000, deadline: 200))
            let now = start + .milliseconds(Int64(offset * 1_000))
            guard let next = queue.next(at: now) else { break }
            if offset >= 10 { placements += 1 }
            queue.placed(next, at: now)
        }
        #expect(placements <= QueueLimits.agedTurn && offset < 11)
    }

    @Test("those that aged take no more than their turn while others wait")
    func agedShare() {
        var queue = queue { $0.aging = .seconds(1) }
        let old = (0..<40).map { _ in park(&queue, request(at: 0)) }
        let urgent = (0..<40).map { _ in park(&queue, request(at: 5, priority: 1_000)) }
        let first = drain(&queue, old + urgent, at: 6).prefix(40)
        #expect(first.count { $0 < 40 } == 10)
    }

    // MARK: Tenants

    @Test("tenants share by weight in tokens, however many requests they have and however long those are")
    func shares() {
        var queue = queue { $0.aging = .seconds(1_000) }
        var random = SeededRandom(seed: 3)
        var names: [QueueTicket: (String, Double)] = [:]
        // The one with many long requests, one with short ones at twice the weight, one with half.
        for (tenant, weight, count, most) in [("long", 1.0, 400, 4_000), ("short", 2.0, 3_000, 300), ("half", 0.5, 1_500, 1_000)] {
            for _ in 0..<count {
                let tokens = UInt32(1 + random.next() % UInt64(most))
                if let ticket = park(&queue, request(tokens, tenant: tenant, weight: weight)) { names[ticket] = (tenant, Double(tokens)) }
            }
        }
        var placed: [String: Double] = [:]
        while let ticket = queue.next(at: start), queue.tenants == 3 {
            let (tenant, tokens) = names[ticket] ?? ("", 0)
            placed[tenant, default: 0] += tokens
            queue.placed(ticket, at: start)
        }
        let all = placed.values.reduce(0, +)
        for (tenant, share) in [("long", 1 / 3.5), ("short", 2 / 3.5), ("half", 0.5 / 3.5)] {
            let got = (placed[tenant] ?? 0) / all
            #expect(abs(got - share) < 0.02, "\(tenant) got \(got) and not \(share)")
        }
    }

    @Test("a tenant that comes to a long queue of another is served in its turn, at once")
    func newcomer() {
        var queue = queue()
        _ = (0..<1_000).map { _ in park(&queue, request(500, tenant: "flood")) }
        let small = park(&queue, request(500, at: 1, tenant: "small"))
        var before = 0
        while let ticket = queue.next(at: start + .seconds(1)), ticket != small {
            queue.placed(ticket, at: start + .seconds(1))
            before += 1
        }
        #expect(before <= 2)
    }

    @Test("a tenant with nothing parked is taken whatever its request's size, and one with its share parked is not")
    func largeNewcomer() {
        var queue = queue()
        for _ in 0..<30 { #expect(refusal(&queue, request(100, tenant: "noisy", weight: 9), tokens: 4_000, at: start) == nil) }
        // A tenth of three quarters are 300 tokens.
        #expect(refusal(&queue, request(900, tenant: "quiet"), tokens: 4_000, at: start) == nil)
        #expect(refusal(&queue, request(50, tenant: "quiet"), tokens: 4_000, at: start) == .full)
        // The hard limit holds for all.
        #expect(refusal(&queue, request(200, tenant: "third"), tokens: 4_000, at: start) == .full)
        #expect(refusal(&queue, request(100, tenant: "third"), tokens: 4_000, at: start) == nil)
    }

    @Test("above the bound of tenants a newcomer's share is that of the place that it would have")
    func sharesAbove() {
        var queue = queue { $0.entries = 400 }
        for tenant in 0..<300 { #expect(park(&queue, request(tenant: "t\(tenant)")) != nil) }
        #expect(queue.tenants == QueueLimits.tenants)
        // Those above the bound hold more than their one share together, whatever weight the next one has.
        #expect(park(&queue, request(tenant: "heavy", weight: 1_000)) == nil)
        #expect(park(&queue, request(tenant: "t7", weight: 1_000)) != nil)
    }

    @Test("above the bound of tenants the rest shares one place, and every weight is brought into bounds")
    func manyTenants() {
        var queue = queue { $0.entries = 100_000 }
        for tenant in 0..<2_000 { _ = park(&queue, request(tenant: "t\(tenant)", weight: tenant == 0 ? 1e30 : 1e-30)) }
        #expect(queue.tenants == QueueLimits.tenants)
        var placed = 0
        while let ticket = queue.next(at: start) {
            queue.placed(ticket, at: start)
            placed += 1
        }
        #expect(placed == 2_000 && queue.tenants == 0)
    }

    // MARK: Lanes

    @Test("L5: a busy pin holds up nobody behind it; what waits for the same is not tried again; stirred, it goes first")
    func lanes() {
        var queue = queue()
        let pinned = (0..<100).map { _ in park(&queue, request(pin: 7)) }
        let free = (0..<5).map { _ in park(&queue, request(at: 1)) }
        let first = queue.next(at: start)
        #expect(first == pinned[0])
        pinned[0].map { queue.busy($0) }
        let order = drain(&queue, free, at: 1)
        #expect(order == [0, 1, 2, 3, 4])
        #expect(queue.count == 100 && !queue.hasWork && queue.blockedLanes == 1)
        queue.stir()
        let none = queue.next(at: start)
        #expect(queue.hasWork && none == nil)
        queue.reopen(atMost: 1)
        let rest = drain(&queue, pinned, at: 1)
        #expect(rest == Array(0..<100))
        #expect(queue.lanes == 0 && queue.blockedLanes == 0)
    }

    @Test("tries are bounded and every lane gets its own: the ones that were blocked longest are opened first")
    func rotation() {
        var queue = queue()
        var lanes: [QueueTicket: Int] = [:]
        for lane in 0..<100 { if let ticket = park(&queue, request(pin: UInt64(lane)), isBusy: true) { lanes[ticket] = lane } }
        var tries = Array(repeating: 0, count: 100)
        for _ in 0..<10 {
            queue.stir()
            queue.reopen(atMost: 10)
            for _ in 0..<10 {
                guard let ticket = queue.next(at: start) else { break }
                tries[lanes[ticket] ?? 0] += 1
                queue.busy(ticket)
            }
        }
        #expect(tries.allSatisfy { $0 == 1 })
    }

    // MARK: Bounds

    @Test("entries and tokens are bounded, but one request is always taken")
    func bounds() {
        var queue = queue { $0.entries = 3 }
        var told = [refusal(&queue, request(50_000), tokens: 1_000, at: start), refusal(&queue, request(1), tokens: 1_000, at: start)]
        #expect(told == [nil, .full])
        queue = self.queue { $0.entries = 3 }
        told = (0..<3).map { _ in refusal(&queue, request(400), tokens: 1_200, at: start) }
        #expect(told == [nil, nil, nil])
        told = [refusal(&queue, request(1), at: start)]
        #expect(told == [.full])
        queue = self.queue { $0.entries = 0 }
        told = [refusal(&queue, request(1), at: start)]
        #expect(told == [.full])
    }

    @Test("one tenant does not fill the queue: the last quarter is for those below their share, in entries and in tokens")
    func ownShares() {
        for (entries, tokenLimit) in [(40, UInt64.max), (10_000, 4_000)] as [(Int, UInt64)] {
            var queue = queue { $0.entries = entries }
            func park(_ tenant: String, _ weight: Double = 1) -> Bool {
                var one = request(100)
                (one.tenant, one.weight) = (tenant, weight)
                return refusal(&queue, one, tokens: tokenLimit, at: start) == nil
            }
            func most(_ tenant: String, _ weight: Double = 1) -> Int { (0..<100).prefix { _ in park(tenant, weight) }.count }
            #expect(most("noisy") == 30)
            #expect(most("quiet") == 10, "its share is 15, and the queue has 10 left")
            queue = self.queue { $0.entries = entries }
            let (noisy, quiet, third) = (most("noisy", 9), most("quiet"), most("third", 10))
            #expect(noisy == 30 && (3...4).contains(quiet) && third == 10 - quiet, "\(noisy), \(quiet), \(third)")
            #expect(!park("noisy", 9) && !park("fourth"))
            queue = self.queue { $0.entries = entries }
            #expect(most("") == 40, "without names all are one")
        }
    }

    @Test("the rate is that of the last seconds while something waited; idle time does not count, and standing still does")
    func rate() {
        var queue = queue()
        var none = queue.rate(at: start)
        #expect(none == nil)
        // 1,000 tokens each 100 ms: 10,000 a second.
        for step in 0..<100 { _ = park(&queue, request(1_000, at: Double(step) * 0.001, waits: 1_000)) }
        for step in 1...90 {
            let now = start + .milliseconds(Int64(step) * 100)
            if let ticket = queue.next(at: now) { queue.placed(ticket, at: now) }
        }
        let rate = queue.rate(at: start + .seconds(9)) ?? 0
        #expect(abs(rate - 10_000) < 500, "\(rate)")
        let retry = queue.retryAfter(at: start + .seconds(9))
        #expect(abs(retry.inMilliseconds - 1_000) < 100)
        // Ten requests left, and nothing happens.
        let still = queue.rate(at: start + .seconds(20)) ?? 0
        #expect(still < rate / 3)
        while let ticket = queue.oldest { queue.remove(ticket, at: start + .seconds(20)) }
        let idle = queue.rate(at: start + .seconds(25)) ?? 0
        #expect(abs(idle - still) < 1)
        none = queue.rate(at: start + .seconds(5_000))
        #expect(none == nil)
    }

    @Test("a queue that is longer than a request may wait refuses it at once, and says by how much")
    func unreachable() {
        var queue = queue()
        for step in 0..<200 { _ = park(&queue, request(1_000, at: Double(step) * 0.001, waits: 1_000)) }
        for step in 1...20 {
            let now = start + .milliseconds(Int64(step) * 100)
            if let ticket = queue.next(at: now) { queue.placed(ticket, at: now) }
        }
        // 180,000 tokens at 10,000 a second.
        let now = start + .seconds(2)
        var late = request(100, at: 2, waits: 6)
        let told = refusal(&queue, late, at: now)
        if case .unreachable(let excess)? = told { #expect(abs(excess.inMilliseconds - 12_000) < 1_000) } else { Issue.record("taken") }
        // Who goes first need not wait for those behind it, nor does a tenant of its own for all of another's.
        late.priority = 100
        var others = [refusal(&queue, late, at: now)]
        late.priority = 0
        late.tenant = "other"
        others.append(refusal(&queue, late, at: now))
        others.append(refusal(&queue, request(100, at: 2, waits: 30), at: now))
        #expect(others == [nil, nil, nil])
    }

    /// The same, with state or part of its answer.
    private func underWay(_ request: ParkedRequest) -> ParkedRequest {
        var request = request
        request.isUnderWay = true
        return request
    }

    @Test("what is under way is never refused, and goes before all of its tenant's newcomers", arguments: QueuePolicy.allCases)
    func underWay(policy: QueuePolicy) {
        var queue = queue(policy) { $0.entries = 2 }
        var first = request(1_000, priority: 1_000, deadline: 5)
        first.priorityClass = .max
        var tickets = [park(&queue, first), park(&queue, request(1_000))]
        #expect(refusal(&queue, request(1), tokens: 2_000, at: start) == .full)
        for tokens in [1, 4_000] as [UInt32] {
            let ticket = try? queue.park(underWay(request(tokens)), isBusy: false, tokenLimit: 2_000, at: start)
            #expect(ticket != nil)
            tickets.append(ticket)
        }
        #expect(Set(drain(&queue, tickets).prefix(2)) == [2, 3])
    }

    @Test("what is under way waits however long the queue is, and says nothing of how fast newcomers leave")
    func underWayRate() {
        var queue = queue(), twin = queue
        for step in 0..<200 {
            let newcomer = request(1_000, at: Double(step) * 0.001, waits: 1_000)
            _ = park(&queue, newcomer)
            _ = park(&twin, newcomer)
        }
        for step in 1...20 {
            let now = start + .milliseconds(Int64(step) * 100)
            // A decode leg between any two of them.
            let ticket = park(&queue, underWay(request(1, at: Double(step) * 0.1)))
            let found = queue.next(at: now)
            #expect(found == ticket)
            if let found { queue.placed(found, at: now) }
            if let ticket = queue.next(at: now) { queue.placed(ticket, at: now) }
            if let ticket = twin.next(at: now) { twin.placed(ticket, at: now) }
        }
        let now = start + .seconds(2), late = request(100, at: 2, waits: 6)
        var rates = [queue.rate(at: now), twin.rate(at: now)]
        #expect(rates[0] != nil && rates[0] == rates[1])
        var told = [refusal(&queue, late, at: now)]
        if case .unreachable? = told[0] {} else { Issue.record("180 s of work are before it") }
        told = [refusal(&queue, underWay(late), at: now)]
        #expect(told == [nil])
        // Without newcomers nobody's wait is measured.
        while let ticket = queue.oldest { queue.remove(ticket, at: now) }
        while let ticket = twin.oldest { twin.remove(ticket, at: now) }
        _ = park(&queue, underWay(request(1, at: 2)))
        rates = [queue.rate(at: now + .seconds(2)), twin.rate(at: now + .seconds(2))]
        #expect(rates[0] != nil && rates[0] == rates[1])
    }

    @Test("advice to come back lies between a second and two minutes, whatever the numbers")
    func retry() {
        #expect(RequestQueue.retry(0) == .seconds(1) && RequestQueue.retry(-5) == .seconds(1))
        #expect(RequestQueue.retry(17.5) == .milliseconds(17_500))
        for wild in [121, 1e12, .infinity, .nan] { #expect(RequestQueue.retry(wild) == .seconds(120)) }
        var queue = queue()
        _ = park(&queue, request(waits: 1_000))
        // Nothing was placed yet: as long as the oldest has waited.
        let advice = queue.retryAfter(at: start + .seconds(8))
        #expect(advice == .seconds(8))
    }
}

extension QueueTicket {
    /// Of no queue.
    fileprivate static var none: QueueTicket { QueueTicket(index: .max, sequence: 0) }
}
