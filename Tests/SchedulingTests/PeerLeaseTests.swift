import ClusterModel
import Scheduling
import Testing

@Suite("Leases that another router booked")
struct PeerLeaseTests {
    private static let life = WorkerLife(worker: WorkerID(1), generation: Generation(10))
    private static let peer = RouterLife(router: RouterID(5), generation: Generation(50))
    private static let other = RouterLife(router: RouterID(5), generation: Generation(51))

    private static func lease(_ number: UInt64, by router: RouterLife? = peer) -> Lease {
        var lease = Lease(
            number: number, life: life, rank: Rank(0), request: RequestID(origin: 7, counter: number), attempt: 1, promptTokens: 100,
            prefillTokens: 100, promptBlocks: 2)
        lease.bookedBy = router
        return lease
    }

    private static func at(_ seconds: Double) -> Instant { Instant(nanoseconds: Int64(seconds * 1_000_000_000)) }

    private static func table(_ leases: Lease...) -> LeaseTable {
        var table = LeaseTable()
        table.setInStep(life, true, at: .zero)
        for lease in leases { _ = table.book(lease, at: .zero) }
        return table
    }

    @Test("it counts as booked, and leaves without a tombstone when its router gives it up")
    func withdrawn() {
        var table = Self.table(Self.lease(1)), released: [ReleasedLease] = []
        #expect(table.count(on: place(1)).bookedTokens == 100)
        table.withdraw(1, bookedBy: Self.other, .cancelled, &released)
        #expect(table.count == 1, "another life of the router has no say in it")
        table.withdraw(1, bookedBy: Self.peer, .cancelled, &released)
        #expect(table.count == 0 && table.tombstoneCount == 0 && released.map(\.reason) == [.cancelled])
        #expect(table.count(on: place(1)).bookedTokens == 0)
    }

    @Test("once its worker has accepted it, only the worker ends it")
    func accepted() {
        var table = Self.table(Self.lease(1)), released: [ReleasedLease] = []
        let verdict1 = table.accepted(Self.lease(1, by: nil))
        #expect(verdict1 == .applied)
        #expect(table[1]?.bookedBy == nil && table.count(on: place(1)).bookedRequests == 0)
        table.withdraw(1, bookedBy: Self.peer, .expired, &released)
        #expect(table.count == 1 && released.isEmpty)
        let verdict2 = table.ended(1, by: Self.life, .finished, &released)
        #expect(verdict2 == .applied)
        #expect(table.count == 0)
    }

    @Test("started without a word of acceptance is the same")
    func started() {
        var table = Self.table(Self.lease(1)), released: [ReleasedLease] = []
        _ = table.started(1, of: Self.life, rank: Rank(0), cachedTokens: 0, at: .zero)
        table.withdraw(1, bookedBy: Self.peer, .expired, &released)
        #expect(table.count == 1 && table[1]?.bookedBy == nil)
    }

    @Test("it expires like any other; if the worker has it all the same, the worker's word makes it anew")
    func expired() {
        var table = Self.table(Self.lease(1), Self.lease(2, by: nil)), released: [ReleasedLease] = []
        table.expire(at: Self.at(5), &released)
        #expect(table.count == 0 && table.tombstoneCount == 1, "only of its own bookings it knows that they are dead")
        let verdict3 = table.accepted(Self.lease(1, by: nil))
        #expect(verdict3 == .made)
        let verdict4 = table.accepted(Self.lease(2, by: nil))
        #expect(verdict4 == .late)
        #expect(table.count == 1)
    }

    @Test("a later attempt that comes here ends it, and its worker may still say that it has it")
    func superseded() {
        var table = Self.table(Self.lease(1)), released: [ReleasedLease] = []
        #expect(
            table.repeats(RequestID(origin: 7, counter: 1), attempt: 1, role: .aggregated), "the same attempt is a repeat in every router")
        table.cancel(RequestID(origin: 7, counter: 1), through: 1, at: .zero, &released)
        #expect(table.count == 0 && table.tombstoneCount == 0)
        let verdict5 = table.accepted(Self.lease(1, by: nil))
        #expect(verdict5 == .made)
    }
}
