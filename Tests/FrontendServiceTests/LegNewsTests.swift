import RequestTracking
import Testing
import WireProtocol

@testable import FrontendService

/// What a worker says of a leg between two looks at it.
@Suite struct LegNewsTests {
    @Test("nothing, tokens alone and times alone wake nobody")
    func quiet() {
        var news = LegNews()
        news.hasTokens = true
        news.times.add(LegTimes(waited: 3_000))
        #expect(news.isEmpty && !news.isLast)
    }

    @Test("each thing that is said is there, and only that")
    func words() {
        var news = LegNews()
        news.say(.embedding([1, 2]))
        #expect(!news.isEmpty && !news.isLast)
        var end = EndedStatus()
        end.counter = 7
        news.say(.end(end))
        #expect(news.isLast)
        #expect(news.embedding == [1, 2] && news.ended?.counter == 7 && news.refusal == nil && news.times.slice == nil)
        var refusal = RefusedStatus()
        refusal.counter = 8
        news.say(.refusal(refusal))
        #expect(news.refusal?.counter == 8 && news.ended?.counter == 7)
    }

    @Test("what is said again stands in place of what was said before")
    func repetition() {
        var news = LegNews()
        for counter in UInt64(1)...1_000 {
            var end = EndedStatus()
            end.counter = counter
            news.say(.end(end))
            news.say(.embedding([UInt8(truncatingIfNeeded: counter)]))
        }
        #expect(news.ended?.counter == 1_000 && news.embedding == [UInt8(truncatingIfNeeded: 1_000)])
        #expect(news.saidCount == 2)
    }

    @Test("times of several statuses are one")
    func times() {
        var news = LegNews()
        news.times.add(LegTimes(waited: 3_000))
        news.times.add(LegTimes(prefill: 5_000))
        #expect(news.times.slice?.waited == .milliseconds(3) && news.times.slice?.prefill == .milliseconds(5))
        #expect(news.saidCount == 0)
    }

    @Test("a worker that is gone says nothing more")
    func loss() {
        var news = LegNews()
        news.loss = .gone
        #expect(!news.isEmpty && news.isLast)
    }
}
