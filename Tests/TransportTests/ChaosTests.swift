import Glibc
import TestSupport
import Testing

@Suite("Two peers under faults")
struct ChaosTests {
    @Test(
        "whatever breaks, links keep order, questions and links end once, and nothing is held at rest",
        arguments: 1...20 as ClosedRange<UInt64>)
    func invariants(seed: UInt64) {
        let report = ChaosRun.run(seed: seed, for: .seconds(15))
        #expect(report.violations == [], "repeat with: wiretool chaos --seed \(seed) --span 15s")
        #expect(report.faults > 5 && report.messages > 50 && report.events > 50)
    }

    @Test("the same seed gives the same trace, here and in another process; another seed another")
    func replay() throws {
        let here = ChaosRun.run(seed: 7, for: .seconds(5))
        #expect(ChaosRun.run(seed: 7, for: .seconds(5)).line == here.line)
        #expect(ChaosRun.run(seed: 8, for: .seconds(5)).traceHash != here.traceHash)
        let tool = try #require(wiretool(), "wiretool is built with the tests")
        let there = try #require(popen("\(tool) chaos --seed 7 --span 5s", "r"))
        var line = [CChar](repeating: 0, count: 512)
        #expect(fgets(&line, 512, there) != nil)
        #expect(pclose(there) == 0)
        let said = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        #expect(said == here.line + "\n")
    }

    /// Beside the test bundle, in whichever folder the tests were built.
    private func wiretool() -> String? {
        let tests = CommandLine.arguments[0]
        let folder = tests.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        return ["\(folder)/wiretool", "\(GoldenVectors.root)/.build/debug/wiretool"].first { access($0, X_OK) == 0 }
    }
}
