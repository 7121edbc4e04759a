import ClusterModel
import Testing

@testable import LoadGeneration

@Suite("How long prompts and answers are")
struct LengthDistributionTests {
    private func drawn(_ lengths: LengthDistribution, _ count: Int = 20_000) -> [Int] {
        var random = SeededRandom(seed: 3)
        return (0..<count).map { _ in lengths.draw(&random) }
    }

    @Test("draws have the middle and the width that were asked for, and are never below a token")
    func draws() {
        #expect(Set(drawn(.fixed(512))) == [512])
        let uniform = drawn(.uniform(10...19))
        #expect(Set(uniform) == Set(10...19))
        let normal = drawn(.normal(mean: 500, deviation: 100))
        #expect(abs(normal.reduce(0, +) / normal.count - 500) < 5)
        #expect(normal.filter { abs($0 - 500) <= 100 }.count > 13_200 && normal.filter { abs($0 - 500) <= 100 }.count < 14_100)
        let lognormal = drawn(.lognormal(median: 800, sigma: 1)).sorted()
        #expect(abs(lognormal[10_000] - 800) < 40)
        #expect(abs(lognormal[16_827] - 2_175) < 150)
        #expect(drawn(.normal(mean: 1, deviation: 50)).allSatisfy { $0 >= 1 })
        #expect(drawn(.lognormal(median: 4_000_000, sigma: 10)).allSatisfy { (1...LengthDistribution.longest).contains($0) })
    }

    @Test(
        "what is written is what is read", arguments: ["512", "uniform:1-900", "normal:512,128", "lognormal:800.5,0.8", "normal:1,1e-08"])
    func texts(text: String) throws {
        #expect(try LengthDistribution(parsing: text).text == text)
    }

    @Test(
        "nonsense is refused, never drawn from",
        arguments: [
            "", "0", "-1", "1e3", "9999999", "uniform:", "uniform:5", "uniform:9-5", "uniform:0-5", "normal:5", "normal:0,1", "normal:a,b",
            "lognormal:5,11", "lognormal:5,-1", "normal:5,-1", "normal:5,e", "gauss:5,1", "normal:1,2,3", "5:5", "nan", "lognormal:inf,1",
        ])
    func nonsense(text: String) {
        #expect(throws: LengthDistribution.Malformed.self) { try LengthDistribution(parsing: text) }
    }
}
