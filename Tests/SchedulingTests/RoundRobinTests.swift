import ClusterModel
import Scheduling
import Testing

@Suite("Round robin")
struct RoundRobinTests {
    /// A pool as its owner keeps it: who was chosen has had its turn.
    final class Ring {
        var candidates: [Candidate]
        var turns: UInt64 = 0
        var given: [Placement: Int] = [:]
        var scratch = SelectionScratch()
        let selector = PlacementSelector(.roundRobin)

        init(_ candidates: [Candidate]) { self.candidates = candidates }

        func take(_ query: RouteQuery = SchedulingTests.query()) -> Placement? {
            var random = SeededRandom(seed: 1)
            guard
                let decision = try? selector.decide(
                    query, among: candidates, blocks: BlockMatches(), scratch: &scratch, random: &random)
            else { return nil }
            turns += 1
            candidates[decision.first.choice.index].lastTurn = turns
            given[decision.first.choice.placement, default: 0] += 1
            return decision.first.choice.placement
        }

        func join(_ candidate: Candidate) {
            candidates.append(candidate)
            candidates.sort { $0.placement < $1.placement }
        }
    }

    @Test("equal requests go round by worker and rank")
    func order() {
        let ring = Ring([candidate(1), candidate(2, 0), candidate(2, 1), candidate(9)])
        let expected = [place(1), place(2, 0), place(2, 1), place(9)]
        #expect((0..<12).map { _ in ring.take() } == (0..<12).map { expected[$0 % 4] })
    }

    @Test("one that joins comes next, once; one that leaves is not missed")
    func joinsAndLeaves() {
        let ring = Ring([candidate(1), candidate(3)])
        _ = ring.take()
        ring.join(candidate(2))
        #expect((0..<4).map { _ in ring.take() } == [place(2), place(3), place(1), place(2)])
        ring.candidates.remove(at: 2)
        #expect((0..<4).map { _ in ring.take() } == [place(1), place(2), place(1), place(2)])
    }

    @Test("requests that admit only some do not starve the others")
    func mixedDemands() {
        let ring = Ring([candidate(1, loRAs: ["poet"]), candidate(2, loRAs: ["poet"]), candidate(3), candidate(4)])
        for _ in 0..<100 {
            _ = ring.take()
            _ = ring.take(query { $0.loRA = "poet" })
        }
        // Two hundred requests, half of which two of the four share: a pointer into the ring would give 3 and 4 none.
        #expect(ring.given.count == 4 && ring.given.values.allSatisfy { (49...51).contains($0) })
    }

    @Test("prefill and decode legs in turn reach every worker of their role")
    func legs() {
        let ring = Ring([candidate(1, 0, .prefill), candidate(2, 0, .prefill), candidate(3, 0, .decode), candidate(4, 0, .decode)])
        for index in 0..<40 { _ = ring.take(query { $0.wish = index.isMultiple(of: 2) ? .prefill : .decode }) }
        #expect(ring.given.count == 4 && ring.given.values.allSatisfy { $0 == 10 })
    }

    @Test("every ready placement is within one of the mean, and no other is ever chosen", arguments: 0..<50)
    func fairness(_ seed: Int) {
        var random = SeededRandom(seed: UInt64(seed))
        let count = 1 + Int(random.next() % 40)
        let ring = Ring(
            (0..<count).map { index in
                candidate(UInt64(index / 3) + 1, UInt32(index % 3), ready: random.next() % 4 != 0, turn: 0)
            })
        let ready = Set(ring.candidates.filter(\.isReady).map(\.placement))
        let requests = Int(random.next() % 500)
        for _ in 0..<requests {
            let chosen = ring.take()
            #expect(chosen.map { ready.contains($0) } ?? ready.isEmpty, "seed \(seed)")
        }
        guard !ready.isEmpty else { return }
        for placement in ready {
            let given = ring.given[placement] ?? 0
            #expect(given == requests / ready.count || given == requests / ready.count + 1, "seed \(seed)")
        }
    }

    @Test("never an ineligible one, whatever the query asks", arguments: 0..<200)
    func eligibility(_ seed: Int) {
        var random = SeededRandom(seed: UInt64(seed) + 1_000)
        func some(_ limit: UInt64) -> UInt64 { random.next() % limit }
        let candidates = (0..<30).map { index in
            candidate(
                UInt64(index / 2) + 1, UInt32(index % 2), PlacementRole(rawValue: UInt8(some(3))) ?? .aggregated, ready: some(3) != 0,
                capabilities: some(8), loRAs: some(2) == 0 ? ["poet"] : [], waiting: some(2_000), turn: some(10))
        }
        let asked = query {
            $0.wish = PlacementWish(rawValue: UInt8(some(4))) ?? .any
            $0.needs = some(4)
            $0.loRA = some(3) == 0 ? "poet" : ""
            $0.allowed = WorkerList(some(2) == 0 ? [] : (0..<10).map { _ in some(18) })
            $0.excluded = WorkerList((0..<some(4)).map { _ in some(18) })
            $0.unreachable = WorkerList((0..<some(4)).map { _ in some(18) })
            if some(3) == 0 { $0.preferred = PlacementTarget(worker: WorkerID(some(18)), rank: some(2) == 0 ? nil : Rank(UInt32(some(3)))) }
        }
        // Said anew, without the code that is tested.
        func mayRun(_ candidate: Candidate) -> Bool {
            let id = candidate.placement.worker
            // One that a whole request prefers may be of any role.
            let isPreferred = asked.wish == .aggregated && asked.preferred.map { $0.covers(candidate.placement) } ?? false
            let roles: [PlacementRole] = asked.wish == .prefill ? [.prefill] : [.aggregated, .decode] + (isPreferred ? [.prefill] : [])
            return candidate.isReady && roles.contains(candidate.role) && asked.needs & candidate.capabilities == asked.needs
                && (asked.loRA.isEmpty || candidate.loRAs.contains(asked.loRA)) && (asked.allowed.isEmpty || asked.allowed.contains(id))
                && !asked.excluded.contains(id) && !asked.unreachable.contains(id)
        }
        let able = candidates.filter(mayRun), free = Set(able.filter { $0.load.waitingTokens <= 1_000 }.map(\.placement))
        switch SelectionTests.selector.place(asked, candidates) {
        case .success(let placement): #expect(free.contains(placement), "seed \(seed)")
        // Nobody waits for one that is only preferred.
        case .failure(let failure):
            let mayWait = able.contains { $0.role != .prefill || asked.wish == .prefill }
            #expect(failure == (mayWait ? .busy : .noWorker) && free.isEmpty, "seed \(seed)")
        }
    }
}
