import LoadGeneration
import Testing

@testable import FleetSimulation

@Suite struct FleetOptionsTests {
    @Test("goodput is judged by two seconds and 25 milliseconds unless told otherwise")
    func limits() {
        let options = FleetOptions()
        #expect(options.limits.timeToFirstToken == .seconds(2))
        #expect(options.limits.timePerToken == .milliseconds(25))
    }
}
