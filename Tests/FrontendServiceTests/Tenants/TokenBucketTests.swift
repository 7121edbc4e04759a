import ClusterModel
import Testing

@testable import FrontendService

@Suite("Tokens a minute")
struct TokenBucketTests {
    private static func at(_ seconds: Double) -> Instant { Instant.zero + .milliseconds(Int64(seconds * 1_000)) }

    @Test("a burst is there at once, then the rate, and advice when to come back is exact")
    func rate() {
        var bucket = TokenBucket(tokensPerMinute: 600, burst: 100, at: .zero)
        #expect(bucket.take(60, at: .zero) == nil && bucket.take(40, at: .zero) == nil)
        #expect(bucket.take(50, at: .zero) == .seconds(5))
        #expect(bucket.take(50, at: Self.at(4.9)) == .milliseconds(100))
        #expect(bucket.take(50, at: Self.at(5)) == nil)
        #expect(bucket.remaining(at: Self.at(5)) == 0 && bucket.reset(at: Self.at(5)) == .seconds(10))
        #expect(bucket.remaining(at: Self.at(60)) == 100 && bucket.reset(at: Self.at(60)) == .zero)
    }

    @Test("what is more than a burst is taken when the bucket is full, and paid for by those after it")
    func large() {
        var bucket = TokenBucket(tokensPerMinute: 600, burst: 100, at: .zero)
        #expect(bucket.take(300, at: .zero) == nil)
        #expect(bucket.take(1, at: .zero) == .milliseconds(20_100))
        #expect(bucket.take(300, at: Self.at(29)) == .seconds(1))
        #expect(bucket.take(300, at: Self.at(30)) == nil)
    }

    @Test("what was reserved and not used comes back, up to the burst")
    func back() {
        var bucket = TokenBucket(tokensPerMinute: 60, burst: nil, at: .zero)
        #expect(bucket.take(60, at: .zero) == nil)
        bucket.charge(-45, at: .zero)
        #expect(bucket.remaining(at: .zero) == 45)
        bucket.charge(-45, at: .zero)
        #expect(bucket.remaining(at: .zero) == 60)
    }

    @Test("other frontends shut nobody out for longer than ten minutes, however wrong they are")
    func wrong() {
        var bucket = TokenBucket(tokensPerMinute: 600, burst: 100, at: .zero)
        for _ in 0..<5 { #expect(bucket.charge(others: 1e18, at: .zero) >= 9e17) }
        #expect(bucket.take(1, at: .zero) == .milliseconds(600_100))
        // What was used here is owed in full.
        bucket.charge(6_000, at: .zero)
        #expect(bucket.charge(others: 1, at: .zero) == 1)
        #expect(bucket.take(1, at: .zero) == .milliseconds(1_200_100))
    }

    @Test("what a request of this frontend reserves hides nothing that others charge meanwhile")
    func apart() {
        var bucket = TokenBucket(tokensPerMinute: 60, burst: 100, at: .zero)
        #expect(bucket.take(1_000_000, at: .zero) == nil)
        #expect(bucket.charge(others: 80, at: .zero) == 0)
        bucket.charge(-999_990, at: .zero)
        #expect(bucket.remaining(at: .zero) == 10)
    }

    @Test("what comes back pays what is owed for others, and what is beyond that is there again up to the burst")
    func both() {
        var bucket = TokenBucket(tokensPerMinute: 60, burst: 100, at: .zero)
        #expect(bucket.take(30, at: .zero) == nil)
        #expect(bucket.charge(others: 50, at: .zero) == 0)
        #expect(bucket.remaining(at: .zero) == 20 && bucket.reset(at: .zero) == .seconds(80))
        #expect(bucket.remaining(at: Self.at(10)) == 30)
        #expect(bucket.charge(others: -60, at: Self.at(10)) == 0)
        #expect(bucket.remaining(at: Self.at(10)) == 90)
        // Others charge what the rate has paid for already, and then this frontend's own part comes back.
        #expect(bucket.charge(others: 50, at: Self.at(20)) == 0)
        bucket.charge(-30, at: Self.at(20))
        #expect(bucket.remaining(at: Self.at(20)) == 80)
        let slower = bucket.changed(tokensPerMinute: 30, burst: 100, at: Self.at(20))
        var copy = slower
        #expect(copy.remaining(at: Self.at(20)) == 80 && copy.reset(at: Self.at(20)) == .seconds(40))
    }

    @Test("another rate begins with what is left of the one before")
    func changed() {
        var bucket = TokenBucket(tokensPerMinute: 600, burst: 100, at: .zero)
        #expect(bucket.take(80, at: .zero) == nil)
        var other = bucket.changed(tokensPerMinute: 60, burst: 200, at: .zero)
        #expect(other.remaining(at: .zero) == 120 && other.remaining(at: Self.at(10)) == 130)
        var small = bucket.changed(tokensPerMinute: 60, burst: 50, at: .zero)
        #expect(small.remaining(at: .zero) == 0)
    }

    @Test("over any time no more is given than the rate and one burst, whatever is asked for and when")
    func bound() {
        var random = SeededRandom(seed: 3)
        for _ in 0..<50 {
            let rate = Int.random(in: 60...6_000, using: &random), burst = Int.random(in: 10...1_000, using: &random)
            var bucket = TokenBucket(tokensPerMinute: rate, burst: burst, at: .zero), given = 0, now = 0.0
            for _ in 0..<400 {
                now += Double.random(in: 0...2, using: &random)
                let wanted = Int.random(in: 1...burst, using: &random)
                if bucket.take(wanted, at: Self.at(now)) == nil { given += wanted }
                #expect(Double(given) <= Double(burst) + Double(rate) / 60 * now + 1)
            }
        }
    }

    @Test(
        "spans are written as OpenAI writes them",
        arguments: [
            (0, "0s"), (20, "20ms"), (1_000, "1s"), (7_660, "7.66s"), (360_000, "6m0s"), (61_001, "1m1.001s"), (5_000_000, "83m20s"),
        ])
    func spans(_ milliseconds: Int, _ text: String) { #expect(TenantAllowance.text(.milliseconds(Int64(milliseconds))) == text) }
}
