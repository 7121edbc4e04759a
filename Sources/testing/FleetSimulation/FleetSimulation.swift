package import LoadGeneration

/// Runs a load on a fleet that does not exist: the routers' real stages, real simulated engines, and time that passes only in numbers.
///
/// The same load, options and seed give the same result on every machine.
package enum FleetSimulation {
    package struct Result: Sendable {
        package let recorder: LoadRecorder
        package let figures: FleetFigures
    }

    /// Told of each request that has ended: how many have, and of how many.
    package typealias Progress = (_ ended: Int, _ all: Int) -> Void

    /// `clock`: nanoseconds of real time, to measure decisions by. Neither it nor `progress` changes anything of the run.
    package static func run(
        _ workload: Workload, _ options: FleetOptions, clock: (() -> UInt64)? = nil, progress: Progress? = nil
    ) -> Result {
        let fleet = Fleet(workload, options, clock: clock, progress: progress)
        fleet.run()
        return Result(recorder: fleet.recorder, figures: fleet.figures)
    }
}
