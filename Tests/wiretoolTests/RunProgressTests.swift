import Testing

@testable import ServiceRuntime
@testable import wiretool

@Suite("How many of a command's runs are over")
struct RunProgressTests {
    @Test("those that did not hold are counted beside the share")
    func failures() {
        var written = ""
        let progress = RunProgress(of: 4, on: ProgressLine { written += $0 })
        progress.show(1, 0)
        #expect(written.contains("4 runs: 25 %\u{1B}"))
        progress.show(2, 1)
        #expect(written.contains("4 runs: 50 %, 1 did not hold\u{1B}"))
    }
}
