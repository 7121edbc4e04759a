import ClusterModel
import Scheduling
import Testing

@Suite("Leases")
struct LeaseTableTests {
    static let life = WorkerLife(worker: WorkerID(1), generation: Generation(10))
    static let next = WorkerLife(worker: WorkerID(1), generation: Generation(11))

    static func lease(_ number: UInt64, life: WorkerLife = life, counter: UInt64 = 1, attempt: UInt8 = 1, prefill: UInt32 = 100) -> Lease {
        Lease(
            number: number, life: life, rank: Rank(0), request: RequestID(origin: 7, counter: counter), attempt: attempt, promptTokens: 100,
            prefillTokens: prefill, promptBlocks: 2)
    }

    static func at(_ seconds: Double) -> Instant { Instant(nanoseconds: Int64(seconds * 1_000_000_000)) }

    /// In step since the beginning of time.
    static func table(_ limits: LeaseLimits = LeaseLimits()) -> Leases {
        let table = Leases(limits)
        table.setInStep(life, true)
        return table
    }

    @Test("C.5: booked, accepted, ended: counted while it lives, and told of once")
    func life() {
        let table = Self.table()
        #expect(table.book(Self.lease(1), at: .zero))
        var count = table.count(on: place(1))
        #expect((count.requests, count.prefillTokens, count.ownBlocks, count.bookedRequests, count.bookedTokens) == (1, 100, 2, 1, 100))
        #expect(table.accepted(Self.lease(1, prefill: 60)) == .applied)
        count = table.count(on: place(1))
        #expect((count.requests, count.prefillTokens, count.bookedRequests, count.bookedTokens) == (1, 60, 0, 0))
        #expect(table.prefill(1, of: Self.life, remaining: 10) == .applied)
        #expect(table.grown(1, of: Self.life, outputBlocks: 3) == .applied)
        #expect(table.count(on: place(1)).prefillTokens == 10)
        #expect(table.count(on: place(1)).ownBlocks == 5)
        #expect(table.ended(1, by: Self.life, .finished) == .applied)
        #expect(table.ended(1, by: Self.life, .finished) == .late)
        table.release(1, of: Self.life, .workerLost, at: .zero)
        #expect(table.reasons == [.finished])
        #expect(table.count == 0 && table.tombstoneCount == 0)
        #expect(table.count(on: place(1)) == LeaseCount())
    }

    @Test("L6: what is not accepted within five seconds in step expires; other seconds do not count")
    func expiry() {
        let table = Self.table()
        #expect(table.book(Self.lease(1), at: Self.at(1)))
        table.expire(at: Self.at(5.9))
        table.setInStep(Self.life, false, at: Self.at(5.9))
        table.expire(at: Self.at(60))
        #expect(table.released.isEmpty)
        table.setInStep(Self.life, true, at: Self.at(60))
        table.expire(at: Self.at(60.09))
        #expect(table.released.isEmpty)
        table.expire(at: Self.at(60.1))
        #expect(table.reasons == [.expired])
    }

    @Test("a stream that was never in step lets nothing expire")
    func neverInStep() {
        let table = Leases()
        #expect(table.book(Self.lease(1), at: .zero))
        table.expire(at: Self.at(1_000))
        #expect(table.released.isEmpty)
    }

    @Test("a pause of this process is not held against the worker")
    func pause() {
        let table = Self.table()
        #expect(table.book(Self.lease(1), at: .zero))
        table.paused(for: .seconds(30), until: Self.at(31))
        table.expire(at: Self.at(31))
        #expect(table.released.isEmpty)
        table.expire(at: Self.at(35))
        #expect(table.reasons == [.expired])
    }

    @Test("L6: an accepted lease does not expire")
    func accepted() {
        let table = Self.table()
        #expect(table.book(Self.lease(1), at: .zero))
        #expect(table.accepted(Self.lease(1)) == .applied)
        table.expire(at: Self.at(1_000))
        #expect(table.released.isEmpty && table.count == 1)
    }

    @Test("in the place of a decode leg a whole request runs: its prefill counts, unless it is not to", arguments: [true, false])
    func wholeInPlaceOfDecode(tracks: Bool) {
        let table = Self.table(), place = Placement(worker: Self.life.worker, rank: Rank(0))
        func decode(_ number: UInt64) -> Lease {
            var lease = Self.lease(number, counter: number, prefill: 0)
            lease.role = .decode
            lease.tracksPrefill = false
            lease.tracksWhole = tracks
            return lease
        }
        #expect(table.book(decode(1)))
        #expect(table.accepted(Self.lease(1, prefill: 100)) == .applied && table[1]?.role == .aggregated)
        #expect(table.count(on: place).prefillTokens == (tracks ? 100 : 0))
        // What is said of it later changes the number, and not what counts.
        #expect(table.started(1, of: Self.life) == .applied && table.prefill(1, of: Self.life, remaining: 60) == .applied)
        #expect(table.count(on: place).prefillTokens == (tracks ? 60 : 0))
        #expect(table.accepted(Self.lease(1, prefill: 40)) == .applied && table.count(on: place).prefillTokens == (tracks ? 40 : 0))
        // One that stays a decode leg counts none.
        var told = decode(2)
        told.prefillTokens = 7
        #expect(table.book(decode(2)) && table.accepted(told) == .applied)
        #expect(table.count(on: place).prefillTokens == (tracks ? 40 : 0))
    }

    @Test("a tombstone keeps late events from making a lease, until the worker ends it or ten seconds pass")
    func tombstones() {
        let table = Self.table()
        for number in 1...2 as ClosedRange<UInt64> {
            #expect(table.book(Self.lease(number, counter: number), at: .zero))
            table.release(number, of: Self.life, .neverDispatched, at: .zero)
            #expect(table.accepted(Self.lease(number)) == .late)
            #expect(table.started(number, of: Self.life, rank: 0) == .late)
        }
        #expect(table.tombstoneCount == 2)
        #expect(table.ended(1, by: Self.life, .finished) == .applied)
        #expect(table.tombstoneCount == 1)
        table.expire(at: Self.at(9.9))
        #expect(table.tombstoneCount == 1)
        table.expire(at: Self.at(10))
        #expect(table.tombstoneCount == 0)
        #expect(table.accepted(Self.lease(2)) == .made)
        #expect(table.reasons == [.neverDispatched, .neverDispatched])
    }

    @Test("events of unknown leases make them: the worker is the truth")
    func unknown() {
        let table = Self.table()
        #expect(table.accepted(Self.lease(5)) == .made)
        #expect(table.started(6, of: Self.life, rank: 3) == .made)
        #expect(table.prefill(7, of: Self.life, remaining: 1) == .late)
        #expect(table.ended(8, by: Self.life, .finished) == .late)
        #expect(table.count == 2 && table.count(on: place(1, 3)).requests == 1)
        #expect(table[6]?.request == nil)
    }

    @Test("a worker, or another life of it, cannot touch another's lease")
    func foreign() {
        let table = Self.table()
        #expect(table.book(Self.lease(1), at: .zero))
        for other in [Self.next, WorkerLife(worker: WorkerID(2), generation: Generation(10))] {
            #expect(table.accepted(Self.lease(1, life: other)) == .refused)
            #expect(table.started(1, of: other, rank: 0) == .refused)
            #expect(table.prefill(1, of: other, remaining: 0) == .refused)
            #expect(table.ended(1, by: other, .finished) == .refused)
            table.release(1, of: other, .cancelled, at: .zero)
            table.drop(other)
        }
        #expect(table.released.isEmpty && table[1]?.prefillTokens == 100)
    }

    @Test("a cancel takes back what no worker accepted, of this attempt and below")
    func cancel() {
        let table = Self.table()
        let request = RequestID(origin: 7, counter: 1)
        #expect(table.book(Self.lease(1, attempt: 2), at: .zero))
        table.cancel(request, through: 1, at: .zero)
        #expect(table.released.isEmpty)
        table.cancel(request, through: 2, at: .zero)
        table.cancel(request, through: 2, at: .zero)
        #expect(table.reasons == [.cancelled])
        #expect(table.book(Self.lease(2, attempt: 3), at: .zero))
        #expect(table.accepted(Self.lease(2, attempt: 3)) == .applied)
        table.cancel(request, through: 3, at: .zero)
        #expect(table.released.count == 1 && table.count == 1)
    }

    @Test("a repeated attempt is known until its tombstone ends; the other leg of a split one is no repeat")
    func repeats() {
        let table = Self.table()
        let request = RequestID(origin: 7, counter: 1)
        #expect(!table.repeats(request, attempt: 1, role: .aggregated))
        var prefill = Self.lease(1, attempt: 2)
        prefill.role = .prefill
        #expect(table.book(prefill, at: .zero))
        #expect(table.repeats(request, attempt: 2, role: .prefill))
        #expect(table.repeats(request, attempt: 2, role: .aggregated))
        #expect(table.repeats(request, attempt: 1, role: .decode))
        #expect(!table.repeats(request, attempt: 2, role: .decode))
        #expect(!table.repeats(request, attempt: 3, role: .prefill))
        var decode = Self.lease(2, attempt: 2)
        decode.role = .decode
        #expect(table.book(decode, at: .zero))
        #expect(table.repeats(request, attempt: 2, role: .decode))
        #expect(table.ended(1, by: Self.life, .finished) == .applied)
        #expect(!table.repeats(request, attempt: 2, role: .prefill) && table.repeats(request, attempt: 2, role: .decode))
        table.release(2, of: Self.life, .cancelled, at: .zero)
        #expect(table.repeats(request, attempt: 2, role: .decode))
        table.expire(at: Self.at(10))
        #expect(!table.repeats(request, attempt: 2, role: .decode))
    }

    @Test("a snapshot makes what it names, ends what it does not, and leaves alone what no worker accepted")
    func reconcile() {
        let table = Self.table()
        for number in 1...4 as ClosedRange<UInt64> { #expect(table.book(Self.lease(number, counter: number), at: .zero)) }
        for number in [2, 3, 4] as [UInt64] { #expect(table.accepted(Self.lease(number, counter: number)) == .applied) }
        table.release(4, of: Self.life, .workerLost, at: .zero)
        table.released = []
        table.reconcile(
            Self.life, held: [Self.lease(3, counter: 3, prefill: 5), Self.lease(4, counter: 4), Self.lease(9, counter: 9)])
        #expect(table.released.map(\.lease.number) == [2] && table.reasons == [.finished])
        #expect(table.numbers == [1, 3, 9])
        #expect(table[3]?.prefillTokens == 5)
        #expect(table.tombstoneCount == 1)
    }

    @Test("all of a worker's life is dropped at once, in the order of their numbers")
    func drop() {
        let table = Self.table()
        let other = WorkerLife(worker: WorkerID(2), generation: Generation(1))
        for number in [5, 3, 9] as [UInt64] { #expect(table.book(Self.lease(number, counter: number), at: .zero)) }
        #expect(table.book(Self.lease(4, life: other, counter: 4), at: .zero))
        table.release(9, of: Self.life, .cancelled, at: .zero)
        table.released = []
        table.drop(Self.life)
        #expect(table.released.map(\.lease.number) == [3, 5])
        #expect(table.numbers == [4] && table.tombstoneCount == 0)
        table.drop(Self.life)
        #expect(table.released.count == 2)
    }

    @Test("the table is bounded, in leases and in tombstones")
    func bounds() {
        var limits = LeaseLimits()
        limits.leases = 10
        limits.tombstones = 5
        let table = Self.table(limits)
        for number in 1...10 as ClosedRange<UInt64> { #expect(table.book(Self.lease(number, counter: number), at: .zero)) }
        #expect(!table.book(Self.lease(11, counter: 11), at: .zero))
        #expect(table.accepted(Self.lease(12, counter: 12)) == .refused)
        #expect(!table.book(Self.lease(1), at: .zero))
        for number in 1...10 as ClosedRange<UInt64> { table.release(number, of: Self.life, .cancelled, at: .zero) }
        table.expire(at: Self.at(1))
        #expect(table.count == 0 && table.tombstoneCount == 5)
        #expect(table.accepted(Self.lease(1)) == .made)
        #expect(table.accepted(Self.lease(10)) == .late)
    }
}
