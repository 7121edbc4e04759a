import ClusterModel
package import Engines
package import WireProtocol

/// A step as it is told: read into an output that keeps its memory.
extension StepOutput: WireRecord {
    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.list("events", &events, atMost: EngineFrameLimits.itemsPerStep)
        try coder.list("runs", &runs, atMost: EngineFrameLimits.itemsPerStep)
        try coder.u32s("tokens", &tokens, atMost: EngineFrameLimits.tokensPerStep)
        try coder.list("logprobs", &logprobs, atMost: EngineFrameLimits.scoresPerStep)
        try coder.list("ends", &ends, atMost: EngineFrameLimits.itemsPerStep)
        try coder.list("cache", &cache, atMost: EngineFrameLimits.hashesPerStep)
        try coder.hashes("hashes", &hashes, atMost: EngineFrameLimits.hashesPerStep)
        try coder.list("loads", &loads, atMost: Limits.ranks)
        try coder.count("prefillTokens", &prefillTokens)
    }
}

extension TokenRun: WireRecord {
    package init() { self.init(key: EngineRequestKey(0), position: 0, choice: 0, finish: nil, first: 0, count: 0) }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.key("key", &key)
        try coder.u32("position", &position)
        try coder.u8("choice", &choice)
        try coder.optionalFinish("finish", &finish)
        try coder.i32("first", &first)
        try coder.i32("count", &count)
        try coder.i32("firstLogprob", &firstLogprob)
        try coder.i32("topCount", &topCount)
    }
}

extension ScoredToken: WireRecord {
    package init() { self.init(token: 0, logprob: 0) }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u32("token", &token)
        try coder.anyFloat("logprob", &logprob)
    }
}

extension EngineEnd: WireRecord {
    private enum Shape: UInt8, WireEnum { case finished = 1, handedOver, cancelled, capacity, unsupported, incompatible, failed, lost }

    package init() {
        self.init(key: EngineRequestKey(0), reason: .finished, promptTokens: 0, cachedTokens: 0, outputTokens: 0)
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.key("key", &key)
        var shape: Shape, text = ""
        switch reason {
        case .finished: shape = .finished
        case .handedOver: shape = .handedOver
        case .cancelled: shape = .cancelled
        case .failed(.capacity): shape = .capacity
        case .failed(.unsupported(let field)): (shape, text) = (.unsupported, field)
        case .failed(.incompatible(let field)): (shape, text) = (.incompatible, field)
        case .failed(.failed(let why)): (shape, text) = (.failed, why)
        case .failed(.lost(let why)): (shape, text) = (.lost, why)
        }
        try coder.choice("reason", &shape)
        // An engine's words for people: longer ones lose their end.
        text = text.cut(toBytes: Limits.reasonBytes)
        if [.unsupported, .incompatible, .failed, .lost].contains(shape) { try coder.text("text", &text, atMost: Limits.reasonBytes) }
        reason =
            switch shape {
            case .finished: .finished
            case .handedOver: .handedOver
            case .cancelled: .cancelled
            case .capacity: .failed(.capacity)
            case .unsupported: .failed(.unsupported(text))
            case .incompatible: .failed(.incompatible(text))
            case .failed: .failed(.failed(text))
            case .lost: .failed(.lost(text))
            }
        try coder.u32("promptTokens", &promptTokens)
        try coder.u32("cachedTokens", &cachedTokens)
        try coder.u32("outputTokens", &outputTokens)
        try coder.u32("preemptions", &preemptions)
        try coder.bytes("handOver", &handOver, atMost: EngineFrameLimits.exportedBytes)
    }
}

extension CacheChange: WireRecord {
    private enum Shape: UInt8, WireEnum { case begins = 1, stored, removed, cleared }

    package init() { self.init(kind: .cleared, rank: Rank(0)) }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        var shape: Shape, parent: UInt64 = 0
        switch kind {
        case .stored(nil): shape = .begins
        case .stored(let before?): (shape, parent) = (.stored, before.rawValue)
        case .removed: shape = .removed
        case .cleared: shape = .cleared
        }
        try coder.choice("kind", &shape)
        if shape == .stored { try coder.u64("parent", &parent) }
        kind =
            switch shape {
            case .begins: .stored(parent: nil)
            case .stored: .stored(parent: SequenceHash(parent))
            case .removed: .removed
            case .cleared: .cleared
            }
        try coder.rank("rank", &rank)
        try coder.code("tier", &tier, [TierCode.device: .device, .host: .host, .disk: .disk, .external: .external])
        try coder.i32("first", &first)
        try coder.i32("count", &count)
    }
}

extension EngineLoad: WireRecord {
    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("waitingTokens", &waitingTokens)
        try coder.u32("waitingRequests", &waitingRequests)
        try coder.u32("runningRequests", &runningRequests)
        try coder.u32("activeBlocks", &activeBlocks)
        try coder.u32("usedBlocks", &usedBlocks)
        try coder.u32("sessionBlocks", &sessionBlocks)
    }
}

private enum TierCode: UInt8, WireEnum { case device = 1, host, disk, external }
