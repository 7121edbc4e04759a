import ClusterModel
import Testing

@testable import FrontendService

@Suite("Retry budget")
struct RetryBudgetTests {
    private static func at(_ seconds: Double) -> Instant { Instant.zero + .milliseconds(Int64(seconds * 1_000)) }

    private func taken(_ budget: inout RetryBudget, _ wanted: Int, at now: Instant) -> Int {
        (0..<wanted).count { _ in budget.takes(at: now) }
    }

    @Test("T29: a tenth of what was asked in the last ten seconds, and no more however often it is wanted")
    func share() {
        var budget = RetryBudget(RetryLimits(share: 0.1, fewest: 0))
        #expect(budget.takes(at: .zero) == false)
        for number in 0..<500 { budget.began(at: Self.at(Double(number) / 100)) }
        #expect(taken(&budget, 1_000, at: Self.at(5)) == 50)
        #expect(budget.counts(at: Self.at(5)) == (500, 50))
        for _ in 0..<10 { budget.began(at: Self.at(6)) }
        #expect(taken(&budget, 10, at: Self.at(6)) == 1)
    }

    @Test("what happened eleven seconds ago counts for nothing, and no second of it counts twice")
    func window() {
        var budget = RetryBudget(RetryLimits(share: 0.1, fewest: 0))
        for _ in 0..<100 { budget.began(at: Self.at(1.5)) }
        #expect(taken(&budget, 100, at: Self.at(9.9)) == 10)
        #expect(budget.counts(at: Self.at(10.9)) == (100, 10))
        #expect(budget.counts(at: Self.at(11)) == (0, 10))
        #expect(taken(&budget, 100, at: Self.at(12)) == 0)
        for _ in 0..<100 { budget.began(at: Self.at(21.2)) }
        #expect(budget.counts(at: Self.at(21.5)) == (100, 0))
    }

    @Test("where little is asked there is a floor")
    func floor() {
        var budget = RetryBudget(RetryLimits(share: 0.1, fewest: 10))
        budget.began(at: .zero)
        #expect(taken(&budget, 100, at: .zero) == 10)
        #expect(taken(&budget, 100, at: Self.at(9.9)) == 0)
        #expect(taken(&budget, 100, at: Self.at(10)) == 10)
    }
}
