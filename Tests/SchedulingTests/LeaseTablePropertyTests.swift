import ClusterModel
import Scheduling
import Testing

/// The lease table against a list that does the same slowly.
@Suite("Leases against a naive twin")
struct LeaseTablePropertyTests {
    /// One list, searched from the front, with the seconds of each lease counted one by one.
    struct Twin {
        enum State { case booked, accepted, tombstone }
        struct Entry {
            var lease: Lease
            var state: State
            var seconds = 0.0
        }

        var entries: [Entry] = []
        var inStep: [WorkerLife: Bool] = [:]
        var ended: [UInt64: Int] = [:]
        /// Leases may be made again after they were forgotten; each life of one ends once.
        var made: [UInt64: Int] = [:]

        func index(_ number: UInt64) -> Int? { entries.firstIndex { $0.lease.number == number } }

        mutating func book(_ lease: Lease) {
            entries.append(Entry(lease: lease, state: .booked))
            made[lease.number, default: 0] += 1
        }

        mutating func accepted(_ lease: Lease) {
            guard let index = index(lease.number) else {
                entries.append(Entry(lease: lease, state: .accepted))
                made[lease.number, default: 0] += 1
                return
            }
            guard entries[index].lease.life == lease.life, entries[index].state != .tombstone else { return }
            entries[index].lease.rank = lease.rank
            entries[index].lease.prefillTokens = lease.prefillTokens
            entries[index].state = .accepted
        }

        mutating func prefill(_ number: UInt64, _ life: WorkerLife, _ remaining: UInt32) {
            guard let index = index(number), entries[index].lease.life == life else { return }
            entries[index].lease.prefillTokens = remaining
        }

        mutating func ended(_ number: UInt64, _ life: WorkerLife) {
            guard let index = index(number), entries[index].lease.life == life else { return }
            if entries[index].state != .tombstone { ended[number, default: 0] += 1 }
            entries.remove(at: index)
        }

        mutating func release(_ number: UInt64, _ life: WorkerLife) {
            guard let index = index(number), entries[index].lease.life == life, entries[index].state != .tombstone else { return }
            bury(index)
        }

        mutating func bury(_ index: Int) {
            ended[entries[index].lease.number, default: 0] += 1
            entries[index].state = .tombstone
            entries[index].seconds = 0
        }

        mutating func cancel(_ request: RequestID, _ attempt: UInt8) {
            for index in entries.indices where entries[index].lease.request == request && entries[index].lease.attempt <= attempt {
                if entries[index].state == .booked { bury(index) }
            }
        }

        mutating func drop(_ life: WorkerLife) {
            for entry in entries where entry.lease.life == life && entry.state != .tombstone { ended[entry.lease.number, default: 0] += 1 }
            entries.removeAll { $0.lease.life == life }
            inStep[life] = false
        }

        mutating func reconcile(_ life: WorkerLife, _ held: [Lease]) {
            for lease in held { accepted(lease) }
            for entry in entries where entry.lease.life == life && entry.state == .accepted {
                if !held.contains(where: { $0.number == entry.lease.number }) { ended(entry.lease.number, life) }
            }
        }

        mutating func pass(_ seconds: Double) {
            for index in entries.indices {
                let counts = entries[index].state == .tombstone || inStep[entries[index].lease.life] == true
                if counts { entries[index].seconds += seconds }
            }
            entries.removeAll { $0.state == .tombstone && $0.seconds >= 9.9995 }
            for index in entries.indices where entries[index].state == .booked && entries[index].seconds >= 4.9995 { bury(index) }
        }
    }

    @Test("after any operations both hold the same, and each lease ends once", arguments: 0..<120)
    func operations(_ seed: Int) {
        var random = SeededRandom(seed: UInt64(seed) &* 7_919 + 3)
        func some(_ limit: UInt64) -> UInt64 { random.next() % limit }
        var table = LeaseTable(), twin = Twin(), ended: [UInt64: Int] = [:], now = Instant.zero, number: UInt64 = 0
        let lives = (0..<4).map { WorkerLife(worker: WorkerID(UInt64($0 / 2)), generation: Generation(UInt64($0))) }
        func life() -> WorkerLife { lives[Int(some(4))] }
        /// Mostly one that there is, or was.
        func known() -> UInt64 { 1 + some(max(number, 1) + 2) }
        func lease(_ number: UInt64, _ life: WorkerLife) -> Lease {
            // A request has one lease an attempt here, as plans of one leg have.
            Lease(
                number: number, life: life, rank: Rank(UInt32(some(3))), request: RequestID(origin: 1, counter: number), attempt: 1,
                promptTokens: 64, prefillTokens: UInt32(some(64)), promptBlocks: 1)
        }

        for step in 0..<600 {
            var released: [ReleasedLease] = []
            switch some(14) {
            case 0...3:
                number += 1
                // Some numbers are taken: an event of the worker came first.
                let lease = lease(number, life())
                if table.book(lease, at: now) { twin.book(lease) } else { #expect(twin.index(number) != nil) }
            case 4, 5:
                let lease = lease(known(), life())
                _ = table.accepted(lease)
                twin.accepted(lease)
            case 6:
                let number = known(), life = life(), rest = UInt32(some(50))
                _ = table.prefill(number, of: life, remaining: rest)
                twin.prefill(number, life, rest)
            case 7:
                let number = known(), life = life()
                _ = table.ended(number, by: life, .finished, &released)
                twin.ended(number, life)
            case 8:
                let number = known(), life = life()
                table.release(number, of: life, .workerLost, at: now, &released)
                twin.release(number, life)
            case 9:
                let request = RequestID(origin: 1, counter: known())
                table.cancel(request, through: 1, at: now, &released)
                twin.cancel(request, 1)
            case 10 where some(6) == 0:
                let life = life()
                table.drop(life, &released)
                twin.drop(life)
            case 11 where some(3) == 0:
                let life = life()
                let held = (0..<some(4)).map { _ in lease(known(), life) }
                var named: [UInt64: Lease] = [:]
                for lease in held where named[lease.number] == nil { named[lease.number] = lease }
                let once = named.values.sorted { $0.number < $1.number }
                for lease in once { _ = table.accepted(lease) }
                table.reconcile(life, held: Set(once.map(\.number)), &released)
                twin.reconcile(life, once)
            case 12:
                let life = life(), isInStep = some(3) != 0
                table.setInStep(life, isInStep, at: now)
                twin.inStep[life] = isInStep
            default:
                let milliseconds = Int64(some(1_500))
                now = now + .milliseconds(milliseconds)
                table.expire(at: now, &released)
                twin.pass(Double(milliseconds) / 1_000)
            }
            for one in released { ended[one.lease.number, default: 0] += 1 }
            guard ended == twin.ended else {
                Issue.record("seed \(seed), step \(step): other leases ended")
                return
            }
            guard agree(table, twin) else {
                Issue.record("seed \(seed), step \(step): table and twin differ")
                return
            }
        }
        // At rest nothing is left, and nothing ended twice in one life.
        var released: [ReleasedLease] = []
        for life in lives { table.drop(life, &released) }
        for one in released { ended[one.lease.number, default: 0] += 1 }
        #expect(table.count == 0 && table.tombstoneCount == 0, "seed \(seed)")
        #expect(ended == twin.made, "seed \(seed)")
        for worker in 0..<2 as Range<UInt64> {
            for rank in 0..<3 as Range<UInt32> { #expect(table.count(on: place(worker, rank)) == LeaseCount()) }
        }
    }

    private func agree(_ table: LeaseTable, _ twin: Twin) -> Bool {
        let live = twin.entries.filter { $0.state != .tombstone }.sorted { $0.lease.number < $1.lease.number }
        guard table.all.map(\.number) == live.map(\.lease.number), table.tombstoneCount == twin.entries.count - live.count else {
            return false
        }
        guard table.all.map(\.prefillTokens) == live.map(\.lease.prefillTokens) else { return false }
        for worker in 0..<2 as Range<UInt64> {
            for rank in 0..<3 as Range<UInt32> {
                let here = live.filter { $0.lease.placement == place(worker, rank) }, count = table.count(on: place(worker, rank))
                let booked = here.filter { $0.state == .booked }
                guard count.requests == UInt32(here.count), count.bookedRequests == UInt32(booked.count),
                    count.prefillTokens == here.reduce(0, { $0 + UInt64($1.lease.prefillTokens) }),
                    count.bookedTokens == booked.reduce(0, { $0 + UInt64($1.lease.prefillTokens) })
                else { return false }
            }
        }
        return true
    }
}
