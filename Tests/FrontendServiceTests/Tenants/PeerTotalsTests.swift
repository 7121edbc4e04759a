import Testing
import WireProtocol

@testable import FrontendService

@Suite("Totals of another frontend")
struct PeerTotalsTests {
    private func charge(_ requests: UInt64, _ tokens: UInt64, running: UInt32) -> TenantCharge {
        TenantCharge(tenant: "a", requests: requests, promptTokens: tokens / 2, outputTokens: tokens - tokens / 2, running: running)
    }

    @Test("the first total says where it stands, each one after it what was charged or given back since")
    func differences() {
        var totals = PeerTotals()
        #expect(totals.take(charge(5, 1_000, running: 2)) == .init(running: 2))
        #expect(totals.take(charge(6, 1_500, running: 3)) == .init(tokens: 500, running: 1))
        #expect(totals.take(charge(6, 1_500, running: 3)) == .init(running: 0))
        #expect(totals.take(charge(6, 1_100, running: 1)) == .init(tokens: -400, running: -2))
        // It was taken out of that frontend's file, and came back.
        #expect(totals.take(charge(1, 70, running: 1)) == .init(tokens: 70, running: 0))
    }

    @Test("what was too much to be charged is not given back, and is forgotten when nothing runs there any more")
    func forgiven() {
        var totals = PeerTotals()
        _ = totals.take(charge(0, 0, running: 0))
        #expect(totals.take(charge(1, 1_000, running: 1)).tokens == 1_000)
        totals.forgive(600, of: "a")
        #expect(totals.take(charge(2, 1_100, running: 2)).tokens == 100)
        // 300 and then 690 of 1,000: the first 600 were never charged.
        #expect(totals.take(charge(2, 800, running: 2)).tokens == 0)
        #expect(totals.take(charge(2, 110, running: 1)).tokens == -390)
        #expect(totals.take(charge(3, 2_110, running: 2)).tokens == 2_000)
        totals.forgive(1_500, of: "a")
        // All of it was used.
        #expect(totals.take(charge(3, 2_110, running: 0)).tokens == 0)
        #expect(totals.take(charge(4, 2_210, running: 1)).tokens == 100)
        #expect(totals.take(charge(4, 2_150, running: 0)).tokens == -60)
    }

    @Test("what ran at a frontend that is not heard is told once, and again when it is heard again")
    func silence() {
        var totals = PeerTotals()
        _ = totals.take(charge(3, 0, running: 3))
        let gone = totals.nothingRuns()
        #expect(gone.count == 1 && gone[0].tenant == "a" && gone[0].running == 3)
        #expect(totals.nothingRuns().isEmpty)
        #expect(totals.take(charge(3, 0, running: 2)).running == 2)
        #expect(totals.forget("a") == 2 && totals.forget("a") == 0)
    }
}
