import ClusterModel
import Engines
import WireProtocol

/// An engine that has nothing but KV state: what a transfer costs, without a model. Prefill is over at once, and whoever has received a state is done.
final class StateEngine: InferenceEngine {
    static let pageBytes = 256 << 10
    static let pageTokens: UInt32 = 64
    static let vocabularySize: UInt32 = 256
    static let contextLength: UInt32 = 1 << 20

    let profile: EngineProfile
    /// By count of pages: what was made once is given out again, so that exporting takes no time of the processor's.
    private var slices: [Int: [UInt8]] = [:]
    private var said: [EngineEvent] = []
    private var runs: [(EngineRequestKey, finish: EngineFinish?)] = []
    private var ends: [EngineEnd] = []
    private var prompts: [EngineRequestKey: Int] = [:]

    init() {
        var model = EngineModel(
            name: "state", weights: "none", blockSize: Self.pageTokens, contextLength: Self.contextLength,
            vocabularySize: Self.vocabularySize)
        model.generationDefaults = []
        let room = EngineRank(totalBlocks: 1 << 20, maxSequences: 1_024, maxBatchedTokens: 1 << 20, maxWaiting: 1_024)
        profile = EngineProfile(
            name: "state", build: "state-1", capabilities: [.concurrentHandOver], cacheReport: .noCache, model: model, ranks: [room],
            kvShape: EngineKVShape(
                layers: 1, heads: 1, headDimension: 1, blockTokens: Self.pageTokens, blockBytes: UInt64(Self.pageBytes), element: .float16,
                layout: "pages that are alike"))
    }

    /// Two bytes a number, of the usual sizes: the upper bytes repeat themselves, the lower ones do not.
    private static func halfFloats(_ count: Int) -> [UInt8] {
        var random = SeededRandom(seed: 7), bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        while bytes.count < count {
            // A sum of four is near enough to a normal distribution.
            let sum = (0..<4).reduce(0.0) { sum, _ in sum + Double(random.next() >> 11) * 0x1p-53 - 0.5 }
            let half = Float16(sum).bitPattern
            bytes.append(UInt8(truncatingIfNeeded: half))
            bytes.append(UInt8(truncatingIfNeeded: half >> 8))
        }
        return bytes
    }

    /// As its worker serves it.
    static var card: ModelCard {
        var card = ModelCard()
        card.name = "state"
        card.weights = "none"
        card.blockSize = pageTokens
        card.contextLength = contextLength
        card.vocabularySize = vocabularySize
        card.digest = card.computedDigest
        return card
    }

    var hasWork: Bool { !said.isEmpty || !runs.isEmpty || !ends.isEmpty }

    func admit(_ request: EngineRequest) {
        prompts[request.key] = request.prompt.count
        let pages = UInt32((request.prompt.count - 1) / Int(Self.pageTokens) + 1)
        switch request.handOver {
        case .receive: said.append(.reserved(request.key, heldBlocks: 0))
        default:
            said.append(.started(request.key, cachedTokens: 0))
            said.append(.exportable(request.key, blocks: pages))
            said.append(.prefillDone(request.key))
            runs.append((request.key, nil))
        }
    }

    func cancel(_ key: EngineRequestKey, choice: UInt8?) {
        if prompts[key] != nil { end(key, .cancelled) }
    }

    func transfer(_ command: KVCommand) {
        switch command {
        case .export(let key, let slice): said.append(.exported(key, slice, bytes: bytes(of: Int(slice.blockCount))))
        case .release(let key): end(key, .handedOver)
        case .store(let key, let slice, _): said.append(.stored(key, slice))
        case .complete(let key, _, _):
            said.append(.started(key, cachedTokens: 0))
            runs.append((key, .length))
            end(key, .finished)
        }
    }

    private func bytes(of pages: Int) -> [UInt8] {
        if let known = slices[pages] { return known }
        let made = Self.halfFloats(pages * Self.pageBytes)
        slices[pages] = made
        return made
    }

    private func end(_ key: EngineRequestKey, _ reason: EngineEnd.Reason) {
        guard let prompt = prompts.removeValue(forKey: key) else { return }
        ends.append(EngineEnd(key: key, reason: reason, promptTokens: UInt32(prompt), cachedTokens: 0, outputTokens: 1))
    }

    func step(at now: Instant, into output: inout StepOutput) throws(EngineFailure) -> Duration {
        swap(&output.events, &said)
        for (key, finish) in runs { output.append(1, of: key, choice: 0, position: 0, finish: finish) }
        runs.removeAll(keepingCapacity: true)
        swap(&output.ends, &ends)
        output.loads.append(EngineLoad())
        return .zero
    }
}
