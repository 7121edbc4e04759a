package import ClusterModel
package import Engines
package import EventLoop

/// An engine that runs elsewhere and is reached over the loop: nobody waits for it, and it says by `wake` when there is something to tell.
///
/// It keeps every rule of `InferenceEngine`; what it tells was gathered as it came, and leaves in the order of `StepOutput`.
@LoopActor
package protocol RemoteEngine: AnyObject, Sendable {
    /// Reaches the engine and learns what it is. Called once, before anything else; ends soon after `close`, whatever it waits for.
    func begin(until deadline: Instant) async throws(EngineFailure) -> EngineProfile

    /// Whom it tells; set before `begin`, and not called before its end. Calls come at any time, within `take` too.
    var listener: (any RemoteEngineListener)? { get set }

    /// True while `tell` would say something, or has to throw.
    var hasNews: Bool { get }

    func take(_ command: consuming EngineCommand)

    /// Everything since the last call; `output` is empty when it comes. After a failure the engine is not used again.
    func tell(into output: inout StepOutput, at now: Instant) throws(EngineFailure)

    /// What operators should know of it, a sentence each; fixed once it has begun. The first is shown as the reason of the worker's state.
    var remarks: [String] { get }

    /// Gives back everything that it holds; nothing is told after this.
    func close()
}

extension RemoteEngine {
    package var remarks: [String] { [] }
}

/// Whom a remote engine tells; it does not keep whom it tells alive.
@LoopActor
package protocol RemoteEngineListener: AnyObject {
    /// There is news, or there will be none: it is called again with the next news after a `tell`, and more calls do no harm.
    func engineHasNews()
    func engineIs(_ condition: EngineCondition)
}

/// Whether an engine elsewhere can be given work. It serves when it begins.
package enum EngineCondition: Hashable, Sendable {
    case serving
    /// It takes no requests at the moment, and the reason is for logs and operators. Its requests have ended, and its cache is not counted on.
    case away(String)
}
