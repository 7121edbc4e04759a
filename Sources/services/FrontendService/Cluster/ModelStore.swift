import ClusterModel
import EventLoop
import OpenAIDialect
import ProcessKit
import Telemetry
import TextProcessing
import Transport
import WireProtocol

/// The text side of every pool: files are fetched from a worker, checked, and built into a tokenizer off the loop, once a card.
@LoopActor
final class ModelStore {
    private enum State {
        case fetching
        case ready(ServedModel, unnamedSince: Instant?)
        case failed(ModelFailure, retryAt: Instant?)
    }

    private let context: ProcessContext
    private let endpoint: LinkEndpoint
    private let cluster: ClusterView
    private let promptMemoryBytes: Int
    private let changed: @LoopActor () -> Void
    private var models: [Digest: State] = [:]
    /// Those that clients' names stand for, found once: until the cluster changes, they are what they were.
    private var named: [String: ServedModel] = [:]
    /// In a row, of each model that has none but failures.
    private var failures: [Digest: Int] = [:]
    private var timer: TimerHandle?
    private var isStopped = false

    /// Before a fetch that failed is tried again: workers come and go. Doubles up to the longest, since a file may have many megabytes.
    private static let firstRetry = Duration.seconds(1)
    private static let longestRetry = Duration.seconds(60)
    /// A model that no router names is kept for so long: routers that restart hear of their pools one by one.
    private static let grace = Duration.seconds(30)
    /// What building a tokenizer costs in a simulation.
    private static let virtualBuildCost = Duration.milliseconds(5)

    init(
        context: ProcessContext, endpoint: LinkEndpoint, cluster: ClusterView, promptMemoryBytes: Int,
        changed: @escaping @LoopActor () -> Void
    ) {
        self.context = context
        self.promptMemoryBytes = promptMemoryBytes
        self.endpoint = endpoint
        self.cluster = cluster
        self.changed = changed
    }

    func model(_ digest: Digest) -> ServedModel? {
        if case .ready(let model, _) = models[digest] { model } else { nil }
    }

    /// The model that a client's name means at this moment; nil where none does, or its files are not here.
    func model(named name: String) -> ServedModel? {
        if let known = named[name] { return known }
        guard let card = cluster.card(named: name), let model = model(card) else { return nil }
        named[name] = model
        return model
    }

    /// The model of a card, as that card describes it. What some worker of it could do counts as long as the model is here: that nobody can at
    /// the moment is no fault of a request.
    private func model(_ card: ModelCard) -> ServedModel? {
        guard case .ready(let model, let unnamedSince) = models[card.digest] else { return nil }
        var card = card
        card.capabilities.formUnion(model.card.capabilities)
        guard card != model.card else { return model }
        let described = model.described(by: card)
        models[card.digest] = .ready(described, unnamedSince: unnamedSince)
        return described
    }

    func failure(_ digest: Digest) -> ModelFailure? {
        if case .failed(let failure, _) = models[digest] { failure } else { nil }
    }

    // Order: a count.
    var readyCount: Int { models.values.count { if case .ready(_, nil) = $0 { true } else { false } } }

    /// Fetches what the directory names and is not here. What it names no more is kept a while: a router that restarts forgets its pools, and
    /// hears of them again.
    func follow(_ cards: [ModelCard]) {
        named.removeAll(keepingCapacity: true)
        guard !isStopped else { return }
        let now = context.loop.now, named = Set(cards.map(\.digest))
        var next: Instant?
        models = models.filter { digest, state in
            if named.contains(digest) { return true }
            guard case .ready(_, let since) = state else { return false }
            let end = (since ?? now) + Self.grace
            next = min(next ?? end, end)
            return end > now
        }
        failures = failures.filter { named.contains($0.key) }
        // Order: each is changed by itself.
        for (digest, state) in models {
            guard case .ready(let model, let since) = state else { continue }
            models[digest] = .ready(model, unnamedSince: named.contains(digest) ? nil : since ?? now)
        }
        for card in cards {
            switch models[card.digest] {
            case .ready, .fetching, .failed(_, nil): continue
            case .failed(_, let retryAt?) where now < retryAt:
                next = min(next ?? retryAt, retryAt)
                continue
            case .failed, nil: break
            }
            models[card.digest] = .fetching
            context.loop.spawn { [weak self] in await self?.fetch(card) }
        }
        context.loop.cancel(timer)
        timer = next.map { context.loop.schedule(at: $0) { [weak self] in self?.followAgain() } }
    }

    private func followAgain() { follow(cluster.cards) }

    func stop() {
        isStopped = true
        models.removeAll()
        named.removeAll()
        context.loop.cancel(timer)
    }

    // MARK: Fetching

    private func fetch(_ card: ModelCard) async {
        let began = context.loop.now
        let fetch = ModelFetch(card, endpoint: endpoint)
        var failure = ModelFailure.notFetched("no worker of this model can be reached")
        if let problem = fetch.problem { return failed(card, problem) }
        for worker in cluster.workers(of: card.digest) {
            guard let address = Address(advertised: worker.endpoints.linkAddress, peer: nil) else { continue }
            switch await build(fetch, from: address) {
            case .success(let text):
                guard case .fetching = models[card.digest] else { return }
                let model = ServedModel(
                    card: card, text: text, formats: formats(of: card, text), memory: PromptMemory(bytes: promptMemoryBytes),
                    defaults: defaults(of: card),
                    createdSeconds: context.loop.wallClockMilliseconds / 1_000)
                models[card.digest] = .ready(model, unnamedSince: nil)
                failures[card.digest] = nil
                context.log.info("model ready", inventory(of: model).adding(["after": .duration(began.duration(to: context.loop.now))]))
                return changed()
            case .failure(let why): failure = why
            }
            // What another worker has is the same to the bit.
            if case .unreadable = failure { break }
            guard case .fetching = models[card.digest] else { return }
        }
        failed(card, failure)
    }

    /// What of the model is here, and what its clients have to do without.
    private func inventory(of model: ServedModel) -> LogFields {
        let card = model.card, format = model.formats.calling
        var missing = MissingParts()
        missing.note("tokenizer (workerd --model)", unless: !card.files.contains { $0.name == ByteModelFile.name })
        missing.note("chat template", unless: model.text.hasTemplate)
        missing.note("form of calls (workerd --tool-format)", unless: format.tools != nil)
        return [
            "model": .text(card.name), "digest": .text(card.digest.description), "files": .count(card.files.count),
            "vocabulary": .count(model.text.vocabulary.count), "context_tokens": .unsigned(UInt64(card.contextLength)),
            "calls": .text(format.tools?.rawValue ?? "none"), "thoughts": .text(format.reasoning?.rawValue ?? "none"),
            "missing": missing.text,
        ]
    }

    private func failed(_ card: ModelCard, _ failure: ModelFailure) {
        guard case .fetching = models[card.digest] else { return }
        var retryAt: Instant?
        if case .notFetched = failure {
            let row = failures[card.digest] ?? 0
            failures[card.digest] = row + 1
            retryAt = context.loop.now + min(Self.firstRetry * (1 << min(row, 10)), Self.longestRetry)
        }
        models[card.digest] = .failed(failure, retryAt: retryAt)
        context.log.warning("model not ready", ["model": .text(card.name), "reason": .text("\(failure)")])
        followAgain()
        changed()
    }

    /// A model whose defaults make no sense is served without them, and that is said.
    private func defaults(of card: ModelCard) -> SamplingParameters {
        do throws(DialectError) { return try GenerationDefaults.parse(card.generationDefaults) } catch {
            context.log.warning("generation defaults not used", ["model": .text(card.name), "reason": .text(error.description)])
            return SamplingParameters()
        }
    }

    /// What the card says comes first; where it says nothing, the chat template shows it. A name that is not known here is said, and means none.
    private func formats(of card: ModelCard, _ text: ModelText) -> AnswerFormats {
        func named<Format: RawRepresentable<String>>(_ name: String, _ member: String, _ detected: Format?) -> Format? {
            if name.isEmpty { return detected }
            let format = Format(rawValue: name)
            if format == nil, name != ModelCard.noFormat {
                context.log.warning(
                    "a format that is not known here", ["model": .text(card.name), "what": .text(member), "name": .text(name)])
            }
            return format
        }
        return AnswerFormats(
            tools: named(card.toolFormat, "toolFormat", text.toolFormat),
            reasoning: named(card.reasoningFormat, "reasoningFormat", text.reasoningFormat), vocabulary: text.vocabulary)
    }

    /// Checked and built on the pool: the digest of a large file, and its tokenizer, would hold up every stream.
    private func build(_ fetch: ModelFetch, from address: Address) async -> Result<ModelText, ModelFailure> {
        if context.loop.fails(at: "model not fetched") { return .failure(.notFetched("a simulation says so")) }
        let contents: [[UInt8]]
        do throws(ModelFailure) { contents = try await fetch.contents(from: address) } catch { return .failure(error) }
        do throws(WorkPool.Full) {
            return try await context.loop.offload(to: context.pool, virtualCost: Self.virtualBuildCost) { fetch.build(contents) }
        } catch { return .failure(.notFetched("too much work waits")) }
    }
}
