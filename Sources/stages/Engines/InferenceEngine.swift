package import ClusterModel

/// A model that turns requests into tokens, one batch of work at a time.
///
/// An engine is confined to the thread that steps it and never reads a clock: time comes in, and a simulated engine gives back how long its
/// step takes while a real one just takes it. Commands change what the next step does and answer nothing; everything that comes of them
/// stands in the output of a step, in order. An engine never ends a request twice, and says nothing of it after its end.
package protocol InferenceEngine: AnyObject {
    /// True where making the engine is a matter of milliseconds, and each call of it, at full load, one of some tens of microseconds: the time
    /// of its steps passes in the durations that they give, and it may share a thread with others. False: it computes, or waits for somebody,
    /// and needs a thread of its own.
    static var isBrief: Bool { get }

    /// What it is and what it can do; fixed for its life.
    var profile: EngineProfile { get }

    /// True while a step would do or say something. An engine without work is not stepped.
    var hasWork: Bool { get }

    /// Takes a request into the queue of its rank. What it cannot do ends with `failed` in the next step. The key is unique among living requests.
    func admit(_ request: EngineRequest)

    /// Ends one choice, or with nil the whole request, before the next step computes anything of it. Unknown keys are ignored: it had ended.
    func cancel(_ key: EngineRequestKey, choice: UInt8?)

    /// KV state in and out of a request; only where `profile.kvShape` is set.
    func transfer(_ command: KVCommand)

    /// Blocks that outlive requests; only where `profile.capabilities` has `sessions`.
    func session(_ command: SessionCommand)

    /// Forgets every block of a rank: those that requests hold stay theirs and are found by nobody else, those of sessions go.
    func clearCache(of rank: Rank)

    /// Does one batch of work. `output` is empty when it comes, and keeps its memory from step to step.
    ///
    /// Returns how long the step takes by the engine's model, zero where the call itself took the time. After a failure the engine is not
    /// used again.
    func step(at now: Instant, into output: inout StepOutput) throws(EngineFailure) -> Duration
}

extension InferenceEngine {
    package static var isBrief: Bool { false }

    // An engine without the ability is never asked: the service refuses what its profile does not name.
    package func transfer(_ command: KVCommand) {}
    package func session(_ command: SessionCommand) {}
    package func clearCache(of rank: Rank) {}
}

/// The engine as a whole cannot go on. The text is for a log: no prompt and no output in it.
package struct EngineFailure: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
    /// The process is to end in this moment, without a word to anybody, as if it had been killed: only an injected fault asks for it.
    package let isCrash: Bool

    package init(_ description: String, isCrash: Bool = false) {
        self.description = description
        self.isCrash = isCrash
    }
}

/// What the loop hands to whoever steps the engine, a batch at a time.
package enum EngineCommand: Sendable {
    case admit(EngineRequest)
    case cancel(EngineRequestKey, choice: UInt8?)
    case transfer(KVCommand)
    case session(SessionCommand)
    case clearCache(Rank)
}

extension InferenceEngine {
    package func apply(_ command: consuming EngineCommand) {
        switch consume command {
        case .admit(let request): admit(request)
        case .cancel(let key, let choice): cancel(key, choice: choice)
        case .transfer(let command): transfer(command)
        case .session(let command): session(command)
        case .clearCache(let rank): clearCache(of: rank)
        }
    }
}

/// Sessions of an engine: blocks that stay after a request, under a number of the service's that is never given twice.
///
/// When a request of an open session ends, the full blocks of its first choice that are computed stay for the session, in place of those that
/// stayed before. They are preferred and not promised: an engine that is short of blocks takes them from the session that was least recently
/// used before it preempts anybody. `EngineEvent.sessionHolds` says what is left.
package enum SessionCommand: Hashable, Sendable {
    case open(session: UInt64, rank: Rank)
    /// Its blocks are like any others from here on. A request of it that still runs leaves nothing behind.
    case end(session: UInt64)
}
