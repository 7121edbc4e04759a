import ClusterModel
import Testing

@testable import LoadGeneration

@Suite("When requests of an open load are due")
struct ArrivalTimesTests {
    /// Mean and variance of the steps, in means.
    private func steps(_ pattern: ArrivalPattern, seed: UInt64, count: Int = 40_000) -> (mean: Double, variance: Double) {
        var times = ArrivalTimes(pattern, rate: 100, seed: seed), before = 0.0, sum = 0.0, squares = 0.0
        for _ in 0..<count {
            let at = times.next().inSeconds
            let step = (at - before) * 100
            before = at
            sum += step
            squares += step * step
        }
        let mean = sum / Double(count)
        return (mean, squares / Double(count) - mean * mean)
    }

    @Test("the steps of each pattern have its mean and its variance, whatever the seed", arguments: [1, 7, 1_000_003] as [UInt64])
    func moments(seed: UInt64) {
        let expected: [(ArrivalPattern, variance: Double)] = [
            (.poisson, 1), (.gamma(shape: 0.25), 4), (.gamma(shape: 1), 1), (.gamma(shape: 4), 0.25),
        ]
        for (pattern, variance) in expected {
            let measured = steps(pattern, seed: seed)
            // Five deviations of a mean of 40,000, and of a variance with the tails that bursts have.
            #expect(abs(measured.mean - 1) < 5 * (variance / 40_000).squareRoot(), "\(pattern)")
            #expect(abs(measured.variance - variance) < 0.15 * max(1, variance), "\(pattern)")
        }
    }

    @Test("steps of equal length do not drift, in a million of them either")
    func constant() {
        var times = ArrivalTimes(.constant, rate: 3, seed: 1)
        #expect(times.next() == .zero)
        #expect(times.next() == .nanoseconds(333_333_333))
        for _ in 0..<2_999_998 { _ = times.next() }
        #expect(times.next() == .seconds(1_000_000))
    }

    @Test("the same seed gives the same moments, another one others; they never go back")
    func determinism() {
        for pattern in [ArrivalPattern.constant, .poisson, .gamma(shape: 0.3)] {
            var one = ArrivalTimes(pattern, rate: 50, seed: 5), other = one, third = ArrivalTimes(pattern, rate: 50, seed: 6)
            let moments = (0..<500).map { _ in one.next() }
            #expect(moments == (0..<500).map { _ in other.next() })
            #expect(zip(moments, moments.dropFirst()).allSatisfy { $0 <= $1 })
            if pattern != .constant { #expect(moments != (0..<500).map { _ in third.next() }) }
        }
    }

    @Test("the moments of a seed are these, on every machine")
    func golden() {
        var times = ArrivalTimes(.poisson, rate: 10, seed: 42)
        #expect((0..<3).map { _ in times.next().inMicroseconds } == [29_899, 213_213, 341_010])
    }
}
