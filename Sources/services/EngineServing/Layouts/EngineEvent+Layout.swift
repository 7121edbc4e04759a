import ClusterModel
package import Engines
package import WireProtocol

extension EngineEvent: WireRecord {
    fileprivate enum Shape: UInt8, WireEnum {
        case started = 1, prefilled, prefillDone, preempted, embedded, reserved, exportable, exported, beside, stored, sessionHolds
    }

    package init() { self = .prefillDone(EngineRequestKey(0)) }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        var parts = EngineEventParts(self)
        try coder.choice("event", &parts.shape)
        // Of a session its number, of all others the key.
        try coder.u64("subject", &parts.subject)
        switch parts.shape {
        case .started, .preempted, .reserved, .exportable, .sessionHolds: try coder.u32("count", &parts.count)
        case .prefilled:
            try coder.u32("count", &parts.count)
            try coder.u32("remaining", &parts.remaining)
        case .prefillDone: break
        case .embedded: try coder.u32s("vector", &parts.vector, atMost: Limits.embeddingBytes / MemoryLayout<Float>.size)
        case .exported:
            try coder.record("slice", &parts.slice)
            try coder.bytes("bytes", &parts.bytes, atMost: EngineFrameLimits.exportedBytes)
        case .beside: try coder.bytes("bytes", &parts.bytes, atMost: EngineFrameLimits.exportedBytes)
        case .stored: try coder.record("slice", &parts.slice)
        }
        self = parts.event
    }
}

/// An event taken apart: what each of its shapes has, in one place.
private struct EngineEventParts {
    var shape: EngineEvent.Shape
    var subject: UInt64
    var count: UInt32 = 0
    var remaining: UInt32 = 0
    var slice = KVSlice()
    var bytes: [UInt8] = []
    /// The bits of an embedding's numbers.
    var vector: [UInt32] = []

    init(_ event: EngineEvent) {
        switch event {
        case .started(let key, let cached): (shape, subject, count) = (.started, key.rawValue, cached)
        case .prefilled(let key, let computed, let left): (shape, subject, count, remaining) = (.prefilled, key.rawValue, computed, left)
        case .prefillDone(let key): (shape, subject) = (.prefillDone, key.rawValue)
        case .preempted(let key, let left): (shape, subject, count) = (.preempted, key.rawValue, left)
        case .embedded(let key, let numbers): (shape, subject, vector) = (.embedded, key.rawValue, numbers.map(\.bitPattern))
        case .reserved(let key, let held): (shape, subject, count) = (.reserved, key.rawValue, held)
        case .exportable(let key, let blocks): (shape, subject, count) = (.exportable, key.rawValue, blocks)
        case .exported(let key, let part, let state): (shape, subject, slice, bytes) = (.exported, key.rawValue, part, state)
        case .beside(let key, let state): (shape, subject, bytes) = (.beside, key.rawValue, state)
        case .stored(let key, let part): (shape, subject, slice) = (.stored, key.rawValue, part)
        case .sessionHolds(let session, let blocks): (shape, subject, count) = (.sessionHolds, session, blocks)
        }
    }

    var event: EngineEvent {
        let key = EngineRequestKey(subject)
        return switch shape {
        case .started: .started(key, cachedTokens: count)
        case .prefilled: .prefilled(key, computed: count, remaining: remaining)
        case .prefillDone: .prefillDone(key)
        case .preempted: .preempted(key, remaining: count)
        case .embedded: .embedded(key, vector.map { Float(bitPattern: $0) })
        case .reserved: .reserved(key, heldBlocks: count)
        case .exportable: .exportable(key, blocks: count)
        case .exported: .exported(key, slice, bytes: bytes)
        case .beside: .beside(key, handOver: bytes)
        case .stored: .stored(key, slice)
        case .sessionHolds: .sessionHolds(subject, blocks: count)
        }
    }
}
