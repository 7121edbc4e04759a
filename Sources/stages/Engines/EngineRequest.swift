package import ClusterModel

/// What the service calls a request towards its engine; echoed in every output.
package struct EngineRequestKey: Hashable, Sendable {
    package let rawValue: UInt64
    package init(_ rawValue: UInt64) { self.rawValue = rawValue }
}

/// Which part of a request an engine does.
package enum EngineLeg: Hashable, Sendable {
    case whole
    /// Prefill and the first token of each choice; then the state goes elsewhere.
    case prefill
    /// Begins with state that comes from elsewhere.
    case decode
}

/// How KV state leaves or reaches a request.
package enum HandOver: Hashable, Sendable {
    case none
    /// Pushed while prefill computes: the engine says what may be exported, and holds it until `KVCommand.release`.
    case export
    /// Blocks of the whole prompt are reserved, then stored piece by piece; decode begins with `KVCommand.complete`.
    case receive
    /// The parameters with which a prefill leg ended, as that engine wrote them.
    case parameters([UInt8])
}

/// One choice that is to be produced. A new request has one for each number below its count; a continued one leaves out what is finished.
package struct EngineChoice: Hashable, Sendable {
    package var choice: UInt8
    /// Produced by earlier attempts; the next token has the position `shown.count`.
    package var shown: [TokenID]
    /// That may still be produced; nil: up to the end of the text or of the context.
    package var maxTokens: UInt32?
    /// That must still be produced before the text may end.
    package var minTokens: UInt32
    /// The position, in prompt and output together, from which penalties count.
    package var penaltyOrigin: UInt32
    /// The first output position whose logprobs are wanted.
    package var logprobOffset: UInt32
    /// What an engine said of its stop matcher; empty: start it over the shown tokens.
    package var stopState: [UInt8]

    package init(
        choice: UInt8, shown: [TokenID] = [], maxTokens: UInt32?, minTokens: UInt32 = 0, penaltyOrigin: UInt32 = 0,
        logprobOffset: UInt32 = 0, stopState: [UInt8] = []
    ) {
        self.choice = choice
        self.shown = shown
        self.maxTokens = maxTokens
        self.minTokens = minTokens
        self.penaltyOrigin = penaltyOrigin
        self.logprobOffset = logprobOffset
        self.stopState = stopState
    }
}

/// A stop sequence in the form that an engine can use: text for engines with text of their own, tokens for the others.
package struct EngineStopSequence: Hashable, Sendable {
    package var text: String
    package var tokens: [TokenID]

    package init(text: String, tokens: [TokenID]) {
        self.text = text
        self.tokens = tokens
    }
}

/// How tokens are drawn. Neutral values cost nothing, and an engine without an ability ignores the neutral one.
package struct EngineSampling: Hashable, Sendable {
    package var temperature: Float = 0
    package var topP: Float = 1
    package var topK: UInt32 = 0
    package var minP: Float = 0
    package var presencePenalty: Float = 0
    package var frequencyPenalty: Float = 0
    package var repetitionPenalty: Float = 1
    /// Choice k uses `seed + k`, wrapping.
    package var seed: UInt64 = 0
    package var maxThinkingTokens: UInt32?
    package var ignoreEndOfText = false
    package var stopTokens: [TokenID] = []
    package var stopSequences: [EngineStopSequence] = []
    /// Nil: no logprobs.
    package var topLogprobs: UInt32?
    package var promptLogprobs: UInt32?
    package var logitBias: [EngineLogitBias] = []

    package init() {}
}

package struct EngineLogitBias: Hashable, Sendable {
    package var token: TokenID
    package var bias: Float

    package init(token: TokenID, bias: Float) {
        self.token = token
        self.bias = bias
    }
}

/// What output must look like; the source is that of its language.
package enum EngineConstraint: Hashable, Sendable {
    case jsonObject
    case jsonSchema([UInt8])
    case regex([UInt8])
    case grammar([UInt8])
    case choice([UInt8])
}

/// A medium in the prompt: its placeholder tokens, and the identity of its content.
package struct EngineMedium: Hashable, Sendable {
    package var hash: UInt64
    package var firstToken: UInt32
    package var tokenCount: UInt32

    package init(hash: UInt64, firstToken: UInt32, tokenCount: UInt32) {
        self.hash = hash
        self.firstToken = firstToken
        self.tokenCount = tokenCount
    }
}

/// A request as an engine takes it: checked against the engine's profile, with nothing of the wire left in it.
package struct EngineRequest: Sendable {
    package var key: EngineRequestKey
    package var rank: Rank
    package var leg = EngineLeg.whole
    package var handOver = HandOver.none
    /// One vector instead of tokens.
    package var embeds = false
    /// The original prompt.
    package var prompt: [TokenID]
    package var media: [EngineMedium] = []
    /// Of the prompt's full blocks, where whoever asks has them already, so that they are computed once; empty: not known.
    package var promptHashes: [SequenceHash] = []
    package var sampling: EngineSampling
    package var constraint: EngineConstraint?
    /// The same, where the engine's reader has read it.
    package var readConstraint: (any ReadConstraint)?
    /// At least one, ascending by number.
    package var choices: [EngineChoice]
    /// Prompt, shown and new tokens of one choice together.
    package var contextLimit: Int
    /// The LoRA's name; empty: the base model.
    package var adapter = ""
    package var salt: CacheSalt?
    /// Above 0 before others of its rank.
    package var priority: Float = 0
    /// The number of the session it belongs to.
    package var session: UInt64?
    package var expectedOutputTokens: UInt32?
    /// The header `traceparent` for whatever the engine asks of others on behalf of this request; empty: none.
    package var traceParent = ""

    package init(
        key: EngineRequestKey, rank: Rank, prompt: [TokenID], sampling: EngineSampling, choices: [EngineChoice], contextLimit: Int
    ) {
        self.key = key
        self.rank = rank
        self.prompt = prompt
        self.sampling = sampling
        self.choices = choices
        self.contextLimit = contextLimit
    }

    /// What prefill has to cover: the prompt, and what earlier attempts showed.
    package var prefillTokens: Int { choices.reduce(prompt.count) { $0 + $1.shown.count } }
}
