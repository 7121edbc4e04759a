import ClusterModel
import WireProtocol

// Values of the client's words and of our clock as the wire holds them.

extension Duration {
    /// What is left, rounded up, so that a hop does not end a request early; at least one, since 0 means something else in places.
    var wireMilliseconds: UInt32 { UInt32(clamping: max(1, (inNanoseconds + 999_999) / 1_000_000)) }
    /// Saturating, for what is measured.
    var wireNanoseconds: UInt32 { UInt32(clamping: max(0, inNanoseconds)) }
    var wireMicroseconds: UInt64 { UInt64(max(0, inNanoseconds / 1_000)) }
}

extension RouteEntry {
    mutating func tokenizeAndHash(_ prepared: PreparedRequest) {
        blockHashNanoseconds = prepared.hashing.wireNanoseconds
        sequenceHashNanoseconds = 0  // both hashes are made in one pass
    }
}

extension RoutingOptions {
    init(_ hints: RoutingHints) {
        self.init()
        priority = Float(max(0, hints.priority ?? 0))
        expectedOutputTokens = hints.expectedOutputTokens
        for (leg, worker, rank) in [
            (Leg.aggregated, hints.backendInstance, hints.rank), (.prefill, hints.prefillWorker, hints.prefillRank),
            (.decode, hints.decodeWorker, hints.rank),
        ] {
            if let worker { pins.append(Pin(leg: leg, workerID: worker.rawValue, rank: rank?.rawValue)) }
        }
        overlapWeight = hints.overrides.overlapWeight
        temperature = hints.overrides.temperature
        assumeReuse = Tristate(hints.overrides.assumesReuse)
        trackPrefill = Tristate(hints.overrides.tracksPrefill)
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
