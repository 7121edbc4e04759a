import ClusterModel
package import Engines
package import WireProtocol

/// A profile without the files of its model and without its reader of constraints: the worker has the former, and the latter stays with the engine.
extension EngineProfile: WireRecord {
    package init() {
        self.init(name: "", build: "", capabilities: [], cacheReport: .noCache, model: EngineModel(), ranks: [])
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.text("name", &name, atMost: Limits.nameBytes)
        try coder.text("build", &build, atMost: EngineFrameLimits.textBytes)
        var abilities = capabilities.rawValue
        try coder.u32("capabilities", &abilities)
        capabilities = EngineCapabilities(rawValue: abilities)
        try coder.code("cacheReport", &cacheReport, [CacheReportCode.noCache: .noCache, .silent: .silent, .exact: .exact])
        try coder.record("model", &model)
        try coder.list("ranks", &ranks, atMost: Limits.ranks)
        try coder.optional("kvShape", &kvShape)
    }
}

extension EngineModel: WireRecord {
    package init() { self.init(name: "", weights: "", blockSize: 0, contextLength: 0, vocabularySize: 0) }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.text("modelName", &name, atMost: Limits.nameBytes)
        try coder.text("weights", &weights, atMost: Limits.nameBytes)
        try coder.u32("blockSize", &blockSize)
        try coder.u32("contextLength", &contextLength)
        try coder.u32("vocabularySize", &vocabularySize)
        try coder.u32("embeddingDimensions", &embeddingDimensions)
        try coder.bytes("generationDefaults", &generationDefaults, atMost: Limits.generationDefaultsBytes)
        try coder.text("toolFormat", &toolFormat, atMost: Limits.nameBytes)
        try coder.text("reasoningFormat", &reasoningFormat, atMost: Limits.nameBytes)
        var names = adapters.map(EngineAdapterName.init)
        try coder.list("adapters", &names, atMost: Limits.loRAs)
        adapters = names.map(\.name)
    }
}

private struct EngineAdapterName: WireRecord {
    var name = ""

    init() {}
    init(_ name: String) { self.name = name }

    mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.text("adapter", &name, atMost: Limits.nameBytes)
    }
}

extension EngineRank: WireRecord {
    package init() { self.init(totalBlocks: 0, maxSequences: 0, maxBatchedTokens: 0, maxWaiting: 0) }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u32("totalBlocks", &totalBlocks)
        try coder.u32("hostBlocks", &hostBlocks)
        try coder.u32("diskBlocks", &diskBlocks)
        try coder.u32("maxSequences", &maxSequences)
        try coder.u32("maxBatchedTokens", &maxBatchedTokens)
        try coder.u32("maxWaiting", &maxWaiting)
    }
}

extension EngineKVShape: WireRecord {
    package init() {
        self.init(layers: 0, heads: 0, headDimension: 0, blockTokens: 0, blockBytes: 0, element: .opaque, layout: "")
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u32("layers", &layers)
        try coder.u32("heads", &heads)
        try coder.u32("headDimension", &headDimension)
        try coder.u32("blockTokens", &blockTokens)
        try coder.u64("blockBytes", &blockBytes)
        try coder.code(
            "element", &element,
            [
                ElementCode.opaque: .opaque, .float32: .float32, .float16: .float16, .bfloat16: .bfloat16, .float8e4m3: .float8e4m3,
                .float8e5m2: .float8e5m2, .int8: .int8,
            ])
        try coder.text("layout", &layout, atMost: Limits.nameBytes)
    }
}

private enum CacheReportCode: UInt8, WireEnum { case noCache = 1, silent, exact }
private enum ElementCode: UInt8, WireEnum { case opaque = 1, float32, float16, bfloat16, float8e4m3, float8e5m2, int8 }
