package import ClusterModel

/// Why a choice ended: stated with its last token, or in a run without tokens by an engine that finds out later.
package enum EngineFinish: UInt8, Hashable, Sendable {
    case endOfText = 1
    case stopToken
    case stopSequence
    case length
    case contentFilter
}

/// New tokens of one choice of one request: a run of `StepOutput.tokens`.
package struct TokenRun: Hashable, Sendable {
    package var key: EngineRequestKey
    /// Of the first token, counted from the first token after the original prompt, over all attempts.
    package var position: UInt32
    package var choice: UInt8
    /// The last token ends the choice.
    package var finish: EngineFinish?
    /// Where the run lies in `StepOutput.tokens`.
    package var first: Int32
    package var count: Int32
    /// Where its logprobs lie in `StepOutput.logprobs`: for each token its own, then `topCount` candidates. Negative: none.
    package var firstLogprob: Int32 = -1
    package var topCount: Int32 = 0

    package init(key: EngineRequestKey, position: UInt32, choice: UInt8, finish: EngineFinish?, first: Int32, count: Int32) {
        self.key = key
        self.position = position
        self.choice = choice
        self.finish = finish
        self.first = first
        self.count = count
    }
}

package struct ScoredToken: Hashable, Sendable {
    package var token: TokenID
    package var logprob: Float

    package init(token: TokenID, logprob: Float) {
        self.token = token
        self.logprob = logprob
    }
}

/// What happened to a request in a step before its tokens.
package enum EngineEvent: Hashable, Sendable {
    /// Out of the queue; so many leading tokens were found in the cache.
    case started(EngineRequestKey, cachedTokens: UInt32)
    /// So many tokens are computed, cached ones among them, and so many are still to be.
    case prefilled(EngineRequestKey, computed: UInt32, remaining: UInt32)
    case prefillDone(EngineRequestKey)
    /// Back in the queue for want of blocks; so many tokens are to be computed again.
    case preempted(EngineRequestKey, remaining: UInt32)
    case embedded(EngineRequestKey, [Float])
    /// Pages of the whole prompt are reserved; leading ones are there already.
    case reserved(EngineRequestKey, heldBlocks: UInt32)
    /// All layers of the first so many pages may be exported. They stay as they are until the request is released or ends: an engine that has
    /// to take their blocks ends it `failed(.capacity)`.
    case exportable(EngineRequestKey, blocks: UInt32)
    case exported(EngineRequestKey, KVSlice, bytes: [UInt8])
    /// What a leg elsewhere needs beside the pages of an exported request, from an engine that has such state: told once, not after
    /// `prefillDone`.
    case beside(EngineRequestKey, handOver: [UInt8])
    case stored(EngineRequestKey, KVSlice)
    /// So many blocks stay for a session now, by its number: told when it changes.
    case sessionHolds(UInt64, blocks: UInt32)
}

/// Why an engine gave up on a request.
package enum EngineFault: Hashable, Sendable {
    /// No room in the queue.
    case capacity
    /// The field of the request that this engine cannot serve; `choices` also where its context or all its blocks would not hold them.
    case unsupported(String)
    /// What of the state that another engine handed over is not as it is here.
    case incompatible(String)
    case failed(String)
    /// The engine has lost all that it had, and is about to begin anew: the same may be asked of it again, soon.
    case lost(String)
}

/// The last thing an engine says of a request; every token came before it.
package struct EngineEnd: Hashable, Sendable {
    package enum Reason: Hashable, Sendable {
        case finished
        case handedOver
        case cancelled
        case failed(EngineFault)
    }

    package var key: EngineRequestKey
    package var reason: Reason
    /// As prefilled: shown tokens of earlier attempts among them.
    package var promptTokens: UInt32
    package var cachedTokens: UInt32
    /// Of this attempt, over all choices.
    package var outputTokens: UInt32
    package var preemptions: UInt32 = 0
    /// What a decode leg elsewhere starts with.
    package var handOver: [UInt8] = []

    package init(key: EngineRequestKey, reason: Reason, promptTokens: UInt32, cachedTokens: UInt32, outputTokens: UInt32) {
        self.key = key
        self.reason = reason
        self.promptTokens = promptTokens
        self.cachedTokens = cachedTokens
        self.outputTokens = outputTokens
    }
}

/// Where a block lies.
package enum EngineTier: UInt8, Hashable, Sendable { case device = 0, host, disk, external }

/// Blocks that came into a cache or left it; the hashes are a run of `StepOutput.hashes`.
///
/// For each rank and tier a hash is there or not: it is stored once and then removed once, however many copies an engine has of it.
package struct CacheChange: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        /// The hashes form one chain behind `parent`; nil: they begin a prompt.
        case stored(parent: SequenceHash?)
        case removed
        /// Every tier of the rank is empty.
        case cleared
    }

    package var kind: Kind
    package var rank: Rank
    package var tier: EngineTier
    package var first: Int32
    package var count: Int32

    package init(kind: Kind, rank: Rank, tier: EngineTier = .device, first: Int32 = 0, count: Int32 = 0) {
        self.kind = kind
        self.rank = rank
        self.tier = tier
        self.first = first
        self.count = count
    }
}

/// One rank after a step.
package struct EngineLoad: Hashable, Sendable {
    /// Prefill tokens not yet computed.
    package var waitingTokens: UInt64 = 0
    package var waitingRequests: UInt32 = 0
    package var runningRequests: UInt32 = 0
    /// Held by requests.
    package var activeBlocks: UInt32 = 0
    /// Held by requests or cached.
    package var usedBlocks: UInt32 = 0
    package var sessionBlocks: UInt32 = 0

    package init() {}
}

/// What one step produced, for all requests. Emptied and filled again: at a steady state it takes no memory.
///
/// In order: `events`, then tokens by `runs`, then `ends`; of one request nothing comes in another order than that.
package struct StepOutput: Sendable {
    package var events: [EngineEvent] = []
    package var runs: [TokenRun] = []
    package var tokens: [TokenID] = []
    package var logprobs: [ScoredToken] = []
    package var ends: [EngineEnd] = []
    package var cache: [CacheChange] = []
    package var hashes: [SequenceHash] = []
    /// One a rank, by number.
    package var loads: [EngineLoad] = []
    /// Tokens of prefill that were computed.
    package var prefillTokens = 0

    package init() {}

    package mutating func removeAll() {
        events.removeAll(keepingCapacity: true)
        runs.removeAll(keepingCapacity: true)
        tokens.removeAll(keepingCapacity: true)
        logprobs.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
        cache.removeAll(keepingCapacity: true)
        hashes.removeAll(keepingCapacity: true)
        loads.removeAll(keepingCapacity: true)
        prefillTokens = 0
    }

    /// A run of one token, as most choices get in a step.
    package mutating func append(_ token: TokenID, of key: EngineRequestKey, choice: UInt8, position: UInt32, finish: EngineFinish?) {
        runs.append(
            TokenRun(key: key, position: position, choice: choice, finish: finish, first: Int32(truncatingIfNeeded: tokens.count), count: 1)
        )
        tokens.append(token)
    }
}
