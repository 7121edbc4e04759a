import ClusterModel
import Concurrency
import EventLoop
import OpenAIDialect
import TextProcessing
import WireProtocol

/// A client's request as the cluster runs it: tokens, their hashes, and limits that fit the model.
///
/// An object, since a dozen others hold it: with its two dozen members a copy of it would be as many references counted, for each of them.
final class PreparedRequest: Sendable {
    let model: ServedModel
    /// On whose behalf it runs.
    let tenant: Tenant
    /// Without its prompt, unless the next turn goes on from that: what runs need not hold it.
    let generation: GenerationRequest
    let delivery: Delivery
    /// Of failures that others tell of.
    let words: ClientWords
    /// How its answer is read; nil where the text is the answer.
    let form: AnswerForm?
    let task: RequestTask
    /// What workers must be able to do.
    let needs: Capabilities
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
    let costs: PreparationCosts
    /// For no client: it yields to every other one.
    let isSpeculative: Bool
    /// Nil where there is nothing to show.
    private let shown: Lock<ShownPrompt>?

    /// `prompt`: its tokens, with the hashes of their blocks.
    init(
        _ preparation: Preparation, _ generation: GenerationRequest, words: ClientWords, form: AnswerForm?, needs: Capabilities,
        prompt: (tokens: [TokenID], hashes: [SequenceHash]), hasher: BlockHasher, adapter: String, sampling: Sampling, maxTokens: Int,
        costs: PreparationCosts, shown: ShownPrompt
    ) {
        model = preparation.model
        tenant = preparation.tenant
        self.generation = generation
        delivery = preparation.delivery
        self.words = words
        self.form = form
        task = preparation.task
        self.needs = needs
        self.prompt = prompt.tokens
        hashes = prompt.hashes
        self.hasher = hasher
        self.adapter = adapter
        self.sampling = sampling
        self.maxTokens = maxTokens
        self.costs = costs
        isSpeculative = preparation.isSpeculative
        self.shown = shown.isEmpty ? nil : Lock(shown)
    }

    var choices: Int { generation.choices }

    /// What its client wants to see of the prompt, for whoever shows it; once.
    func takeShown() -> ShownPrompt { shown?.with { exchange(&$0, with: ShownPrompt()) } ?? ShownPrompt() }

    /// Engines do not know tenants: what a tenant says of its own requests would put them before those of others there. Routers order them, where
    /// tenants have turns.
    var enginePriority: Float { tenant.name.isEmpty ? generation.hints.effectivePriority : 0 }

    /// Workers that the client named: a leg that runs on one of them can run on no other.
    var pinnedWorkers: [WorkerID] {
        let hints = generation.hints
        return [hints.backendInstance, hints.prefillWorker, hints.decodeWorker].compactMap(\.self)
    }
}

/// What it took to make a request's tokens.
struct PreparationCosts: Sendable {
    /// Template and tokens.
    let tokenizing: Duration
    /// The template's part of it; nil where there was none to fill in.
    let rendering: Duration?
    /// How much of the prompt's text was known from an earlier one; nil for a prompt of tokens.
    let memory: PromptMemory.Outcome?
    let hashing: Duration
}

extension GenerationRequest {
    /// Whether another attempt may go on behind so many tokens. What the output must look like binds an engine's next token to its state at the
    /// last one, which no other engine has.
    func mayContinue(after shown: Int) -> Bool { shown == 0 || constraint == nil }

    /// The conversation is wanted after its answer, for the next turn.
    var mayGoOn: Bool { if case .conversation = prompt { hints.speculativePrefill == true } else { false } }

    /// Once its tokens are known. A conversation may be many megabytes, and an answer takes minutes.
    mutating func forgetPrompt() {
        prompt = .tokens([])
        calling = nil
    }
}

/// What turns a request into tokens and hashes; runs on the loop for small bodies and on the pool for large ones.
struct Preparation: Sendable {
    let model: ServedModel
    /// On whose behalf.
    let tenant: Tenant
    var generation: GenerationRequest
    let delivery: Delivery
    let unixSeconds: Int64
    /// Drawn by the loop for a client that gave none.
    var seed: UInt64
    /// Reads a clock; zero where there is none to read.
    let clock: @Sendable () -> Instant
    /// Raised when the client has left.
    let gone: Flag
    /// The member of the body that the prompt came from; nil: the usual one.
    var parameter: String?
    /// What is to come of it.
    var task = RequestTask.generate
    /// For no client.
    var isSpeculative = false

    func run() throws(DialectError) -> PreparedRequest {
        let context = Int(model.card.contextLength)
        let began = clock(), demand = AnswerDemand(model: model, generation: generation, names: delivery.fieldNames)
        var generation = generation
        generation.constraint = try demand.constraint()
        var needs = try demand.needs(generation.constraint)
        if task == .embed { needs.insert(.embeddings) }
        var tokens: [TokenID] = [], rendered: Rendered
        do throws(TextError) {
            rendered = try encode(atMost: max(0, min(context - task.leastOutput, Limits.promptTokens)), into: &tokens)
        } catch { throw Self.refusal(error, param, context) }
        let form = try demand.form(after: tokens, rendered.prompt)
        let encoded = clock()
        // A vector takes no place behind its prompt.
        let room = context - tokens.count + (1 - task.leastOutput)
        var sampling = generation.sampling
        if let wanted = sampling.maxTokens, wanted > room {
            guard sampling.fitsContext else {
                throw .contextLengthExceeded(limit: context, param: param)
            }
            sampling.maxTokens = UInt32(room)
        }
        let filled = sampling.filled(from: model.defaults)
        if let most = filled.maxTokens, filled.minTokens > most { throw .minTokens(above: most) }
        var hashes: [SequenceHash] = []
        let adapter = model.card.loRAs.contains { $0.text == generation.model } ? generation.model : ""
        let hasher = BlockHasher(blockSize: model.card.blockSize, adapter: adapter, salt: tenant.salt)
        hasher.extend(&hashes, toCover: tokens.span)
        let hashed = clock()
        let shown = ShownPrompt(tokens, rendered.prompt, of: model.text, for: generation, delivery)
        if !generation.mayGoOn { generation.forgetPrompt() }
        return PreparedRequest(
            self, generation, words: ClientWords(hints: generation.hints, names: delivery.fieldNames, constraint: demand.constraintName),
            form: form, needs: needs, prompt: (tokens, hashes), hasher: hasher, adapter: adapter,
            sampling: Sampling(filled, seed: sampling.seed ?? seed), maxTokens: sampling.maxTokens.map(Int.init) ?? room,
            costs: PreparationCosts(
                tokenizing: began.duration(to: encoded), rendering: rendered.at.map { began.duration(to: $0) },
                memory: rendered.memory, hashing: encoded.duration(to: hashed)),
            shown: shown)
    }

    /// How many tokens the prompt has, whether or not the model has room for them.
    func count() throws(DialectError) -> PromptCount {
        var tokens: [TokenID] = []
        do throws(TextError) {
            let rendered = try encode(atMost: Limits.promptTokens, into: &tokens)
            return PromptCount(tokens: tokens.count, memory: rendered.memory)
        } catch { throw Self.refusal(error, param, Limits.promptTokens) }
    }

    struct PromptCount: Sendable {
        let tokens: Int
        let memory: PromptMemory.Outcome?
    }

    /// The same for each of some prompts, itself first; each draws a seed of its own.
    func and(_ more: [GenerationRequest.Prompt], seed: () -> UInt64) -> [Preparation] {
        guard !more.isEmpty else { return [self] }
        var all = [self]
        all[0].parameter = "\(param)[0]"
        for (index, prompt) in more.enumerated() {
            var next = self
            next.generation.prompt = prompt
            next.seed = seed()
            next.parameter = "\(param)[\(index + 1)]"
            all.append(next)
        }
        return all
    }

    /// What came of a prompt besides its tokens.
    private struct Rendered {
        /// The text of one that was not given as tokens.
        var prompt: PromptText?
        /// When the template was filled in, where there is one.
        var at: Instant?
        /// What the memory spared.
        var memory: PromptMemory.Outcome?
    }

    private func encode(atMost limit: Int, into tokens: inout [TokenID]) throws(TextError) -> Rendered {
        var rendered = Rendered()
        let context = TemplateContext(unixSeconds: unixSeconds)
        guard let text = try model.text.prompt(generation.prompt, context) else {
            try model.text.encode(generation.prompt, context, atMost: limit, into: &tokens)
            return rendered
        }
        if case .conversation = generation.prompt { rendered.at = clock() }
        rendered.prompt = text
        rendered.memory = try model.memory.encode(
            text, with: model.text.tokenizer, group: tenant.memoryGroup, atMost: limit, isCancelled: { gone.isRaised }, into: &tokens)
        guard !tokens.isEmpty else { throw .emptyPrompt }
        return rendered
    }

    private var param: String { parameter ?? delivery.fieldNames.prompt }

    /// `param` is the member of the body that the prompt came from.
    static func refusal(_ error: TextError, _ param: String, _ context: Int) -> DialectError {
        switch error {
        case .promptTooLong: .contextLengthExceeded(limit: context, param: param)
        case .template(.unsupported(let named, _)):
            DialectError(message: error.description, param: named == "messages" ? param : named, code: "unsupported_value")
        case .template(.tooLong): .contextLengthExceeded(limit: context, param: param)
        case .template, .emptyPrompt, .tokenOutOfRange, .wordTooLong, .patternTooCostly:
            DialectError(message: error.description, param: param, code: "invalid_value")
        // Nobody hears it.
        case .cancelled: DialectError(ErrorBody(ServiceFailure(.cancelled)))
        case .noTokenizer, .unknownFile, .invalidFile:
            DialectError(status: 500, message: "The model's tokenizer cannot be used.", type: "server_error", code: "internal_error")
        }
    }
}

extension [Preparation] {
    func run() throws(DialectError) -> [PreparedRequest] {
        var all: [PreparedRequest] = []
        for preparation in self { all.append(try preparation.run()) }
        return all
    }
}

extension DialectError {
    static func contextLengthExceeded(limit: Int, param: String) -> DialectError {
        let body = ErrorBody(ServiceFailure.contextLengthExceeded(limit: limit, param: param))
        return DialectError(status: body.status, message: body.message, type: body.type, param: body.param, code: body.code)
    }
}

extension DialectError {
    /// What the client asked for is checked with its body; what the model's own files say of lengths is known only here.
    fileprivate static func minTokens(above most: UInt32) -> DialectError {
        DialectError(
            message: "Invalid 'min_tokens': expected no more than the \(most) tokens that this answer may have.", param: "min_tokens",
            code: "invalid_value")
    }
}

extension GenerationRequest.Prompt {
    /// The member of the body that it came from.
    func parameter(_ names: FieldNames) -> String { if case .conversation = self { names.prompt } else { "prompt" } }
}

extension Sampling {
    /// Workers take no share of nothing. Clients mean the best token alone by 0, and no second one has a place in so little.
    private static let leastTopP: Float = 1e-6

    /// What the client left open is neutral; limits and stops are the client's own.
    init(_ parameters: SamplingParameters, seed: UInt64) {
        self.init()
        let filled = parameters.filled(from: .neutral)
        temperature = filled.temperature ?? 1
        topP = max(filled.topP ?? 1, Self.leastTopP)
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
        logitBias = parameters.logitBias.map { LogitBias(token: $0.token, bias: $0.bias) }
    }
}
