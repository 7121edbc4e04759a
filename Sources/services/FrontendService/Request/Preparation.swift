import ClusterModel
import Concurrency
import EventLoop
import OpenAIDialect
import TextProcessing
import WireProtocol

/// What turns a request into tokens and hashes; runs on the loop for small bodies and on the pool for large ones.
///
/// An object, since it goes through several hands until it runs: with a client's whole request in it, each of them would make a copy.
final class Preparation: Sendable {
    let model: ServedModel
    /// On whose behalf.
    let tenant: Tenant
    let generation: GenerationRequest
    let delivery: Delivery
    let unixSeconds: Int64
    /// Drawn by the loop for a client that gave none.
    let seed: UInt64
    /// Reads a clock; zero where there is none to read.
    private let clock: @Sendable () -> Instant
    /// Raised when the client has left; nil where nobody would hear of that before it is done.
    private let gone: Flag?
    /// The member of the body that the prompt came from; nil: the usual one.
    private let parameter: String?
    /// What is to come of it.
    let task: RequestTask
    /// For no client.
    let isSpeculative: Bool

    init(
        model: ServedModel, tenant: Tenant, generation: GenerationRequest, delivery: Delivery, unixSeconds: Int64, seed: UInt64,
        clock: @escaping @Sendable () -> Instant, gone: Flag?, parameter: String? = nil, task: RequestTask = .generate,
        isSpeculative: Bool = false
    ) {
        self.model = model
        self.tenant = tenant
        self.generation = generation
        self.delivery = delivery
        self.unixSeconds = unixSeconds
        self.seed = seed
        self.clock = clock
        self.gone = gone
        self.parameter = parameter
        self.task = task
        self.isSpeculative = isSpeculative
    }

    func run() throws(DialectError) -> PreparedRequest {
        let context = Int(model.card.contextLength)
        let began = clock(), demand = AnswerDemand(self)
        let constraint = try demand.constraint()
        var needs = try demand.needs(constraint)
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
        let maxTokens = sampling.maxTokens.map(Int.init) ?? room
        sampling.fill(from: model.defaults)
        if let most = sampling.maxTokens, sampling.minTokens > most { throw .minTokens(above: most) }
        var hashes: [SequenceHash] = []
        let adapter = model.card.loRAs.contains { $0.text == generation.model } ? generation.model : ""
        let hasher = BlockHasher(blockSize: model.card.blockSize, adapter: adapter, salt: tenant.salt)
        hasher.extend(&hashes, toCover: tokens.span)
        let hashed = clock()
        return PreparedRequest(
            self, constraint: constraint, named: demand.constraintName, form: form, needs: needs, prompt: (tokens, hashes), hasher: hasher,
            adapter: adapter,
            sampling: Sampling(sampling, seed: sampling.seed ?? seed), maxTokens: maxTokens,
            costs: PreparationCosts(
                tokenizing: began.duration(to: encoded), rendering: rendered.at.map { began.duration(to: $0) },
                memory: rendered.memory, hashing: encoded.duration(to: hashed)),
            shown: ShownPrompt(tokens, rendered.prompt, of: model.text, for: generation, delivery))
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
    func and(_ more: [GenerationRequest.Prompt], seed: () -> UInt64) -> OneOrMore<Preparation> {
        guard !more.isEmpty else { return OneOrMore(self) }
        let name = param
        return OneOrMore(
            with(generation.prompt, seed: self.seed, parameter: "\(name)[0]"),
            more.enumerated().map { with($1, seed: seed(), parameter: "\(name)[\($0 + 1)]") })
    }

    private func with(_ prompt: GenerationRequest.Prompt, seed: UInt64, parameter: String) -> Preparation {
        var generation = generation
        generation.prompt = prompt
        return Preparation(
            model: model, tenant: tenant, generation: generation, delivery: delivery, unixSeconds: unixSeconds, seed: seed, clock: clock,
            gone: gone, parameter: parameter, task: task, isSpeculative: isSpeculative)
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
            text, with: model.text.tokenizer, group: tenant.memoryGroup, atMost: limit, isCancelled: { self.gone?.isRaised ?? false },
            into: &tokens)
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
