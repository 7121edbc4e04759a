import ClusterModel

/// Whoever sets clocks sets them an hour forward and back, again and again, while everything else goes wrong as well: nothing may notice.
enum ClockSteps {
    static let drill = VirtualDrill(
        "clock", proves: "T23",
        "the wall clocks of all hosts are set forward and back by an hour, under the usual faults: nothing happens sooner or later",
        [shifted]
    ) { stage in
        var options = SimulationRun.Options()
        options.users = stage.size == .whole ? 6 : 3
        options.span = .seconds(stage.size == .whole ? 20 : 8)
        options.shape.routers = stage.random.within(1...2)
        options.clockSteps = .zero
        let steady = SimulationRun.run(seed: stage.seed, options)
        options.clockSteps = step
        let stepped = SimulationRun.run(seed: stage.seed, options)
        stage.adopt(stepped)
        stage.describe("\(stepped.faults.count) faults, \(stepped.lives) processes")
        // Every turn of every process was at the same moment of the time that goes on by itself.
        stage.require(steady.traceHash == stepped.traceHash, "what happens depends on the wall clock: \(steady.line)")
        let difference = steady.took - stepped.took
        stage.measure(shifted, max(difference, .zero - difference))
    }

    private static let step = Duration.seconds(3_600) + .milliseconds(250)
    /// The end of all of it, beside a run in which nobody sets a clock.
    private static let shifted = DrillFigure("shifted", atMost: .zero)
}
