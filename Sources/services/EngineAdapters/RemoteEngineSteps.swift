package import ClusterModel
package import Engines
import EventLoop

/// A remote engine as those see it who step engines: a step tells what came since the last one.
///
/// It is stepped on the loop, where the remote engine lives; its calls send and gather, and wait for nothing.
package final class RemoteEngineSteps: InferenceEngine {
    package static var isBrief: Bool { true }
    package let profile: EngineProfile
    private let engine: any RemoteEngine

    /// - Parameter profile: as the engine's `begin` gave it.
    package init(_ engine: any RemoteEngine, _ profile: EngineProfile) {
        self.engine = engine
        self.profile = profile
    }

    package var hasWork: Bool { LoopActor.assumeOnLoop { [engine] in engine.hasNews } }

    package func admit(_ request: EngineRequest) { take(.admit(request)) }
    package func cancel(_ key: EngineRequestKey, choice: UInt8?) { take(.cancel(key, choice: choice)) }
    package func transfer(_ command: KVCommand) { take(.transfer(command)) }
    package func session(_ command: SessionCommand) { take(.session(command)) }
    package func clearCache(of rank: Rank) { take(.clearCache(rank)) }

    private func take(_ command: EngineCommand) { LoopActor.assumeOnLoop { [engine] in engine.take(command) } }

    package func step(at now: Instant, into output: inout StepOutput) throws(EngineFailure) -> Duration {
        try LoopActor.assumeOnLoop { [engine] () throws(EngineFailure) in try engine.tell(into: &output, at: now) }
        return .zero
    }
}
