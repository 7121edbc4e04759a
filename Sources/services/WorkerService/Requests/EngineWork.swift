package import ClusterModel
package import Engines
package import EventLoop

/// An engine as those see it who step it: commands of a batch, then one step.
package final class EngineWork: StepWork {
    private let engine: any InferenceEngine

    package init(_ engine: any InferenceEngine) { self.engine = engine }

    package var profile: EngineProfile { engine.profile }
    package static func makeOutput() -> StepOutput { StepOutput() }
    package static func empty(_ output: inout StepOutput) { output.removeAll() }

    package func step(_ commands: inout [EngineCommand], at now: Instant, into output: inout StepOutput) throws -> StepResult {
        for command in commands { engine.apply(command) }
        let duration = engine.hasWork ? try engine.step(at: now, into: &output) : .zero
        return StepResult(duration: duration, hasMore: engine.hasWork)
    }
}
