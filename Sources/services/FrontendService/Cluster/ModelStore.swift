import ClusterModel
import EventLoop
import OpenAIDialect
import ProcessKit
import Telemetry
import TextProcessing
import Transport
import WireProtocol

/// A model that can be served: its card, and what turns text into its tokens and back.
struct ServedModel: Sendable {
    let card: ModelCard
    let text: ModelText
    /// What holds where a client says nothing.
    let defaults: SamplingParameters
    /// When the frontend learned of it, for `/v1/models`.
    let createdSeconds: Int64
}

/// Why a model cannot be served yet, or at all.
enum ModelFailure: Error, Hashable {
    /// No worker gave its files within the time.
    case notFetched(String)
    /// Its files are there and are not what this frontend can read.
    case unreadable(String)
}

/// The text side of every pool: files are fetched from a worker, checked, and built into a tokenizer off the loop, once a card.
@LoopActor
final class ModelStore {
    private enum State {
        case fetching
        case ready(ServedModel)
        case failed(ModelFailure, retryAt: Instant)
    }

    private let context: ProcessContext
    private let endpoint: LinkEndpoint
    private let cluster: ClusterView
    private let changed: @LoopActor () -> Void
    private var models: [Digest: State] = [:]
    private var isStopped = false

    /// A chunk is one question; a worker that does not answer in this time is given up for another one.
    private static let chunkLimit = Duration.seconds(5)
    /// Before a fetch that failed is tried again: workers come and go.
    private static let retry = Duration.seconds(1)
    /// What building a tokenizer costs in a simulation.
    private static let virtualBuildCost = Duration.milliseconds(5)

    init(context: ProcessContext, endpoint: LinkEndpoint, cluster: ClusterView, changed: @escaping @LoopActor () -> Void) {
        self.context = context
        self.endpoint = endpoint
        self.cluster = cluster
        self.changed = changed
    }

    func model(_ digest: Digest) -> ServedModel? {
        if case .ready(let model) = models[digest] { model } else { nil }
    }

    func failure(_ digest: Digest) -> ModelFailure? {
        if case .failed(let failure, _) = models[digest] { failure } else { nil }
    }

    // Order: a count.
    var readyCount: Int { models.values.reduce(0) { if case .ready = $1 { $0 + 1 } else { $0 } } }

    /// Fetches what the directory names and is not here, and forgets what it names no more.
    func follow(_ cards: [ModelCard]) {
        guard !isStopped else { return }
        let named = Set(cards.map(\.digest))
        models = models.filter { named.contains($0.key) }
        for card in cards {
            switch models[card.digest] {
            case .ready, .fetching: continue
            case .failed(_, let retryAt) where context.loop.now < retryAt: continue
            case .failed, nil: break
            }
            models[card.digest] = .fetching
            context.loop.spawn { [weak self] in await self?.fetch(card) }
        }
    }

    func stop() {
        isStopped = true
        models.removeAll()
    }

    // MARK: Fetching

    private func fetch(_ card: ModelCard) async {
        let began = context.loop.now
        var failure = ModelFailure.notFetched("no worker of this model can be reached")
        for worker in cluster.workers(of: card.digest) {
            guard let address = Address(advertised: worker.endpoints.linkAddress, peer: nil) else { continue }
            switch await build(card, from: address) {
            case .success(let text):
                guard models[card.digest] != nil else { return }
                let model = ServedModel(
                    card: card, text: text, defaults: defaults(of: card),
                    createdSeconds: context.loop.wallClockMilliseconds / 1_000)
                models[card.digest] = .ready(model)
                context.log.info(
                    "model ready",
                    [
                        "model": .text(card.name), "digest": .text(card.digest.description), "files": .count(card.files.count),
                        "after": .duration(began.duration(to: context.loop.now)),
                    ])
                return changed()
            case .failure(let why): failure = why
            }
        }
        guard models[card.digest] != nil else { return }
        models[card.digest] = .failed(failure, retryAt: context.loop.now + Self.retry)
        context.log.warning("model not ready", ["model": .text(card.name), "reason": .text("\(failure)")])
        context.loop.schedule(after: Self.retry + .milliseconds(1)) { [weak self] in
            guard let self else { return }
            follow(cluster.cards)
        }
    }

    /// A model whose defaults make no sense is served without them, and that is said.
    private func defaults(of card: ModelCard) -> SamplingParameters {
        do throws(DialectError) { return try GenerationDefaults.parse(card.generationDefaults) } catch {
            context.log.warning("generation defaults not used", ["model": .text(card.name), "reason": .text(error.description)])
            return SamplingParameters()
        }
    }

    private func build(_ card: ModelCard, from address: Address) async -> Result<ModelText, ModelFailure> {
        let link: Link
        switch await endpoint.dial(address, kind: .recovery) {
        case .failure(let end): return .failure(.notFetched(end.description))
        case .success(let opened): link = opened
        }
        defer { link.goodbye(.done) }
        var files: [String: [UInt8]] = [:]
        for file in card.files {
            guard file.size <= Limits.modelFileBytes else { return .failure(.unreadable("\(file.name) is larger than a frontend holds")) }
            do throws(ModelFailure) { files[file.name] = try await contents(of: file, on: link) } catch { return .failure(error) }
        }
        do throws(WorkPool.Full) {
            let built = try await context.loop.offload(to: context.pool, virtualCost: Self.virtualBuildCost) { [files] in
                Result { () throws(TextError) in try ModelText.make(files: files) }
            }
            return built.mapError { .unreadable("\($0)") }
        } catch { return .failure(.notFetched("too much work waits")) }
    }

    /// Chunk by chunk; nothing of it is used before its digest is right.
    private func contents(of file: ModelFile, on link: Link) async throws(ModelFailure) -> [UInt8] {
        var contents: [UInt8] = []
        contents.reserveCapacity(Int(file.size))
        while contents.count < file.size {
            let question = FileQuestion(digest: file.digest, name: file.name, offset: UInt64(contents.count))
            let answer: FileAnswer
            do throws(LinkFailure) { answer = try await link.ask(question, answeredBy: FileAnswer.self, within: Self.chunkLimit) } catch {
                throw .notFetched("\(file.name): \(error)")
            }
            guard answer.digest == file.digest, answer.offset == contents.count, answer.totalBytes == file.size, !answer.data.isEmpty,
                contents.count + answer.data.count <= file.size
            else { throw .notFetched("\(file.name): the worker answered something else") }
            contents.append(contentsOf: answer.data)
        }
        guard SHA256.digest(of: contents) == file.digest else { throw .notFetched("\(file.name): its bytes are not those of its digest") }
        return contents
    }
}
