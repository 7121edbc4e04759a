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
    /// The member of the client's body that says what the output must look like.
    private let constraintName: String
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

    /// - Parameters:
    ///   - constraint: what binds the output, which may be more than the client said; `named`: by which member of its body.
    ///   - prompt: its tokens, with the hashes of their blocks.
    init(
        _ preparation: Preparation, constraint: OutputConstraint?, named constraintName: String, form: AnswerForm?, needs: Capabilities,
        prompt: (tokens: [TokenID], hashes: [SequenceHash]), hasher: BlockHasher, adapter: String, sampling: Sampling, maxTokens: Int,
        costs: PreparationCosts, shown: ShownPrompt
    ) {
        model = preparation.model
        tenant = preparation.tenant
        var generation = preparation.generation
        generation.constraint = constraint
        if !generation.mayGoOn { generation.forgetPrompt() }
        self.generation = generation
        delivery = preparation.delivery
        self.constraintName = constraintName
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
    /// Of failures that others tell of.
    var words: ClientWords { ClientWords(hints: generation.hints, names: delivery.fieldNames, constraint: constraintName) }

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
