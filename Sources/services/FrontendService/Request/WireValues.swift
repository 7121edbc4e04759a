import ClusterModel
import RequestTracking
import WireProtocol

// Values of the client's words and of our clock as the wire holds them.

extension Duration {
    /// What is left, rounded up, so that a hop does not end a request early; at least one, since 0 means something else in places.
    var wireMilliseconds: UInt32 { UInt32(clamping: max(1, (inNanoseconds + 999_999) / 1_000_000)) }
    /// Saturating, for what is measured.
    var wireNanoseconds: UInt32 { UInt32(clamping: max(0, inNanoseconds)) }
    var wireMicroseconds: UInt64 { UInt64(max(0, inNanoseconds / 1_000)) }
}

extension PlanLeg {
    /// Its lease, as it ended.
    func lease(_ reason: LeaseEnd) -> EndedLease {
        EndedLease(lease: lease, workerID: workerID, generation: generation, rank: rank, reason: reason)
    }
}

extension Leg {
    /// What the tracker calls it.
    var phase: RequestPhase {
        switch self {
        case .aggregated: .aggregated
        case .prefill: .prefill
        case .decode: .decode
        }
    }
}

extension StageDurations {
    /// - Parameter stages: those of the tracker.
    init(_ stages: StageTimes, _ tracker: RequestTracker) {
        func micros(_ span: Duration?) -> UInt64 { span?.wireMicroseconds ?? 0 }
        self.init()
        tokenizeMicroseconds = micros(stages.tokenize)
        routeMicroseconds = micros(stages.route)
        queueMicroseconds = micros(stages.queue)
        dispatchMicroseconds = micros(stages.dispatch)
        workerWaitMicroseconds = micros(stages.workerWait)
        prefillMicroseconds = micros(stages.prefill)
        transferMicroseconds = micros(stages.transfer)
        decodeMicroseconds = micros(stages.decode)
        detokenizeMicroseconds = micros(stages.detokenize)
        writeMicroseconds = micros(stages.write)
        firstTokenMicroseconds = micros(tracker.timeToFirstToken)
        totalMicroseconds = micros(tracker.totalTime)
    }
}

/// An entry of a batch that knows how much room it takes.
protocol SizedEntry {
    /// At least its bytes in a message.
    var mostBytes: Int { get }
}

/// Names, numbers and lengths of one entry: all but what the sums below count.
private let fixedBytes = 4 << 10

extension RouteEntry: SizedEntry {
    var mostBytes: Int {
        let workers = options.allowedWorkers.count + options.excludedWorkers.count + options.unreachableWorkers.count
        return 8 * (sequenceHashes.count + workers) + fixedBytes
    }
}

extension GenerateEntry: SizedEntry {
    var mostBytes: Int {
        let words = continuation.reduce(promptTokens.count) { $0 + $1.shownTokens.count } + sampling.stopTokens.count
        let stops = sampling.stopSequences.reduce(0) { $0 + $1.text.utf8.count + 4 * $1.tokens.count + 8 }
        return 4 * words + 8 * sampling.logitBias.count + stops + 64 * continuation.count + handOver.count + (constraint?.source.count ?? 0)
            + fixedBytes
    }
}

extension Array {
    /// Itself in pieces of at most so many elements; as a rule one.
    func parts(of limit: Int) -> [[Element]] {
        guard count > limit else { return isEmpty ? [] : [self] }
        return stride(from: 0, to: count, by: limit).map { Array(self[$0..<Swift.min($0 + limit, count)]) }
    }
}

extension Array where Element: SizedEntry {
    /// How many elements from `start` on one message takes: at least one.
    func fitInMessage(from start: Int) -> Int {
        var bytes = 0, end = start
        while end < count, end - start < Limits.batchEntries {
            bytes += self[end].mostBytes
            if end > start, bytes > BatchLimits.bytes { break }
            end += 1
        }
        return end - start
    }
}

enum BatchLimits {
    /// Several of the longest prompts of today; far below what a message may have, so that others get their turn on the link.
    static let bytes = 2 << 20
}

extension RoutingOptions {
    init(_ hints: RoutingHints) {
        self.init()
        priority = hints.effectivePriority
        priorityClass = hints.strictPriority ?? 0
        expectedOutputTokens = hints.expectedOutputTokens
        pins = hints.pins.map(\.pin)
        overlapWeight = hints.overrides.overlapWeight
        temperature = hints.overrides.temperature
        assumeReuse = Tristate(hints.overrides.assumesReuse)
        trackPrefill = Tristate(hints.overrides.tracksPrefill)
    }
}

extension RoutingHints {
    /// What the client pins, in the order in which routers are told, each with the member of its body.
    fileprivate var pins: [(pin: Pin, member: String)] {
        // As a rule none.
        guard backendInstance != nil || prefillWorker != nil || decodeWorker != nil else { return [] }
        let wishes: [(Leg, WorkerID?, Rank?, String)] = [
            (.aggregated, backendInstance, rank, "backend_instance_id"),
            (.prefill, prefillWorker, prefillRank ?? rank, "prefill_worker_id"),
            (.decode, decodeWorker, rank, "decode_worker_id"),
        ]
        return wishes.compactMap { leg, worker, rank, member in
            worker.map { (Pin(leg: leg, workerID: $0.rawValue, rank: rank?.rawValue), "nvext.\(member)") }
        }
    }

    /// The member of the client's body that a router or worker means by the name of a field of ours.
    func member(_ field: String) -> String {
        switch field {
        case "session": "nvext.session_control"
        case "pins": pins.count == 1 ? pins[0].member : "nvext"
        case "overlapWeight": "nvext.router_config_override.overlap_score_weight"
        case "temperature": "nvext.router_config_override.router_temperature"
        default: pins.enumerated().first { "pins[\($0.offset)]" == field }?.element.member ?? field
        }
    }
}

extension Sampling {
    /// Workers take no share of nothing. Clients mean the best token alone by 0, and no second one has a place in so little.
    private static let leastTopP: Float = 1e-6

    /// What the client left open is neutral; limits and stops are the client's own.
    init(_ parameters: consuming SamplingParameters, seed: UInt64) {
        parameters.fill(from: .neutral)
        self.init()
        temperature = parameters.temperature ?? 1
        topP = max(parameters.topP ?? 1, Self.leastTopP)
        topK = parameters.topK ?? 0
        minP = parameters.minP ?? 0
        presencePenalty = parameters.presencePenalty ?? 0
        frequencyPenalty = parameters.frequencyPenalty ?? 0
        repetitionPenalty = parameters.repetitionPenalty ?? 1
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

extension Constraint {
    init(_ constraint: OutputConstraint) {
        switch constraint {
        case .jsonObject: self.init(kind: .jsonObject, source: [])
        case .jsonSchema(let text): self.init(kind: .jsonSchema, source: Array(text.utf8))
        case .regex(let text): self.init(kind: .regex, source: Array(text.utf8))
        case .grammar(let text): self.init(kind: .grammar, source: Array(text.utf8))
        case .choice(let text): self.init(kind: .choice, source: Array(text.utf8))
        }
    }
}

extension Tristate {
    fileprivate init(_ setting: Bool?) { self = setting.map { $0 ? .on : .off } ?? .unset }
}

extension FailureCode {
    /// Whether another worker or router may do what this one did not: `proto-spec/06-errors.md#failure-codes`.
    var isRetryableElsewhere: Bool {
        let elsewhere: [FailureCode] = [
            .draining, .timeout, .internalError, .overbooked, .capacity, .roomClosed, .incompatibleKV, .checksum, .stalled, .engineFailed,
            .prefillLost,
        ]
        return elsewhere.contains(self)
    }
}
