import Testing

@testable import LoadGeneration

@Suite struct RequestOutcomeTests {
    private func outcome(due: Duration, sent: Duration, first: Duration, ended: Duration, tokens: UInt32) -> RequestOutcome {
        RequestOutcome(
            due: due, sent: sent, firstToken: first, ended: ended, end: .complete, promptTokens: 10, cachedTokens: nil,
            outputTokens: tokens)
    }

    @Test("a late sender's delay counts in the time to the first token, and not in that per token")
    func countsFromDue() {
        let late = outcome(due: .seconds(1), sent: .seconds(3), first: .seconds(4), ended: .seconds(6), tokens: 5)
        #expect(late.timeToFirstToken == .seconds(3))
        #expect(late.endToEnd == .seconds(5))
        #expect(late.timePerToken == .milliseconds(500))
    }

    @Test("a request is good only if it is complete and within each limit that is set")
    func goodput() {
        var limits = GoodputLimits(timeToFirstToken: .seconds(2), timePerToken: .milliseconds(500))
        var request = outcome(due: .zero, sent: .zero, first: .seconds(2), ended: .seconds(4), tokens: 5)
        #expect(limits.holds(request))
        limits.endToEnd = .milliseconds(3_999)
        #expect(!limits.holds(request))
        limits.endToEnd = nil
        limits.timePerToken = .milliseconds(499)
        #expect(!limits.holds(request))
        limits.timePerToken = nil
        request.end = .left
        #expect(!limits.holds(request))
    }
}
