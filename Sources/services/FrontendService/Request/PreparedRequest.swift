import ClusterModel
import Concurrency
import EventLoop
import OpenAIDialect
import TextProcessing
import WireProtocol

/// A client's request as the cluster runs it: tokens, their hashes, and limits that fit the model.
struct PreparedRequest: Sendable {
    let model: ServedModel
    /// On whose behalf it runs.
    let tenant: Tenant
    let generation: GenerationRequest
    let delivery: Delivery
    let prompt: [TokenID]
    /// Of all full blocks of the prompt.
    let hashes: [SequenceHash]
    /// What made them.
    let hasher: BlockHasher
    /// The adapter that the client named; empty: none.
    let adapter: String
    let sampling: Sampling
    /// Per choice; never more than the model's context leaves.
    let maxTokens: Int
    /// Template and tokens.
    let tokenizing: Duration
    /// The template's part of it; nil where there was none to fill in.
    let rendering: Duration?
    /// How much of the prompt's text was known from an earlier one; nil for a prompt of tokens.
    let memory: PromptMemory.Outcome?
    let hashing: Duration

    var choices: Int { generation.choices }

    /// Workers that the client named: a leg that runs on one of them can run on no other.
    var pinnedWorkers: [WorkerID] {
        let hints = generation.hints
        return [hints.backendInstance, hints.prefillWorker, hints.decodeWorker].compactMap(\.self)
    }
}

extension GenerationRequest {
    /// Whether another attempt may go on behind so many tokens. What the output must look like binds an engine's next token to its state at the
    /// last one, which no other engine has.
    func mayContinue(after shown: Int) -> Bool { shown == 0 || constraint == nil }
}

/// What turns a request into tokens and hashes; runs on the loop for small bodies and on the pool for large ones.
struct Preparation: Sendable {
    let model: ServedModel
    var tenant = Tenant.anyone
    let generation: GenerationRequest
    let delivery: Delivery
    let unixSeconds: Int64
    /// Drawn by the loop for a client that gave none.
    let seed: UInt64
    /// Reads a clock; zero where there is none to read.
    let clock: @Sendable () -> Instant
    /// Raised when the client has left.
    let gone: Flag

    func run() throws(DialectError) -> PreparedRequest {
        let context = Int(model.card.contextLength)
        let began = clock()
        var tokens: [TokenID] = [], rendered: Instant?, memory: PromptMemory.Outcome?
        do throws(TextError) {
            (rendered, memory) = try encode(atMost: max(0, min(context - 1, Limits.promptTokens)), into: &tokens)
        } catch { throw Self.refusal(error, generation.prompt, context) }
        let encoded = clock()
        let room = context - tokens.count
        let wanted = generation.sampling.maxTokens.map(Int.init)
        if let wanted, wanted > room { throw DialectError.contextLengthExceeded(limit: context, param: generation.prompt.parameter) }
        var hashes: [SequenceHash] = []
        let adapter = model.card.loRAs.contains { $0.text == generation.model } ? generation.model : ""
        let hasher = BlockHasher(blockSize: model.card.blockSize, adapter: adapter, salt: tenant.salt)
        hasher.extend(&hashes, toCover: tokens.span)
        let hashed = clock()
        return PreparedRequest(
            model: model, tenant: tenant, generation: generation, delivery: delivery, prompt: tokens, hashes: hashes, hasher: hasher,
            adapter: adapter,
            sampling: Sampling(generation.sampling.filled(from: model.defaults), seed: generation.sampling.seed ?? seed),
            maxTokens: wanted ?? room,
            tokenizing: began.duration(to: encoded), rendering: rendered.map { began.duration(to: $0) },
            memory: memory, hashing: encoded.duration(to: hashed))
    }

    /// When the template was filled in, where there is one, and what the memory spared.
    private func encode(
        atMost limit: Int, into tokens: inout [TokenID]
    ) throws(TextError) -> (rendered: Instant?, memory: PromptMemory.Outcome?) {
        var rendered: Instant?
        let context = TemplateContext(unixSeconds: unixSeconds)
        guard let text = try model.text.prompt(generation.prompt, context) else {
            try model.text.encode(generation.prompt, context, atMost: limit, into: &tokens)
            return (nil, nil)
        }
        if case .conversation = generation.prompt { rendered = clock() }
        let outcome = try model.memory.encode(
            text, with: model.text.tokenizer, group: tenant.memoryGroup, atMost: limit, isCancelled: { gone.isRaised }, into: &tokens)
        guard !tokens.isEmpty else { throw .emptyPrompt }
        return (rendered, outcome)
    }

    private static func refusal(_ error: TextError, _ prompt: GenerationRequest.Prompt, _ context: Int) -> DialectError {
        switch error {
        case .promptTooLong: .contextLengthExceeded(limit: context, param: prompt.parameter)
        case .template(.unsupported(let param, _)): DialectError(message: error.description, param: param, code: "unsupported_value")
        case .template(.tooLong): .contextLengthExceeded(limit: context, param: prompt.parameter)
        case .template, .emptyPrompt, .tokenOutOfRange, .wordTooLong, .patternTooCostly:
            DialectError(message: error.description, param: prompt.parameter, code: "invalid_value")
        // Nobody hears it.
        case .cancelled: DialectError(ErrorBody(ServiceFailure(.cancelled)))
        case .noTokenizer, .unknownFile, .invalidFile:
            DialectError(status: 500, message: "The model's tokenizer cannot be used.", type: "server_error", code: "internal_error")
        }
    }
}

extension DialectError {
    static func contextLengthExceeded(limit: Int, param: String) -> DialectError {
        let body = ErrorBody(ServiceFailure.contextLengthExceeded(limit: limit, param: param))
        return DialectError(status: body.status, message: body.message, type: body.type, param: body.param, code: body.code)
    }
}

extension GenerationRequest.Prompt {
    /// The member of the body that it came from.
    fileprivate var parameter: String { if case .conversation = self { "messages" } else { "prompt" } }
}

extension Sampling {
    /// What the client left open is neutral; limits and stops are the client's own.
    init(_ parameters: SamplingParameters, seed: UInt64) {
        self.init()
        let filled = parameters.filled(from: .neutral)
        temperature = filled.temperature ?? 1
        topP = filled.topP ?? 1
        topK = filled.topK ?? 0
        minP = filled.minP ?? 0
        presencePenalty = filled.presencePenalty ?? 0
        frequencyPenalty = filled.frequencyPenalty ?? 0
        repetitionPenalty = filled.repetitionPenalty ?? 1
        self.seed = seed
        maxTokens = parameters.maxTokens ?? 0
        minTokens = parameters.minTokens
        maxThinkingTokens = parameters.maxThinkingTokens
        ignoreEndOfText = parameters.ignoresEndOfText
        stopTokens = parameters.stopTokens
        stopSequences = parameters.stopTexts.map { StopSequence(text: $0, tokens: []) }
        topLogprobs = parameters.topLogprobs
        promptLogprobs = parameters.promptLogprobs
        logitBias = parameters.logitBias.map { LogitBias(token: $0.token, bias: $0.bias) }
    }
}
