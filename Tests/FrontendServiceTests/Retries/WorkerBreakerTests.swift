import ClusterModel
import Testing

@testable import FrontendService

@Suite("Breaker of a worker")
struct WorkerBreakerTests {
    private static func at(_ milliseconds: Int64) -> Instant { Instant.zero + .milliseconds(milliseconds) }

    private func barred(at now: Instant = .zero) -> WorkerBreaker {
        var breaker = WorkerBreaker(BreakerLimits())
        for number in 1...5 { #expect(breaker.failed(at: now) == (number == 5)) }
        return breaker
    }

    @Test("five failures in a row bar it; one success between them begins the count anew")
    func opens() {
        var breaker = WorkerBreaker(BreakerLimits())
        for _ in 0..<4 { #expect(!breaker.failed(at: .zero) && breaker.admits(at: .zero)) }
        #expect(breaker.endedWell() == false)
        for _ in 0..<4 { #expect(breaker.failed(at: .zero) == false) }
        #expect(!breaker.isBarred && breaker.failed(at: .zero) && breaker.isBarred)
        // What was under way when it was barred changes nothing.
        #expect(!breaker.failed(at: Self.at(10)) && breaker.tryAt == Self.at(250))
    }

    @Test("it is tried by one request at a time, at most a second apart")
    func tries() {
        var breaker = barred(), tries: [Int64] = []
        for millisecond in Int64(0)..<4_000 where breaker.admits(at: Self.at(millisecond)) { tries.append(millisecond) }
        #expect(tries == [250, 750, 1_750, 2_750, 3_750])
    }

    @Test("a try that went elsewhere is the next request's")
    func notTried() {
        var breaker = barred()
        #expect(breaker.admits(at: Self.at(300)) && !breaker.admits(at: Self.at(301)))
        breaker.wasNotTried(at: Self.at(302))
        #expect(breaker.admits(at: Self.at(302)) && !breaker.admits(at: Self.at(303)))
    }

    @Test("the first token ends it, and until a request has ended well one failure is enough")
    func closes() {
        var breaker = barred()
        #expect(breaker.admits(at: Self.at(250)) && breaker.gaveTokens() && !breaker.isBarred)
        #expect(breaker.gaveTokens() == false, "told once")
        #expect(breaker.failed(at: Self.at(400)) && breaker.tryAt == Self.at(900), "no sooner than after the try before")
        #expect(breaker.endedWell() && breaker.failuresInARow == 0)
        #expect(breaker.failed(at: Self.at(500)) == false)
    }

    @Test("with no failures allowed nobody is ever barred")
    func off() {
        var breaker = WorkerBreaker(BreakerLimits(failures: 0))
        for _ in 0..<100 { #expect(!breaker.failed(at: .zero) && breaker.admits(at: .zero)) }
    }
}
