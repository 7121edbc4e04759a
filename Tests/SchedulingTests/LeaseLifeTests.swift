import ClusterModel
import Scheduling
import Testing

@Suite("The ends of a lease")
struct LeaseLifeTests {
    private static let life = LeaseTableTests.life

    /// Everybody who can end a lease.
    enum End: CaseIterable, Sendable {
        case workerEnds, frontendGivesBack, neverDispatched, cancelled, refused, snapshotWithout, workerLost, fiveSeconds

        func happen(to number: UInt64, in table: Leases) {
            switch self {
            case .workerEnds: _ = table.ended(number, by: life)
            case .frontendGivesBack: table.release(number, of: life, .finished)
            case .neverDispatched: table.release(number, of: life, .neverDispatched)
            case .cancelled: table.cancel(RequestID(origin: 7, counter: 1), through: 1)
            case .refused: table.release(number, of: life, .refused)
            case .snapshotWithout: table.reconcile(life, held: [])
            case .workerLost: table.drop(life)
            case .fiveSeconds: table.expire(at: LeaseTableTests.at(5))
            }
        }

        /// What no worker has accepted is none of a snapshot's business, and what one has is none of a cancel's or of the clock's.
        func ends(accepted: Bool) -> Bool {
            switch self {
            case .snapshotWithout: accepted
            case .cancelled, .fiveSeconds: !accepted
            default: true
            }
        }
    }

    @Test(
        "C.5: each end gives the place back, exactly once, whichever comes second; an end that is not meant for it does nothing",
        arguments: End.allCases, End.allCases)
    func once(_ first: End, _ second: End) {
        for isAccepted in [false, true] {
            let table = LeaseTableTests.table()
            #expect(table.book(LeaseTableTests.lease(1)))
            if isAccepted { #expect(table.accepted(LeaseTableTests.lease(1)) == .applied) }
            var ended = 0
            for end in [first, second, first, second] {
                if end.ends(accepted: isAccepted) { ended = 1 }
                end.happen(to: 1, in: table)
                #expect(table.released.count == ended && table.count == 1 - ended, "\(end), accepted: \(isAccepted)")
                #expect(ended == 0 || table.count(on: place(1)) == LeaseCount())
            }
        }
    }

    @Test("C.5: a dispatch that never happened gives the place back in the same step, and a late word of the worker takes nothing")
    func neverDispatched() {
        let table = LeaseTableTests.table()
        #expect(table.book(LeaseTableTests.lease(1)))
        #expect(table.count(on: place(1)).prefillTokens == 100 && table.count(on: place(1)).bookedTokens == 100)
        table.release(1, of: Self.life, .neverDispatched)
        #expect(table.reasons == [.neverDispatched] && table.count(on: place(1)) == LeaseCount() && table[1] == nil)
        #expect(table.accepted(LeaseTableTests.lease(1)) == .late && table.prefill(1, of: Self.life, remaining: 50) == .late)
        #expect(table.grown(1, of: Self.life, outputBlocks: 3) == .late)
        #expect(table.count == 0 && table.count(on: place(1)) == LeaseCount())
    }

    @Test("C.5: the first output ends the prefill, once, and what was to be done is done")
    func firstOutput() {
        let table = LeaseTableTests.table()
        #expect(table.book(LeaseTableTests.lease(1)))
        #expect(table.accepted(LeaseTableTests.lease(1)) == .applied && table[1]?.isPredicted == true)
        for _ in 0..<2 {
            #expect(table.prefilled(1, of: Self.life) == .applied)
            #expect(table.count(on: place(1)).prefillTokens == 0 && table[1]?.isPredicted == false)
        }
        #expect(table.started(1, of: Self.life, cached: 0) == .applied)
        #expect(table.count(on: place(1)).prefillTokens == 0, "what was computed is not to be computed again")
        #expect(table.prefilled(9, of: Self.life) == .late && table.prefilled(1, of: LeaseTableTests.next) == .refused)
    }

    @Test("L6: a generation of hours stays in the books, and what it holds is what its worker last said")
    func longGeneration() {
        let table = LeaseTableTests.table()
        #expect(table.book(LeaseTableTests.lease(1)))
        #expect(table.accepted(LeaseTableTests.lease(1)) == .applied && table.prefilled(1, of: Self.life) == .applied)
        for hour in 1...24 as ClosedRange<UInt32> {
            table.expire(at: LeaseTableTests.at(Double(hour) * 3_600))
            #expect(table.grown(1, of: Self.life, outputBlocks: hour * 10) == .applied)
            #expect(table.count(on: place(1)).ownBlocks == 2 + UInt64(hour) * 10)
        }
        #expect(table.released.isEmpty && table.count == 1)
        #expect(table.ended(1, by: Self.life) == .applied && table.count(on: place(1)) == LeaseCount())
    }

    @Test("L6: an end that was not heard is made up by what its worker holds now, and goes with its worker at the latest")
    func leak() {
        let table = LeaseTableTests.table()
        for number in 1...3 as ClosedRange<UInt64> {
            #expect(table.book(LeaseTableTests.lease(number, counter: number)))
            #expect(table.accepted(LeaseTableTests.lease(number, counter: number)) == .applied)
        }
        table.reconcile(Self.life, held: [LeaseTableTests.lease(3, counter: 3)])
        #expect(table.numbers == [3] && table.count(on: place(1)).requests == 1)
        table.drop(Self.life)
        #expect(table.count == 0 && table.released.count == 3 && table.count(on: place(1)) == LeaseCount())
    }
}
