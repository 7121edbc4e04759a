import ClusterModel
package import Engines
package import WireProtocol

extension EngineCommand: WireRecord {
    private enum Shape: UInt8, WireEnum {
        case admit = 1, cancel, export, release, store, complete, openSession, endSession, clearCache
    }

    package init() { self = .clearCache(Rank(0)) }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        var shape = self.shape
        try coder.choice("command", &shape)
        switch shape {
        case .admit:
            var request = if case .admit(let request) = self { request } else { EngineRequest() }
            try coder.record("request", &request)
            self = .admit(request)
        case .cancel:
            var key = EngineRequestKey(0), choice: UInt8 = 0, isWhole = true
            if case .cancel(let cancelled, let number) = self { (key, choice, isWhole) = (cancelled, number ?? 0, number == nil) }
            try coder.key("key", &key)
            try coder.bool("isWhole", &isWhole)
            if !isWhole { try coder.u8("choice", &choice) }
            self = .cancel(key, choice: isWhole ? nil : choice)
        case .export, .release, .store, .complete:
            var command = if case .transfer(let command) = self { command } else { KVCommand.release(EngineRequestKey(0)) }
            try Self.transfer(&command, shape, &coder)
            self = .transfer(command)
        case .openSession:
            var session: UInt64 = 0, rank = Rank(0)
            if case .session(.open(let number, let place)) = self { (session, rank) = (number, place) }
            try coder.u64("session", &session)
            try coder.rank("rank", &rank)
            self = .session(.open(session: session, rank: rank))
        case .endSession:
            var session: UInt64 = 0
            if case .session(.end(let number)) = self { session = number }
            try coder.u64("session", &session)
            self = .session(.end(session: session))
        case .clearCache:
            var rank = if case .clearCache(let rank) = self { rank } else { Rank(0) }
            try coder.rank("rank", &rank)
            self = .clearCache(rank)
        }
    }

    private var shape: Shape {
        switch self {
        case .admit: .admit
        case .cancel: .cancel
        case .transfer(.export): .export
        case .transfer(.release): .release
        case .transfer(.store): .store
        case .transfer(.complete): .complete
        case .session(.open): .openSession
        case .session(.end): .endSession
        case .clearCache: .clearCache
        }
    }

    private static func transfer<C: FieldCoder & ~Escapable>(
        _ command: inout KVCommand, _ shape: Shape, _ coder: inout C
    ) throws(WireError) {
        var key = command.key, slice = KVSlice(), bytes: [UInt8] = [], tokens: [KVFirstToken] = []
        switch command {
        case .export(_, let asked): slice = asked
        case .release: break
        case .store(_, let given, let state): (slice, bytes) = (given, state)
        case .complete(_, let first, let handOver): (tokens, bytes) = (first, handOver)
        }
        try coder.key("key", &key)
        switch shape {
        case .export:
            try coder.record("slice", &slice)
            command = .export(key, slice)
        case .store:
            try coder.record("slice", &slice)
            try coder.bytes("bytes", &bytes, atMost: EngineFrameLimits.exportedBytes)
            command = .store(key, slice, bytes: bytes)
        case .complete:
            try coder.list("firstTokens", &tokens, atMost: Limits.choices)
            try coder.bytes("handOver", &bytes, atMost: Limits.handOverBytes)
            command = .complete(key, firstTokens: tokens, handOver: bytes)
        default: command = .release(key)
        }
    }
}

extension KVCommand {
    fileprivate var key: EngineRequestKey {
        switch self {
        case .export(let key, _), .release(let key), .store(let key, _, _), .complete(let key, _, _): key
        }
    }
}

extension KVSlice: WireRecord {
    package init() { self.init(firstBlock: 0, blockCount: 0, firstLayer: 0, layerCount: 0) }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u32("firstBlock", &firstBlock)
        try coder.u32("blockCount", &blockCount)
        try coder.u32("firstLayer", &firstLayer)
        try coder.u32("layerCount", &layerCount)
    }
}

extension KVFirstToken: WireRecord {
    package init() { self.init(choice: 0, token: 0) }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u8("choice", &choice)
        try coder.u32("token", &token)
        try coder.optionalFinish("finish", &finish)
        try coder.optionalF32("logprob", &logprob)
    }
}
