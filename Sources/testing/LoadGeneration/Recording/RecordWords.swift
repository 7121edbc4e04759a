import WireProtocol

// The wire's words and those of records.

extension RecordedRole {
    init(_ role: WorkerRole) {
        switch role {
        case .aggregated: self = .aggregated
        case .prefill: self = .prefill
        case .decode: self = .decode
        }
    }

    init(_ leg: Leg) {
        switch leg {
        case .aggregated: self = .aggregated
        case .prefill: self = .prefill
        case .decode: self = .decode
        }
    }
}

extension RecordedEnd {
    init(_ reason: EndReason) {
        switch reason {
        case .finished: self = .finished
        case .handedOver: self = .handedOver
        case .cancelled: self = .cancelled
        case .failed: self = .failed
        case .prefillLost: self = .prefillLost
        case .drained: self = .drained
        case .timedOut: self = .timedOut
        case .linkLost: self = .linkLost
        case .superseded: self = .superseded
        default: self = .unknown
        }
    }

    /// Of a booking.
    init(_ end: LeaseEnd) {
        switch end {
        // By the word of a worker, which says how.
        case .finished: self = .unknown
        case .cancelled: self = .cancelled
        case .neverDispatched: self = .neverDispatched
        case .refused: self = .refused
        case .workerLost: self = .workerLost
        case .expired: self = .expired
        }
    }
}

extension RecordedLeg {
    mutating func ended(_ event: RequestEnded) {
        end = RecordedEnd(event.reason)
        cachedTokens = cachedTokens ?? (event.durations.waitedMicroseconds > 0 ? event.cachedTokens : nil)
        outputTokens = event.outputTokens
        waited = waited ?? OpenRecord.duration(event.durations.waitedMicroseconds)
        prefill = prefill ?? OpenRecord.duration(event.durations.prefillMicroseconds)
        decode = OpenRecord.duration(event.durations.decodeMicroseconds)
    }
}
